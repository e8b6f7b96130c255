package holdfast_test

import (
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast"
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
			o := quiet()
			o.Name, o.Window = c.asked, 8
			o.Rand = &between{do: func() error {
				first := quiet()
				first.Name, first.Window = "desk-1", 8
				l, err := holdfast.Open(t.Context(), dir, first)
				if err != nil {
					return err
				}
				applyAll(t, l, randomFills(60, 5))
				theirs, state = l.Identity(), digest(l)
				return l.Close()
			}}
			l, err := holdfast.Open(t.Context(), dir, o)
			if c.want != nil {
				require.ErrorIs(t, err, c.want)
			} else {
				require.NoError(t, err)
				require.Equal(t, theirs, l.Identity())
				require.Equal(t, state, digest(l))
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
	o := quiet()
	o.Rand = &between{do: func() error { return os.WriteFile(path, []byte("{"), 0o600) }}
	_, err := holdfast.Open(t.Context(), dir, o)
	require.ErrorIs(t, err, holdfast.ErrDamaged)
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "{", string(b))
}
