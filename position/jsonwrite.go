package position

import (
	"encoding/hex"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"
)

// jsonWriter appends the members of objects. Member names are constants that
// need no escapes; a comma is written before each member but an object's first.
type jsonWriter struct{ b []byte }

// name starts a member.
func (w *jsonWriter) name(name string) {
	b := w.b
	if b[len(b)-1] != '{' {
		b = append(b, ',')
	}
	b = append(b, '"')
	b = append(b, name...)
	w.b = append(b, '"', ':')
}

func (w *jsonWriter) raw(s string) { w.b = append(w.b, s...) }

func (w *jsonWriter) text(name, s string) {
	w.name(name)
	w.quote(s)
}

// textUnlessEmpty leaves out a member that may be absent.
func (w *jsonWriter) textUnlessEmpty(name, s string) {
	if s != "" {
		w.text(name, s)
	}
}

func (w *jsonWriter) number(name string, v uint64) {
	w.name(name)
	w.b = strconv.AppendUint(w.b, v, 10)
}

func (w *jsonWriter) flag(name string, v bool) {
	w.name(name)
	w.b = strconv.AppendBool(w.b, v)
}

func (w *jsonWriter) decimal(name string, d Decimal) {
	w.name(name)
	w.quoteDecimal(d)
}

// decimalUnlessZero leaves out a member that may be absent.
func (w *jsonWriter) decimalUnlessZero(name string, d Decimal) {
	if !d.IsZero() {
		w.decimal(name, d)
	}
}

func (w *jsonWriter) decimalUnlessNil(name string, d *Decimal) {
	if d != nil {
		w.decimal(name, *d)
	}
}

// element starts the element of an array with this index.
func (w *jsonWriter) element(i int) {
	if i > 0 {
		w.raw(",")
	}
}

func (w *jsonWriter) quoteDecimal(d Decimal) {
	w.b = append(d.AppendText(append(w.b, '"')), '"')
}

// figure writes null for what is not known.
func (w *jsonWriter) figure(name string, d Decimal, ok bool) {
	if !ok {
		w.null(name)
		return
	}
	w.decimal(name, d)
}

func (w *jsonWriter) null(name string) {
	w.name(name)
	w.raw("null")
}

func (w *jsonWriter) time(name string, t Time) {
	w.name(name)
	if t == 0 {
		w.raw("null")
		return
	}
	w.b = append(t.Std().AppendFormat(append(w.b, '"'), time.RFC3339Nano), '"')
}

// quote writes a string. What is not valid UTF-8 becomes U+FFFD; names never
// are, because Validate refuses them.
func (w *jsonWriter) quote(s string) {
	b := append(w.b, '"')
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
	w.b = append(b, '"')
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

func (w *jsonWriter) amounts(name string, a Amounts) {
	w.name(name)
	w.raw("{")
	for i := range a {
		if i > 0 {
			w.raw(",")
		}
		w.quote(a[i].Currency)
		w.raw(":")
		w.quoteDecimal(a[i].Value)
	}
	w.raw("}")
}

func (w *jsonWriter) decimals(name string, list []Decimal) {
	w.name(name)
	w.raw("[")
	for i, d := range list {
		if i > 0 {
			w.raw(",")
		}
		w.quoteDecimal(d)
	}
	w.raw("]")
}

func (w *jsonWriter) texts(name string, list []string) {
	w.name(name)
	w.raw("[")
	for i, s := range list {
		if i > 0 {
			w.raw(",")
		}
		w.quote(s)
	}
	w.raw("]")
}

func (w *jsonWriter) item(first bool, name, value string) {
	if !first {
		w.raw(",")
	}
	w.quote(name)
	w.raw(":")
	w.quote(value)
}

// grown returns dst with room for an ordinary record.
func grown(dst []byte, room int) jsonWriter { return jsonWriter{b: slices.Grow(dst, room)} }
