package main

import (
	"errors"
	"fmt"
	"strings"
)

// featureThreads is the feature of WebAssembly that can be allowed.
const featureThreads = "threads"

// featureList is the value of a flag: features of WebAssembly that modules may use, with commas between them.
type featureList struct{ threads bool }

var errExceptions = errors.New("exceptions cannot be allowed: the engine loses what a function has set before a throw, " +
	"and a kept exception can lead to memory of the node (see docs/modules.md)")

// Set adds to the features.
func (l *featureList) Set(text string) error {
	for name := range strings.SplitSeq(text, ",") {
		switch strings.TrimSpace(name) {
		case featureThreads:
			l.threads = true
		case "exceptions":
			return errExceptions
		default:
			return fmt.Errorf("there is no feature %q to allow; there is: %s", name, featureThreads)
		}
	}
	return nil
}

// String gives the features as they are written.
func (l *featureList) String() string {
	if l.threads {
		return featureThreads
	}
	return ""
}

// Type is what the help calls the value.
func (l *featureList) Type() string { return "names" }
