//go:build fault

package torture

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/position"
)

// floor is what must be there at a moment of a log, by ledger.
type floor struct {
	opened   bool
	acked    uint64
	snapshot string // the one that must verify; "" while another is being made
	restored bool   // it is what a restore made, or was about to make
	mending  bool   // it was damaged, and a repair has begun that has not ended
	given    uint64 // the seq from which on the repair gives up; 0: it heals from the copy
}

// floors follows the notes of a log.
type floors map[string]floor

func (f floors) clone() floors {
	return maps.Clone(f)
}

func (f floors) note(text string) {
	word := strings.Fields(text)
	x := f[word[1]]
	switch word[0] {
	case "opened":
		x.opened = true
	case "acked":
		var seq uint64
		if _, err := fmt.Sscan(word[2], &seq); err != nil {
			panic(err)
		}
		x.acked = max(x.acked, seq)
	case "snapshotting":
		x.snapshot = ""
	case "snapshot":
		x.snapshot = word[2]
	case "restoring":
		x.restored = true
	case "healing":
		x.mending = true
	case "forgoing":
		x.mending, x.snapshot = true, ""
		if _, err := fmt.Sscan(word[2], &x.given); err != nil {
			panic(err)
		}
		x.acked = min(x.acked, x.given-1)
	case "repaired":
		x.mending = false
	}
	f[word[1]] = x
}

func (f floors) String() string { return fmt.Sprintf("%+v", map[string]floor(f)) }

// refusal says of which documented kind a refusal is; "" if of none.
func refusal(err error, f floor) string {
	var id *holdfast.IdentityError
	switch text := err.Error(); {
	case errors.Is(err, holdfast.ErrDamaged) && strings.Contains(text, "whole but for one byte"):
		return "a torn record that is whole but for one byte"
	case f.restored && !f.opened && errors.As(err, &id) && strings.Contains(text, "is missing"):
		return "an unfinished restore without its identity"
	case f.restored && !f.opened && strings.Contains(text, "missing beside segments"):
		return "an unfinished restore without its MARK"
	case f.restored && !f.opened && errors.Is(err, holdfast.ErrNotLedger):
		return "an unfinished restore that is no ledger yet"
	}
	return ""
}

// checker opens a directory as a program would after a crash.
type checker struct {
	segment int
	oracles map[string]*oracle
}

// check returns the kind of refusal, if the ledger was refused for a documented
// reason, and an error for everything that must not be.
func (c *checker) check(root string, f floors) (kind string, err error) {
	for dir, o := range c.oracles {
		x := f[dir]
		path := filepath.Join(root, dir)
		if x.restored && !x.opened {
			if _, err := os.Stat(path); err != nil {
				continue // the restore had not begun
			}
		}
		k, err := c.ledger(path, o, x)
		if err != nil {
			return "", fmt.Errorf("%s: %w", dir, err)
		}
		if k != "" {
			kind = k
		}
	}
	return kind, nil
}

func (c *checker) ledger(path string, o *oracle, f floor) (kind string, err error) {
	r := &run{segment: c.segment, entropy: newRun("", workload{}, 99).entropy, clock: newClock()}
	l, err := holdfast.Open(context.Background(), path, r.options())
	if f.mending && (errors.Is(err, holdfast.ErrDamaged) || errors.Is(err, holdfast.ErrNotLedger)) {
		if _, err = mend(path, f.given); err != nil {
			return "", fmt.Errorf("DEAD: the repair cannot be done again: %w", err)
		}
		l, err = holdfast.Open(context.Background(), path, r.options())
	}
	if err != nil {
		if k := refusal(err, f); k != "" {
			return k, nil
		}
		return "", fmt.Errorf("FALSE REFUSAL: %w", err)
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	seq := l.View().Seq()
	if seq == 0 && !f.opened { // it was created anew
		if f.acked > 0 {
			return "", fmt.Errorf("LOST: it is empty, seq %d was acknowledged", f.acked)
		}
		return "", useful(l, o, 0, &r.fills)
	}
	if id := l.Identity().ID.String(); f.opened && id != o.id {
		return "", fmt.Errorf("WRONG: it is another ledger, %s instead of %s", id, o.id)
	}
	if err = o.judge(l, f.acked); err != nil {
		return "", err
	}
	if err = backups(l, f); err != nil {
		return "", err
	}
	if err = useful(l, o, seq, &r.fills); err != nil {
		return "", err
	}
	return "", c.again(l, path, r.options())
}

// backups checks that no half snapshot bears the name of one, and that the last
// one that was acknowledged is there.
func backups(l *holdfast.Ledger, f floor) error {
	list, err := l.Snapshots()
	if err != nil {
		return err
	}
	found := f.snapshot == ""
	for _, s := range list {
		if _, err := l.VerifySnapshot(s.Name); err != nil && !errors.Is(err, holdfast.ErrTrimmed) {
			return fmt.Errorf("HALF SNAPSHOT: %w", err)
		}
		found = found || s.Name == f.snapshot
	}
	if !found {
		return fmt.Errorf("LOST: snapshot %s", f.snapshot)
	}
	return nil
}

// useful checks that the ledger takes new fills, and knows its old ones.
func useful(l *holdfast.Ledger, o *oracle, seq uint64, fills *int) error {
	ctx := context.Background()
	last := o.fold(seq)
	if last.id != "" {
		old := position.Fill{
			Meta: position.Meta{Ident: last.id, Time: 1}, Key: position.Key{Account: "A", Instrument: "I"},
			Side: position.Buy, Qty: position.FromInt(1), Price: position.FromInt(1),
		}
		if _, err := l.Apply(ctx, old); !errors.Is(err, holdfast.ErrIDReused) {
			return fmt.Errorf("TWICE: the id of an old fill with other content gives %w, want ErrIDReused", err)
		}
	}
	key := position.Key{Account: "new", Instrument: "I0"}
	for i := range 3 {
		*fills++
		f := position.Fill{
			Meta: position.Meta{Ident: fmt.Sprintf("new-%d", *fills), Time: 1_700_000_000_000_000_000}, Key: key,
			Side: position.Buy, Qty: position.FromInt(1), Price: position.FromInt(100),
		}
		res, err := l.Apply(ctx, f)
		if err != nil {
			return fmt.Errorf("DEAD: append after the recovery: %w", err)
		}
		// The record of the epoch comes before the first.
		if want := seq + 2 + uint64(i); res.Last != want { //nolint:gosec // small
			return fmt.Errorf("WRONG: a new fill got seq %d instead of %d", res.Last, want)
		}
	}
	return nil
}

// again closes the ledger and opens it once more.
func (c *checker) again(l *holdfast.Ledger, path string, o holdfast.Options) error {
	digest, seq := l.View().Digest(), l.View().Seq()
	if err := l.Close(); err != nil {
		return fmt.Errorf("DEAD: close: %w", err)
	}
	l, err := holdfast.Open(context.Background(), path, o)
	if err != nil {
		return fmt.Errorf("DEAD: second open: %w", err)
	}
	if l.View().Seq() != seq || l.View().Digest() != digest {
		err = fmt.Errorf("WRONG: the second open shows seq %d, the first left %d", l.View().Seq(), seq)
	}
	return errors.Join(err, l.Close())
}
