package main

import (
	"bytes"
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"time"
)

const exportHeader = "Account,Coin,Execution Price,Size Tokens,Size USD,Side,Timestamp IST,Start Position,Direction,Closed PnL,Transaction Hash,Order ID,Crossed,Fee,Trade ID,Timestamp"

// order is what the venue knows of several fills.
type order struct {
	hash, id string
	parts    int
}

func (w *world) newOrder(a *actor) *order {
	if !a.product.venue {
		return &order{}
	}
	return &order{hash: "0x" + w.hex(64), id: strconv.FormatInt(w.between(40_000_000_000, 99_999_999_999), 10)}
}

// account is the venue's own idea of one account's position in one coin: its
// quantity and average price, never rounded.
type account struct{ qty, average *big.Rat }

// row is one line of the export.
type row struct {
	account string
	text    string
}

// report is what the venue exports about a fill. It happens before the fill is
// booked anywhere.
func (w *world) report(o *order, t *trade) row {
	name := t.actor.account + "/" + t.actor.instrument
	acc := w.venue[name]
	if acc == nil {
		acc = &account{qty: new(big.Rat), average: new(big.Rat)}
		w.venue[name] = acc
	}
	start := acc.qty
	direction, pnl := acc.trade(t)
	side, crossed := "SELL", "TRUE"
	if t.buy {
		side = "BUY"
	}
	if t.maker {
		crossed = "FALSE"
	}
	ist := w.now.In(time.FixedZone("IST", 5*3600+1800))
	stamp := ist.Format("02-01-2006 15:04")
	if t.actor.account == wallet2 { // the spreadsheets of the two differ in this
		stamp = ist.Format("02-01-2006 ") + strconv.Itoa(ist.Hour()) + ist.Format(":04")
	}
	fields := []string{
		t.actor.account, t.actor.instrument, text(t.price), spreadsheet(t.qty), text(places(mul(t.qty, t.price), 2)), side, stamp,
		text(start), direction, text(places(pnl, 6)), o.hash, o.id, crossed, text(t.fee),
		fmt.Sprintf("%d.%02dE+14", w.between(1, 9), w.below(100)), "1.77E+12",
	}
	return row{account: t.actor.account, text: strings.Join(fields, ",")}
}

// trade changes the account and returns the direction and the profit of what was
// closed, before fees.
func (a *account) trade(t *trade) (direction string, pnl *big.Rat) {
	signed := t.qty
	if !t.buy {
		signed = neg(signed)
	}
	side := map[bool]string{true: "Long", false: "Short"}
	after := add(a.qty, signed)
	pnl = new(big.Rat)
	switch {
	case a.qty.Sign()*signed.Sign() >= 0:
		spent := add(mul(a.average, a.qty), mul(t.price, signed))
		a.average = quo(spent, after)
		direction = "Open " + side[t.buy]
	case after.Sign()*a.qty.Sign() >= 0:
		pnl = mul(sub(a.average, t.price), signed)
		direction = "Close " + side[!t.buy]
	default:
		pnl = mul(sub(t.price, a.average), a.qty)
		a.average = t.price
		direction = side[!t.buy] + " > " + side[t.buy]
	}
	a.qty = after
	return direction, pnl
}

// spreadsheet writes a number as the export's spreadsheet shows it: a very small
// one with an exponent.
func spreadsheet(a *big.Rat) string {
	exponent := 0
	shown := a
	for shown.Cmp(num("1")) < 0 && exponent < 18 {
		shown = mul(shown, num("10"))
		exponent++
	}
	if exponent < 5 || places(shown, 2).Cmp(shown) != 0 {
		return text(a)
	}
	return fmt.Sprintf("%sE-%02d", shown.FloatString(2), exponent)
}

// export returns the file, account by account.
func (w *world) export() []byte {
	var b bytes.Buffer
	b.WriteString(exportHeader + "\r\n")
	for _, account := range []string{wallet1, wallet2} {
		for _, r := range w.rows {
			if r.account == account {
				b.WriteString(r.text + "\r\n")
			}
		}
	}
	return b.Bytes()
}
