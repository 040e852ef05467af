// Package spec runs the test suite of the WebAssembly specification against rewritten modules: what
// passes without rewriting passes with it. It has tests only.
package spec
