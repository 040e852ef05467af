package randmodule

// source gives choices from bytes; behind their end, it is always the first choice.
type source struct{ b []byte }

// pick gives a number below n, which is at most 65536.
func (s *source) pick(n int) int {
	if n <= 1 {
		return 0
	}
	v := s.next()
	if n > 256 {
		v = v<<8 | s.next()
	}
	return v % n
}

func (s *source) next() int {
	if len(s.b) == 0 {
		return 0
	}
	v := s.b[0]
	s.b = s.b[1:]
	return int(v)
}

// one reports true once in n times; never behind the end.
func (s *source) one(n int) bool { return s.pick(n) == n-1 }

// of gives one of some things.
func of[T any](s *source, items []T) T { return items[s.pick(len(items))] }

var interesting = []int64{
	0, 1, -1, 2, 3, 7, 8, 31, 32, 63, 64, 100, 255, 256, 4096, 32767, 65535, 65536, 1 << 20,
	1<<31 - 1, -1 << 31, 1 << 32, 1<<63 - 1, -1 << 63,
}

// integer gives a number, often one at which something changes.
func (s *source) integer() int64 {
	if s.one(3) {
		return int64(int16(s.next()<<8|s.next())) * int64(1+s.pick(70000))
	}
	return of(s, interesting)
}
