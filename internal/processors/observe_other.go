//go:build !linux

package processors

import "time"

const observable = false

func used() time.Duration { return 0 }

func idle() time.Duration { return 0 }
