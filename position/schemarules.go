package position

// The rules between members are what Validate, and a form's check, demand beyond
// single members.

// filled is the condition that a member is there and not empty.
func filled(name string) node {
	return node{"required": []string{name}, "properties": node{name: node{"type": "string", "minLength": 1}}}
}

// nonZero is the condition that a decimal is there and not zero.
func nonZero(name string) node {
	return node{"required": []string{name}, "properties": node{name: node{"type": "string", "pattern": "[1-9]"}}}
}

func is(name, what string) node {
	return node{"required": []string{name}, "properties": node{name: node{"const": what}}}
}

// yes is the condition that a boolean is there and true.
func yes(name string) node {
	return node{"required": []string{name}, "properties": node{name: node{"const": true}}}
}

func given(name string) node { return node{"required": []string{name}} }

func not(condition node) node { return node{"not": condition} }

func anyOf(conditions ...any) node { return node{"anyOf": conditions} }

func when(condition, rule node) node { return node{"if": condition, "then": rule} }

func chargeRules() []any {
	return []any{
		when(filled("strategy"), filled("instrument")),
		when(filled("leg"), filled("instrument")),
		when(given("expect_version"), filled("instrument")),
		when(is("kind", Cash.String()), not(filled("instrument"))),
		when(yes("in_cost"), is("kind", FeeCharge.String())),
		when(yes("in_cost"), filled("instrument")),
	}
}

func amendRules() []any {
	return []any{anyOf(given("stop"), given("targets"), given("tags"), given("metadata"))}
}

func instrumentRules() []any {
	return []any{
		when(is("kind", Spot.String()), filled("base")),
		when(is("base_fee", FeeApart.String()), is("kind", Spot.String())),
	}
}

// termsRules catch currencies that are missing, not those that contradict each
// other: a schema does not compare members. They are for what is given; a record
// may hold a definition from before they were demanded.
func termsRules() []any {
	return []any{
		when(is("kind", Inverse.String()), anyOf(filled("base"), filled("settlement"))),
		when(is("kind", Spot.String()), anyOf(filled("quote"), filled("settlement"))),
		when(is("kind", Quanto.String()), filled("settlement")),
	}
}

func splitRules() []any {
	return []any{when(given("cash_price"), given("increment"))}
}

func settleRules() []any {
	off := is("reason", WriteOff.String())
	return []any{when(off, not(given("price"))), when(not(off), given("price"))}
}

// transferRules catch what arrives where it leaves only in part: a schema does
// not compare members.
func transferRules() []any {
	elsewhere := anyOf(filled("to_account"), filled("to_strategy"), filled("to_leg"))
	return []any{when(not(anyOf(filled("strategy"), filled("leg"))), elsewhere)}
}

func adjustRules() []any {
	return []any{
		anyOf(nonZero("qty"), nonZero("cost"), nonZero("realized"), nonZero("funding")),
		when(given("price"), nonZero("qty")),
		when(given("spread"), nonZero("cost")),
	}
}

func adoptRules() []any {
	valued := []any{given("price"), given("cost"), given("lots")}
	return []any{
		when(nonZero("qty"), node{"oneOf": valued}),
		when(not(nonZero("qty")), not(anyOf(valued...))),
	}
}
