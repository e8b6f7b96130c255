package report

import (
	"github.com/moneyprinter/holdfast/position"
)

// sum runs a chain of operations and keeps the first error, so that what a report
// adds up reads as formulas.
type sum struct{ err error }

func (s *sum) keep(d position.Decimal, err error) position.Decimal {
	if err != nil && s.err == nil {
		s.err = err
	}
	return d
}

func (s *sum) keepAll(a position.Amounts, err error) position.Amounts {
	if err != nil && s.err == nil {
		s.err = err
	}
	return a
}

func (s *sum) add(a, b position.Decimal) position.Decimal { return s.keep(a.Add(b)) }
func (s *sum) sub(a, b position.Decimal) position.Decimal { return s.keep(a.Sub(b)) }
func (s *sum) mulQuo(a, b, d position.Decimal) position.Decimal {
	return s.keep(position.MulQuo(a, b, d))
}
func (s *sum) plusAll(a, b position.Amounts) position.Amounts { return s.keepAll(a.PlusAll(b)) }

func (s *sum) plus(a position.Amounts, currency string, v position.Decimal) position.Amounts {
	return s.keepAll(a.Plus(currency, v))
}

// termsOf returns the terms that a position was computed with, the zero ones where
// it names none.
func termsOf(p *position.Position) *position.Terms {
	if p.Terms == nil {
		return new(position.Terms)
	}
	return p.Terms
}

func invalidBy(reason string) error {
	return &position.FieldError{Field: "by", Reason: reason, Err: position.ErrInvalid}
}

func errLifetime() error {
	return &position.FieldError{Field: "amount", Reason: "is out of range: a sum over the cycles must stay below 1.7e20", Err: position.ErrOverflow}
}
