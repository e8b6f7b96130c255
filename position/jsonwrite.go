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

func (w *jsonWriter) quoteDecimal(d Decimal) {
	w.b = append(d.AppendText(append(w.b, '"')), '"')
}

// figure writes null for what is not known.
func (w *jsonWriter) figure(name string, d Decimal, ok bool) {
	if !ok {
		w.name(name)
		w.raw("null")
		return
	}
	w.decimal(name, d)
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

// MarshalMutation returns the JSON form, which [UnmarshalMutation] reads back
// to an equal value. A mutation that is not valid is refused.
func MarshalMutation(m Mutation) ([]byte, error) {
	if m == nil {
		return nil, invalid("type", "is missing: there is no mutation")
	}
	m = valueOf(m)
	if err := m.Validate(); err != nil {
		return nil, err
	}
	w := jsonWriter{b: make([]byte, 0, 512)}
	w.mutation(m)
	if _, err := UnmarshalMutation(w.b); err != nil {
		return nil, err // a number or an amount of text beyond the JSON form
	}
	return w.b, nil
}

func (w *jsonWriter) mutation(m Mutation) {
	w.raw("{")
	w.text("type", m.Type())
	w.textUnlessEmpty("id", m.ID())
	switch m := m.(type) {
	case Fill:
		w.key(&m.Key)
		w.text("side", m.Side.String())
		w.decimal("qty", m.Qty)
		w.decimal("price", m.Price)
		if !m.Fee.IsZero() {
			w.decimal("fee", m.Fee)
		}
		w.textUnlessEmpty("fee_currency", m.FeeCurrency)
		w.metaRest(m.Meta)
	case Mark:
		w.text("instrument", m.Instrument)
		w.decimal("price", m.Price)
		w.metaRest(m.Meta)
	case Charge:
		w.key(&m.Key)
		w.text("kind", m.Kind.String())
		w.decimal("amount", m.Amount)
		w.text("currency", m.Currency)
		w.metaRest(m.Meta)
	case Amend:
		w.key(&m.Key)
		w.amend(&m)
		w.metaRest(m.Meta)
	case DefineInstrument:
		w.text("instrument", m.Instrument)
		w.text("kind", m.Terms.Kind.String())
		if !m.Terms.Multiplier.IsZero() {
			w.decimal("multiplier", m.Terms.Multiplier)
		}
		w.textUnlessEmpty("base", m.Terms.Base)
		w.textUnlessEmpty("quote", m.Terms.Quote)
		w.textUnlessEmpty("settlement", m.Terms.Settlement)
		w.metaRest(m.Meta)
	}
	w.raw("}")
}

func (w *jsonWriter) metaRest(m Meta) {
	if m.ExpectVersion != nil {
		w.number("expect_version", *m.ExpectVersion)
	}
	if m.Time != 0 {
		w.time("time", m.Time)
	}
}

func (w *jsonWriter) key(k *Key) {
	w.text("account", k.Account)
	w.textUnlessEmpty("instrument", k.Instrument)
	w.textUnlessEmpty("strategy", k.Strategy)
	w.textUnlessEmpty("leg", k.Leg)
}

func (w *jsonWriter) amend(a *Amend) {
	switch {
	case a.Stop != nil:
		w.decimal("stop", *a.Stop)
	case a.NoStop:
		w.name("stop")
		w.raw("null")
	}
	if a.Targets != nil {
		w.decimals("targets", a.Targets)
	}
	if a.Tags != nil {
		w.texts("tags", a.Tags)
	}
	if a.Metadata != nil {
		w.name("metadata")
		w.raw("{")
		var room [MaxMeta]string
		names := metaNames(room[:0], a.Metadata)
		for i, name := range names {
			w.item(i == 0, name, a.Metadata[name])
		}
		w.raw("}")
	}
}

// grown returns dst with room for an ordinary record.
func grown(dst []byte, room int) jsonWriter { return jsonWriter{b: slices.Grow(dst, room)} }
