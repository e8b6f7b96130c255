package position

// A line of input is checked against one table: which members each type of
// mutation has, how each is written, and which must be there. The parser and
// the JSON Schema are both made from it, so they cannot drift apart.

// memberID is a member's place in a draft.
type memberID uint8

const (
	memberType memberID = iota
	memberIdent
	memberTime
	memberAccount
	memberInstrument
	memberStrategy
	memberLeg
	memberSide
	memberQty
	memberPrice
	memberFee
	memberFeeCurrency
	memberKind
	memberAmount
	memberCurrency
	memberMultiplier
	memberBase
	memberQuote
	memberSettlement
	memberStop
	memberTargets
	memberTags
	memberMetadata
	memberExpect
	members // how many there are
)

// shape is how a member is written.
type shape uint8

const (
	oneOf            shape = iota // a string out of choices
	someName                      // a name of 1 to 64 bytes
	anyName                       // a name that may be empty
	timestamp                     // RFC 3339
	anyDecimal                    // a decimal in a string
	positiveDecimal               // above zero
	decimalOrNull                 // null clears
	listOfDecimals                // at most MaxTargets
	listOfNames                   // at most MaxTags
	mapOfTexts                    // at most MaxMeta names, values of MaxValue bytes
	nonNegativeCount              // an integer without fraction or exponent
)

type member struct {
	id    memberID
	name  string
	shape shape
	need  bool
	about string
}

// form is one type of mutation.
type form struct {
	name    string
	about   string
	choices map[memberID][]string // of its members of shape oneOf
	members []member
	build   func(*draft) Mutation
	rules   func() []any // of the schema, between members; Validate checks the same
}

func common(about string) []member {
	return []member{
		{memberType, "type", oneOf, true, about},
		{memberIdent, "id", someName, false, "Idempotency key. The same id with the same content is applied once. Made if absent; UUIDv5 of venue and execution id is recommended."},
		{memberTime, "time", timestamp, false, "When it happened, by the engine's clock: RFC 3339 with up to 9 fractional digits, after 1970-01-01T00:00:00Z and before 2262. Absent: when it is applied."},
	}
}

func keyMembers(needInstrument bool) []member {
	return []member{
		{memberAccount, "account", someName, true, "Account."},
		{memberInstrument, "instrument", nameShape(needInstrument), needInstrument, "Instrument."},
		{memberStrategy, "strategy", anyName, false, "Strategy; empty for none."},
		{memberLeg, "leg", anyName, false, "Empty for netting; a name such as long or short where opposite positions are held side by side."},
	}
}

func nameShape(needed bool) shape {
	if needed {
		return someName
	}
	return anyName
}

func expectMember() member {
	return member{memberExpect, "expect_version", nonNegativeCount, false, "Apply only if the position has this version; 0: only if it is new."}
}

func concat(parts ...[]member) []member {
	var out []member
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

// forms is the table.
//
//nolint:gochecknoglobals // a constant that Go cannot express as one
var forms = [...]form{
	{
		name: "fill", about: "One execution.",
		choices: map[memberID][]string{memberSide: {"buy", "sell"}},
		members: concat(common("A fill."), keyMembers(true), []member{
			{memberSide, "side", oneOf, true, "Direction."},
			{memberQty, "qty", positiveDecimal, true, "Quantity in units or contracts."},
			{memberPrice, "price", anyDecimal, true, "Price in the quote currency."},
			{memberFee, "fee", anyDecimal, false, "Fee in fee_currency; paid is positive, a rebate negative."},
			{memberFeeCurrency, "fee_currency", anyName, false, "Absent or empty: the settlement currency."},
			expectMember(),
		}),
		build: func(d *draft) Mutation {
			return Fill{
				Meta: d.meta(), Key: d.key(), Side: d.side, Qty: d.decimals[memberQty], Price: d.decimals[memberPrice],
				Fee: d.decimals[memberFee], FeeCurrency: d.texts[memberFeeCurrency],
			}
		},
	},
	{
		name: "mark", about: "A new mark price of an instrument.",
		members: concat(common("A mark."), []member{
			{memberInstrument, "instrument", someName, true, "Instrument."},
			{memberPrice, "price", anyDecimal, true, "Price in the quote currency."},
		}),
		build: func(d *draft) Mutation {
			return Mark{Meta: d.meta(), Instrument: d.texts[memberInstrument], Price: d.decimals[memberPrice]}
		},
	},
	{
		name: "charge", about: "Money received or paid beside a fill. Without an instrument it belongs to the account.",
		choices: map[memberID][]string{memberKind: namesOf(OtherCharge, Cash)},
		members: concat(common("A charge."), keyMembers(false), []member{
			{memberKind, "kind", oneOf, true, "What it is for; cash is a deposit, withdrawal or transfer and belongs to an account."},
			{memberAmount, "amount", anyDecimal, true, "Amount in currency; received is positive, paid negative."},
			{memberCurrency, "currency", someName, true, "Currency of the amount."},
			expectMember(),
		}),
		build: func(d *draft) Mutation {
			return Charge{
				Meta: d.meta(), Key: d.key(), Kind: ChargeKind(d.choice),
				Amount: d.decimals[memberAmount], Currency: d.texts[memberCurrency],
			}
		},
		rules: chargeRules,
	},
	{
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
				Meta: d.meta(), Key: d.key(), Stop: d.stop, NoStop: d.noStop,
				Targets: d.targets, Tags: d.tags, Metadata: d.metadata,
			}
		},
		rules: amendRules,
	},
	{
		name: "instrument", about: "Gives an instrument its terms.",
		choices: map[memberID][]string{memberKind: namesOf(Linear, Option)},
		members: concat(common("A definition of an instrument."), []member{
			{memberInstrument, "instrument", someName, true, "Instrument."},
			{memberKind, "kind", oneOf, true, "Which arithmetic it follows."},
			{memberMultiplier, "multiplier", positiveDecimal, false, "Settlement currency per unit and price point. Absent: 1."},
			{memberBase, "base", anyName, false, "Currency or asset that is bought and sold; required for spot."},
			{memberQuote, "quote", anyName, false, "Currency of the price."},
			{memberSettlement, "settlement", anyName, false, "Currency of cost and profit. Absent or empty: the quote (inverse: the base), else the ledger's default."},
		}),
		build: func(d *draft) Mutation {
			return DefineInstrument{Meta: d.meta(), Instrument: d.texts[memberInstrument], Terms: Terms{
				Kind: InstrumentKind(d.choice), Multiplier: d.decimals[memberMultiplier],
				Base: d.texts[memberBase], Quote: d.texts[memberQuote], Settlement: d.texts[memberSettlement],
			}}
		},
		rules: instrumentRules,
	},
}

// namesOf lists the names of an enumeration in the order of its values.
func namesOf[K interface {
	ChargeKind | InstrumentKind
	String() string
}](first, last K) []string {
	var out []string
	for k := first; k <= last; k++ {
		out = append(out, k.String())
	}
	return out
}
