//go:build fault

package torture

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/internal/faultos"
	"github.com/moneyprinter/holdfast/snapshotter"
)

// fault is one way for an operation to fail.
type fault struct {
	name string
	rule faultos.Rule
}

func faults() []fault {
	writes := faultos.Of(faultos.OpCreate, faultos.OpWrite, faultos.OpTruncate, faultos.OpRename, faultos.OpLink, faultos.OpMkdir)
	return []fault{
		{"EIO", faultos.Rule{Kinds: faultos.Changes(), Err: syscall.EIO}},
		{"EIO-reverted", faultos.Rule{Kinds: faultos.Of(faultos.OpSync), Err: syscall.EIO, Revert: true}},
		{"EIO-kept", faultos.Rule{Kinds: faultos.Of(faultos.OpSync, faultos.OpSyncDir), Err: syscall.EIO}},
		{"ENOSPC", faultos.Rule{Kinds: writes, Err: syscall.ENOSPC}},
		{"ENOSPC-short", faultos.Rule{Kinds: faultos.Of(faultos.OpWrite), Err: syscall.ENOSPC, Short: true}},
		{"EDQUOT", faultos.Rule{Kinds: writes, Err: syscall.EDQUOT}},
		{"EMFILE", faultos.Rule{Kinds: faultos.Of(faultos.OpOpen, faultos.OpCreate), Err: syscall.EMFILE}},
		{"EROFS", faultos.Rule{Kinds: faultos.Changes(), Err: syscall.EROFS}},
	}
}

// TestEveryFailure lets every operation of a small workload fail. A short run
// takes every fifth, beginning with one of the first five.
func TestEveryFailure(t *testing.T) {
	seed := seedOf(t)
	stride := 5
	if os.Getenv("HOLDFAST_FAULTS") != "" {
		stride = 1
	}
	work := scratch(t)
	var runs, struck atomic.Int64
	t.Cleanup(func() { t.Logf("%d runs, %d operations failed", runs.Load(), struck.Load()) })
	for i, f := range faults() {
		for _, sticky := range []bool{false, true} {
			rule, name := f.rule, f.name
			if rule.Sticky = sticky; sticky {
				name += "-sticky"
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				first := 1 + rand.New(rand.NewPCG(seed, uint64(i))).IntN(stride) //nolint:gosec // small
				for rule.Nth = first; ; rule.Nth += stride {
					dir := filepath.Join(work, fmt.Sprintf("%s-%d", name, rule.Nth))
					n, err := failOnce(dir, rule, seed)
					if err != nil {
						t.Errorf("%s at operation %d: %v\n  replay: HOLDFAST_SEED=%d HOLDFAST_FAULTS=1 go run ./internal/faultbuild test -count=1 -run TestEveryFailure/%s ./internal/torture",
							name, rule.Nth, err, seed, name)
					}
					runs.Add(1)
					if n == 0 {
						return
					}
					struck.Add(int64(n))
				}
			})
		}
	}
}

// failOnce runs the workload with one rule, reopens without it, and cuts the
// power. It returns how many operations failed.
func failOnce(root string, rule faultos.Rule, seed uint64) (int, error) {
	if err := os.MkdirAll(root, 0o700); err != nil {
		return 0, err
	}
	defer func() { _ = os.RemoveAll(root) }()
	d, err := faultos.Watch(root)
	if err != nil {
		return 0, err
	}
	defer d.Release()
	r := newRun(root, workload{segment: 1 << 10}, seed)
	f := floors{}
	var mu sync.Mutex
	r.note = func(text string) {
		mu.Lock()
		defer mu.Unlock()
		f.note(text)
	}
	r.aside = d.Aside
	d.Strike(rule)
	if err = clearly(small(r), rule); err == nil {
		err = stumble(r, rule)
	}
	if r.l != nil {
		_ = r.close() // what it says depends on what failed
	}
	n, _ := d.Struck()
	d.Strike(faultos.Rule{})
	if b := d.Broken(); len(b) > 0 {
		err = errors.Join(err, errors.New(strings.Join(b, "; ")))
	}
	if err != nil || n == 0 {
		return n, err
	}
	return n, errors.Join(mended(r, f), cutOff(d, r, f))
}

// clearly checks that an error says what happened, and is not taken for damage.
func clearly(err error, rule faultos.Rule) error {
	var b broken
	switch {
	case err == nil:
		return nil
	case errors.As(err, &b):
		return err
	case errors.Is(err, holdfast.ErrDamaged) || errors.Is(err, snapshotter.ErrDamaged):
		return fmt.Errorf("a fault is taken for damage: %w", err)
	case !errors.Is(err, rule.Err):
		return fmt.Errorf("the cause is not in the error: %w", err)
	}
	return nil
}

// stumble goes on behind an error: reads work, and what is acknowledged counts.
func stumble(r *run, rule faultos.Rule) error {
	if r.l == nil {
		return nil
	}
	if got, want := r.l.View().Seq(), r.oracle().last; got < want {
		return fmt.Errorf("readers see seq %d, seq %d was acknowledged", got, want)
	}
	err := r.apply(1)
	if failed := r.l.Err(); failed != nil && err == nil {
		return fmt.Errorf("an acknowledgement behind %w", failed)
	}
	if err != nil && !errors.Is(err, holdfast.ErrFailed) && !errors.Is(err, holdfast.ErrOutcomeUnknown) {
		return clearly(err, rule)
	}
	return nil
}

// mended opens the ledger when the fault is gone.
func mended(r *run, f floors) error {
	r.segment = 1 << 10
	x := f[ledgerDir]
	if x.mending {
		if _, err := mend(filepath.Join(r.root, ledgerDir), x.given); err != nil {
			return fmt.Errorf("DEAD: the repair cannot be done again: %w", err)
		}
		f.note("repaired " + ledgerDir)
	}
	if err := r.open(ledgerDir); err != nil {
		return fmt.Errorf("FALSE REFUSAL: reopen: %w", err)
	}
	defer func() { _ = r.close() }()
	if seq := r.l.View().Seq(); seq < x.acked {
		return fmt.Errorf("LOST: it ends with seq %d, seq %d was acknowledged", seq, x.acked)
	} else if seq > r.oracle().last {
		if len(r.unknown) == 0 {
			return fmt.Errorf("PHANTOM: it ends with seq %d, seq %d was the last asked for", seq, r.oracle().last)
		}
		if err := r.learn(); err != nil {
			return err
		}
	}
	// Apply what is unknown again, as the documentation of ErrOutcomeUnknown
	// says.
	again := r.unknown
	r.unknown = nil
	for _, f := range again {
		res, err := r.l.Apply(context.Background(), f)
		if err == nil {
			err = errors.Join(r.accept(f, res), r.learn())
		}
		if err != nil {
			return fmt.Errorf("applied again: %w", err)
		}
	}
	if err := errors.Join(r.oracle().judge(r.l, f[ledgerDir].acked), backups(r.l, x)); err != nil {
		return err
	}
	if err := errors.Join(r.apply(3), r.snapshot(), r.close()); err != nil {
		return fmt.Errorf("DEAD: %w", err)
	}
	return r.restored(f)
}

// restored checks what an interrupted restore has left, and that it can be done.
func (r *run) restored(f floors) error {
	x := f[restoredDir]
	path := filepath.Join(r.root, restoredDir)
	if _, err := os.Stat(path); err == nil && x.restored {
		c := checker{segment: r.segment}
		if _, err := c.ledger(path, r.oracles[restoredDir], x); err != nil {
			return fmt.Errorf("the restored ledger: %w", err)
		}
	}
	rd, err := holdfast.OpenReader(filepath.Join(r.root, ledgerDir))
	if err != nil {
		return err
	}
	_, err = rd.Restore(context.Background(), holdfast.Moment{}, filepath.Join(r.root, "another"), "", r.options().Reading())
	return err
}

// cutOff cuts the power behind it all: what only the cache had is gone.
func cutOff(d *faultos.Disk, r *run, f floors) error {
	for _, dirs := range []faultos.Dirs{faultos.Ordered, faultos.Strict} {
		dir := filepath.Join(r.root, "..", filepath.Base(r.root)+"-cut")
		s := d.Tree().State(dirs, func(int) bool { return false }, faultos.Nothing, nil, "LOCK")
		err := fresh(dir, s)
		if err == nil {
			c := checker{segment: r.segment}
			_, err = c.ledger(filepath.Join(dir, ledgerDir), r.oracles[ledgerDir], f[ledgerDir])
		}
		_ = os.RemoveAll(dir)
		if err != nil {
			return fmt.Errorf("after a power cut behind the reopen, %s: %w", dirs, err)
		}
	}
	return nil
}
