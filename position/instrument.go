package position

import "github.com/moneyprinter/holdfast/internal/form"

// InstrumentKind selects the arithmetic of an instrument.
type InstrumentKind uint8

// The kinds. An undefined instrument is linear.
const (
	Linear  InstrumentKind = iota // cost = qty · price · multiplier, settled in quote
	Inverse                       // cost = qty · multiplier / price, settled in base
	Spot                          // as linear; a fee in the base currency changes quantity
	Quanto                        // as linear, settled in a third currency at a fixed multiplier
	Option                        // as linear; the price is the premium
)

// String returns the name used in JSON.
func (k InstrumentKind) String() string {
	switch k {
	case Linear:
		return "linear"
	case Inverse:
		return "inverse"
	case Spot:
		return "spot"
	case Quanto:
		return "quanto"
	case Option:
		return "option"
	}
	return "unknown"
}

// nature says what the currencies of a kind are to each other.
func (k InstrumentKind) nature() string {
	switch k {
	case Linear:
		return "a linear instrument earns in the currency of its price"
	case Inverse:
		return "an inverse instrument earns in its base, which its price is not in"
	case Spot:
		return "a spot instrument exchanges two currencies"
	case Quanto:
		return "a quanto instrument earns in a third currency, neither its base nor its quote"
	case Option:
		return "an option earns in the currency of its premium"
	}
	return "its kind is unknown"
}

// ParseInstrumentKind is the reverse of String.
func ParseInstrumentKind(s string) (InstrumentKind, error) {
	for k := Linear; k <= Option; k++ {
		if k.String() == s {
			return k, nil
		}
	}
	return 0, invalid("kind", "%q is none of linear, inverse, spot, quanto, option", form.Clip(s))
}

// Instrument is an instrument's definition and its last mark.
type Instrument struct {
	Name     string
	Terms    *Terms  // shared, never nil
	Defined  bool    // false: known only by use, with the ledger's defaults
	Mark     Decimal // last mark price; meaningless while MarkTime is zero
	MarkTime Time
	Version  uint64 // definitions, splits and settlements so far

	PriceIncrement, SizeIncrement Decimal // zero: none

	// SplitTime is the event time of the last split, SplitRatio and SplitPer
	// what it was; zero: none yet.
	SplitTime            Time
	SplitRatio, SplitPer Decimal

	Seq uint64 // record that last defined it; set by the projector
}

// terms returns the instrument's terms, never nil.
func (i *Instrument) terms() *Terms {
	if i.Terms == nil {
		return &unknownTerms
	}
	return i.Terms
}
