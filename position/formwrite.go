package position

import (
	"time"

	"github.com/moneyprinter/holdfast/internal/form"
)

// jsonWriter writes the values of this package.
type jsonWriter struct{ form.Writer }

// grown returns a writer behind dst, with room for an ordinary record.
func grown(dst []byte, room int) jsonWriter { return jsonWriter{form.Grown(dst, room)} }

func (w *jsonWriter) decimal(name string, d Decimal) {
	w.Name(name)
	w.B = appendDecimal(w.B, d)
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

func (w *jsonWriter) time(name string, t Time) {
	w.Name(name)
	w.B = appendTime(w.B, t)
}

func (w *jsonWriter) decimals(name string, list []Decimal) {
	w.Name(name)
	w.B = appendDecimals(w.B, list)
}

func appendDecimal(b []byte, d Decimal) []byte {
	return append(d.AppendText(append(b, '"')), '"')
}

// appendFigure appends null for what is not known.
func appendFigure(b []byte, d Decimal, ok bool) []byte {
	if !ok {
		return append(b, "null"...)
	}
	return appendDecimal(b, d)
}

func appendDecimals(b []byte, list []Decimal) []byte {
	b = append(b, '[')
	for i, d := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendDecimal(b, d)
	}
	return append(b, ']')
}

// appendTime appends null for no time.
func appendTime(b []byte, t Time) []byte {
	if t == 0 {
		return append(b, "null"...)
	}
	return append(t.Std().AppendFormat(append(b, '"'), time.RFC3339Nano), '"')
}

func appendAmounts(b []byte, a Amounts) []byte {
	w := form.Writer{B: append(b, '{')}
	for i := range a {
		w.Item(i, a[i].Currency)
		w.B = appendDecimal(w.B, a[i].Value)
	}
	return append(w.B, '}')
}
