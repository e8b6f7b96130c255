package render

import (
	"encoding/json"
	"strconv"
	"strings"
)

// causeRow is the mutation behind a change, as far as a few words tell it.
type causeRow struct {
	Type       string `json:"type"`
	Account    string `json:"account"`
	Instrument string `json:"instrument"`
	Strategy   string `json:"strategy"`
	Leg        string `json:"leg"`
	Side       string `json:"side"`
	Qty        Text   `json:"qty"`
	Price      Text   `json:"price"`
	Kind       string `json:"kind"`
	Amount     Text   `json:"amount"`
	Currency   string `json:"currency"`
	Ratio      Text   `json:"ratio"`
	Per        Text   `json:"per"`
	Reason     string `json:"reason"`
	ToAccount  string `json:"to_account"`
	ToStrategy string `json:"to_strategy"`
	ToLeg      string `json:"to_leg"`
	Cost       Text   `json:"cost"`
	Spread     string `json:"spread"`
	Realized   Text   `json:"realized"`
	Funding    Text   `json:"funding"`
	Fill       string `json:"fill"`

	Lots []json.RawMessage `json:"lots"`
}

// String tells the mutation in a few words.
func (c *causeRow) String() string {
	switch c.Type {
	case "fill":
		return c.Side + " " + string(c.Qty) + " @ " + string(c.Price)
	case "mark":
		return "mark " + string(c.Price)
	case "charge":
		return c.Kind + " " + string(c.Amount) + " " + c.Currency
	case "instrument":
		return "define " + c.Kind
	case "split":
		per := string(c.Per)
		if per == "" {
			per = "1"
		}
		return "split " + string(c.Ratio) + " for " + per
	case "settle":
		if c.Reason == "write_off" {
			return "write off"
		}
		return "settle @ " + string(c.Price) + c.why()
	case "transfer":
		return "transfer " + c.quantity() + " from " + keyText(c.Account, c.Strategy, c.Leg) + " to " + c.destination()
	case "adjust":
		return "adjust " + c.differences() + c.why()
	case "adopt":
		return "adopt " + c.adopted() + c.why()
	case "bust":
		return "bust " + c.Fill + c.why()
	case "correct":
		return "correct " + c.Fill + ": " + c.Side + " " + string(c.Qty) + " @ " + string(c.Price) + c.why()
	case "":
		return "-"
	}
	return c.Type
}

// why is the reason in brackets, in at most maxWhy bytes.
func (c *causeRow) why() string {
	const maxWhy = 40
	r := c.Reason
	if r == "" {
		return ""
	}
	if runes := []rune(r); len(runes) > maxWhy {
		r = string(runes[:maxWhy-1]) + "…"
	}
	return " (" + r + ")"
}

func (c *causeRow) quantity() string {
	if c.Qty == "" || c.Qty == "0" {
		return "all"
	}
	return string(c.Qty)
}

// destination is where a transfer arrives, an absent account being the same.
func (c *causeRow) destination() string {
	account := c.ToAccount
	if account == "" {
		account = c.Account
	}
	return keyText(account, c.ToStrategy, c.ToLeg)
}

func keyText(account, strategy, leg string) string {
	for _, part := range []string{strategy, leg} {
		if part != "" {
			account += "/" + part
		}
	}
	return account
}

// differences lists what an adjustment adds.
func (c *causeRow) differences() string {
	var parts []string
	for _, d := range []struct {
		name  string
		value Text
	}{{"qty", c.Qty}, {"cost", c.Cost}, {"realized", c.Realized}, {"funding", c.Funding}} {
		if d.value != "" && d.value != "0" {
			parts = append(parts, d.name+" "+string(d.value))
		}
	}
	if c.Price != "" {
		parts = append(parts, "at "+string(c.Price))
	}
	if c.Spread != "" {
		parts = append(parts, "spread by "+c.Spread)
	}
	return strings.Join(parts, ", ")
}

// adopted is what a position is set to.
func (c *causeRow) adopted() string {
	switch {
	case c.Price != "":
		return string(c.Qty) + " @ " + string(c.Price)
	case c.Cost != "":
		return string(c.Qty) + " for " + string(c.Cost)
	case len(c.Lots) > 0:
		return string(c.Qty) + " in " + strconv.Itoa(len(c.Lots)) + " lots"
	case c.Qty == "0":
		return "flat"
	}
	return string(c.Qty)
}
