package relay_test

import (
	"encoding/json"
	"fmt"
	"strconv"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/bus"
	"github.com/moneyprinter/holdfast/internal/ledgertest"
	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/report"
	"github.com/moneyprinter/holdfast/service"
)

func charge(id, account, instrument string, kind position.ChargeKind, amount, currency string) position.Charge {
	return position.Charge{
		Meta: position.Meta{Ident: id, Time: 1_700_000_000_000_000_000}, Key: position.Key{Account: account, Instrument: instrument},
		Kind: kind, Amount: position.MustParse(amount), Currency: currency,
	}
}

func TestAccountTotals(t *testing.T) {
	l := ledgertest.Open(t, t.TempDir(), ledgertest.Quiet())
	in := ledgertest.Fill("in", "A", "I", position.Buy, "2", "100")
	in.Fee, in.FeeCurrency = position.MustParse("1"), "BNB"
	ledgertest.ApplyAll(t, l, []position.Mutation{
		charge("1", "A", "", position.Cash, "1000", "USD"), charge("2", "A", "", position.Cash, "-100", "USD"),
		charge("3", "A", "", position.Interest, "0.5", "USD"), charge("4", "A", "", position.FeeCharge, "-2", "USD"),
		charge("5", "A", "", position.Dividend, "3", "EUR"), charge("6", "A", "", position.RealizedCharge, "7", "XBT"),
		charge("7", "A", "", position.Funding, "0.25", "USD"), charge("8", "A", "", position.OtherCharge, "-0.25", "USD"),
		in, ledgertest.Fill("out", "A", "I", position.Sell, "2", "110"), ledgertest.Fill("again", "A", "I", position.Buy, "1", "100"),
		charge("9", "A", "I", position.Funding, "-4", "USD"), charge("10", "A", "I", position.OtherCharge, "1", "EUR"),
		ledgertest.Fill("b", "B", "I", position.Buy, "1", "1"),
	})
	st, err := l.Status()
	require.NoError(t, err)
	require.Len(t, st.Accounts, 2)
	a := st.Accounts[0]
	require.Equal(t, report.AccountStatus{
		Account:  "A",
		Balances: map[string]string{"USD": "898.5", "EUR": "3", "XBT": "7"},
		Cash:     map[string]string{"USD": "900"}, Fees: map[string]string{"USD": "-2"}, Funding: map[string]string{"USD": "0.25"},
		Interest: map[string]string{"USD": "0.5"}, Dividends: map[string]string{"EUR": "3"},
		Realized: map[string]string{"XBT": "7"}, Other: map[string]string{"USD": "-0.25"},
		Positions: report.PositionTotals{
			Count: 1, Open: 1, Realized: map[string]string{"USD": "20"}, Fees: map[string]string{"BNB": "1"},
			FeesInCost: map[string]string{}, Funding: map[string]string{"USD": "-4"}, Charges: map[string]string{"EUR": "1"},
			Net: map[string]string{"USD": "16", "EUR": "1", "BNB": "-1"},
		},
		Total: map[string]string{"USD": "914.5", "EUR": "4", "XBT": "7", "BNB": "-1"},
	}, a)
	require.Equal(t, "B", st.Accounts[1].Account)
	require.Empty(t, st.Accounts[1].Balances)
}

func TestRequestsForThePositionModel(t *testing.T) {
	dir := t.TempDir()
	o := ledgertest.Quiet()
	o.Rules.CostMethod = position.FIFO
	s := ledgertest.StartServer(t, dir)
	o.Bus = &holdfast.BusOptions{Connect: s.Connect, Connected: service.Offer}
	l := ledgertest.Open(t, dir, o)
	var ms []position.Mutation
	for i := range 250 {
		f := ledgertest.Fill("f"+strconv.Itoa(i), "A", "I", position.Buy, "1", strconv.Itoa(i+1))
		f.Time += position.Time(i) * 1_000_000_000
		ms = append(ms, f)
	}
	ms = append(ms,
		position.Transfer{Meta: position.Meta{Ident: "t", Time: 1_800_000_000_000_000_000}, Key: position.Key{Account: "A", Instrument: "I"}, ToAccount: "B", Qty: position.MustParse("3")},
		position.Split{Meta: position.Meta{Ident: "s", Time: 1_800_000_000_000_000_000}, Instrument: "I", Ratio: position.MustParse("2")},
		ledgertest.Fill("j1", "A", "J", position.Buy, "1", "1"), ledgertest.Fill("j2", "A", "J", position.Sell, "1", "2"), ledgertest.Fill("j3", "A", "J", position.Buy, "1", "1"),
		position.Settle{Meta: position.Meta{Ident: "e", Time: 1_800_000_000_000_000_000}, Instrument: "J", Price: position.MustParse("9")},
		charge("c", "A", "", position.Cash, "5", "USD"),
	)
	ledgertest.ApplyAll(t, l, ms)
	ledgertest.CaughtUp(t, l)
	nc, err := s.Connect(t.Context())
	require.NoError(t, err)
	defer nc.Close()

	b, code := ledgertest.Request(t, nc, "position.lots", `{"account":"A","instrument":"I","lots":100,"limit":2}`)
	require.Empty(t, code)
	require.JSONEq(t, `{"count":247,"from":100,"lots":[
		{"lot":104,"qty":"2","cost":"104","price":"52","opened":"2023-11-14T22:15:03Z","label":"f103"},
		{"lot":105,"qty":"2","cost":"105","price":"52.5","opened":"2023-11-14T22:15:04Z","label":"f104"}]}`, string(b))
	b, code = ledgertest.Request(t, nc, "position.get", `{"account":"A","instrument":"I"}`)
	require.Empty(t, code)
	var p struct {
		Lots   []any          `json:"lots"`
		Digest map[string]any `json:"lots_digest"`
		Qty    string         `json:"qty"`
	}
	require.NoError(t, json.Unmarshal(b, &p))
	require.Nil(t, p.Lots, "247 lots are many")
	require.InDelta(t, 247, p.Digest["count"], 0)
	require.Equal(t, "494", p.Qty)
	b, _ = ledgertest.Request(t, nc, "position.get", `{"account":"B","instrument":"I"}`)
	require.NoError(t, json.Unmarshal(b, &p))
	require.Len(t, p.Lots, 3)

	b, code = ledgertest.Request(t, nc, "position.cycles", `{"account":"A","instrument":"J"}`)
	require.Empty(t, code)
	var cycles []struct{ Cycle, Realized any }
	require.NoError(t, json.Unmarshal(b, &cycles))
	require.Len(t, cycles, 1)
	require.Equal(t, "1", cycles[0].Realized)
	_, code = ledgertest.Request(t, nc, "position.cycles", `{"account":"A","instrument":"nothing"}`)
	require.Equal(t, "404", code)

	b, code = ledgertest.Request(t, nc, "account.list", `{"account":"A"}`)
	require.Empty(t, code)
	var accounts []report.AccountStatus
	require.NoError(t, json.Unmarshal(b, &accounts))
	require.Len(t, accounts, 1)
	require.Equal(t, map[string]string{"USD": "14"}, accounts[0].Total)

	b, code = ledgertest.Request(t, nc, "summary", `{"by":"instrument","in":"EUR","rates":{"USD":"0.5"},"account":"A"}`)
	require.Empty(t, code)
	var sums []struct {
		Group, Currency string
		Positions       int
		Converted       struct{ Realized map[string]string }
	}
	require.NoError(t, json.Unmarshal(b, &sums))
	require.Len(t, sums, 2)
	require.Equal(t, "J", sums[1].Group)
	require.Equal(t, map[string]string{"EUR": "4.5"}, sums[1].Converted.Realized)
	for _, bad := range []string{`{"by":"mood"}`, `{"rates":{"USD":"x"}}`, `{"unknown":1}`} {
		_, code = ledgertest.Request(t, nc, "summary", bad)
		require.Equal(t, "400", code, bad)
	}

	b, code = ledgertest.Request(t, nc, "position.at", `{"event":"2023-11-14T22:13:22Z","instrument":"I"}`)
	require.Empty(t, code)
	var at []struct{ Qty string }
	require.NoError(t, json.Unmarshal(b, &at))
	require.Equal(t, "3", at[0].Qty)
	_, code = ledgertest.Request(t, nc, "position.at", `{"event":"7"}`)
	require.Equal(t, "400", code)
	_, code = ledgertest.Request(t, nc, "position.at", `{}`)
	require.Equal(t, "400", code)

	for body, want := range map[string]string{
		`{"type":"bust","id":"x1","account":"A","instrument":"I","fill":"none"}`:                                                     "404",
		`{"type":"bust","id":"x2","account":"A","instrument":"J","fill":"j1","reason":"` + "x" + `","extra":1}`:                      "400",
		`{"type":"split","id":"x3","instrument":"I","ratio":"2","time":"` + position.Time(1_800_000_000_000_000_000).String() + `"}`: "409",
		`{"type":"transfer","id":"x4","account":"A","instrument":"I","to_account":"B","qty":"100000"}`:                               "400",
		`{"type":"transfer","id":"x5","account":"no","instrument":"I","to_account":"B","qty":"1"}`:                                   "404",
		`{"type":"fill","id":"x6","account":"A","instrument":"I","side":"sell","qty":"1","price":"1","lot":"none"}`:                  "404",
	} {
		b, code = ledgertest.Request(t, nc, "apply", body)
		require.Equal(t, want, code, "%s: %s", body, b)
	}
	ledgertest.StreamEqualsJournal(t, nc, dir)
	subjects(t, nc, l)
}

// subjects checks that each record of a transfer is on its account's subject, and
// that those of an instrument are on no account's.
func subjects(t *testing.T, nc *nats.Conn, l *holdfast.Ledger) {
	t.Helper()
	seen := make(map[string]int)
	for e, err := range bus.Follow(t.Context(), nc, "main", 1) {
		require.NoError(t, err)
		_, kind, account, instrument, err := bus.ParseEventSubject(e.Subject)
		require.NoError(t, err)
		seen[fmt.Sprintf("%s %s %s", kind, account, instrument)]++
		if e.Seq == l.View().Seq() {
			break
		}
	}
	for subject, n := range map[string]int{
		"transferred A I": 1, "transferred B I": 1, "split  I": 1, "split A I": 1, "split B I": 1, "settled  J": 1, "settled A J": 1, "account A ": 1,
	} {
		require.Equal(t, n, seen[subject], "%s in %v", subject, seen)
	}
}
