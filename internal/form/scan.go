package form

import (
	"fmt"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// maxDepth bounds the nesting of a value.
const maxDepth = 16

// scanner reads one JSON text. It is stricter than encoding/json, which takes
// duplicate members, invalid UTF-8 and lone surrogates without a word. The
// first error stays. Its results are parts of the input: a caller that keeps one
// clones it.
type scanner struct {
	b   string
	i   int
	err error
}

// Kind is what a value is, told by its first character.
type Kind uint8

// The kinds. None is that of no value.
const (
	None Kind = iota
	String
	Number
	Object
	Array
	Bool
	Null
)

func (k Kind) String() string {
	switch k {
	case String:
		return "a string"
	case Number:
		return "a number"
	case Object:
		return "an object"
	case Array:
		return "an array"
	case Bool:
		return "true or false"
	case Null:
		return "null"
	case None:
	}
	return "nothing"
}

// Value is a value that is well formed. It is a part of the text that was read.
type Value struct {
	Kind Kind
	Raw  string
}

func (s *scanner) broken(format string, args ...any) {
	if s.err == nil {
		s.err = refuse("JSON", "is broken at byte %d: %s", s.i+1, fmt.Sprintf(format, args...))
	}
}

func (s *scanner) space() {
	for s.i < len(s.b) {
		switch s.b[s.i] {
		case ' ', '\t', '\r', '\n':
			s.i++
		default:
			return
		}
	}
}

// peek returns the next byte after white space, 0 at the end.
func (s *scanner) peek() byte {
	if s.i < len(s.b) && s.b[s.i] > ' ' {
		return s.b[s.i]
	}
	if s.space(); s.i < len(s.b) {
		return s.b[s.i]
	}
	return 0
}

// accept steps over c if it is next.
func (s *scanner) accept(c byte) bool {
	if s.err == nil && s.peek() == c && s.i < len(s.b) {
		s.i++
		return true
	}
	return false
}

func (s *scanner) expect(c byte, where string) bool {
	if s.accept(c) {
		return true
	}
	s.broken("expected %q %s, found %s", c, where, s.found())
	return false
}

func (s *scanner) found() string {
	if s.i >= len(s.b) {
		return "the end"
	}
	r, _ := utf8.DecodeRuneInString(s.b[s.i:])
	return strconv.QuoteRune(r)
}

// object calls member for each one, with the cursor before its value.
func (s *scanner) object(member func(name string)) {
	s.expect('{', "at the start of an object")
	for first := true; s.err == nil; first = false {
		if s.accept('}') {
			return
		}
		if !first && !s.expect(',', "or '}' after a member") {
			return
		}
		if s.peek() != '"' {
			s.broken("expected a member name in quotes, found %s", s.found())
			return
		}
		name, err := unquote(s.text())
		if err != nil {
			s.broken("a member name %s", err)
		}
		if s.expect(':', "after a member name"); s.err == nil {
			member(name)
		}
	}
}

// whole reads the one object that the text consists of.
func (s *scanner) whole(member func(name string)) {
	s.object(member)
	if s.err == nil && s.peek() != 0 || s.err == nil && s.i < len(s.b) {
		s.broken("expected nothing after the object, found %s", s.found())
	}
}

// array calls element for each one, with the cursor before it.
func (s *scanner) array(element func()) {
	s.expect('[', "at the start of an array")
	for first := true; s.err == nil; first = false {
		if s.accept(']') {
			return
		}
		if !first && !s.expect(',', "or ']' after an element") {
			return
		}
		element()
	}
}

// value steps over the next value and returns it.
func (s *scanner) value(depth int) Value {
	c := s.peek()
	start := s.i
	v := Value{}
	switch {
	case s.err != nil:
	case depth > maxDepth:
		s.broken("values are nested more than %d deep", maxDepth)
	case c == '"':
		s.text()
		v.Kind = String
	case c == '{':
		s.object(func(string) { s.value(depth + 1) })
		v.Kind = Object
	case c == '[':
		s.array(func() { s.value(depth + 1) })
		v.Kind = Array
	case c == '-' || c >= '0' && c <= '9':
		s.number()
		v.Kind = Number
	case s.word("true"), s.word("false"):
		v.Kind = Bool
	case s.word("null"):
		v.Kind = Null
	default:
		s.broken("expected a value, found %s", s.found())
	}
	if s.err != nil {
		return Value{}
	}
	v.Raw = s.b[start:s.i]
	return v
}

func (s *scanner) word(w string) bool {
	if len(s.b)-s.i < len(w) || s.b[s.i:s.i+len(w)] != w {
		return false
	}
	s.i += len(w)
	return true
}

func (s *scanner) digits() bool {
	start := s.i
	for s.i < len(s.b) && s.b[s.i] >= '0' && s.b[s.i] <= '9' {
		s.i++
	}
	return s.i > start
}

func (s *scanner) number() {
	next := func(set ...byte) bool {
		for _, c := range set {
			if s.i < len(s.b) && s.b[s.i] == c {
				s.i++
				return true
			}
		}
		return false
	}
	next('-')
	ok := next('0') || s.digits()
	if next('.') {
		ok = s.digits() && ok
	}
	if next('e', 'E') {
		next('-', '+')
		ok = s.digits() && ok
	}
	if !ok {
		s.broken("a number is not well formed")
	}
}

// text steps over a string and returns it with its quotes. Escapes are checked
// by unquote.
func (s *scanner) text() string {
	start := s.i
	for s.i++; s.i < len(s.b); s.i++ {
		switch c := s.b[s.i]; {
		case c == '"':
			s.i++
			return s.b[start:s.i]
		case c == '\\':
			s.i++
		case c < ' ':
			s.broken("a control character in a string must be written as an escape")
			return ""
		}
	}
	s.broken("a string does not end")
	return ""
}

// textError says what is wrong with a string.
type textError string

func (e textError) Error() string { return string(e) }

const (
	errUTF8      textError = "is not valid UTF-8"
	errEscape    textError = "contains a malformed escape"
	errSurrogate textError = "contains half of a surrogate pair"
)

// unquote returns the text of a string with its quotes. Unless it has escapes
// it is a part of the input.
func unquote(b string) (string, error) {
	if len(b) < 2 {
		return "", errEscape
	}
	b = b[1 : len(b)-1]
	var all byte
	escapes := false
	for i := range len(b) {
		all |= b[i]
		escapes = escapes || b[i] == '\\'
	}
	if all >= utf8.RuneSelf && !utf8.ValidString(b) {
		return "", errUTF8
	}
	if !escapes {
		return b, nil
	}
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); {
		if b[i] != '\\' {
			out = append(out, b[i])
			i++
			continue
		}
		r, n, err := escape(b[i:])
		if err != nil {
			return "", err
		}
		out = utf8.AppendRune(out, r)
		i += n
	}
	return string(out), nil
}

// escape decodes the escape that b starts with and returns its length.
func escape(b string) (r rune, size int, err error) {
	if len(b) < 2 {
		return 0, 0, errEscape
	}
	switch b[1] {
	case '"', '\\', '/':
		return rune(b[1]), 2, nil
	case 'b':
		return '\b', 2, nil
	case 'f':
		return '\f', 2, nil
	case 'n':
		return '\n', 2, nil
	case 'r':
		return '\r', 2, nil
	case 't':
		return '\t', 2, nil
	case 'u':
		return unicodeEscape(b)
	}
	return 0, 0, errEscape
}

func unicodeEscape(b string) (r rune, size int, err error) {
	r, err = hex4(b)
	if err != nil || !utf16.IsSurrogate(r) {
		return r, 6, err
	}
	low, err := hex4(b[6:])
	if err != nil {
		return 0, 0, errSurrogate
	}
	if r = utf16.DecodeRune(r, low); r == utf8.RuneError {
		return 0, 0, errSurrogate
	}
	return r, 12, nil
}

// hex4 reads the \uXXXX that b starts with.
func hex4(b string) (rune, error) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0, errEscape
	}
	var r rune
	for _, c := range []byte(b[2:6]) {
		switch {
		case c >= '0' && c <= '9':
			r = r<<4 | rune(c-'0')
		case c >= 'a' && c <= 'f':
			r = r<<4 | rune(c-'a'+10)
		case c >= 'A' && c <= 'F':
			r = r<<4 | rune(c-'A'+10)
		default:
			return 0, errEscape
		}
	}
	return r, nil
}
