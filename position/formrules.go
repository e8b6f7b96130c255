package position

import "github.com/moneyprinter/holdfast/internal/form"

// The rules between members are what Validate, and a form's check, demand beyond
// single members.

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

func amendRules() []any {
	return []any{form.AnyOf(form.Given("stop"), form.Given("targets"), form.Given("tags"), form.Given("metadata"))}
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

func splitRules() []any {
	return []any{form.When(form.Given("cash_price"), form.Given("increment"))}
}

func settleRules() []any {
	off := form.Is("reason", WriteOff.String())
	return []any{form.When(off, form.Not(form.Given("price"))), form.When(form.Not(off), form.Given("price"))}
}

// transferRules catch what arrives where it leaves only in part: a schema does
// not compare members.
func transferRules() []any {
	elsewhere := form.AnyOf(form.Filled("to_account"), form.Filled("to_strategy"), form.Filled("to_leg"))
	return []any{form.When(form.Not(form.AnyOf(form.Filled("strategy"), form.Filled("leg"))), elsewhere)}
}

func adjustRules() []any {
	return []any{
		form.AnyOf(form.NonZero("qty"), form.NonZero("cost"), form.NonZero("realized"), form.NonZero("funding")),
		form.When(form.Given("price"), form.NonZero("qty")),
		form.When(form.Given("spread"), form.NonZero("cost")),
	}
}

func adoptRules() []any {
	valued := []any{form.Given("price"), form.Given("cost"), form.Given("lots")}
	return []any{
		form.When(form.NonZero("qty"), form.OneOf(valued...)),
		form.When(form.Not(form.NonZero("qty")), form.Not(form.AnyOf(valued...))),
	}
}
