package position

import "github.com/moneyprinter/holdfast/internal/form"

// A line of input is checked against one table: which members each type of
// mutation has, how each is written, and which must be there. The parser and
// the JSON Schema are both made from it, so they cannot drift apart.

// A member's ID is its place in a draft. Texts come first, then decimals, then
// what a draft holds in other ways.
const (
	memberIdent form.ID = iota
	memberAccount
	memberInstrument
	memberStrategy
	memberLeg
	memberFeeCurrency
	memberCurrency
	memberBase
	memberQuote
	memberSettlement
	memberReason // of a settlement: a choice
	memberToAccount
	memberToStrategy
	memberToLeg
	memberRef
	memberFill
	texts // how many there are
)

const (
	memberQty = iota + texts
	memberPrice
	memberFee
	memberAmount
	memberMultiplier
	memberPriceIncrement
	memberSizeIncrement
	memberStop
	memberRatio
	memberPer
	memberIncrement
	memberCashPrice
	memberCost
	memberRealized
	memberFunding
	memberHigh
	memberLow
	afterDecimals
)

const (
	memberType = iota + afterDecimals
	memberTime
	memberSide
	memberKind
	memberCostMethod
	memberOverReduction
	memberLot
	memberLots
	memberRounding
	memberReduceOnly
	memberInCost
	memberBaseFee
	memberTargets
	memberTags
	memberMetadata
	memberOpened
	memberSpread
	memberExpect
	members // how many there are; a draft remembers those it has seen in 64 bits
)

// The shapes: how a member is written.
const (
	oneOf            form.Shape = iota // a string out of choices
	someName                           // a name of 1 to 64 bytes
	anyName                            // a name that may be empty
	someText                           // a line of 1 to MaxReason bytes
	anyText                            // a line that may be empty
	timestamp                          // RFC 3339
	anyDecimal                         // a decimal in a string
	positiveDecimal                    // above zero
	decimalOrNull                      // null clears
	listOfDecimals                     // at most MaxTargets
	listOfNames                        // at most MaxTags
	mapOfTexts                         // at most MaxMeta names, values of MaxValue bytes
	lotChoice                          // a lot's label, or an object that selects lots
	listOfLots                         // 1 to MaxLots open lots
	roundingProfile                    // an object of rounding rules
	boolean                            // true or false
	nonNegativeCount                   // an integer without fraction or exponent
)

// mutationForm is one type of mutation.
type mutationForm struct {
	form.Form

	build func(*draft) Mutation
	check func(*draft) error // what Validate cannot see any more, such as whether a zero was given
	rules func() []any       // of the schema, between members; Validate and check demand the same
	// givenRules are demanded of what is given, not of what was recorded: see
	// ValidateRecorded. Nil: none.
	givenRules func() []any
}

// formOf returns the form of a type, nil for an unknown one.
func formOf(typ string) *mutationForm {
	for i := range forms {
		if forms[i].Name == typ {
			return &forms[i]
		}
	}
	return nil
}

// MutationMembers returns the names of the members that the JSON form of a type
// of mutation may have, "type" first; nil for an unknown type.
func MutationMembers(typ string) []string {
	if f := formOf(typ); f != nil {
		return f.MemberNames()
	}
	return nil
}

// MutationTypes returns the types of mutation, as their JSON forms name them.
func MutationTypes() []string {
	var names []string
	for i := range forms {
		names = append(names, forms[i].Name)
	}
	return names
}

func required(id form.ID, name string, shape form.Shape, about string) form.Member {
	return form.Member{ID: id, Name: name, Shape: shape, Need: true, About: about}
}

func optional(id form.ID, name string, shape form.Shape, about string) form.Member {
	return form.Member{ID: id, Name: name, Shape: shape, About: about}
}

func common(about string) []form.Member {
	return []form.Member{
		required(memberType, "type", oneOf, about),
		optional(memberIdent, "id", someName, "Idempotency key. The same id with the same content is applied once. Made if absent; UUIDv5 of venue and execution id is recommended."),
		optional(memberTime, "time", timestamp, "When it happened, by the engine's clock: RFC 3339 with up to 9 fractional digits, after 1970-01-01T00:00:00Z and before 2262. Absent: when it is applied."),
	}
}

func keyMembers(needInstrument bool) []form.Member {
	return []form.Member{
		required(memberAccount, "account", someName, "Account."),
		{ID: memberInstrument, Name: "instrument", Shape: nameShape(needInstrument), Need: needInstrument, About: "Instrument."},
		optional(memberStrategy, "strategy", anyName, "Strategy; empty for none."),
		optional(memberLeg, "leg", anyName, "Empty for netting; a name such as long or short where opposite positions are held side by side."),
	}
}

// fillMembers are what an execution and its correction have in common.
func fillMembers() []form.Member {
	return []form.Member{
		required(memberSide, "side", oneOf, "Direction of the execution."),
		required(memberQty, "qty", positiveDecimal, "Quantity in units or contracts."),
		required(memberPrice, "price", anyDecimal, "Price in the quote currency; must be positive for an inverse instrument."),
		optional(memberFee, "fee", anyDecimal, "Fee in fee_currency; paid is positive, a rebate negative."),
		optional(memberFeeCurrency, "fee_currency", anyName, "Absent or empty: the settlement currency. The base currency of a spot instrument: the fee changes the quantity."),
	}
}

// reportMembers say why something was done without an execution.
func reportMembers(reason form.Shape) []form.Member {
	return []form.Member{
		{ID: memberReason, Name: "reason", Shape: reason, Need: reason == someText, About: "Why, in one line of at most 1024 bytes."},
		optional(memberRef, "ref", anyName, "Of a ticket, statement or case."),
	}
}

func nameShape(needed bool) form.Shape {
	if needed {
		return someName
	}
	return anyName
}

func expectMember() form.Member {
	return optional(memberExpect, "expect_version", nonNegativeCount, "Apply only if the position has this version; 0: only if it is new.")
}

func lotMember(about string) form.Member {
	return optional(memberLot, "lot", lotChoice, about+" A label, or an object with label, price (entry price of the lot) and opened (date in UTC, or exact time), all of which must fit. Has no meaning under average cost.")
}

func concat(parts ...[]form.Member) []form.Member {
	var out []form.Member
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

// namesOf lists the names of an enumeration in the order of its values.
func namesOf[K interface {
	ChargeKind | InstrumentKind | CostMethod | OverReduction | BaseFee | SettleReason | Spread
	String() string
}](first, last K) []string {
	var out []string
	for k := first; k <= last; k++ {
		out = append(out, k.String())
	}
	return out
}
