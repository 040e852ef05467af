package guest

import (
	"runtime"
	"testing"
)

// A module that says that it has more of something than it has bytes is refused before there is room for all that.
func TestHostileCounts(t *testing.T) {
	n := newTestNode(t)
	const header, most = "\x00asm\x01\x00\x00\x00", 64 << 20
	count := "\xff\xff\xff\x3f" // 2^27-1
	for name, section := range map[string]string{
		"types":       "\x01\x05" + count + "\x60",
		"results":     "\x01\x07\x01\x60\x00" + count,
		"imports":     "\x02\x05" + count + "\x00",
		"functions":   "\x03\x05" + count + "\x00",
		"tables":      "\x04\x05" + count + "\x70",
		"globals":     "\x06\x05" + count + "\x7f",
		"exports":     "\x07\x05" + count + "\x00",
		"elements":    "\x09\x05" + count + "\x00",
		"bodies":      "\x0a\x05" + count + "\x00",
		"data":        "\x0b\x05" + count + "\x00",
		"names":       "\x00\x0b\x04name\x01\x04" + count,
		"local names": "\x00\x0d\x04name\x02\x06\x01\x00" + count,
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			module := []byte(header + section + "\x01\x04\x01\x61\x00\x00") // a section that nobody knows, if nothing else
			exit := n.start(module).wait()
			runtime.ReadMemStats(&after)
			if !exit.Crash {
				t.Errorf("reason %v", exit.Reason)
			}
			if got := after.TotalAlloc - before.TotalAlloc; got > most {
				t.Errorf("%d bytes allocated", got)
			}
		})
	}
}
