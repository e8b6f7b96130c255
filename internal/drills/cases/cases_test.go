package cases_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/internal/ledgertest"
	"github.com/moneyprinter/holdfast/position"
)

// Position arithmetic of other projects' test suites, as numbers, through the
// public API of a ledger on disk. Each kind of case has a file of its own.

// ledger is a ledger on disk for one case.
type ledger struct {
	*holdfast.Ledger
	tb testing.TB
}

func newLedger(tb testing.TB) ledger {
	tb.Helper()
	return ledger{Ledger: ledgertest.Open(tb, tb.TempDir(), ledgertest.Quiet()), tb: tb}
}

// Apply applies one mutation.
func (l ledger) Apply(m position.Mutation) error {
	_, err := l.Ledger.Apply(l.tb.Context(), position.Stated(m)) // the cases write zero out
	return err
}

var errDuplicate = errors.New("applied before, and answered as then")

// applied is as Apply, but a duplicate is an error.
func (l ledger) applied(m position.Mutation) error {
	r, err := l.Ledger.Apply(l.tb.Context(), m)
	if err == nil && r.Duplicate {
		err = errDuplicate
	}
	return err
}

// shared reads a file of the data that is handed out beside the repository.
func shared(tb testing.TB, elem ...string) []byte {
	tb.Helper()
	path := filepath.Join(append([]string{"..", "..", "..", "..", "shared"}, elem...)...)
	b, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		tb.Skipf("%s is not there: it is not part of the repository", path)
	}
	require.NoError(tb, err)
	return b
}

// policies are the names of the options that a case used, beside the defaults.
type policies map[string]bool

func (p policies) use(name string) { p[name] = true }

func (p policies) String() string {
	if len(p) == 0 {
		return "defaults"
	}
	return strings.Join(slices.Sorted(maps.Keys(p)), "; ")
}

// kinds says how each kind of case is run.
func kinds() map[string]func(testing.TB, json.RawMessage) (policies, error) {
	return map[string]func(testing.TB, json.RawMessage) (policies, error){
		"netting_average_cost": nettingCase,
		"lots":                 tradeCase,
		"lot_booking":          bookingCase,
		"lot_journal":          journalCase,
		"venue_snapshot":       venueCase,
	}
}

// exceptions lists every case that cannot be expressed, with the reason.
func exceptions() map[string]string {
	const (
		everywhere = "method over the lots of all accounts: here a position's lots are its own"
		declared   = "conflict of two declarations in a journal: here a method belongs to an instrument"
		contradict = "the source contradicts itself: 5 are sold, 30 are expected to be gone; it skips the case"
	)
	return map[string]string{
		"C0433": contradict,
		"C0463": everywhere,
		"C0465": everywhere,
		"C0471": declared,
	}
}

// caseHead is what all kinds of case have.
type caseHead struct{ ID, Name, Source, Kind string }

type caseVerdict struct {
	caseHead
	policies
	err error
}

// TestCases runs every case and prints what became of it. A listed exception
// that passes fails the test, as does a case that fails without being listed.
func TestCases(t *testing.T) {
	t.Parallel()
	var all []json.RawMessage
	require.NoError(t, json.Unmarshal(shared(t, "cases", "cases.json"), &all))
	verdicts := make([]caseVerdict, len(all))
	t.Run("run", func(t *testing.T) {
		t.Parallel()
		for i, raw := range all {
			v := &verdicts[i]
			require.NoError(t, json.Unmarshal(raw, &v.caseHead))
			run := kinds()[v.Kind]
			require.NotNil(t, run, "%s is of the unknown kind %q", v.ID, v.Kind)
			t.Run(v.ID, func(t *testing.T) {
				t.Parallel()
				v.policies, v.err = run(t, raw)
			})
		}
	})
	t.Cleanup(func() { judge(t, verdicts) })
}

func judge(t *testing.T, verdicts []caseVerdict) {
	t.Helper()
	list := exceptions()
	type row struct{ all, plain, policy, out int }
	rows, sets, passed := map[string]*row{}, map[string][]string{}, 0
	var out []string
	for _, v := range verdicts {
		r := rows[v.Kind]
		if r == nil {
			r = &row{}
			rows[v.Kind] = r
		}
		r.all++
		reason, listed := list[v.ID]
		delete(list, v.ID)
		switch {
		case v.err == nil && listed:
			t.Errorf("%s %s passes, but is listed: %s", v.ID, v.Name, reason)
		case v.err != nil && !listed:
			t.Errorf("%s %s (%s): %v", v.ID, v.Name, v.Source, v.err)
		case v.err != nil:
			r.out++
			out = append(out, fmt.Sprintf("%s %s: %s (%v)", v.ID, v.Name, reason, v.err))
		case len(v.policies) == 0:
			r.plain++
			passed++
		default:
			r.policy++
			passed++
			sets[v.Kind+" | "+v.String()] = append(sets[v.Kind+" | "+v.String()], v.ID)
		}
	}
	if len(list) > 0 {
		t.Errorf("listed, but there is no such case: %v", list)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\n%-22s %5s %7s %7s %4s\n", "kind", "cases", "passed", "policy", "not")
	for _, kind := range slices.Sorted(maps.Keys(rows)) {
		r := rows[kind]
		fmt.Fprintf(&b, "%-22s %5d %7d %7d %4d\n", kind, r.all, r.plain, r.policy, r.out)
	}
	b.WriteString("policies:\n")
	for _, set := range slices.Sorted(maps.Keys(sets)) {
		fmt.Fprintf(&b, "  %3d  %s  %s\n", len(sets[set]), set, strings.Join(sets[set], " "))
	}
	b.WriteString("not expressible:\n")
	for _, line := range out {
		fmt.Fprintf(&b, "  %s\n", line)
	}
	fmt.Fprintf(&b, "%d of %d pass", passed, len(verdicts))
	t.Log(b.String())
	if passed*100 < len(verdicts)*95 {
		t.Errorf("%d of %d cases pass, fewer than 95 of 100", passed, len(verdicts))
	}
}
