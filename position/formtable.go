package position

import "github.com/moneyprinter/holdfast/internal/form"

// forms is the table. Rules between members, each behind its form, are what Validate
// and the form's check demand beyond single members.
//
//nolint:gochecknoglobals // a constant that Go cannot express as one
var forms = [...]mutationForm{
	fillForm(), markForm(), chargeForm(), amendForm(), instrumentForm(), splitForm(), settleForm(),
	transferForm(), adjustForm(), adoptForm(), bustForm(), correctForm(),
}

func sides() []string { return []string{Buy.String(), Sell.String()} }

func fillForm() mutationForm {
	return mutationForm{
		Form: form.Form{
			Name: "fill", About: "One execution. It opens, increases, reduces, closes or flips the position of its key.",
			Choices: map[form.ID][]string{memberSide: sides()},
			Members: concat(common("A fill."), keyMembers(true), fillMembers(), []form.Member{
				optional(memberReduceOnly, "reduce_only", boolean, "true: refuse the fill where it would open, increase or flip the position."),
				lotMember("Which lots a reduction consumes; where the fill opens a lot, its label (absent: the fill's id)."),
				expectMember(),
			}),
		},
		build: func(d *draft) Mutation {
			return Fill{
				Meta: d.meta(), Key: d.key(), Side: d.side(), Qty: d.decimal(memberQty), Price: d.decimal(memberPrice),
				Fee: d.decimal(memberFee), FeeCurrency: d.texts[memberFeeCurrency], Lot: d.lot,
				ReduceOnly: d.is,
			}
		},
	}
}

func markForm() mutationForm {
	return mutationForm{
		Form: form.Form{
			Name: "mark", About: "A new mark price of an instrument. It values open positions and moves their high and low.",
			Members: concat(common("A mark."), []form.Member{
				required(memberInstrument, "instrument", someName, "Instrument."),
				required(memberPrice, "price", anyDecimal, "Price in the quote currency."),
			}),
		},
		build: func(d *draft) Mutation {
			return Mark{Meta: d.meta(), Instrument: d.texts[memberInstrument], Price: d.decimal(memberPrice)}
		},
	}
}

func chargeForm() mutationForm {
	return mutationForm{
		Form: form.Form{
			Name: "charge", About: "Money received or paid beside a fill. With an instrument it belongs to that position, to its last cycle while it is flat; without one it belongs to the account.",
			Choices: map[form.ID][]string{memberKind: namesOf(OtherCharge, RealizedCharge)},
			Members: concat(common("A charge."), keyMembers(false), []form.Member{
				required(memberKind, "kind", oneOf, "What it is for. cash is a deposit, withdrawal or transfer and belongs to an account; realized is profit that a venue has booked itself."),
				required(memberAmount, "amount", anyDecimal, "Amount in currency; received is positive, paid negative."),
				required(memberCurrency, "currency", someName, "Currency of the amount."),
				optional(memberInCost, "in_cost", boolean, "true: the fee is in the cost of the position already, so that it is told and not subtracted. Of kind fee, in the base currency of a spot instrument whose base_fee is cost."),
				expectMember(),
			}),
		},
		build: func(d *draft) Mutation {
			return Charge{
				Meta: d.meta(), Key: d.key(), Kind: ChargeKind(d.choices[memberKind]),
				Amount: d.decimal(memberAmount), Currency: d.texts[memberCurrency], InCost: d.is,
			}
		},
		rules: chargeRules,
	}
}

func chargeRules() []any {
	return []any{
		form.When(form.Filled("strategy"), form.Filled("instrument")),
		form.When(form.Filled("leg"), form.Filled("instrument")),
		form.When(form.Given("expect_version"), form.Filled("instrument")),
		form.When(form.Is("kind", Cash.String()), form.Not(form.Filled("instrument"))),
		form.When(form.Is("in_cost", true), form.Is("kind", FeeCharge.String())),
		form.When(form.Is("in_cost", true), form.Filled("instrument")),
	}
}

func amendForm() mutationForm {
	return mutationForm{
		Form: form.Form{
			Name: "amend", About: "Sets the conditions of a position. What is absent stays as it is; something must be set.",
			Members: concat(common("An amendment."), keyMembers(true), []form.Member{
				optional(memberStop, "stop", decimalOrNull, "Stop price; null clears it."),
				optional(memberTargets, "targets", listOfDecimals, "Target prices; an empty list clears them."),
				optional(memberTags, "tags", listOfNames, "Tags; an empty list clears them."),
				optional(memberMetadata, "metadata", mapOfTexts, "Merged by name; an empty value removes the name."),
				expectMember(),
			}),
		},
		build: func(d *draft) Mutation {
			return Amend{
				Meta: d.meta(), Key: d.key(), Stop: d.pointer(memberStop), NoStop: d.noStop,
				Targets: d.targets, Tags: d.tags, Metadata: d.metadata,
			}
		},
		rules: amendRules,
	}
}

func amendRules() []any {
	return []any{form.AnyOf(form.Given("stop"), form.Given("targets"), form.Given("tags"), form.Given("metadata"))}
}

func instrumentForm() mutationForm {
	return mutationForm{
		Form: form.Form{
			Name: "instrument", About: "Gives an instrument its terms. They hold for the cycles that open from then on, and may change while no position is open.",
			Choices: map[form.ID][]string{
				memberKind: namesOf(Linear, Option), memberCostMethod: namesOf(Average, SpecificSize), memberOverReduction: namesOf(FlipOver, RejectOver),
				memberBaseFee: namesOf(FeeInCost, FeeApart),
			},
			Members: concat(common("A definition of an instrument."), []form.Member{
				required(memberInstrument, "instrument", someName, "Instrument."),
				required(memberKind, "kind", oneOf, "Which arithmetic it follows. linear, quanto and option: cost = qty * price * multiplier; inverse: cost = qty * multiplier / price; spot: as linear, and a fee in the base currency changes the quantity."),
				optional(memberMultiplier, "multiplier", positiveDecimal, "Settlement currency per unit and price point. Absent: 1."),
				optional(memberBase, "base", anyName, "Currency or asset that is bought and sold. Required for spot, and for inverse unless settlement names it; not the quote, but for options."),
				optional(memberQuote, "quote", anyName, "Currency of the price. Required for spot unless settlement is given."),
				optional(memberSettlement, "settlement", anyName, "Currency of cost and profit. Absent or empty: the quote (inverse: the base), else, for linear and option, the ledger's default. Required for quanto, and neither its base nor its quote; of inverse the base; of linear and spot not the base."),
				optional(memberPriceIncrement, "price_increment", positiveDecimal, "Step of prices. Under strict increments a fill off it is refused. Absent: none."),
				optional(memberSizeIncrement, "size_increment", positiveDecimal, "Step of quantities, as price_increment."),
				optional(memberCostMethod, "cost_method", oneOf, "Which cost leaves with a reduction. average: its share; fifo, lifo: the oldest, newest lot; hifo: the dearest lot (short: the cheapest); specific: the lot that the fill names; specific-size: the same, a lot of exactly the quantity preferred. Absent: the ledger's."),
				optional(memberOverReduction, "over_reduction", oneOf, "What becomes of a fill larger than the opposite position. flip: it closes it and opens the other way; strict: it is refused. Absent: the ledger's."),
				optional(memberBaseFee, "base_fee", oneOf, "What a fee in the base currency of a spot instrument does to the cost. cost: it leaves it whole, so that it is in the average and in the profit; apart: the cost is that of the changed quantity. Absent: cost."),
				optional(memberRounding, "rounding", roundingProfile, "Where the venue rounds, so that its own figures can be met. Absent: nowhere before the 18th place."),
			}),
		},
		build: func(d *draft) Mutation {
			t := Terms{
				Kind: InstrumentKind(d.choices[memberKind]), Multiplier: d.decimal(memberMultiplier),
				Base: d.texts[memberBase], Quote: d.texts[memberQuote], Settlement: d.texts[memberSettlement], Rounding: d.rounding,
			}
			if d.Has(memberCostMethod) {
				t.CostMethod = Average + CostMethod(d.choices[memberCostMethod])
			}
			t.BaseFee = BaseFee(d.choices[memberBaseFee])
			if d.Has(memberOverReduction) {
				t.OverReduction = FlipOver + OverReduction(d.choices[memberOverReduction])
			}
			return DefineInstrument{
				Meta: d.meta(), Instrument: d.texts[memberInstrument], Terms: t,
				PriceIncrement: d.decimal(memberPriceIncrement), SizeIncrement: d.decimal(memberSizeIncrement),
			}
		},
		rules: instrumentRules, givenRules: termsRules,
	}
}

func instrumentRules() []any {
	return []any{
		form.When(form.Is("kind", Spot.String()), form.Filled("base")),
		form.When(form.Is("base_fee", FeeApart.String()), form.Is("kind", Spot.String())),
	}
}

// termsRules catch currencies that are missing, not those that contradict each
// other: a schema does not compare members. They are for what is given; a record
// may hold a definition from before they were demanded.
func termsRules() []any {
	return []any{
		form.When(form.Is("kind", Inverse.String()), form.AnyOf(form.Filled("base"), form.Filled("settlement"))),
		form.When(form.Is("kind", Spot.String()), form.AnyOf(form.Filled("quote"), form.Filled("settlement"))),
		form.When(form.Is("kind", Quanto.String()), form.Filled("settlement")),
	}
}

func splitForm() mutationForm {
	return mutationForm{
		Form: form.Form{
			Name: "split", About: "Rescales an instrument: quantities by ratio/per, prices by the reverse, cost not at all. It touches every open position.",
			Members: concat(common("A split."), []form.Member{
				required(memberInstrument, "instrument", someName, "Instrument."),
				required(memberRatio, "ratio", positiveDecimal, "New quantity for per old units: 2 for a split of two for one."),
				optional(memberPer, "per", positiveDecimal, "Absent: 1. A reverse split of one for ten has ratio 1, per 10."),
				optional(memberIncrement, "increment", positiveDecimal, "New quantities are rounded down to multiples of it; what is cut off is sold at cash_price."),
				optional(memberCashPrice, "cash_price", anyDecimal, "Cash in lieu per new unit of what is cut off. Absent: it is lost with its cost. Has no meaning without increment."),
			}),
		},
		build: func(d *draft) Mutation {
			return Split{
				Meta: d.meta(), Instrument: d.texts[memberInstrument], Ratio: d.decimal(memberRatio), Per: d.decimal(memberPer),
				Increment: d.decimal(memberIncrement), CashPrice: d.pointer(memberCashPrice),
			}
		},
		rules: splitRules,
	}
}

func splitRules() []any {
	return []any{form.When(form.Given("cash_price"), form.Given("increment"))}
}

func settleForm() mutationForm {
	return mutationForm{
		Form: form.Form{
			Name: "settle", About: "Closes every open position of an instrument at one price.",
			Choices: map[form.ID][]string{memberReason: namesOf(Expiry, WriteOff)},
			Members: concat(common("A settlement."), []form.Member{
				required(memberInstrument, "instrument", someName, "Instrument."),
				optional(memberPrice, "price", anyDecimal, "Settlement price; required unless it is a write_off, which has none. Zero is a price, except for inverse instruments."),
				optional(memberReason, "reason", oneOf, "expiry (if absent), delist, or write_off: for nothing, whatever the instrument."),
			}),
		},
		build: func(d *draft) Mutation {
			return Settle{
				Meta: d.meta(), Instrument: d.texts[memberInstrument], Price: d.decimal(memberPrice), Reason: SettleReason(d.choices[memberReason]),
			}
		},
		check: func(d *draft) error {
			switch off := SettleReason(d.choices[memberReason]) == WriteOff; {
			case off && d.Has(memberPrice):
				return invalid("price", "has no meaning for a write-off: leave it out")
			case !off && !d.Has(memberPrice):
				return invalid("price", "is missing in a settle: only a write_off has none")
			}
			return nil
		},
		rules: settleRules,
	}
}

func settleRules() []any {
	off := form.Is("reason", WriteOff.String())
	return []any{form.When(off, form.Not(form.Given("price"))), form.When(form.Not(off), form.Given("price"))}
}

func transferForm() mutationForm {
	return mutationForm{
		Form: form.Form{
			Name: "transfer", About: "Moves an open quantity to another account, strategy or leg, with its cost and lots. Nothing is realised where it leaves.",
			Members: concat(common("A transfer."), keyMembers(true), []form.Member{
				optional(memberToAccount, "to_account", anyName, "Where it arrives. Absent or empty: the same account."),
				optional(memberToStrategy, "to_strategy", anyName, "Strategy where it arrives; absent or empty: none."),
				optional(memberToLeg, "to_leg", anyName, "Leg where it arrives; absent or empty: netting."),
				optional(memberQty, "qty", positiveDecimal, "Unsigned. Absent: all that is open."),
				lotMember("Which lots leave; absent: the cost method chooses."),
				expectMember(),
			}),
		},
		build: func(d *draft) Mutation {
			return Transfer{
				Meta: d.meta(), Key: d.key(), ToAccount: d.texts[memberToAccount], ToStrategy: d.texts[memberToStrategy], ToLeg: d.texts[memberToLeg],
				Qty: d.decimal(memberQty), Lot: d.lot,
			}
		},
		rules: transferRules,
	}
}

// transferRules catch what arrives where it leaves only in part: a schema does
// not compare members.
func transferRules() []any {
	elsewhere := form.AnyOf(form.Filled("to_account"), form.Filled("to_strategy"), form.Filled("to_leg"))
	return []any{form.When(form.Not(form.AnyOf(form.Filled("strategy"), form.Filled("leg"))), elsewhere)}
}

func adjustForm() mutationForm {
	return mutationForm{
		Form: form.Form{
			Name:    "adjust",
			Choices: map[form.ID][]string{memberSpread: namesOf(SpreadByQty, SpreadByCost)},
			About:   "Changes a position by hand or by a reconciliation, without a fill. All numbers are differences; one of qty, cost, realized and funding must not be zero.",
			Members: concat(common("An adjustment."), keyMembers(true), []form.Member{
				optional(memberQty, "qty", anyDecimal, "Signed difference of quantity. It must not cross zero."),
				optional(memberPrice, "price", anyDecimal, "Values a quantity that comes. Absent: the average entry, so that the average stays. Has no meaning without qty."),
				optional(memberCost, "cost", anyDecimal, "Difference of the cost, beside what qty moves."),
				optional(memberSpread, "spread", oneOf, "How cost is shared out among open lots. qty: each takes its share of the quantity, as of a return of capital or a duty per share; cost: its share of the cost, as of a spin-off. Absent: qty. Has no meaning without cost; under average cost it makes no difference."),
				optional(memberRealized, "realized", anyDecimal, "Difference of the cycle's gross profit."),
				optional(memberFunding, "funding", anyDecimal, "Difference of the cycle's funding."),
			}, reportMembers(someText), []form.Member{expectMember()}),
		},
		build: func(d *draft) Mutation {
			return Adjust{
				Meta: d.meta(), Key: d.key(), Qty: d.decimal(memberQty), Price: d.pointer(memberPrice), Cost: d.decimal(memberCost),
				Spread: Spread(d.choices[memberSpread]), Realized: d.decimal(memberRealized), Funding: d.decimal(memberFunding), Reason: d.texts[memberReason], Ref: d.texts[memberRef],
			}
		},
		check: func(d *draft) error {
			if d.Has(memberSpread) && d.decimal(memberCost).IsZero() {
				return invalid("spread", "has no meaning without cost")
			}
			return nil
		},
		rules: adjustRules,
	}
}

func adjustRules() []any {
	return []any{
		form.AnyOf(form.NonZero("qty"), form.NonZero("cost"), form.NonZero("realized"), form.NonZero("funding")),
		form.When(form.Given("price"), form.NonZero("qty")),
		form.When(form.Given("spread"), form.NonZero("cost")),
	}
}

func adoptForm() mutationForm {
	return mutationForm{
		Form: form.Form{
			Name: "adopt", About: "Sets a position to what a venue or another system reports: an opening balance, or the truth after a stretch that was missed. Nothing is realised.",
			Members: concat(common("An adoption."), keyMembers(true), []form.Member{
				required(memberQty, "qty", anyDecimal, "Signed: long is positive; 0: flat."),
				optional(memberPrice, "price", anyDecimal, "Average entry price. Unless qty is 0, exactly one of price, cost and lots is required."),
				optional(memberCost, "cost", anyDecimal, "Cost of qty in the settlement currency, signed like it. Preferred where the venue reports it, because a rounded average is not exact."),
				optional(memberLots, "lots", listOfLots, "The open lots, under a cost method with lots; their quantities sum to qty."),
				optional(memberRealized, "realized", anyDecimal, "Gross profit of the cycle so far. Absent: as it is."),
				optional(memberFunding, "funding", anyDecimal, "Funding of the cycle so far. Absent: as it is."),
				optional(memberHigh, "high", anyDecimal, "Highest price since the cycle began. Absent: as it is."),
				optional(memberLow, "low", anyDecimal, "Lowest price since the cycle began, not above high. Absent: as it is."),
				optional(memberOpened, "opened", timestamp, "When the cycle began. Absent: as it is, for a new cycle the time."),
			}, reportMembers(anyText), []form.Member{expectMember()}),
		},
		build: func(d *draft) Mutation {
			return Adopt{
				Meta: d.meta(), Key: d.key(), Qty: d.decimal(memberQty), Price: d.pointer(memberPrice), Cost: d.pointer(memberCost),
				Lots: d.lots, Realized: d.pointer(memberRealized), Funding: d.pointer(memberFunding), High: d.pointer(memberHigh), Low: d.pointer(memberLow),
				Opened: d.opened, Reason: d.texts[memberReason], Ref: d.texts[memberRef],
			}
		},
		rules: adoptRules,
	}
}

func adoptRules() []any {
	valued := []any{form.Given("price"), form.Given("cost"), form.Given("lots")}
	return []any{
		form.When(form.NonZero("qty"), form.OneOf(valued...)),
		form.When(form.Not(form.NonZero("qty")), form.Not(form.AnyOf(valued...))),
	}
}

func bustForm() mutationForm {
	return mutationForm{
		Form: form.Form{
			Name: "bust", About: "Cancels an earlier fill: what followed it is folded again without it.",
			Members: concat(common("A bust."), keyMembers(true), []form.Member{
				required(memberFill, "fill", someName, "Id of the fill, whose key this must be."),
				optional(memberReason, "reason", anyText, "Why, in one line of at most 1024 bytes."),
				expectMember(),
			}),
		},
		build: func(d *draft) Mutation {
			return Bust{Meta: d.meta(), Key: d.key(), Fill: d.texts[memberFill], Reason: d.texts[memberReason]}
		},
	}
}

func correctForm() mutationForm {
	return mutationForm{
		Form: form.Form{
			Name: "correct", About: "Amends an earlier fill: what followed it is folded again with these values in its place. The fill keeps its id, time and lot.",
			Choices: map[form.ID][]string{memberSide: sides()},
			Members: concat(common("A correction."), keyMembers(true), []form.Member{
				required(memberFill, "fill", someName, "Id of the fill, whose key this must be."),
			}, fillMembers(), []form.Member{
				optional(memberReason, "reason", anyText, "Why, in one line of at most 1024 bytes."),
				expectMember(),
			}),
		},
		build: func(d *draft) Mutation {
			return Correct{
				Meta: d.meta(), Key: d.key(), Fill: d.texts[memberFill], Side: d.side(), Qty: d.decimal(memberQty), Price: d.decimal(memberPrice),
				Fee: d.decimal(memberFee), FeeCurrency: d.texts[memberFeeCurrency], Reason: d.texts[memberReason],
			}
		},
	}
}
