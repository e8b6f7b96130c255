// Package strictjson refuses what encoding/json lets pass without a word in JSON
// that people hand in: a member that is given twice, of which the last one would
// count.
package strictjson

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// Check returns an error that names the first member that is given twice, and
// where. It takes the names as they stand, for objects that are read as maps.
// Text that is no JSON is left to who decodes it: Check then says nothing.
func Check(text []byte) error { return check(text, func(name string) string { return name }) }

// CheckFold is Check for objects that are read into structs, for which
// encoding/json takes names in any case.
func CheckFold(text []byte) error { return check(text, strings.ToLower) }

// level is an object or a list that is not at its end yet.
type level struct {
	seen map[string]bool // of an object, by name as it is compared; nil for a list
	name string          // of the member that is being read
	n    int             // of the element that is being read
	key  bool            // a name comes next
}

func check(text []byte, same func(string) string) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var open []level
	for {
		token, err := d.Token()
		if err != nil {
			return nil //nolint:nilerr // the end, or what the decoder says better
		}
		if len(open) > 0 {
			if name, ok := token.(string); ok && open[len(open)-1].key {
				l := &open[len(open)-1]
				if l.name, l.key = name, false; l.seen[same(name)] {
					return fmt.Errorf("%s is given twice, at byte %d", place(open), d.InputOffset())
				}
				l.seen[same(name)] = true
				continue
			}
		}
		switch token {
		case json.Delim('{'):
			open = append(open, level{seen: map[string]bool{}, key: true})
			continue
		case json.Delim('['):
			open = append(open, level{})
			continue
		case json.Delim('}'), json.Delim(']'):
			open = open[:len(open)-1]
		}
		if len(open) > 0 { // a value is at its end
			l := &open[len(open)-1]
			l.key = l.seen != nil
			l.n++
		}
	}
}

// longest bounds what is repeated of a name.
const longest = 64

// place is the way to a member, such as positions[2].entryPrice.
func place(open []level) string {
	var b strings.Builder
	for i, l := range open {
		switch name := l.name; {
		case l.seen == nil:
			fmt.Fprintf(&b, "[%d]", l.n)
			continue
		case i > 0:
			b.WriteByte('.')
			fallthrough
		default:
			if len(name) > longest {
				name = name[:longest] + "…"
			}
			q := strconv.Quote(name)
			b.WriteString(q[1 : len(q)-1])
		}
	}
	return b.String()
}
