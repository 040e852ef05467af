package terminal

import "bytes"

// What a terminal puts around pasted text when it is asked to, and how it is asked.
const (
	pasteOn    = "\x1b[?2004h"
	pasteOff   = "\x1b[?2004l"
	pasteBegin = "\x1b[200~"
	pasteEnd   = "\x1b[201~"
)

// paste makes pasted text plain: its tabs would complete, and its control characters would edit.
type paste struct {
	inside bool
	held   []byte // the beginning of what may be a marker
	cr     bool   // the last pasted character was a carriage return
}

// filter appends the input to out without the markers, and with pasted text made plain. What may be
// the beginning of a marker is held back until more comes: a lone Escape does nothing anyway.
func (p *paste) filter(out, in []byte) []byte {
	for _, c := range in {
		marker := pasteBegin
		if p.inside {
			marker = pasteEnd
		}
		p.held = append(p.held, c)
		for len(p.held) > 0 && !bytes.HasPrefix([]byte(marker), p.held) {
			out = p.char(out, p.held[0])
			p.held = p.held[1:]
		}
		if string(p.held) == marker {
			p.inside, p.cr, p.held = !p.inside, false, nil
		}
	}
	return out
}

func (p *paste) char(out []byte, c byte) []byte {
	if !p.inside {
		return append(out, c)
	}
	afterCR := p.cr
	p.cr = c == '\r'
	switch {
	case c == '\n' && afterCR:
		return out
	case c == '\r':
		return append(out, '\n')
	case c == '\t':
		return append(out, "    "...)
	case c == '\n' || c >= ' ' && c != 0x7f:
		return append(out, c)
	}
	return out
}
