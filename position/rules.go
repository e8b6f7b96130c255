package position

import "fmt"

// fallbackCurrency settles undefined instruments where the rules name none.
const fallbackCurrency = "USD"

// Rules are the options of a ledger's arithmetic. They are part of the ledger's
// identity and never change while it lives.
type Rules struct {
	CostMethod        CostMethod
	DefaultCurrency   string // settlement of instruments that were not defined; "": USD
	StrictInstruments bool   // refuse instruments that were not defined
	StrictIncrements  bool   // refuse fills off the increments of their instrument
	OverReduction     OverReduction

	arithmetic uint32 // 0: ArithmeticVersion; see Under
	recorded   bool   // see FoldRecorded
}

// Under returns the rules as an earlier [ArithmeticVersion] had them, for the
// recomputation of what was written under it. The second result is false where
// this build does not know the version.
func (r Rules) Under(arithmetic uint32) (Rules, bool) {
	r.arithmetic = arithmetic
	return r, arithmetic >= 1 && arithmetic <= ArithmeticVersion
}

// under reports whether the rules are those of a version or of a later one.
func (r Rules) under(arithmetic uint32) bool { return r.arithmetic == 0 || r.arithmetic >= arithmetic }

// vintage names the older rules by which a mutation is folded; its zero value means
// the newest rules.
type vintage struct {
	first    bool // those of arithmetic 1
	recorded bool // it was accepted when it was given, maybe by an earlier build
}

func (r Rules) vintage() vintage { return vintage{first: !r.under(2), recorded: r.recorded} }

// DefaultTerms are the terms of an instrument that was not defined.
func (r Rules) DefaultTerms() Terms {
	return Terms{
		Kind: Linear, Multiplier: Decimal{lo: one}, Settlement: r.currency(),
		CostMethod: r.costMethod(), OverReduction: r.overReduction(),
	}
}

func (r Rules) costMethod() CostMethod { return max(r.CostMethod, Average) }

func (r Rules) overReduction() OverReduction { return max(r.OverReduction, FlipOver) }

func (r Rules) currency() string {
	if r.DefaultCurrency != "" {
		return r.DefaultCurrency
	}
	return fallbackCurrency
}

// admit refuses an instrument that was not defined where the rules are strict.
func (r Rules) admit(name string, in *Instrument) error {
	if r.StrictInstruments && (in == nil || !in.Defined) {
		return fmt.Errorf("%w: %s is not defined, and the ledger's instruments are strict", ErrUnknownInstrument, name)
	}
	return nil
}

// ArithmeticVersion names the rules by which this build folds mutations. It
// changes whenever the same mutation could give other bytes; what an older version
// gave is still told by [Rules.Under].
//
//  1. is the first.
//  2. books a fee that is charged in a currency whose fees are in the cost to
//     the charges, and a new cycle under terms with another such currency keeps
//     the net of the earlier ones; see [Terms.FeesInCost]. A split moves stop
//     and targets. A transfer that reduces an opposite position happens there at
//     the cost that it brings, where before it brought the extremes of where it
//     came from. A price names lots by ten digits, where before it had to give
//     the cost, or to be given by it, to the last place. An adjustment leaves an
//     inverse instrument a cost that some price gives.
const ArithmeticVersion = 2
