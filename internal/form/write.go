package form

import (
	"encoding/hex"
	"slices"
	"strconv"
	"unicode/utf8"
)

// Writer appends the members of objects. Member names are constants that need no
// escapes; a comma is written before each member but an object's first.
type Writer struct {
	B []byte // the text so far; values that Writer does not know are appended to it
}

// Grown returns a writer behind dst, with room for that many bytes more.
func Grown(dst []byte, room int) Writer { return Writer{B: slices.Grow(dst, room)} }

// Name starts a member.
func (w *Writer) Name(name string) {
	b := w.B
	if b[len(b)-1] != '{' {
		b = append(b, ',')
	}
	b = append(b, '"')
	b = append(b, name...)
	w.B = append(b, '"', ':')
}

// Raw appends text as it stands.
func (w *Writer) Raw(s string) { w.B = append(w.B, s...) }

// Text writes a member that is a string.
func (w *Writer) Text(name, s string) {
	w.Name(name)
	w.Quote(s)
}

// TextUnlessEmpty leaves out a member that may be absent.
func (w *Writer) TextUnlessEmpty(name, s string) {
	if s != "" {
		w.Text(name, s)
	}
}

// Count writes a member that is a whole number.
func (w *Writer) Count(name string, v uint64) {
	w.Name(name)
	w.B = strconv.AppendUint(w.B, v, 10)
}

// Bool writes a member that is true or false.
func (w *Writer) Bool(name string, v bool) {
	w.Name(name)
	w.B = strconv.AppendBool(w.B, v)
}

// TrueUnlessFalse leaves out a member that may be absent.
func (w *Writer) TrueUnlessFalse(name string, v bool) {
	if v {
		w.Bool(name, true)
	}
}

// Null writes a member that is not known.
func (w *Writer) Null(name string) {
	w.Name(name)
	w.Raw("null")
}

// Hex writes a member that is bytes.
func (w *Writer) Hex(name string, b []byte) {
	w.Name(name)
	w.B = append(hex.AppendEncode(append(w.B, '"'), b), '"')
}

// Texts writes a member that is a list of strings.
func (w *Writer) Texts(name string, list []string) {
	w.Name(name)
	w.B = AppendTexts(w.B, list)
}

// AppendTexts appends a list of strings.
func AppendTexts(b []byte, list []string) []byte {
	b = append(b, '[')
	for i, s := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = AppendQuote(b, s)
	}
	return append(b, ']')
}

// Element starts the element of an array, or an item, with this index.
func (w *Writer) Element(i int) {
	if i > 0 {
		w.Raw(",")
	}
}

// Item starts the member of an object whose names are data, with this index.
func (w *Writer) Item(i int, name string) {
	w.Element(i)
	w.Quote(name)
	w.Raw(":")
}

// Quote writes a string; see [AppendQuote].
func (w *Writer) Quote(s string) { w.B = AppendQuote(w.B, s) }

// AppendQuote appends a string. Invalid UTF-8 becomes U+FFFD.
func AppendQuote(b []byte, s string) []byte {
	b = append(b, '"')
	done := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		size := 1
		if c >= utf8.RuneSelf {
			var r rune
			if r, size = utf8.DecodeRuneInString(s[i:]); r != utf8.RuneError || size > 1 {
				i += size
				continue
			}
		}
		b = appendEscape(append(b, s[done:i]...), c)
		i += size
		done = i
	}
	b = append(b, s[done:]...)
	return append(b, '"')
}

// appendEscape writes a byte that cannot stand in a string as it is.
func appendEscape(b []byte, c byte) []byte {
	switch {
	case c >= utf8.RuneSelf:
		return append(b, "\uFFFD"...)
	case c == '"' || c == '\\':
		return append(b, '\\', c)
	}
	return hex.AppendEncode(append(b, `\u00`...), []byte{c})
}
