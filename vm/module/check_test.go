package module

import (
	"errors"
	"strings"
	"testing"
)

func TestCheck(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"module":         {"\x00asm\x01\x00\x00\x00", ""},
		"module, more":   {"\x00asm\x01\x00\x00\x00rest", ""},
		"empty":          {"", "empty"},
		"cut":            {"\x00asm\x01\x00\x00", "cut off after 7 bytes"},
		"cut in magic":   {"\x00a", "cut off after 2 bytes"},
		"component":      {"\x00asm\x0d\x00\x01\x00", "components are not supported"},
		"version 2":      {"\x00asm\x02\x00\x00\x00", "version 02 00 00 00"},
		"text":           {"(module)", "wat2wasm"},
		"text, spaced":   {"\n ;; (a comment)\r\n\t( module $m)", "wat2wasm"},
		"text component": {"(component)", "wat2wasm"},
		"text, comment":  {"(; block ;)(module)", "wat2wasm"},
		"only comments":  {";; nothing else", `starts with ";; n"`},
		"other lisp":     {"(defun f)", `starts with "(def"`},
		"elf":            {"\x7fELF\x02\x01", "native program"},
		"gzip":           {"\x1f\x8b\x08", "gzip"},
		"script":         {"#!/bin/sh\n", "a script"},
		"words":          {"hello", `starts with "hell"`},
	} {
		t.Run(name, func(t *testing.T) {
			err := Check([]byte(c.in))
			if c.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if !errors.Is(err, ErrNotModule) || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

func FuzzCheck(f *testing.F) {
	for _, s := range []string{"\x00asm\x01\x00\x00\x00", " ;;\n(module)", "(;", "\x7fELF"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := Check(b); err != nil && (!errors.Is(err, ErrNotModule) || strings.Contains(err.Error(), "\n")) {
			t.Fatal(err)
		}
	})
}
