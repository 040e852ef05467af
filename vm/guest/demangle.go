package guest

import (
	"regexp"
	"strconv"
	"strings"
)

// rustName matches the linker's name of a Rust function, _ZN, parts with their lengths, and E. The last part is a
// hash, by which such a name is told from one of C++.
var rustName = regexp.MustCompile(`^_ZN([0-9].*)17h[0-9a-f]{16}E$`)

// rustEscape matches what stands in a part for characters that linkers do not take.
var rustEscape = regexp.MustCompile(`\$(?:[A-Z]+|u[0-9a-f]{1,6})\$|\.\.`)

var rustEscapes = map[string]string{
	"..": "::", "$SP$": "@", "$BP$": "*", "$RF$": "&", "$LT$": "<", "$GT$": ">", "$LP$": "(", "$RP$": ")", "$C$": ",",
}

// demangle gives the path of a Rust function as it is written in the source, and any other name as it is.
func demangle(name string) string {
	match := rustName.FindStringSubmatch(name)
	if match == nil {
		return name
	}
	var path []string
	for rest := match[1]; rest != ""; {
		digits := len(rest) - len(strings.TrimLeft(rest, "0123456789"))
		length, err := strconv.Atoi(rest[:digits])
		if err != nil || length > len(rest)-digits {
			return name
		}
		part := rest[digits : digits+length]
		rest = rest[digits+length:]
		if strings.HasPrefix(part, "_$") {
			part = part[1:] // no part begins with $
		}
		path = append(path, rustEscape.ReplaceAllStringFunc(part, unescapeRust))
	}
	return strings.Join(path, "::")
}

func unescapeRust(escape string) string {
	if plain, ok := rustEscapes[escape]; ok {
		return plain
	}
	if code, err := strconv.ParseUint(strings.Trim(escape, "$u"), 16, 32); err == nil {
		return string(rune(code))
	}
	return escape
}
