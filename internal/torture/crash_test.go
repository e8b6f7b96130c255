//go:build fault

package torture

import (
	"fmt"
	"hash/fnv"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/internal/faultos"
)

// state is one crash state on its way to a worker.
type state struct {
	id     string
	files  faultos.State
	floors floors
	check  *checker
	deeper bool // the recovery is recorded and crashed as well
}

// hunt is one run of the enumeration for one model of directories.
type hunt struct {
	t    *testing.T
	dirs faultos.Dirs
	seed uint64
	want int    // states to check
	only string // the id of the one state to check; "": all
	work string // where states are made real

	began time.Time

	mu       sync.Mutex
	seen     map[[32]byte]bool
	refused  map[string]int
	made     int // states enumerated
	checked  atomic.Int64
	second   atomic.Int64 // of them in a recovery
	failures int
	jobs     chan state
	sampled  int
	counted  uint64
}

func (h *hunt) enough() bool { return h.only == "" && int(h.checked.Load()) >= h.want }

// offer hands a state to the workers unless an equal one was checked with no
// lower a floor.
func (h *hunt) offer(s state) {
	key := s.files.Hash("LOCK")
	f := fnv.New128a()
	_, _ = fmt.Fprintf(f, "%x %s %p", key, s.floors, s.check) // a hash takes everything
	copy(key[16:], f.Sum(nil))
	h.mu.Lock()
	h.made++
	dup := h.seen[key]
	h.seen[key] = true
	h.mu.Unlock()
	if !dup {
		h.jobs <- s
	}
}

// plan is how many outcomes of each kind are looked at per operation.
type plan struct {
	samples int    // of each random model
	thin    uint64 // of so many states one is looked at
	every   int    // of so many of these one is crashed a second time; 0: none
}

// walk offers the states at every operation of a log.
func (h *hunt) walk(name string, log faultos.Log, f floors, c *checker, p plan, offer func(state)) {
	tree, f := log.Initial.Clone(), f.clone()
	for k := 0; k <= len(log.Ops); k++ {
		if k > 0 {
			op := &log.Ops[k-1]
			tree.Apply(op)
			if op.Kind == faultos.OpNote {
				f = f.clone()
				f.note(op.Text)
			}
		}
		// A note changes what must be there and nothing on the disk: the state
		// behind it asks for more than the one before.
		if k < len(log.Ops) && log.Ops[k].Kind == faultos.OpNote {
			continue
		}
		h.at(fmt.Sprintf("%s/%d", name, k), tree, f, c, p, offer)
		if h.enough() {
			return
		}
	}
}

// at offers the states at one moment.
func (h *hunt) at(name string, tree *faultos.Tree, f floors, c *checker, p plan, offer func(state)) {
	one := func(kept string, has func(int) bool, d faultos.Data, sample int) {
		id := fmt.Sprintf("%s/%s-%s-%d", name, kept, d, sample)
		r := h.rand(id)
		if h.only == "" && r.Uint64N(p.thin) != 0 || h.only != "" && h.only != id && !strings.HasPrefix(h.only, id+"/") {
			return
		}
		s := state{id: id, floors: f, check: c}
		if offer == nil {
			h.counted++
			return
		}
		s.files = tree.State(h.dirs, has, d, r, "LOCK")
		if p.every > 0 {
			h.sampled++
			s.deeper = h.sampled%p.every == 0
		}
		offer(s)
	}
	for kept, has := range h.names(name, tree.Pending(h.dirs)) {
		if !tree.Dirty("LOCK") {
			one(kept, has, faultos.All, 0)
			continue
		}
		for _, d := range faultos.DataModels() {
			switch {
			case d.Random():
				for i := range p.samples {
					one(kept, has, d, i)
				}
			default:
				one(kept, has, d, 0)
			}
		}
	}
}

func (h *hunt) rand(id string) *rand.Rand {
	f := fnv.New64a()
	_, _ = f.Write([]byte(id))
	return rand.New(rand.NewPCG(h.seed, f.Sum64()))
}

// names yields which of n pending changes of names are durable: prefixes in the
// ordered model; in the strict one every subset of a few, a choice of many.
func (h *hunt) names(name string, n int) func(func(string, func(int) bool) bool) {
	return func(yield func(string, func(int) bool) bool) {
		if h.dirs == faultos.Ordered {
			for p := n; p >= 0; p-- {
				if !yield("first"+strconv.Itoa(p), func(i int) bool { return i < p }) {
					return
				}
			}
			return
		}
		sets := []uint64{}
		switch {
		case n <= 4:
			for s := range uint64(1) << n {
				sets = append(sets, s)
			}
		default:
			all := uint64(1)<<min(n, 63) - 1
			sets = append(sets, 0, all)
			for i := range min(n, 63) {
				sets = append(sets, 1<<i, all&^(1<<i))
			}
			r := h.rand(name + "/names")
			for range 6 {
				sets = append(sets, r.Uint64()&all)
			}
		}
		for _, s := range sets {
			if !yield("set"+strconv.FormatUint(s, 16), func(i int) bool { return i > 62 || s&(1<<i) != 0 }) {
				return
			}
		}
	}
}

// work takes states until there are none.
func (h *hunt) worker(i int) {
	for s := range h.jobs {
		if h.enough() {
			continue
		}
		dir := filepath.Join(h.work, strconv.Itoa(i))
		if err := h.try(dir, s); err != nil {
			h.fail(s, err)
		}
	}
}

func (h *hunt) try(dir string, s state) error {
	if err := fresh(dir, s.files); err != nil {
		return err
	}
	kind, err := s.check.check(dir, s.floors)
	if err != nil {
		return err
	}
	if n := h.checked.Add(1); n%10_000 == 0 {
		h.t.Logf("%s: %d states checked so far, %.0f states/s", h.dirs, n, float64(n)/time.Since(h.began).Seconds())
	}
	h.mu.Lock()
	if kind != "" {
		h.refused[kind]++
	}
	h.mu.Unlock()
	if kind == "" && (s.deeper || strings.HasPrefix(h.only, s.id+"/")) {
		return h.deeper(dir, s)
	}
	return nil
}

// deeper records the recovery of a state, and what is done after it, and
// crashes that at every operation.
func (h *hunt) deeper(dir string, s state) error {
	if err := fresh(dir, s.files); err != nil {
		return err
	}
	r := newRun(dir, workload{segment: s.check.segment}, h.seed+7)
	r.fills = 1_000_000 // ids of their own
	for dir, o := range s.check.oracles {
		r.oracles[dir] = o.at(math.MaxUint64)
	}
	r.dir = ledgerDir
	f := s.floors.clone()
	log, err := record(r, func(r *run) error {
		if x := f[ledgerDir]; x.mending {
			if _, err := mend(filepath.Join(dir, ledgerDir), x.given); err != nil {
				return err
			}
			r.note("repaired " + ledgerDir)
		}
		return r.steps(r.opens(ledgerDir), func() error {
			// What the recovery has shown must stay from here on, and
			// nothing behind it may come back.
			seq := r.l.View().Seq()
			r.oracles[ledgerDir] = r.oracles[ledgerDir].at(seq)
			r.oracles[ledgerDir].id = r.l.Identity().ID.String()
			x := f[ledgerDir]
			x.acked = seq
			f[ledgerDir] = x
			return nil
		}, n(r.apply, 2), r.close)
	})
	if err != nil {
		return fmt.Errorf("after the recovery: %w", err)
	}
	c := &checker{segment: s.check.segment, oracles: r.oracles}
	var bad error
	h.walk(s.id, log, f, c, plan{samples: 1, thin: 3}, func(t state) {
		if bad != nil {
			return
		}
		if bad = fresh(dir, t.files); bad != nil {
			return
		}
		kind, err := c.check(dir, t.floors)
		if err != nil {
			h.fail(t, err)
		}
		h.checked.Add(1)
		h.second.Add(1)
		if kind != "" {
			h.mu.Lock()
			h.refused[kind+", in a recovery"]++
			h.mu.Unlock()
		}
	})
	return bad
}

// fresh makes a state real.
func fresh(dir string, s faultos.State) error {
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return s.Write(dir)
}

func (h *hunt) fail(s state, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.failures++; h.failures > 5 {
		return
	}
	h.t.Errorf("%s: %v\n  it must hold %s\n  replay: HOLDFAST_SEED=%d HOLDFAST_STATE=%s go run ./internal/faultbuild test -count=1 -v -run 'TestCrashStates/%s' ./internal/torture",
		s.id, err, s.floors, h.seed, s.id, h.dirs)
	if keep, err := os.MkdirTemp("", "holdfast-state-"); err == nil && s.files.Write(keep) == nil {
		h.t.Logf("the state was kept in %s", keep)
	}
}

// recorded is a workload's log.
type recorded struct {
	name  string
	log   faultos.Log
	check *checker
}

// recordAll runs every workload. Each round has other fills.
func recordAll(t *testing.T, seed uint64, round int) []recorded {
	t.Helper()
	var logs []recorded
	for _, w := range workloads() {
		r := newRun(scratch(t), w, seed+uint64(round)) //nolint:gosec // small
		if w.before != nil {
			require.NoError(t, w.before(r), w.name)
		}
		log, err := record(r, w.do)
		require.NoError(t, err, w.name)
		require.NoError(t, os.RemoveAll(r.root))
		name := fmt.Sprintf("%s/%d", w.name, round)
		logs = append(logs, recorded{name, log, &checker{segment: w.segment, oracles: r.oracles}})
		if round == 0 {
			t.Logf("%s: %d operations", w.name, len(log.Ops))
		}
	}
	return logs
}

// TestCrashStates enumerates what power cuts leave. See the package comment.
func TestCrashStates(t *testing.T) {
	seed, want := seedOf(t), number(t, "HOLDFAST_STATES", 1100)
	for _, dirs := range []faultos.Dirs{faultos.Ordered, faultos.Strict} {
		t.Run(dirs.String(), func(t *testing.T) {
			h := &hunt{
				t: t, dirs: dirs, seed: seed, want: want, only: os.Getenv("HOLDFAST_STATE"), work: scratch(t),
				began: time.Now(), refused: map[string]int{}, jobs: make(chan state, 64),
			}
			h.enumerate()
		})
	}
}

// enumerate checks states until there are enough. A short run looks at a part of
// every log of the first round, a long one at all of them, and then at those of
// other fills.
func (h *hunt) enumerate() {
	var wg sync.WaitGroup
	for i := range runtime.GOMAXPROCS(0) {
		wg.Go(func() { h.worker(i) })
	}
	for round := 0; !h.enough(); round++ {
		if h.only != "" {
			_, err := fmt.Sscanf(strings.SplitN(h.only, "/", 3)[1], "%d", &round)
			require.NoError(h.t, err, "HOLDFAST_STATE")
		}
		logs := recordAll(h.t, h.seed, round)
		p := plan{samples: 4, thin: 1}
		if round == 0 {
			for _, l := range logs {
				h.walk(l.name, l.log, floors{}, l.check, p, nil)
			}
		}
		p.every, p.thin = 150, max(1, 2*h.counted/uint64(h.want)) //nolint:gosec // positive
		h.mu.Lock()
		h.seen = map[[32]byte]bool{} // of other logs there are no equal states
		h.mu.Unlock()
		for _, l := range logs {
			h.walk(l.name, l.log, floors{}, l.check, p, h.offer)
		}
		if h.only != "" {
			break
		}
	}
	close(h.jobs)
	wg.Wait()
	h.t.Logf("HOLDFAST_SEED=%d %s: %d states checked (%d of them after a second cut), %d enumerated, %.0f states/s, %d failures",
		h.seed, h.dirs, h.checked.Load(), h.second.Load(), h.made, float64(h.checked.Load())/time.Since(h.began).Seconds(), h.failures)
	for _, k := range slices.Sorted(maps.Keys(h.refused)) {
		h.t.Logf("refused, as documented: %d × %s", h.refused[k], k)
	}
}
