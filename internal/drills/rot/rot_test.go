package rot_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/internal/ledgertest"
)

// TestDamageOfEveryKind damages ledgers of three segments, with snapshots, MARK,
// identity and LOCK, in every way of [rotKinds], and judges what reading,
// verifying and opening make of each: nothing may be accepted, and nothing that
// was durable lost. It covers every bit, byte, sector and cut with
// HOLDFAST_EXHAUSTIVE; otherwise it draws, and HOLDFAST_SEED repeats a draw.
func TestDamageOfEveryKind(t *testing.T) {
	seed := ledgertest.Seed(t)
	defer debug.SetGCPercent(debug.SetGCPercent(800)) // thousands of short lives
	for _, v := range rotVariants() {
		table := newRotTable()
		for _, s := range rotSources(t, &v) {
			s.damageAll(t, table, seed)
			t.Logf("%s, up to %s: seed %d\n%s", v.name, s.name, seed, table)
		}
		require.Zero(t, table.sum(rotAccepted)+table.sum(rotLost)+table.sum(rotFaulty))
		require.NotZero(t, table.sum(rotCut), "the one undecidable case must have been met")
		require.NotZero(t, table.sum(rotHealed))
	}
}

// damageAll tries all kinds of damage on one source, on as many copies side by
// side as there are processors.
func (s *rotSource) damageAll(t *testing.T, table *rotTable, seed uint64) {
	t.Helper()
	faults := make(chan rotFault)
	var wg sync.WaitGroup
	var bad atomic.Int64
	for range runtime.GOMAXPROCS(0) {
		dir := filepath.Join(ledgertest.MemoryDir(t), "ledger")
		require.NoError(t, os.Mkdir(dir, 0o700))
		require.NoError(t, image{}.turn(dir, s.image))
		wg.Go(func() {
			for f := range faults {
				v, now, err := s.try(dir, &f)
				table.add(&f, v)
				if err != nil && bad.Add(1) <= 40 {
					t.Errorf("%s, %s: %s: %v: %v", s.name, f.kind, f.what, v, err)
				}
				if err = now.turn(dir, s.image); err != nil {
					t.Errorf("%s: put back: %v", f.what, err)
					bad.Add(1 << 20)
				}
			}
		})
	}
	rnd := rand.New(rand.NewPCG(seed, s.last))
	s.exhaustive = os.Getenv("HOLDFAST_EXHAUSTIVE") != ""
	for _, k := range rotKinds() {
		asked := false
		s.pick = func() bool {
			asked = true
			return s.exhaustive || rnd.IntN(1000) < k.perMille
		}
		for f := range func(yield func(rotFault) bool) { k.each(s, yield) } {
			if bad.Load() > 1<<20 {
				break
			}
			if f.kind = k.name; asked || s.pick() {
				faults <- f
			}
			asked = false
		}
	}
	close(faults)
	wg.Wait()
}

// rotTable counts verdicts by kind of damage.
type rotTable struct {
	mu     sync.Mutex
	began  time.Time
	n      map[string]*[rotVerdicts]int
	looked int
}

func newRotTable() *rotTable {
	return &rotTable{n: map[string]*[rotVerdicts]int{}, began: time.Now()}
}

func (t *rotTable) add(f *rotFault, v rotVerdict) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.n[f.kind] == nil {
		t.n[f.kind] = new([rotVerdicts]int)
	}
	t.n[f.kind][v]++
	if f.look {
		t.looked++
	}
}

func (t *rotTable) sum(v rotVerdict) (n int) {
	for _, row := range t.n {
		n += row[v]
	}
	return n
}

func (t *rotTable) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-34s%9s", "kind", "tried")
	for v := range rotVerdicts {
		fmt.Fprintf(&b, "%13s", v)
	}
	var all [rotVerdicts]int
	line := func(name string, row *[rotVerdicts]int) {
		tried := 0
		for _, n := range row {
			tried += n
		}
		fmt.Fprintf(&b, "\n%-34s%9d", name, tried)
		for _, n := range row {
			fmt.Fprintf(&b, "%13d", n)
		}
	}
	for _, k := range rotKinds() {
		row := t.n[k.name]
		if row == nil {
			row = new([rotVerdicts]int)
		}
		line(k.name, row)
		for v, n := range row {
			all[v] += n
		}
	}
	line("all", &all)
	took := time.Since(t.began)
	fmt.Fprintf(&b, "\nall were opened, %d were read and verified besides; took %v", t.looked, took.Round(time.Second/10))
	return b.String()
}
