//go:build fault

package torture

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/moneyprinter/holdfast/repair"
)

// rotten leaves a ledger that is damaged in the middle, and a copy that is not.
func rotten(r *run) error {
	r.keep = 3
	return r.steps(
		r.opens(ledgerDir), n(r.apply, 25), r.snapshot, n(r.apply, 40), r.snapshot, n(r.apply, 10), r.close, r.rot,
	)
}

// rot copies the ledger and then damages it, as a disk does: without an
// operation that anything could record. Nothing is durable in it then but what
// a repair makes of it.
func (r *run) rot() error {
	dir := filepath.Join(r.root, r.dir)
	if err := os.CopyFS(filepath.Join(r.root, copyDir), os.DirFS(dir)); err != nil {
		return err
	}
	segments, err := filepath.Glob(filepath.Join(dir, "journal", "*"))
	if err != nil || len(segments) < 2 {
		return fmt.Errorf("%d segments to damage: %w", len(segments), err)
	}
	slices.Sort(segments)
	path := segments[(len(segments)-1)/2]
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	clear(b[len(b)/2:][:min(90, len(b)/2)])
	return os.WriteFile(path, b, 0o600)
}

// recall notes what held before the recording began.
func (r *run) recall() {
	r.note("opened " + r.dir)
	r.note(fmt.Sprintf("acked %s %d", r.dir, r.oracle().last))
}

func (r *run) heal() error {
	r.note("healing " + r.dir)
	p, err := mend(filepath.Join(r.root, r.dir), 0)
	if err != nil {
		return err
	}
	if !p.Whole() {
		return broken{fmt.Errorf("the copy is whole, the healed ledger is not: %s", p.Refused)}
	}
	r.note("repaired " + r.dir)
	return nil
}

// forgo gives up what is damaged and all behind it. The oracle forgets it as well.
func (r *run) forgo() error {
	dir := filepath.Join(r.root, r.dir)
	p, err := repair.Diagnose(context.Background(), dir, repair.Options{})
	if err != nil {
		return err
	}
	if p.Loss == nil {
		return broken{errors.New("a damaged ledger has nothing to lose")}
	}
	from := p.Loss.Least
	if from < 2 || from > r.oracle().last {
		return broken{fmt.Errorf("the least loss is from seq %d of %d", from, r.oracle().last)}
	}
	r.oracles[r.dir] = r.oracle().at(from - 1)
	r.note(fmt.Sprintf("forgoing %s %d", r.dir, from))
	if p, err = mend(dir, from); err != nil {
		return err
	}
	r.oracle().id = p.NewID
	r.note("repaired " + r.dir)
	return nil
}

// mend repairs with the copy, or gives up.
func mend(dir string, from uint64) (*repair.Plan, error) {
	o := repair.Options{AcceptLossFrom: from, Now: newClock().Now, Verb: "drill"}
	if from == 0 {
		o.From = filepath.Join(filepath.Dir(dir), copyDir)
	}
	return repair.Do(context.Background(), dir, o)
}

func heal(r *run) error {
	r.recall()
	return r.steps(r.heal, r.opens(ledgerDir), n(r.apply, 5), r.snapshot, n(r.apply, 1), r.close)
}

func giveUp(r *run) error {
	r.recall()
	return r.steps(r.forgo, r.opens(ledgerDir), n(r.apply, 5), r.snapshot, n(r.apply, 1), r.close)
}
