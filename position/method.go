package position

// CostMethod says which cost leaves a position when it is reduced.
type CostMethod uint8

// The cost methods. All but Average keep lots.
const (
	Inherited    CostMethod = iota // the ledger's; for a ledger itself: Average
	Average                        // one average cost; a reduction takes its share
	FIFO                           // the lot that was opened first
	LIFO                           // the lot that was opened last
	HIFO                           // the dearest lot; for a short position the cheapest
	SpecificLot                    // the lots that the fill selects, which must not leave a choice
	SpecificSize                   // as SpecificLot, but a lot of exactly the fill's quantity is preferred
)

// String returns the name used in JSON and on the command line.
func (m CostMethod) String() string {
	switch m {
	case Inherited:
		return "inherited"
	case Average:
		return "average"
	case FIFO:
		return "fifo"
	case LIFO:
		return "lifo"
	case HIFO:
		return "hifo"
	case SpecificLot:
		return "specific"
	case SpecificSize:
		return "specific-size"
	}
	return "unknown"
}

// ParseCostMethod is the reverse of String, without "inherited".
func ParseCostMethod(s string) (CostMethod, error) {
	for m := Average; m <= SpecificSize; m++ {
		if m.String() == s {
			return m, nil
		}
	}
	return 0, invalid("cost_method", "%q is none of average, fifo, lifo, hifo, specific, specific-size", clip(s))
}

// BaseFee says what a fee in the base currency of a spot instrument, which changes
// the quantity, does to the cost.
type BaseFee uint8

// The policies.
const (
	FeeInCost BaseFee = iota // the cost stays whole: the fee is in the average and in the profit
	FeeApart                 // the cost is that of the changed quantity: the fee is only among the fees
)

// String returns the name used in JSON.
func (b BaseFee) String() string {
	switch b {
	case FeeInCost:
		return "cost"
	case FeeApart:
		return "apart"
	}
	return "unknown"
}

// OverReduction says what becomes of a fill that is larger than the opposite
// position.
type OverReduction uint8

// The policies.
const (
	InheritedOver OverReduction = iota // the ledger's; for a ledger itself: FlipOver
	FlipOver                           // close, then open the other way with the rest
	RejectOver                         // refuse the fill with [ErrOverReduction]
)

// String returns the name used in JSON and on the command line.
func (o OverReduction) String() string {
	switch o {
	case InheritedOver:
		return "inherited"
	case FlipOver:
		return "flip"
	case RejectOver:
		return "strict"
	}
	return "unknown"
}

// ParseOverReduction is the reverse of String, without "inherited".
func ParseOverReduction(s string) (OverReduction, error) {
	for o := FlipOver; o <= RejectOver; o++ {
		if o.String() == s {
			return o, nil
		}
	}
	return 0, invalid("over_reduction", "%q is none of flip, strict", clip(s))
}
