package main

import (
	"context"
	"os"
	"os/signal"
	"time"
)

// endTimeout is how long the program takes to end at most, once it has been told to. What can take
// longer is output that nobody reads.
const endTimeout = closeTimeout + 2*time.Second

// untilSignal gives a context that ends with the first of the signals. A second one ends the
// program as it would have without; so does the end of endTimeout.
func untilSignal(parent context.Context, signals ...os.Signal) (ctx context.Context, cancel func()) {
	ctx, stop := signal.NotifyContext(parent, signals...)
	unwatch := context.AfterFunc(ctx, func() {
		stop()
		time.AfterFunc(endTimeout, func() { os.Exit(1) })
	})
	return ctx, func() {
		unwatch()
		stop()
	}
}
