package names

import (
	"errors"
	"strings"
	"testing"
)

// DIST-13
func TestParseNodeName(t *testing.T) {
	long := strings.Repeat("a", MaxShortName)
	tests := map[string]NodeName{
		"foo":                       {Name: "foo"},
		"foo@vm":                    {Name: "foo", Host: "vm"},
		"foo@vm:9000":               {Name: "foo", Host: "vm", Port: 9000},
		"a_b-c.d@h-1.example_x.org": {Name: "a_b-c.d", Host: "h-1.example_x.org"},
		"1@127.0.0.1":               {Name: "1", Host: "127.0.0.1"},
		"foo@10.0.0.1:65535":        {Name: "foo", Host: "10.0.0.1", Port: 65535},
		"foo@[::1]":                 {Name: "foo", Host: "::1"},
		"foo@[2001:db8::2]:1":       {Name: "foo", Host: "2001:db8::2", Port: 1},
		long + "@vm":                {Name: long, Host: "vm"},
		"foo@123abc":                {Name: "foo", Host: "123abc"},
	}
	for text, want := range tests {
		got, err := ParseNodeName(text)
		if err != nil || got != want {
			t.Errorf("%q: got %+v, %v", text, got, err)
		}
		if got.String() != text {
			t.Errorf("%q prints as %q", text, got)
		}
	}
}

// DIST-13
func TestParseNodeNameErrors(t *testing.T) {
	tests := map[string]string{
		"":                                      "empty",
		"a@b@c":                                 "more than one @",
		"@vm":                                   "before the @",
		"foo@":                                  "no host",
		"foo@:1":                                "no host",
		"-x@vm":                                 "begins with",
		"f oo@vm":                               "may hold",
		"foo:1":                                 "may hold",
		"f\x00o":                                "may hold",
		"föö@vm":                                "may hold",
		strings.Repeat("a", 65):                 "longer than 64",
		"foo@vm:":                               "port",
		"foo@vm:0":                              "port",
		"foo@vm:+1":                             "port",
		"foo@vm:65536":                          "port",
		"foo@vm:1:2":                            "brackets",
		"foo@::1":                               "brackets",
		"foo@[::1":                              "IPv6",
		"foo@[127.0.0.1]":                       "IPv6",
		"foo@[fe80::1%eth0]":                    "IPv6",
		"foo@[::1]x":                            "only :port",
		"foo@[::1]:":                            "port",
		"foo@256.0.0.1":                         "host name",
		"foo@a..b":                              "host name",
		"foo@-a":                                "host name",
		"foo@a.":                                "host name",
		"foo@a/b":                               "host name",
		"foo@h\nx":                              "host name",
		"foo@" + strings.Repeat("a", 64):        "host name",
		"foo@" + strings.Repeat("abcdefg.", 32): "host name",
		strings.Repeat("x@", 1000):              "more than one @",
	}
	for text, want := range tests {
		_, err := ParseNodeName(text)
		if !errors.Is(err, ErrInvalidName) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want one about %q", text, err, want)
			continue
		}
		if s := err.Error(); strings.ContainsAny(s, "\n\x00") || len(s) > 300 {
			t.Errorf("%q: not one short line: %q", text, s)
		}
	}
}

func TestNodeNameParts(t *testing.T) {
	n := NodeName{Name: "foo", Port: 1}
	if got := n.WithHost("vm").String(); got != "foo@vm:1" {
		t.Error(got)
	}
	if got := n.WithHost("vm").WithHost("other").WithoutPort().String(); got != "foo@vm" {
		t.Error(got)
	}
	if _, err := ParseNodeName("foo@" + ShortHostname()); err != nil {
		t.Error(err)
	}
}

func FuzzParseNodeName(f *testing.F) {
	for _, s := range []string{"foo", "foo@vm:1", "foo@[::1]:1", "a@b@c", "x@1.2.3.4", "x@[::ffff:1.2.3.4]"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, err := ParseNodeName(s)
		if err != nil {
			if strings.ContainsAny(err.Error(), "\n\r") {
				t.Fatalf("error of several lines: %q", err)
			}
			return
		}
		again, err := ParseNodeName(n.String())
		if err != nil || again != n {
			t.Fatalf("%q parses as %+v, which prints as %q, which parses as %+v, %v", s, n, n, again, err)
		}
	})
}
