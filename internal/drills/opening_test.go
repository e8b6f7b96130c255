package drills_test

import (
	"bytes"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/internal/ledgertest"
	"github.com/moneyprinter/holdfast/journal"
)

// between runs once, when an opening makes up an identity: behind its look at the
// directory, before it has the lock.
type between struct {
	do   func() error
	done bool
}

func (b *between) Read(p []byte) (int, error) {
	if !b.done {
		b.done = true
		if err := b.do(); err != nil {
			return 0, err
		}
	}
	clear(p)
	return len(p), nil
}

var _ io.Reader = (*between)(nil)

// Of two that create a ledger in one directory the first one's identity stands,
// and the other opens it, or is refused by it.
func TestLedgerThatAppearsMeanwhile(t *testing.T) {
	for name, c := range map[string]struct {
		asked string
		want  error
	}{
		"as asked for":       {"desk-1", nil},
		"under another name": {"desk-2", holdfast.ErrMismatch},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			var theirs holdfast.Identity
			var state [32]byte
			o := ledgertest.Quiet()
			o.Name, o.Window = c.asked, 8
			o.Rand = &between{do: func() error {
				first := ledgertest.Quiet()
				first.Name, first.Window = "desk-1", 8
				l, err := holdfast.Open(t.Context(), dir, first)
				if err != nil {
					return err
				}
				ledgertest.ApplyAll(t, l, ledgertest.RandomFills(60, 5))
				theirs, state = l.Identity(), ledgertest.Digest(l)
				return l.Close()
			}}
			l, err := holdfast.Open(t.Context(), dir, o)
			if c.want != nil {
				require.ErrorIs(t, err, c.want)
			} else {
				require.NoError(t, err)
				require.Equal(t, theirs, l.Identity())
				require.Equal(t, state, ledgertest.Digest(l))
				require.NoError(t, l.Close())
			}
			r, err := holdfast.OpenReader(dir)
			require.NoError(t, err)
			require.Equal(t, theirs, r.Identity(), "what is there stays")
		})
	}
}

// An identity that cannot be read under the lock is not replaced by a new one.
func TestDamagedIdentityThatAppearsMeanwhile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "ledger.json")
	o := ledgertest.Quiet()
	o.Rand = &between{do: func() error { return os.WriteFile(path, []byte("{"), 0o600) }}
	_, err := holdfast.Open(t.Context(), dir, o)
	require.ErrorIs(t, err, holdfast.ErrDamaged)
	var id *holdfast.IdentityError
	require.ErrorAs(t, err, &id)
	require.Equal(t, path, id.File)
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "{", string(b))
}

// A second opener is told who holds the ledger, since when, and where to reach
// them.
func TestHolderIsNamed(t *testing.T) {
	dir := t.TempDir()
	o := ledgertest.Quiet()
	o.Verb, o.Reach = "serve", "nats://127.0.0.1:4222"
	o.Now = func() time.Time { return time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC) }
	ledgertest.Open(t, dir, o)
	_, err := holdfast.Open(t.Context(), dir, ledgertest.Quiet())
	var who *journal.InUseError
	require.ErrorAs(t, err, &who)
	require.Equal(t, "serve", who.Holder.Verb)
	require.Equal(t, "nats://127.0.0.1:4222", who.Holder.Reach)
	require.Equal(t, o.Now(), who.Holder.Since)
}

// An opening tells which snapshot it began with and how many records it replayed.
func TestOpeningTellsWhatItReplayed(t *testing.T) {
	dir, _ := ledgertest.Small(t)
	var log bytes.Buffer
	o := ledgertest.Quiet()
	o.Logger = slog.New(slog.NewTextHandler(&log, nil))
	o.Now = func() time.Time { return time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC) }
	l := ledgertest.Open(t, dir, o)
	require.Contains(t, log.String(), `msg="state loaded" snapshot_seq=3 replayed=3 seq=6`)
	s, err := l.Snapshot(t.Context())
	require.NoError(t, err)
	require.Equal(t, o.Now(), s.Created.UTC(), "the clock of the options")
	require.Contains(t, log.String(), "snapshot written", "and its log")
}

// Records without an identity are of a ledger that is not whole.
func TestMissingIdentityIsNamed(t *testing.T) {
	dir, _ := ledgertest.Small(t)
	require.NoError(t, os.Remove(filepath.Join(dir, "ledger.json")))
	_, err := holdfast.Open(t.Context(), dir, ledgertest.Quiet())
	var id *holdfast.IdentityError
	require.ErrorAs(t, err, &id)
	require.Equal(t, "ledger.json", id.File)
	require.Contains(t, id.Reason, "is missing, but there are records")
	said := id.Reason
	_, err = holdfast.OpenReader(dir)
	require.ErrorAs(t, err, &id, "a reader does not take it for no ledger either")
	require.Equal(t, said, id.Reason)
	segments, err := filepath.Glob(filepath.Join(dir, "journal", "*"))
	require.NoError(t, err)
	require.NoError(t, os.Truncate(segments[len(segments)-1], 10))
	_, err = holdfast.OpenReader(dir)
	require.ErrorAs(t, err, &id, "nor where the journal is damaged as well")

	fresh := t.TempDir()
	require.NoError(t, ledgertest.Open(t, fresh, ledgertest.Quiet()).Close())
	require.NoError(t, os.Remove(filepath.Join(fresh, "ledger.json")))
	_, err = holdfast.OpenReader(fresh)
	require.ErrorIs(t, err, holdfast.ErrNotLedger, "what a creation that was cut short leaves")
}
