package form

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// Unique returns an error that names the first member that is given twice, and
// where. It is for JSON that encoding/json decodes into maps: that takes the last
// of two members without a word. Text that is no JSON is left to the decoder:
// Unique then says nothing.
func Unique(text []byte) error { return unique(string(text), func(name string) string { return name }) }

// UniqueFold is Unique for JSON that is decoded into structs, whose members
// encoding/json takes in any case.
func UniqueFold(text []byte) error { return unique(string(text), strings.ToLower) }

// level is an object or a list that is not at its end yet.
type level struct {
	seen map[string]bool // of an object, by name as it is compared; nil for a list
	name string          // of the member that is being read
	n    int             // members or elements so far, with the one that is being read
}

// unique keeps the levels in a list, not on the stack: how deep a text is nested is
// up to whoever wrote it.
func unique(text string, same func(string) string) error {
	s := scanner{b: text}
	var open []level
	for s.err == nil {
		if last := len(open) - 1; last >= 0 {
			end, twice := open[last].next(&s, same)
			switch {
			case twice:
				return fmt.Errorf("%s is given twice, at byte %d", place(open), s.i)
			case end:
				open = open[:last]
				continue
			}
		}
		switch s.peek() {
		case '{':
			s.i++
			open = append(open, level{seen: map[string]bool{}})
		case '[':
			s.i++
			open = append(open, level{})
		default: // the end of the text is no value
			if v := s.value(1); v.Kind == String {
				s.decoded(v.Raw)
			}
		}
	}
	return nil
}

// next steps to the next value of the level, or over its end. twice says that the
// member was given before.
func (l *level) next(s *scanner, same func(string) string) (end, twice bool) {
	closing := byte(']')
	if l.seen != nil {
		closing = '}'
	}
	if s.accept(closing) {
		return true, false
	}
	if l.n++; l.n > 1 {
		s.expect(',', "between values")
	}
	if l.seen == nil {
		return false, false
	}
	if s.peek() != '"' {
		s.broken("expected a member name, found %s", s.found())
	}
	if s.err != nil {
		return false, false
	}
	l.name = s.decoded(s.text())
	if s.err == nil {
		twice = l.seen[same(l.name)]
		l.seen[same(l.name)] = true
	}
	if !twice {
		s.expect(':', "after a member name")
	}
	return false, twice
}

// decoded is a string as encoding/json decodes it, which takes what is not valid
// UTF-8.
func (s *scanner) decoded(raw string) string {
	text, err := unquote(raw)
	if err != nil && json.Unmarshal([]byte(raw), &text) != nil {
		s.broken("a string %s", err)
	}
	return text
}

// longest bounds what is repeated of a name.
const longest = 64

// place is the way to a member, such as positions[2].entryPrice.
func place(open []level) string {
	var b strings.Builder
	for i, l := range open {
		switch name := l.name; {
		case l.seen == nil:
			fmt.Fprintf(&b, "[%d]", l.n-1)
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
