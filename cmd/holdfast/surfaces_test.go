package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/bus"
	"github.com/moneyprinter/holdfast/cmd/holdfast/render"
	"github.com/moneyprinter/holdfast/position"
)

// surfacesLedger has fees in the cost, apart, foreign and charged, funding and
// charges with and without an instrument, a transfer, a split with cash, a
// settlement, ended cycles, four currencies, and one position that no mark values.
const surfacesLedger = `
{"type":"instrument","id":"i1","instrument":"BTCEUR","kind":"spot","base":"BTC","quote":"EUR","settlement":"EUR","time":"2026-01-05T00:00:00Z"}
{"type":"instrument","id":"i2","instrument":"ETHEUR","kind":"spot","base":"ETH","quote":"EUR","settlement":"EUR","base_fee":"apart","time":"2026-01-05T00:00:00Z"}
{"type":"instrument","id":"i3","instrument":"BTCUSD","kind":"inverse","base":"BTC","quote":"USD","settlement":"BTC","time":"2026-01-05T00:00:00Z"}
{"type":"charge","id":"c1","account":"A","kind":"cash","amount":"100000","currency":"EUR","time":"2026-01-05T01:00:00Z"}
{"type":"charge","id":"c2","account":"B","kind":"interest","amount":"-3.5","currency":"USD","time":"2026-01-05T01:00:00Z"}
{"type":"charge","id":"c3","account":"A","kind":"fee","amount":"-0.7","currency":"BNB","time":"2026-01-05T01:00:00Z"}
{"type":"fill","id":"f1","account":"A","instrument":"BTCEUR","side":"buy","qty":"1","price":"50000","fee":"0.001","fee_currency":"BTC","time":"2026-01-05T02:00:00Z"}
{"type":"fill","id":"f2","account":"A","instrument":"BTCEUR","side":"sell","qty":"0.5","price":"52000","fee":"3","time":"2026-01-05T03:00:00Z"}
{"type":"charge","id":"c4","account":"A","instrument":"BTCEUR","kind":"fee","amount":"-0.0002","currency":"BTC","time":"2026-01-05T04:00:00Z"}
{"type":"transfer","id":"t1","account":"A","instrument":"BTCEUR","to_account":"B","qty":"0.1","time":"2026-01-05T05:00:00Z"}
{"type":"fill","id":"f3","account":"A","instrument":"BTCEUR","side":"sell","qty":"0.399","price":"49000","fee":"0.01","fee_currency":"BNB","time":"2026-01-05T06:00:00Z"}
{"type":"fill","id":"f4","account":"A","instrument":"BTCEUR","side":"buy","qty":"0.2","price":"51000","fee":"0.0002","fee_currency":"BTC","time":"2026-01-05T07:00:00Z"}
{"type":"mark","id":"m1","instrument":"BTCEUR","price":"53000","time":"2026-01-05T07:30:00Z"}
{"type":"fill","id":"f5","account":"A","instrument":"ETHEUR","strategy":"s","side":"buy","qty":"2","price":"3000","fee":"0.01","fee_currency":"ETH","time":"2026-01-05T08:00:00Z"}
{"type":"fill","id":"f6","account":"A","instrument":"ETHEUR","strategy":"s","side":"sell","qty":"1","price":"3100","fee":"0.5","fee_currency":"BNB","time":"2026-01-05T09:00:00Z"}
{"type":"fill","id":"f7","account":"B","instrument":"BTCUSD","side":"buy","qty":"100","price":"50000","fee":"0.000002","time":"2026-01-05T10:00:00Z"}
{"type":"charge","id":"c5","account":"B","instrument":"BTCUSD","kind":"funding","amount":"-0.00001","currency":"BTC","time":"2026-01-05T11:00:00Z"}
{"type":"mark","id":"m2","instrument":"BTCUSD","price":"48000","time":"2026-01-05T11:30:00Z"}
{"type":"fill","id":"f8","account":"B","instrument":"ODD","side":"buy","qty":"5","price":"10","fee":"1","time":"2026-01-05T12:00:00Z"}
{"type":"charge","id":"c6","account":"B","instrument":"ODD","kind":"dividend","amount":"4","currency":"USD","time":"2026-01-05T13:00:00Z"}
{"type":"split","id":"sp","instrument":"ODD","ratio":"1","per":"2","increment":"1","cash_price":"21","time":"2026-01-05T14:00:00Z"}
{"type":"fill","id":"f9","account":"B","instrument":"END","side":"sell","qty":"4","price":"12","fee":"0.25","time":"2026-01-05T15:00:00Z"}
{"type":"settle","id":"st","instrument":"END","price":"13","time":"2026-01-05T16:00:00Z"}
`

// figures are sums by figure, group and currency, those of zero left out.
type figures map[string]string

func (f figures) add(t *testing.T, figure, group, currency, value string) {
	t.Helper()
	name := strings.Join([]string{figure, group, currency}, " ")
	had := f[name]
	if had == "" {
		had = "0"
	}
	sum, err := position.MustParse(value).Add(position.MustParse(had))
	require.NoError(t, err)
	if f[name] = sum.String(); sum.IsZero() {
		delete(f, name)
	}
}

// only returns some of the figures.
func (f figures) only(names ...string) figures {
	out := figures{}
	for name, v := range f {
		for _, of := range names {
			if strings.HasPrefix(name, of+" ") {
				out[name] = v
			}
		}
	}
	return out
}

// rowAmounts are the amounts of a cycle or a lifetime in a position's JSON.
type rowAmounts struct {
	Realized   string            `json:"realized"`
	Fees       map[string]string `json:"fees"`
	FeesInCost map[string]string `json:"fees_in_cost"`
	Funding    string            `json:"funding"`
	Charges    map[string]string `json:"charges"`
	Net        string            `json:"net"`
}

type surfaceRow struct {
	rowAmounts

	Account    string     `json:"account"`
	Settlement string     `json:"settlement"`
	Lifetime   rowAmounts `json:"lifetime"`
	Unrealized *string    `json:"unrealized"`
	Exposure   *string    `json:"exposure"`
}

// amounts adds the amounts of a row; its net is put together here.
func (f figures) amounts(t *testing.T, r *surfaceRow, of *rowAmounts) {
	t.Helper()
	f.add(t, "realized", r.Account, r.Settlement, of.Realized)
	f.add(t, "funding", r.Account, r.Settlement, of.Funding)
	net := figures{}
	net.add(t, "net", "", r.Settlement, of.Realized)
	net.add(t, "net", "", r.Settlement, of.Funding)
	for currency, v := range of.Fees {
		f.add(t, "fees", r.Account, currency, v)
		net.add(t, "net", "", currency, position.MustParse(v).Neg().String())
	}
	for currency, v := range of.FeesInCost {
		f.add(t, "fees_in_cost", r.Account, currency, v)
		net.add(t, "net", "", currency, v)
	}
	for currency, v := range of.Charges {
		f.add(t, "charges", r.Account, currency, v)
		net.add(t, "net", "", currency, v)
	}
	shown := net["net  "+r.Settlement]
	if shown == "" {
		shown = "0"
	}
	require.Equal(t, of.Net, shown, "net of a row")
	for name, v := range net {
		f.add(t, "net", r.Account, strings.TrimPrefix(name, "net  "), v)
	}
}

func rowFigures(t *testing.T, lifetimes bool, lists ...string) figures {
	t.Helper()
	f := figures{}
	for _, text := range lists {
		var rows []surfaceRow
		require.NoError(t, json.Unmarshal([]byte(text), &rows), "%s", text)
		require.NotEmpty(t, rows)
		for i := range rows {
			r := &rows[i]
			of := &r.rowAmounts
			if lifetimes {
				of = &r.Lifetime
			}
			f.amounts(t, r, of)
			if r.Unrealized != nil {
				f.add(t, "unrealized", r.Account, r.Settlement, *r.Unrealized)
				f.add(t, "exposure", r.Account, r.Settlement, *r.Exposure)
			}
		}
	}
	return f
}

// flat reads rows of one group and currency each, as --totals and --accounts give.
func flatFigures(t *testing.T, text, group string, names map[string]string) figures {
	t.Helper()
	var rows []map[string]any
	require.NoError(t, json.Unmarshal([]byte(text), &rows), "%s", text)
	f := figures{}
	for _, r := range rows {
		for member, figure := range names {
			if v, known := r[member].(string); known {
				f.add(t, figure, fmt.Sprint(r[group]), fmt.Sprint(r["currency"]), v)
			}
		}
	}
	return f
}

// accountFigures reads accounts as status, requests and HTTP give them.
func accountFigures(t *testing.T, list any) figures {
	t.Helper()
	text, err := json.Marshal(list)
	require.NoError(t, err)
	var accounts []struct {
		Account   string                     `json:"account"`
		Positions map[string]json.RawMessage `json:"positions"`
		Total     map[string]string          `json:"total"`
	}
	require.NoError(t, json.Unmarshal(text, &accounts))
	f := figures{}
	for _, a := range accounts {
		for currency, v := range a.Total {
			f.add(t, "total", a.Account, currency, v)
		}
		for figure, raw := range a.Positions {
			var amounts map[string]string
			if json.Unmarshal(raw, &amounts) != nil {
				continue // a count
			}
			for currency, v := range amounts {
				f.add(t, figure, a.Account, currency, v)
			}
		}
	}
	return f
}

func summaryFigures(t *testing.T, text []byte) figures {
	t.Helper()
	var groups []struct {
		Group string                     `json:"group"`
		Sums  map[string]json.RawMessage `json:"sums"`
	}
	require.NoError(t, json.Unmarshal(text, &groups))
	f := figures{}
	for _, g := range groups {
		for figure, raw := range g.Sums {
			var amounts map[string]string
			if json.Unmarshal(raw, &amounts) != nil {
				continue // a list
			}
			for currency, v := range amounts {
				f.add(t, figure, g.Group, currency, v)
			}
		}
	}
	return f
}

// TestOneFigureOnEverySurface: what is told of a ledger in several places is the
// same in all of them.
func TestOneFigureOnEverySurface(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ledger")
	file := filepath.Join(t.TempDir(), "in.ndjson")
	require.NoError(t, os.WriteFile(file, []byte(strings.TrimPrefix(surfacesLedger, "\n")), 0o600))
	run := func(args ...string) string {
		out, err := self(t, args...).Output()
		require.NoError(t, err, "%v", args)
		return string(out)
	}
	run("ingest", "-q", "--dir", dir, file)
	parts := []string{"realized", "fees", "fees_in_cost", "funding", "charges", "net"}
	worth := append([]string{"unrealized", "exposure"}, parts...)

	rows := run("positions", "--dir", dir, "--all", "-o", "json")
	want := rowFigures(t, true, rows)
	require.Equal(t, "0.0012", want["fees_in_cost A BTC"])
	require.Equal(t, "-0.0002", want["net A BTC"], "what was charged beside the trades")

	opened := run("positions", "--dir", dir, "-o", "json")
	cycles := rowFigures(t, false, opened, run("positions", "--dir", dir, "--cycles", "-o", "json"))
	require.Equal(t, want.only(parts...), cycles.only(parts...), "cycles")

	named := map[string]string{}
	for _, name := range worth {
		named[name] = name
	}
	require.Equal(t, want, flatFigures(t, run("positions", "--dir", dir, "--totals", "account", "-o", "json"), "group", named), "--totals")
	held := map[string]string{"total": "total"}
	for _, name := range parts {
		held["positions_"+name] = name
	}
	accounts := flatFigures(t, run("positions", "--dir", dir, "--accounts", "-o", "json"), "account", held)
	require.Equal(t, want.only(parts...), accounts.only(parts...), "--accounts")

	var status struct {
		Accounts any `json:"accounts"`
	}
	require.NoError(t, json.Unmarshal([]byte(run("status", "--dir", dir, "-o", "json")), &status))
	require.Equal(t, accounts, accountFigures(t, status.Accounts), "status")
	csvIsJSON(t, rows, run("positions", "--dir", dir, "--all", "-o", "csv"))
	tradesHold(t, run("history", "--dir", dir, "--trades", "fill_to_fill", "-o", "json"))

	// Every form of a group sums to the same in each currency.
	for _, by := range []string{"instrument", "strategy"} {
		of := flatFigures(t, run("positions", "--dir", dir, "--totals", by, "-o", "json"), "group", named)
		require.Equal(t, groupless(t, want), groupless(t, of), "by %s", by)
	}

	out := filepath.Join(t.TempDir(), "out.json")
	for _, account := range []string{"A", "B"} {
		again := filepath.Join(t.TempDir(), "again")
		run("export", "--dir", dir, "--account", account, out)
		run("import", "-q", "--dir", again, "--account", account, out)
		was := rowFigures(t, false, run("positions", "--dir", dir, "--account", account, "-o", "json"))
		require.Equal(t, was, rowFigures(t, false, run("positions", "--dir", again, "-o", "json")), "export and import")
	}

	s := startServe(t, "--dir", dir)
	require.Equal(t, want, rowFigures(t, true, s.get(t, "/positions?all=1", 200)), "GET /positions")
	var list any
	require.NoError(t, json.Unmarshal([]byte(s.get(t, "/accounts", 200)), &list))
	require.Equal(t, accounts, accountFigures(t, list), "GET /accounts")
	require.NoError(t, json.Unmarshal([]byte(s.get(t, "/status", 200)), &status))
	require.Equal(t, accounts, accountFigures(t, status.Accounts), "GET /status")
	nc := s.client(t, "reader")
	ask := func(endpoint, body string) []byte {
		b, err := bus.Request(t.Context(), nc, "main", endpoint, []byte(body))
		require.NoError(t, err)
		return b
	}
	require.Equal(t, want, rowFigures(t, true, string(ask("position.list", `{"all":true}`))), "position.list")
	require.Equal(t, want, summaryFigures(t, ask("summary", `{"by":"account"}`)), "summary")
	require.NoError(t, json.Unmarshal(ask("account.list", ""), &list))
	require.Equal(t, accounts, accountFigures(t, list), "account.list")
	s.stop(t)
}

// groupless sums figures over their groups.
func groupless(t *testing.T, f figures) figures {
	t.Helper()
	out := figures{}
	for name, v := range f {
		parts := strings.Split(name, " ")
		out.add(t, parts[0], "", parts[2], v)
	}
	return out
}

// csvIsJSON checks the amounts of CSV rows against those of the JSON form.
func csvIsJSON(t *testing.T, rows, table string) {
	t.Helper()
	var list []surfaceRow
	require.NoError(t, json.Unmarshal([]byte(rows), &list))
	cells, err := csv.NewReader(strings.NewReader(table)).ReadAll()
	require.NoError(t, err)
	require.Len(t, cells, len(list)+1)
	for i := range list {
		cell := map[string]string{}
		for j, title := range cells[0] {
			cell[title] = cells[i+1][j]
		}
		amounts := func(of map[string]string) string {
			texts := map[string]render.Text{}
			for currency, v := range of {
				texts[currency] = render.Text(v)
			}
			return render.AmountsText(texts)
		}
		require.Equal(t, map[string]string{
			"realized": list[i].Realized, "fees": amounts(list[i].Fees), "fees_in_cost": amounts(list[i].FeesInCost),
			"funding": list[i].Funding, "charges": amounts(list[i].Charges), "net": list[i].Net,
		}, selectedCells(cell, "realized", "fees", "fees_in_cost", "funding", "charges", "net"))
	}
}

func selectedCells(cell map[string]string, names ...string) map[string]string {
	out := maps.Clone(cell)
	maps.DeleteFunc(out, func(name, _ string) bool { return !slices.Contains(names, name) })
	return out
}

// tradesHold checks profit − (fees − fees in the cost) = net of each trade.
func tradesHold(t *testing.T, text string) {
	t.Helper()
	var list []struct {
		Profit     string            `json:"profit"`
		Fees       map[string]string `json:"fees"`
		FeesInCost map[string]string `json:"fees_in_cost"`
		Net        string            `json:"net"`
		Settlement string            `json:"settlement"`
	}
	require.NoError(t, json.Unmarshal([]byte(text), &list))
	require.NotEmpty(t, list)
	inCost := 0
	for _, tr := range list {
		f := figures{}
		f.add(t, "net", "", tr.Settlement, tr.Profit)
		if fee, ok := tr.Fees[tr.Settlement]; ok {
			f.add(t, "net", "", tr.Settlement, position.MustParse(fee).Neg().String())
		}
		inCost += len(tr.FeesInCost)
		require.Empty(t, tr.FeesInCost[tr.Settlement])
		require.Equal(t, tr.Net, f["net  "+tr.Settlement])
	}
	require.NotZero(t, inCost)
}
