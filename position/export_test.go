package position

// The tests see these from outside.

// Mul3 is mul3.
func Mul3(a, b, c Decimal) (Decimal, error) { return mul3(a, b, c) }

// ParseRound is parseRound.
func ParseRound(s string) (Round, error) { return parseRound(s) }

// Quantity is quantity.
func (l *Lots) Quantity() (qty, cost Decimal, err error) { return l.quantity() }
