package position

import (
	"time"

	"github.com/moneyprinter/holdfast/internal/form"
)

// jsonWriter writes the values of this package.
type jsonWriter struct{ form.Writer }

// grown returns a writer behind dst, with room for an ordinary record.
func grown(dst []byte, room int) jsonWriter { return jsonWriter{form.Grown(dst, room)} }

func (w *jsonWriter) quoteDecimal(d Decimal) {
	w.B = append(d.AppendText(append(w.B, '"')), '"')
}

func (w *jsonWriter) decimal(name string, d Decimal) {
	w.Name(name)
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

// figure writes null for what is not known.
func (w *jsonWriter) figure(name string, d Decimal, ok bool) {
	if !ok {
		w.Null(name)
		return
	}
	w.decimal(name, d)
}

func (w *jsonWriter) time(name string, t Time) {
	if t == 0 {
		w.Null(name)
		return
	}
	w.Name(name)
	w.B = append(t.Std().AppendFormat(append(w.B, '"'), time.RFC3339Nano), '"')
}

func (w *jsonWriter) amounts(name string, a Amounts) {
	w.Name(name)
	w.Raw("{")
	for i := range a {
		w.Item(i, a[i].Currency)
		w.quoteDecimal(a[i].Value)
	}
	w.Raw("}")
}

func (w *jsonWriter) decimals(name string, list []Decimal) {
	w.Name(name)
	w.Raw("[")
	for i, d := range list {
		w.Element(i)
		w.quoteDecimal(d)
	}
	w.Raw("]")
}
