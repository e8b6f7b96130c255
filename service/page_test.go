package service_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/internal/ledgertest"
	"github.com/moneyprinter/holdfast/internal/scratch"
	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/service"
)

// servedLedger opens a ledger that answers requests in this process only.
func servedLedger(t *testing.T) (*holdfast.Ledger, *nats.Conn) {
	t.Helper()
	dir := scratch.Dir(t)
	s := ledgertest.StartServer(t, dir)
	o := ledgertest.Quiet()
	o.Rules.CostMethod = position.FIFO
	o.Bus = &holdfast.BusOptions{Connect: s.Connect, Connected: service.Offer}
	l := ledgertest.Open(t, dir, o)
	nc, err := s.Connect(t.Context())
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	return l, nc
}

// many is how many positions, accounts and strategies do not fit into one reply.
const many = 4000

func fillMany(t *testing.T, l *holdfast.Ledger) {
	t.Helper()
	var batch []position.Mutation
	note := strings.Repeat("s", 40)
	for i := range many {
		batch = append(batch, ledgertest.BuyOne(fmt.Sprintf("acc-%04d-%s", i, strings.Repeat("a", 40)), "XBT USD", fmt.Sprintf("%s-%04d", note, i), fmt.Sprintf("m-%d", i)))
	}
	for i := range 40 {
		side := position.Buy
		if i%2 == 1 {
			side = position.Sell
		}
		f := ledgertest.BuyOne("acc-0000-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "ETH", "", fmt.Sprintf("c-%d", i))
		f.Side = side
		batch = append(batch, f)
	}
	for i := range 30 {
		batch = append(batch, ledgertest.BuyOne("acc-0001-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "ETH", "", fmt.Sprintf("l-%d", i)))
	}
	for len(batch) > 0 {
		n := min(len(batch), holdfast.MaxBatch)
		_, err := l.ApplyBatch(t.Context(), batch[:n])
		require.NoError(t, err)
		batch = batch[n:]
	}
	for range 3 {
		_, err := l.Snapshot(t.Context())
		require.NoError(t, err)
		_, err = l.Apply(t.Context(), ledgertest.BuyOne("acc-0001-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "ETH", "", ""))
		require.NoError(t, err)
	}
}

// rowsOf are the rows of a list's answer, each as its text.
func rowsOf(t *testing.T, endpoint string, body []byte) []string {
	t.Helper()
	var raw []json.RawMessage
	if endpoint == "position.lots" {
		var lots struct{ Lots []json.RawMessage }
		require.NoError(t, json.Unmarshal(body, &lots))
		raw = lots.Lots
	} else {
		require.NoError(t, json.Unmarshal(body, &raw), "%s: %.200s", endpoint, body)
	}
	out := make([]string, len(raw))
	for i, r := range raw {
		out[i] = string(r)
	}
	return out
}

// TestListsAreWholeOrSayThatTheyAreNot reads every list in pages of several sizes and
// holds the rows against each other and against what the ledger holds.
func TestListsAreWholeOrSayThatTheyAreNot(t *testing.T) {
	l, nc := servedLedger(t)
	fillMany(t, l)
	ledgertest.CaughtUp(t, l)
	ask := func(endpoint, members string) (*nats.Msg, string) {
		m, err := nc.Request("holdfast.api.v1.main."+endpoint, []byte("{"+strings.Trim(members, ",")+"}"), time.Minute)
		require.NoError(t, err, "%s %s", endpoint, members)
		return m, m.Header.Get("Nats-Service-Error-Code")
	}
	for _, c := range []struct {
		endpoint, members string
		rows              int
		refused           bool // the whole is too large
	}{
		{"position.list", `"all":true`, many + 2, true},
		{"position.list", `"account":"acc-0001-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"`, 2, false},
		{"position.list", `"instrument":"ETH","all":true`, 2, false},
		{"position.at", `"all":true,"at":"4071"`, many + 2, true},
		{"position.cycles", `"account":"acc-0000-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","instrument":"ETH"`, 16, false},
		{"position.lots", `"account":"acc-0001-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","instrument":"ETH"`, 33, false},
		{"summary", `"by":"strategy"`, many + 1, true},
		{"summary", `"by":"instrument"`, 2, false},
		{"account.list", ``, many, true},
		{"backup.list", ``, 3, false},
		{"history", ``, many + 70 + 3, false},
		{"history", `"account":"acc-0001-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"`, 34, false},
		{"history", `"from":"2600","at":"2630"`, 31, false},
	} {
		what := c.endpoint + " " + c.members
		var reference []string
		for _, limit := range []int{1000, 1, 7, 311, 0, 1 << 40} {
			if limit > 0 && limit < 10 && c.rows > 100 {
				continue // long, and tells no more
			}
			var rows []string
			after := ""
			for pages := 0; ; pages++ {
				require.LessOrEqual(t, pages, c.rows+1, "%s: it gets on", what)
				members := c.members
				if limit > 0 {
					members += fmt.Sprintf(`,"limit":%d`, limit)
				}
				if after != "" {
					members += fmt.Sprintf(`,"after":%q`, after)
				}
				m, code := ask(c.endpoint, members)
				if limit == 0 && after == "" && c.refused {
					require.Equal(t, "413", code, what)
					require.Contains(t, string(m.Data), "ask for pages, with limit and then after")
					rows = reference
					break
				}
				require.Empty(t, code, "%s: %.300s", what, m.Data)
				require.LessOrEqual(t, len(m.Data), 1000<<10)
				page := rowsOf(t, c.endpoint, m.Data)
				if limit > 0 {
					require.LessOrEqual(t, len(page), limit)
				}
				rows = append(rows, page...)
				after = m.Header.Get("Holdfast-Next")
				complete := m.Header.Get("Holdfast-Complete")
				require.Contains(t, []string{"true", "false"}, complete, what)
				require.Equal(t, complete == "false", after != "", what)
				if complete == "true" {
					break
				}
			}
			require.Equal(t, c.rows, len(rows), "%s, limit %d", what, limit) //nolint:testifylint // Len would print them all
			if reference == nil {
				reference = rows
			}
			require.True(t, slices.Equal(reference, rows), "%s, limit %d", what, limit)
		}
	}
	m, code := ask("status", "")
	require.Empty(t, code)
	var st holdfast.Status
	require.NoError(t, json.Unmarshal(m.Data, &st))
	require.Equal(t, many, len(st.Accounts)) //nolint:testifylint // Len would print them
	short, err := service.New(l).ShortStatus(t.Context())
	require.NoError(t, err)
	require.Less(t, len(short), 10_000, "for a server that takes no larger message")
	require.Contains(t, string(short), fmt.Sprintf(`"accounts_left_out":%d`, many))
}

// TestUnknownNamesAreToldFromFlat asks every endpoint that selects.
func TestUnknownNamesAreToldFromFlat(t *testing.T) {
	l, nc := servedLedger(t)
	flat := ledgertest.BuyOne("fund-a", "XBT", "grid", "1")
	_, err := l.Apply(t.Context(), flat)
	require.NoError(t, err)
	flat.Side, flat.Ident, flat.Leg = position.Sell, "2", ""
	_, err = l.Apply(t.Context(), flat)
	require.NoError(t, err)
	_, err = l.Apply(t.Context(), ledgertest.BuyOne("fund-b", "ETH", "", "3"))
	require.NoError(t, err)
	ledgertest.CaughtUp(t, l)
	for _, c := range []struct{ endpoint, members, code, want string }{
		{"position.list", `"account":"FUND-A"`, "404", "account FUND-A is not known here; nearest: fund-a"},
		{"position.list", `"instrument":"XB"`, "404", "instrument XB is not known here"},
		{"position.list", `"account":"fund-a","strategy":"girds"`, "404", "strategy girds is not known here"},
		{"position.list", `"leg":"long"`, "404", "leg long is not known here"},
		{"position.list", `"account":"fund-a"`, "", "[]"},
		{"position.list", `"account":"fund-b","strategy":"grid"`, "", "[]"},
		{"position.at", `"at":"2","account":"fund-c"`, "404", "account fund-c is not known here; nearest: fund-a, fund-b"},
		{"position.at", `"at":"2","account":"fund-b"`, "", "[]"},
		{"position.at", `"event":"2020-01-02T03:04:05Z","account":"nobody"`, "404", "account nobody is not known here"},
		{"position.get", `"account":"fund-a","instrument":"XTB","strategy":"grid"`, "404", "instrument XTB is not known here"},
		{"position.get", `"account":"fund-a","instrument":"XBT"`, "404", "unknown position: fund-a/XBT"},
		{"position.cycles", `"account":"nobody","instrument":"XBT"`, "404", "account nobody is not known here"},
		{"position.lots", `"account":"nobody","instrument":"XBT"`, "404", "account nobody is not known here"},
		{"summary", `"account":"nobody"`, "404", "account nobody is not known here"},
		{"summary", `"account":"fund-b","strategy":"grid"`, "", "[]"},
		{"account.list", `"account":"nobody"`, "404", "account nobody is not known here"},
		{"history", `"account":"nobody"`, "404", "account nobody is not known here"},
		{"history", `"account":"fund-b","at":"2"`, "", "[]"},
		{"history", `"account":"fund-b","after":"99"`, "", "[]"},
	} {
		b, code := ledgertest.Request(t, nc, c.endpoint, "{"+c.members+"}")
		require.Equal(t, c.code, code, "%s %s: %s", c.endpoint, c.members, b)
		if code == "" {
			require.Equal(t, c.want, string(b), "%s %s", c.endpoint, c.members)
			continue
		}
		var refused struct{ Error struct{ Text string } }
		require.NoError(t, json.Unmarshal(b, &refused))
		require.Equal(t, c.want, refused.Error.Text, "%s %s", c.endpoint, c.members)
	}
}

// TestViewsAreCopiedByAFew takes every place for what copies a view: what needs one
// waits, and what needs none is answered.
func TestViewsAreCopiedByAFew(t *testing.T) {
	l, _ := servedLedger(t)
	_, err := l.Apply(t.Context(), ledgertest.BuyOne("A", "X", "", "1"))
	require.NoError(t, err)
	ledgertest.CaughtUp(t, l)
	ended, end := context.WithCancel(t.Context())
	end()
	api := service.New(l)
	free := api.TakeViews()
	for endpoint, members := range map[string]string{
		"position.list": "", "summary": "", "account.list": "", "status": "", "position.get": `{"account":"A","instrument":"Y"}`,
	} {
		_, err = api.AskServed(ended, endpoint, []byte(members))
		require.ErrorContains(t, err, context.Canceled.Error(), endpoint)
	}
	for _, endpoint := range []string{"position.get", "position.cycles", "position.lots"} {
		_, err = api.AskServed(ended, endpoint, []byte(`{"account":"A","instrument":"X"}`))
		require.NoError(t, err, endpoint)
	}
	free()
	_, err = api.AskServed(t.Context(), "position.list", nil)
	require.NoError(t, err)
	seq, n := l.Counts()
	require.Equal(t, l.View().Seq(), seq)
	require.Equal(t, l.View().Counts(), n)
}
