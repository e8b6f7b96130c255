package position

import "github.com/moneyprinter/holdfast/internal/form"

// AppendInstrumentJSON appends the JSON form of an instrument.
func AppendInstrumentJSON(dst []byte, i *Instrument) []byte {
	return write(form.Grown(dst, 500).B, outputs.instrument, shownInstrument{i, i.Seq})
}

// AppendAccountJSON appends the JSON form of an account.
func AppendAccountJSON(dst []byte, a *Account) []byte {
	return write(form.Grown(dst, 200).B, outputs.account, shownAccount{a, a.Seq})
}

// shownInstrument is an instrument as a text shows it.
type shownInstrument struct {
	*Instrument

	seq uint64
}

func instrumentOutputs() []output[shownInstrument] {
	return []output[shownInstrument]{
		textOut("instrument", "Instrument.", func(i shownInstrument) string { return i.Name }),
		choiceOut("kind", namesOf(Linear, Option), "Arithmetic that it follows.", func(i shownInstrument) string { return i.terms().Kind.String() }),
		decimalOut("multiplier", "Settlement currency per unit and price point.", func(i shownInstrument) Decimal { return i.terms().Multiplier }),
		textOut("base", "Currency or asset that is bought and sold.", func(i shownInstrument) string { return i.terms().Base }),
		textOut("quote", "Currency of the price.", func(i shownInstrument) string { return i.terms().Quote }),
		textOut("settlement", "Currency of cost and profit.", func(i shownInstrument) string { return i.terms().Settlement }),
		figureOut("price_increment", "Step of prices; null: none.", func(i shownInstrument) (Decimal, bool) { return i.PriceIncrement, !i.PriceIncrement.IsZero() }),
		figureOut("size_increment", "Step of quantities; null: none.", func(i shownInstrument) (Decimal, bool) { return i.SizeIncrement, !i.SizeIncrement.IsZero() }),
		choiceOut("cost_method", namesOf(Average, SpecificSize), "Which cost leaves with a reduction.", func(i shownInstrument) string { return i.terms().CostMethod.String() }),
		choiceOut("over_reduction", namesOf(FlipOver, RejectOver), "What becomes of a fill larger than the opposite position.", func(i shownInstrument) string { return i.terms().OverReduction.String() }),
		choiceOut("base_fee", namesOf(FeeInCost, FeeApart), "What a fee in the base currency of a spot instrument does to the cost.", func(i shownInstrument) string { return i.terms().BaseFee.String() }),
		roundingOut(),
		timeOut("split_time", "Event time of the last split; null: none yet.", func(i shownInstrument) Time { return i.SplitTime }),
		figureOut("split_ratio", "Its ratio: new quantity for split_per old units.", func(i shownInstrument) (Decimal, bool) { return i.SplitRatio, i.SplitTime != 0 }),
		figureOut("split_per", "See split_ratio.", func(i shownInstrument) (Decimal, bool) { return i.SplitPer, i.SplitTime != 0 }),
		boolOut("defined", "False: known only by use, with the ledger's defaults.", func(i shownInstrument) bool { return i.Defined }),
		figureOut("mark", "Last mark price.", func(i shownInstrument) (Decimal, bool) { return i.Mark, i.MarkTime != 0 }),
		timeOut("mark_time", "Event time of the mark.", func(i shownInstrument) Time { return i.MarkTime }),
		countOut("version", "Definitions so far.", func(i shownInstrument) uint64 { return i.Version }),
		countOut("seq", "Record that last defined it.", func(i shownInstrument) uint64 { return i.seq }),
	}
}

// roundingOut is the profile, whose members the schema has in another order than
// the text.
func roundingOut() output[shownInstrument] {
	members := roundingOutputs()
	o := objectOut("rounding", members, "The venue's rounding profile; null: exact.", func(i shownInstrument) (*Rounding, bool) {
		r := &i.terms().Rounding
		return r, *r != (Rounding{})
	})
	o.node = describe([]output[*Rounding]{members[0], members[3], members[1], members[2]}).OrNull()
	return o
}

func roundingOutputs() []output[*Rounding] {
	round := func(r Round) string {
		if r.Mode == Exact {
			return ""
		}
		return r.String()
	}
	return []output[*Rounding]{
		patternOut("value", roundPattern, "Of a fill's or a mark's value; null: not rounded.", func(r *Rounding) string { return round(r.Value) }),
		patternOut("average", roundPattern, "Of the average entry, wherever a reduction uses it.", func(r *Rounding) string { return round(r.Average) }),
		patternOut("realized", roundPattern, "Of the profit of one reduction.", func(r *Rounding) string { return round(r.Realized) }),
		figureOut("value_per", "Quantity whose value is rounded; null: the whole.", func(r *Rounding) (Decimal, bool) { return r.ValuePer, !r.ValuePer.IsZero() }),
	}
}

// shownAccount is an account as a text shows it.
type shownAccount struct {
	*Account

	seq uint64
}

func accountOutputs() []output[shownAccount] {
	return []output[shownAccount]{
		textOut("account", "Account.", func(a shownAccount) string { return a.Name }),
		jsonOut("balances", "Sum of what follows by currency; received is positive, paid negative. null: a sum is out of range.", form.Ref("amounts").OrNull(), func(b []byte, a shownAccount) []byte {
			sum, err := a.Balances()
			if err != nil {
				return append(b, "null"...)
			}
			return appendAmounts(b, sum)
		}),
		amountsOut("cash", "Deposits, withdrawals and transfers that belong to no instrument.", func(a shownAccount) Amounts { return a.Cash }),
		amountsOut("fees", "Fees that belong to no instrument; paid is negative.", func(a shownAccount) Amounts { return a.Fees }),
		amountsOut("funding", "Funding that belongs to no instrument.", func(a shownAccount) Amounts { return a.Funding }),
		amountsOut("interest", "Interest.", func(a shownAccount) Amounts { return a.Interest }),
		amountsOut("dividends", "Dividends.", func(a shownAccount) Amounts { return a.Dividends }),
		amountsOut("realized", "Profit that a venue booked itself.", func(a shownAccount) Amounts { return a.Realized }),
		amountsOut("other", "Everything else.", func(a shownAccount) Amounts { return a.Other }),
		countOut("version", "Changes so far.", func(a shownAccount) uint64 { return a.Version }),
		countOut("seq", "Record of the last change.", func(a shownAccount) uint64 { return a.seq }),
	}
}
