package position

import "unicode/utf8"

// sum runs a chain of operations and keeps the first error, so that what a report
// adds up reads as formulas.
type sum struct{ err error }

func (s *sum) keep(d Decimal, err error) Decimal {
	if err != nil && s.err == nil {
		s.err = err
	}
	return d
}

func (s *sum) keepAll(a Amounts, err error) Amounts {
	if err != nil && s.err == nil {
		s.err = err
	}
	return a
}

func (s *sum) add(a, b Decimal) Decimal       { return s.keep(a.Add(b)) }
func (s *sum) sub(a, b Decimal) Decimal       { return s.keep(a.Sub(b)) }
func (s *sum) mulQuo(a, b, d Decimal) Decimal { return s.keep(MulQuo(a, b, d)) }
func (s *sum) plusAll(a, b Amounts) Amounts   { return s.keepAll(a.PlusAll(b)) }

func (s *sum) plus(a Amounts, currency string, v Decimal) Amounts {
	return s.keepAll(a.Plus(currency, v))
}

// termsOf returns the terms that a position was computed with, the zero ones where
// it names none.
func termsOf(p *Position) *Terms {
	if p.Terms == nil {
		return new(Terms)
	}
	return p.Terms
}

func invalidBy(reason string) error {
	return &FieldError{Field: "by", Reason: reason, Err: ErrInvalid}
}

func errLifetime() error {
	return &FieldError{Field: "amount", Reason: "is out of range: a sum over the cycles must stay below 1.7e20", Err: ErrOverflow}
}

// clipped shortens a text that people handed in, so that an error can quote it.
func clipped(s string) string {
	const limit = 40
	if len(s) <= limit {
		return s
	}
	n := limit
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}
