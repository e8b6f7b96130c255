package position

// forms is the table.
//
//nolint:gochecknoglobals // a constant that Go cannot express as one
var forms = [...]form{
	fillForm(), markForm(), chargeForm(), amendForm(), instrumentForm(), splitForm(), settleForm(),
	transferForm(), adjustForm(), adoptForm(), bustForm(), correctForm(),
}

func sides() []string { return []string{Buy.String(), Sell.String()} }

func fillForm() form {
	return form{
		name: "fill", about: "One execution. It opens, increases, reduces, closes or flips the position of its key.",
		choices: map[memberID][]string{memberSide: sides()},
		members: concat(common("A fill."), keyMembers(true), fillMembers(), []member{
			{memberReduceOnly, "reduce_only", boolean, false, "true: refuse the fill where it would open, increase or flip the position."},
			lotMember("Which lots a reduction consumes; where the fill opens a lot, its label (absent: the fill's id)."),
			expectMember(),
		}),
		build: func(d *draft) Mutation {
			return Fill{
				Meta: d.meta(), Key: d.key(), Side: d.side(), Qty: d.decimal(memberQty), Price: d.decimal(memberPrice),
				Fee: d.decimal(memberFee), FeeCurrency: d.texts[memberFeeCurrency], Lot: d.lot,
				ReduceOnly: d.is,
			}
		},
	}
}

func markForm() form {
	return form{
		name: "mark", about: "A new mark price of an instrument. It values open positions and moves their high and low.",
		members: concat(common("A mark."), []member{
			{memberInstrument, "instrument", someName, true, "Instrument."},
			{memberPrice, "price", anyDecimal, true, "Price in the quote currency."},
		}),
		build: func(d *draft) Mutation {
			return Mark{Meta: d.meta(), Instrument: d.texts[memberInstrument], Price: d.decimal(memberPrice)}
		},
	}
}

func chargeForm() form {
	return form{
		name: "charge", about: "Money received or paid beside a fill. With an instrument it belongs to that position, to its last cycle while it is flat; without one it belongs to the account.",
		choices: map[memberID][]string{memberKind: namesOf(OtherCharge, RealizedCharge)},
		members: concat(common("A charge."), keyMembers(false), []member{
			{memberKind, "kind", oneOf, true, "What it is for. cash is a deposit, withdrawal or transfer and belongs to an account; realized is profit that a venue has booked itself."},
			{memberAmount, "amount", anyDecimal, true, "Amount in currency; received is positive, paid negative."},
			{memberCurrency, "currency", someName, true, "Currency of the amount."},
			{memberInCost, "in_cost", boolean, false, "true: the fee is in the cost of the position already, so that it is told and not subtracted. Of kind fee, in the base currency of a spot instrument whose base_fee is cost."},
			expectMember(),
		}),
		build: func(d *draft) Mutation {
			return Charge{
				Meta: d.meta(), Key: d.key(), Kind: ChargeKind(d.choices[memberKind]),
				Amount: d.decimal(memberAmount), Currency: d.texts[memberCurrency], InCost: d.is,
			}
		},
		rules: chargeRules,
	}
}

func amendForm() form {
	return form{
		name: "amend", about: "Sets the conditions of a position. What is absent stays as it is; something must be set.",
		members: concat(common("An amendment."), keyMembers(true), []member{
			{memberStop, "stop", decimalOrNull, false, "Stop price; null clears it."},
			{memberTargets, "targets", listOfDecimals, false, "Target prices; an empty list clears them."},
			{memberTags, "tags", listOfNames, false, "Tags; an empty list clears them."},
			{memberMetadata, "metadata", mapOfTexts, false, "Merged by name; an empty value removes the name."},
			expectMember(),
		}),
		build: func(d *draft) Mutation {
			return Amend{
				Meta: d.meta(), Key: d.key(), Stop: d.pointer(memberStop), NoStop: d.noStop,
				Targets: d.targets, Tags: d.tags, Metadata: d.metadata,
			}
		},
		rules: amendRules,
	}
}

func instrumentForm() form {
	return form{
		name: "instrument", about: "Gives an instrument its terms. They hold for the cycles that open from then on, and may change while no position is open.",
		choices: map[memberID][]string{
			memberKind: namesOf(Linear, Option), memberCostMethod: namesOf(Average, SpecificSize), memberOverReduction: namesOf(FlipOver, RejectOver),
			memberBaseFee: namesOf(FeeInCost, FeeApart),
		},
		members: concat(common("A definition of an instrument."), []member{
			{memberInstrument, "instrument", someName, true, "Instrument."},
			{memberKind, "kind", oneOf, true, "Which arithmetic it follows. linear, quanto and option: cost = qty * price * multiplier; inverse: cost = qty * multiplier / price; spot: as linear, and a fee in the base currency changes the quantity."},
			{memberMultiplier, "multiplier", positiveDecimal, false, "Settlement currency per unit and price point. Absent: 1."},
			{memberBase, "base", anyName, false, "Currency or asset that is bought and sold. Required for spot, and for inverse unless settlement names it; not the quote, but for options."},
			{memberQuote, "quote", anyName, false, "Currency of the price. Required for spot unless settlement is given."},
			{memberSettlement, "settlement", anyName, false, "Currency of cost and profit. Absent or empty: the quote (inverse: the base), else, for linear and option, the ledger's default. Required for quanto, and neither its base nor its quote; of inverse the base; of linear and spot not the base."},
			{memberPriceIncrement, "price_increment", positiveDecimal, false, "Step of prices. Under strict increments a fill off it is refused. Absent: none."},
			{memberSizeIncrement, "size_increment", positiveDecimal, false, "Step of quantities, as price_increment."},
			{memberCostMethod, "cost_method", oneOf, false, "Which cost leaves with a reduction. average: its share; fifo, lifo: the oldest, newest lot; hifo: the dearest lot (short: the cheapest); specific: the lot that the fill names; specific-size: the same, a lot of exactly the quantity preferred. Absent: the ledger's."},
			{memberOverReduction, "over_reduction", oneOf, false, "What becomes of a fill larger than the opposite position. flip: it closes it and opens the other way; strict: it is refused. Absent: the ledger's."},
			{memberBaseFee, "base_fee", oneOf, false, "What a fee in the base currency of a spot instrument does to the cost. cost: it leaves it whole, so that it is in the average and in the profit; apart: the cost is that of the changed quantity. Absent: cost."},
			{memberRounding, "rounding", roundingProfile, false, "Where the venue rounds, so that its own figures can be met. Absent: nowhere before the 18th place."},
		}),
		build: func(d *draft) Mutation {
			t := Terms{
				Kind: InstrumentKind(d.choices[memberKind]), Multiplier: d.decimal(memberMultiplier),
				Base: d.texts[memberBase], Quote: d.texts[memberQuote], Settlement: d.texts[memberSettlement], Rounding: d.rounding,
			}
			if d.has(memberCostMethod) {
				t.CostMethod = Average + CostMethod(d.choices[memberCostMethod])
			}
			t.BaseFee = BaseFee(d.choices[memberBaseFee])
			if d.has(memberOverReduction) {
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

func splitForm() form {
	return form{
		name: "split", about: "Rescales an instrument: quantities by ratio/per, prices by the reverse, cost not at all. It touches every open position.",
		members: concat(common("A split."), []member{
			{memberInstrument, "instrument", someName, true, "Instrument."},
			{memberRatio, "ratio", positiveDecimal, true, "New quantity for per old units: 2 for a split of two for one."},
			{memberPer, "per", positiveDecimal, false, "Absent: 1. A reverse split of one for ten has ratio 1, per 10."},
			{memberIncrement, "increment", positiveDecimal, false, "New quantities are rounded down to multiples of it; what is cut off is sold at cash_price."},
			{memberCashPrice, "cash_price", anyDecimal, false, "Cash in lieu per new unit of what is cut off. Absent: it is lost with its cost. Has no meaning without increment."},
		}),
		build: func(d *draft) Mutation {
			return Split{
				Meta: d.meta(), Instrument: d.texts[memberInstrument], Ratio: d.decimal(memberRatio), Per: d.decimal(memberPer),
				Increment: d.decimal(memberIncrement), CashPrice: d.pointer(memberCashPrice),
			}
		},
		rules: splitRules,
	}
}

func settleForm() form {
	return form{
		name: "settle", about: "Closes every open position of an instrument at one price.",
		choices: map[memberID][]string{memberReason: namesOf(Expiry, WriteOff)},
		members: concat(common("A settlement."), []member{
			{memberInstrument, "instrument", someName, true, "Instrument."},
			{memberPrice, "price", anyDecimal, false, "Settlement price; required unless it is a write_off, which has none. Zero is a price, except for inverse instruments."},
			{memberReason, "reason", oneOf, false, "expiry (if absent), delist, or write_off: for nothing, whatever the instrument."},
		}),
		build: func(d *draft) Mutation {
			return Settle{
				Meta: d.meta(), Instrument: d.texts[memberInstrument], Price: d.decimal(memberPrice), Reason: SettleReason(d.choices[memberReason]),
			}
		},
		check: func(d *draft) error {
			switch off := SettleReason(d.choices[memberReason]) == WriteOff; {
			case off && d.has(memberPrice):
				return invalid("price", "has no meaning for a write-off: leave it out")
			case !off && !d.has(memberPrice):
				return invalid("price", "is missing in a settle: only a write_off has none")
			}
			return nil
		},
		rules: settleRules,
	}
}

func transferForm() form {
	return form{
		name: "transfer", about: "Moves an open quantity to another account, strategy or leg, with its cost and lots. Nothing is realised where it leaves.",
		members: concat(common("A transfer."), keyMembers(true), []member{
			{memberToAccount, "to_account", anyName, false, "Where it arrives. Absent or empty: the same account."},
			{memberToStrategy, "to_strategy", anyName, false, "Strategy where it arrives; absent or empty: none."},
			{memberToLeg, "to_leg", anyName, false, "Leg where it arrives; absent or empty: netting."},
			{memberQty, "qty", positiveDecimal, false, "Unsigned. Absent: all that is open."},
			lotMember("Which lots leave; absent: the cost method chooses."),
			expectMember(),
		}),
		build: func(d *draft) Mutation {
			return Transfer{
				Meta: d.meta(), Key: d.key(), ToAccount: d.texts[memberToAccount], ToStrategy: d.texts[memberToStrategy], ToLeg: d.texts[memberToLeg],
				Qty: d.decimal(memberQty), Lot: d.lot,
			}
		},
		rules: transferRules,
	}
}

func adjustForm() form {
	return form{
		name:    "adjust",
		choices: map[memberID][]string{memberSpread: namesOf(SpreadByQty, SpreadByCost)},
		about:   "Changes a position by hand or by a reconciliation, without a fill. All numbers are differences; one of qty, cost, realized and funding must not be zero.",
		members: concat(common("An adjustment."), keyMembers(true), []member{
			{memberQty, "qty", anyDecimal, false, "Signed difference of quantity. It must not cross zero."},
			{memberPrice, "price", anyDecimal, false, "Values a quantity that comes. Absent: the average entry, so that the average stays. Has no meaning without qty."},
			{memberCost, "cost", anyDecimal, false, "Difference of the cost, beside what qty moves."},
			{memberSpread, "spread", oneOf, false, "How cost is shared out among open lots. qty: each takes its share of the quantity, as of a return of capital or a duty per share; cost: its share of the cost, as of a spin-off. Absent: qty. Has no meaning without cost; under average cost it makes no difference."},
			{memberRealized, "realized", anyDecimal, false, "Difference of the cycle's gross profit."},
			{memberFunding, "funding", anyDecimal, false, "Difference of the cycle's funding."},
		}, reportMembers(someText), []member{expectMember()}),
		build: func(d *draft) Mutation {
			return Adjust{
				Meta: d.meta(), Key: d.key(), Qty: d.decimal(memberQty), Price: d.pointer(memberPrice), Cost: d.decimal(memberCost),
				Spread: Spread(d.choices[memberSpread]), Realized: d.decimal(memberRealized), Funding: d.decimal(memberFunding), Reason: d.texts[memberReason], Ref: d.texts[memberRef],
			}
		},
		check: func(d *draft) error {
			if d.has(memberSpread) && d.decimal(memberCost).IsZero() {
				return invalid("spread", "has no meaning without cost")
			}
			return nil
		},
		rules: adjustRules,
	}
}

func adoptForm() form {
	return form{
		name: "adopt", about: "Sets a position to what a venue or another system reports: an opening balance, or the truth after a stretch that was missed. Nothing is realised.",
		members: concat(common("An adoption."), keyMembers(true), []member{
			{memberQty, "qty", anyDecimal, true, "Signed: long is positive; 0: flat."},
			{memberPrice, "price", anyDecimal, false, "Average entry price. Unless qty is 0, exactly one of price, cost and lots is required."},
			{memberCost, "cost", anyDecimal, false, "Cost of qty in the settlement currency, signed like it. Preferred where the venue reports it, because a rounded average is not exact."},
			{memberLots, "lots", listOfLots, false, "The open lots, under a cost method with lots; their quantities sum to qty."},
			{memberRealized, "realized", anyDecimal, false, "Gross profit of the cycle so far. Absent: as it is."},
			{memberFunding, "funding", anyDecimal, false, "Funding of the cycle so far. Absent: as it is."},
			{memberHigh, "high", anyDecimal, false, "Highest price since the cycle began. Absent: as it is."},
			{memberLow, "low", anyDecimal, false, "Lowest price since the cycle began, not above high. Absent: as it is."},
			{memberOpened, "opened", timestamp, false, "When the cycle began. Absent: as it is, for a new cycle the time."},
		}, reportMembers(anyText), []member{expectMember()}),
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

func bustForm() form {
	return form{
		name: "bust", about: "Cancels an earlier fill: what followed it is folded again without it.",
		members: concat(common("A bust."), keyMembers(true), []member{
			{memberFill, "fill", someName, true, "Id of the fill, whose key this must be."},
			{memberReason, "reason", anyText, false, "Why, in one line of at most 1024 bytes."},
			expectMember(),
		}),
		build: func(d *draft) Mutation {
			return Bust{Meta: d.meta(), Key: d.key(), Fill: d.texts[memberFill], Reason: d.texts[memberReason]}
		},
	}
}

func correctForm() form {
	return form{
		name: "correct", about: "Amends an earlier fill: what followed it is folded again with these values in its place. The fill keeps its id, time and lot.",
		choices: map[memberID][]string{memberSide: sides()},
		members: concat(common("A correction."), keyMembers(true), []member{
			{memberFill, "fill", someName, true, "Id of the fill, whose key this must be."},
		}, fillMembers(), []member{
			{memberReason, "reason", anyText, false, "Why, in one line of at most 1024 bytes."},
			expectMember(),
		}),
		build: func(d *draft) Mutation {
			return Correct{
				Meta: d.meta(), Key: d.key(), Fill: d.texts[memberFill], Side: d.side(), Qty: d.decimal(memberQty), Price: d.decimal(memberPrice),
				Fee: d.decimal(memberFee), FeeCurrency: d.texts[memberFeeCurrency], Reason: d.texts[memberReason],
			}
		},
	}
}
