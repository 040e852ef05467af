// Package randmodule makes valid modules of WebAssembly from bytes, for tests: what one way to run a module gives is
// compared with what another gives. Every string of bytes is a module, so that fuzzers can be at work on it.
//
// The modules end: a global counts the calls and the turns of loops that are left, and without any left functions
// return. They may trap. What they compute does not depend on which NaN an operation gives, which is left open
// (core specification 4.3.3): a function of the module turns all into one.
package randmodule
