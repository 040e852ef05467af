package io

import "github.com/wnode/wnode/vm"

// option is one of the list that setopts is given (IO-12).
type option struct {
	name  string
	value any
}

// getOpts lists the options. Data are always binaries here (IO-08).
func (s *service) getOpts() any {
	encoding := vm.EncodingUnicode
	if s.latin1 {
		encoding = vm.EncodingLatin1
	}
	opts := []any{[]any{"binary", true}, []any{"encoding", encoding}}
	if _, ok := s.device.(Echoer); ok {
		opts = append(opts, []any{"echo", s.echo})
	}
	return opts
}

// setOpts sets all of the options, or none when one of them is not known.
func (s *service) setOpts(arg any) any {
	list, ok := arg.([]any)
	if !ok {
		return failure("request")
	}
	latin1, echo := s.latin1, s.echo
	echoer, echoes := s.device.(Echoer)
	for _, element := range list {
		opt := parseOption(element)
		if opt.name == "echo" && !echoes {
			return failure("enotsup")
		}
		switch opt {
		case option{"binary", true}:
		case option{"encoding", vm.EncodingUnicode}, option{"encoding", "utf8"}:
			latin1 = false
		case option{"encoding", vm.EncodingLatin1}:
			latin1 = true
		case option{"echo", true}:
			echo = true
		case option{"echo", false}:
			echo = false
		default:
			return failure("enotsup")
		}
	}
	if echo != s.echo && echoer.SetEcho(echo) != nil {
		return failure("enotsup")
	}
	s.latin1, s.echo = latin1, echo
	return "ok"
}

// parseOption reads a name, which stands for [name, true], or [name, value]; zero for what is neither.
func parseOption(element any) option {
	switch element := element.(type) {
	case string:
		return option{element, true}
	case []any:
		if len(element) != 2 {
			break
		}
		name, ok := element[0].(string)
		if !ok {
			break
		}
		switch value := element[1].(type) {
		case string, bool:
			return option{name, value}
		}
	}
	return option{}
}

// geometry serves get_geometry (IO-14).
func (s *service) geometry(what any) any {
	if what != "columns" && what != "rows" {
		return failure("request")
	}
	sizer, ok := s.device.(Sizer)
	if !ok {
		return failure("enotsup")
	}
	columns, rows, err := sizer.Size()
	switch {
	case err != nil:
		return failure("enotsup")
	case what == "rows":
		return rows
	default:
		return columns
	}
}
