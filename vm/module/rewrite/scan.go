package rewrite

import (
	"errors"
	"fmt"
	"runtime"
	"sync"

	"github.com/wnode/wnode/vm/module/wasm"
)

const (
	// maxScanners bounds the goroutines that look at the functions of a module.
	maxScanners = 4
	// scanBytes is how much code is worth another goroutine.
	scanBytes = 256 << 10
)

// scanning is a part of the functions of a module, which one goroutine looks at.
type scanning struct {
	scanner
	from, to int
	err      error
	panicked any
}

// scanAll finds the points of all functions, of a large module on several goroutines. The result, and the error, are those of
// one that takes the functions in their order.
func (r *rewriter) scanAll(s scanner) error {
	parts := partition(r.m.Codes, min(maxScanners, runtime.GOMAXPROCS(0)))
	var wg sync.WaitGroup
	for i := range parts {
		part := &parts[i]
		part.scanner = s
		part.taken = make([]bool, len(s.taken))
		if i > 0 {
			wg.Go(func() { part.run(r.funcs) })
		}
	}
	parts[0].run(r.funcs)
	wg.Wait()
	for i := range parts {
		if err := parts[i].merge(r); err != nil {
			return err
		}
	}
	return nil
}

// partition gives parts of about the same size, at least one.
func partition(codes []wasm.Code, most int) (parts []scanning) {
	total := 0
	for i := range codes {
		total += len(codes[i].Body)
	}
	size := max(total/most, scanBytes)
	part, bytes := scanning{}, 0
	for i := range codes {
		if bytes += len(codes[i].Body); bytes >= size && len(parts) < most-1 {
			part.to = i + 1
			parts = append(parts, part)
			part, bytes = scanning{from: i + 1}, 0
		}
	}
	part.to = len(codes)
	return append(parts, part)
}

// run looks at the functions of the part, up to one with an error. A panic is for the goroutine that merges.
func (p *scanning) run(funcs []function) {
	defer func() { p.panicked = recover() }()
	for i := p.from; i < p.to; i++ {
		f, err := p.scan(i)
		if feature := (*wasm.FeatureError)(nil); errors.As(err, &feature) {
			p.err = p.m.In(feature, i)
			return
		}
		if err != nil {
			p.err = fmt.Errorf("function %d: %w", int(p.imported)+i, err)
			return
		}
		funcs[i] = f
	}
}

// merge adds what the part has found to what is known of the module.
func (p *scanning) merge(r *rewriter) error {
	if p.panicked != nil {
		panic(p.panicked)
	}
	for i, taken := range p.taken {
		if taken {
			r.taken[i] = true
		}
	}
	r.hidden.add(p.hidden)
	return p.err
}
