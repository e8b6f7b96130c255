package drills_test

import (
	"bytes"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/audit"
	"github.com/moneyprinter/holdfast/bus/embedded"
	"github.com/moneyprinter/holdfast/internal/ledgertest"
	"github.com/moneyprinter/holdfast/journal"
	"github.com/moneyprinter/holdfast/keyring"
	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/snapshotter"
)

func encrypted(keys *keyring.Ring) holdfast.Options {
	o := ledgertest.Quiet()
	o.Keys = keys
	return o
}

// secretWorkload is a history whose names can be told from anything else.
func secretWorkload() []position.Mutation {
	ms := ledgertest.RandomFills(77, 300)
	for i, m := range ms {
		f := m.(position.Fill) //nolint:errcheck,forcetypeassert // randomFills makes fills
		f.Ident = "zzsecretid-" + f.Ident
		f.Account = "zzsecretaccount-" + f.Account
		f.Instrument = "ZZSECRETINSTRUMENT-" + f.Instrument
		ms[i] = f
	}
	last := ms[299].(position.Fill)    //nolint:errcheck,forcetypeassert // as above
	earlier := ms[290].(position.Fill) //nolint:errcheck,forcetypeassert // as above
	return append(ms, ledgertest.Mark("zzsecretid-mark", last.Instrument, "123"), ledgertest.Bust("zzsecretid-bust", last), ledgertest.Bust("zzsecretid-bust-2", earlier))
}

// showsSecret lists the files below dir in which a name of the workload stands.
func showsSecret(tb testing.TB, dir string) (files []string) {
	tb.Helper()
	require.NoError(tb, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		if strings.Contains(strings.ToLower(path+string(b)), "zzsecret") {
			files = append(files, path)
		}
		return err
	}))
	return files
}

// The same workload gives the same state, plain or encrypted, across a rotation,
// reopenings, snapshots and a trim; and nothing of its names stands in any file
// of the encrypted ledger, the store of the bus included.
func TestEncryptionChangesNothingButTheBytes(t *testing.T) {
	run := func(t *testing.T, dir string, o holdfast.Options, store embedded.Options, rotate func(l *holdfast.Ledger)) [32]byte {
		t.Helper()
		store.Dir, store.Listen, store.Ledger = filepath.Join(dir, "nats"), embedded.NoListen, "main"
		s, err := embedded.Start(store)
		require.NoError(t, err)
		defer func() { require.NoError(t, s.Close()) }()
		o.Bus = &holdfast.BusOptions{Connect: s.Connect}
		o.Retain, o.SnapshotKeep = -1, 2
		ms := secretWorkload()
		l := ledgertest.Open(t, dir, o)
		for i, upTo := range []int{0, 60, 120, 180, 240, len(ms)} {
			if i == 0 {
				continue
			}
			for _, m := range ms[60*(i-1) : upTo] {
				_, err = l.Apply(t.Context(), m)
				require.NoError(t, err)
			}
			ledgertest.CaughtUp(t, l)
			if i < 5 {
				_, err = l.Snapshot(t.Context())
				require.NoError(t, err)
			}
			switch i {
			case 2:
				rotate(l)
			case 3:
				require.NoError(t, l.Close())
				l = ledgertest.Open(t, dir, o)
			}
		}
		want := ledgertest.Digest(l)
		require.NoError(t, l.Close())
		l = ledgertest.Open(t, dir, o)
		require.Equal(t, want, ledgertest.Digest(l))
		require.NoError(t, l.Close())
		return want
	}
	plainDir, sealedDir := t.TempDir(), t.TempDir()
	want := run(t, plainDir, ledgertest.Quiet(), embedded.Options{}, func(*holdfast.Ledger) {})
	require.NotEmpty(t, showsSecret(t, filepath.Join(plainDir, "journal")), "the test can see what is plain")
	require.NotEmpty(t, showsSecret(t, filepath.Join(plainDir, "nats")))
	require.NotEmpty(t, showsSecret(t, filepath.Join(plainDir, "backups")))

	keys := keyring.New(ledgertest.MasterKey(t, 1))
	got := run(t, sealedDir, encrypted(keys), embedded.Options{StoreKey: bytes.Repeat([]byte{9}, 32)}, func(l *holdfast.Ledger) {
		require.NoError(t, l.Rotate(t.Context(), ledgertest.MasterKey(t, 2)))
	})
	require.Equal(t, want, got)
	require.Empty(t, showsSecret(t, sealedDir))

	r, err := holdfast.OpenReader(sealedDir)
	require.NoError(t, err)
	r = r.WithKeys(keys)
	rep, err := audit.Verify(t.Context(), r, audit.Options{Deep: true})
	require.NoError(t, err)
	require.True(t, rep.OK(), "%+v", rep.Findings)
	require.False(t, rep.Unread)
	v, err := r.AsOf(t.Context(), holdfast.Moment{})
	require.NoError(t, err)
	require.Equal(t, want, v.Digest())
	st, err := holdfast.StatusOf(r, v)
	require.NoError(t, err)
	require.Equal(t, ledgertest.MasterKey(t, 2).ID().String(), st.Encrypted)
}

// Everything that reads works on an encrypted ledger, and without its key gives
// the one error that says so.
func TestReadingEncrypted(t *testing.T) {
	dir := t.TempDir()
	keys := keyring.New(ledgertest.MasterKey(t, 1))
	l := ledgertest.Open(t, dir, encrypted(keys))
	ms := secretWorkload()
	ledgertest.ApplyAll(t, l, ms[:150])
	_, err := l.Snapshot(t.Context())
	require.NoError(t, err)
	for _, m := range ms[150:] {
		_, err = l.Apply(t.Context(), m)
		require.NoError(t, err)
	}
	want := ledgertest.Digest(l)
	require.NoError(t, l.Close())

	r, err := holdfast.OpenReader(dir)
	require.NoError(t, err)
	do := func(r *holdfast.Reader) map[string]error {
		out := make(map[string]error)
		_, out["as of"] = r.AsOf(t.Context(), holdfast.Moment{})
		_, out["as of seq"] = r.AsOf(t.Context(), holdfast.Moment{Seq: 100})
		_, _, out["as of event"] = r.AsOfEvent(t.Context(), 0, holdfast.Moment{})
		for _, err := range r.History(t.Context(), holdfast.Filter{}) {
			out["history"] = err
		}
		for _, err := range r.Replay(t.Context(), holdfast.Filter{}) {
			out["replay"] = err
		}
		_, out["restore"] = r.Restore(t.Context(), holdfast.Moment{}, filepath.Join(t.TempDir(), "to"), "", holdfast.Options{}.Reading())
		list, listErr := r.Snapshots()
		require.NoError(t, listErr)
		_, out["snapshot"] = r.VerifySnapshot(list[0].Name)
		out["check"] = r.CheckKeys()
		return out
	}
	for name, err := range do(r.WithKeys(keys)) {
		require.NoError(t, err, name)
	}
	for what, bad := range map[string]*holdfast.Reader{"none": r, "another": r.WithKeys(keyring.New(ledgertest.MasterKey(t, 9)))} {
		for name, err := range do(bad) {
			require.ErrorIs(t, err, holdfast.ErrNoKey, "%s %s", what, name)
			require.NotErrorIs(t, err, holdfast.ErrDamaged, name)
			require.ErrorContains(t, err, ledgertest.MasterKey(t, 1).ID().String(), name)
		}
	}
	// Integrity is checked without the key.
	rep, err := audit.Verify(t.Context(), r, audit.Options{Deep: true})
	require.NoError(t, err)
	require.False(t, rep.Deep, "nothing can be recomputed without it")
	require.True(t, rep.OK(), "%+v", rep.Findings)
	require.True(t, rep.Unread)
	require.Equal(t, []string{ledgertest.MasterKey(t, 1).ID().String()}, rep.Keys)
	require.Empty(t, rep.Digest)
	_, err = audit.Verify(t.Context(), r.WithKeys(keyring.New(ledgertest.MasterKey(t, 9))), audit.Options{})
	require.ErrorIs(t, err, holdfast.ErrNoKey)

	// What is restored stays encrypted, and is the same.
	to := filepath.Join(t.TempDir(), "restored")
	_, err = r.WithKeys(keys).Restore(t.Context(), holdfast.Moment{}, to, "", holdfast.Options{}.Reading())
	require.NoError(t, err)
	require.Empty(t, showsSecret(t, to))
	blind, err := holdfast.OpenReader(to)
	require.NoError(t, err)
	require.ErrorIs(t, blind.CheckKeys(), holdfast.ErrNoKey)
	require.NoError(t, blind.WithKeys(keys).CheckKeys())
	for _, deep := range []bool{false, true} {
		rep, err = audit.Verify(t.Context(), blind, audit.Options{Deep: deep})
		require.NoError(t, err)
		require.True(t, rep.OK(), "%+v", rep.Findings)
		require.True(t, rep.Unread)
	}
	again := ledgertest.Open(t, to, encrypted(keys))
	require.Equal(t, want, ledgertest.Digest(again))
	_, err = again.Apply(t.Context(), ledgertest.Fill("new", "zzsecretaccount", "ZZSECRETINSTRUMENT", position.Buy, "1", "1"))
	require.NoError(t, err)
	require.NoError(t, again.Close())
	require.Empty(t, showsSecret(t, to))
}

func TestOpeningWithoutTheKey(t *testing.T) {
	dir := t.TempDir()
	l := ledgertest.Open(t, dir, ledgertest.Quiet())
	ledgertest.ApplyAll(t, l, ledgertest.RandomFills(1, 50))
	require.NoError(t, l.Close())
	// A plain ledger goes on encrypted.
	old, next := ledgertest.MasterKey(t, 1), ledgertest.MasterKey(t, 2)
	l = ledgertest.Open(t, dir, encrypted(keyring.New(old)))
	ledgertest.ApplyAll(t, l, secretWorkload()[:50])
	require.NoError(t, l.Rotate(t.Context(), next))
	ledgertest.ApplyAll(t, l, secretWorkload()[50:100])
	_, err := l.Snapshot(t.Context())
	require.NoError(t, err)
	want := ledgertest.Digest(l)
	require.NoError(t, l.Close())
	require.Empty(t, showsSecret(t, dir))
	for name, keys := range map[string]*keyring.Ring{
		"none": nil, "another": keyring.New(ledgertest.MasterKey(t, 9)), "the old one": keyring.New(old), "the new one": keyring.New(next),
	} {
		before := contents(t, dir)
		_, err = holdfast.Open(t.Context(), dir, encrypted(keys))
		require.ErrorIs(t, err, holdfast.ErrNoKey, name)
		require.NotErrorIs(t, err, holdfast.ErrDamaged, name)
		require.Equal(t, before, contents(t, dir), name)
	}
	l = ledgertest.Open(t, dir, encrypted(keyring.New(next, old)))
	require.Equal(t, want, ledgertest.Digest(l))
	require.NoError(t, l.Close())
	l = ledgertest.Open(t, t.TempDir(), ledgertest.Quiet())
	require.ErrorIs(t, l.Rotate(t.Context(), next), holdfast.ErrInvalid)
}

// contents returns every file below dir but LOCK.
func contents(tb testing.TB, dir string) map[string]string {
	tb.Helper()
	out := make(map[string]string)
	require.NoError(tb, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || d.Name() == "LOCK" {
			return err
		}
		b, err := os.ReadFile(path)
		out[path] = string(b)
		return err
	}))
	return out
}

// Somebody without the key can write a plain snapshot whose checksums, chain and
// digest are right. It is not taken for the ledger's.
func TestForgedPlainSnapshot(t *testing.T) {
	dir := t.TempDir()
	keys := keyring.New(ledgertest.MasterKey(t, 1))
	l := ledgertest.Open(t, dir, encrypted(keys))
	ledgertest.ApplyAll(t, l, ledgertest.RandomFills(3, 100))
	s, err := l.Snapshot(t.Context())
	require.NoError(t, err)
	want := ledgertest.Digest(l)
	id := l.Identity()
	require.NoError(t, l.Close())

	other := ledgertest.Open(t, t.TempDir(), ledgertest.Quiet())
	ledgertest.ApplyAll(t, other, ledgertest.RandomFills(4, 100)) // another history of the same length
	v := other.View()
	forger := snapshotter.New(filepath.Join(dir, "backups"), snapshotter.Options{})
	meta := s.Meta
	meta.Ledger, meta.Digest, meta.Positions = [16]byte(id.ID), v.Digest(), v.Counts().Positions
	meta.RecordTime++ // its name is newer
	forged, err := forger.Write(t.Context(), meta, func(w io.Writer) error {
		_, werr := v.WriteTo(w)
		return werr
	})
	require.NoError(t, err)
	l = ledgertest.Open(t, dir, encrypted(keys))
	require.Equal(t, want, ledgertest.Digest(l))
	_, err = l.VerifySnapshot(forged.Name)
	require.ErrorIs(t, err, holdfast.ErrDamaged)
	require.ErrorContains(t, err, "it is plain")
}

// Bytes that are not what was written are damage, whatever the keys are.
func TestDamageIsNotAWrongKey(t *testing.T) {
	dir := t.TempDir()
	keys := keyring.New(ledgertest.MasterKey(t, 1))
	l := ledgertest.Open(t, dir, encrypted(keys))
	ledgertest.ApplyAll(t, l, ledgertest.RandomFills(5, 30))
	require.NoError(t, l.Close())
	path := filepath.Join(dir, "journal", "00000000000000000001")
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	rewritten := rewriteID(b, ledgertest.MasterKey(t, 1).ID(), ledgertest.MasterKey(t, 2).ID())
	require.NotEqual(t, b, rewritten)
	require.NoError(t, os.WriteFile(path, rewritten, 0o600))
	for _, ring := range []*keyring.Ring{nil, keys} {
		_, err = holdfast.Open(t.Context(), dir, encrypted(ring))
		require.ErrorIs(t, err, holdfast.ErrDamaged)
		require.NotErrorIs(t, err, holdfast.ErrNoKey)
		var damage *journal.DamageError
		require.ErrorAs(t, err, &damage)
	}
}

func rewriteID(b []byte, from, to keyring.ID) []byte { return bytes.ReplaceAll(b, from[:], to[:]) }

// A snapshot whose key is missing is not passed over as if it were damaged, also
// where the journal could do without it.
func TestSnapshotUnderAMissingKey(t *testing.T) {
	dir := t.TempDir()
	old, next := ledgertest.MasterKey(t, 1), ledgertest.MasterKey(t, 2)
	l := ledgertest.Open(t, dir, encrypted(keyring.New(old)))
	ledgertest.ApplyAll(t, l, ledgertest.RandomFills(8, 50))
	require.NoError(t, l.AdoptKeys(t.Context(), keyring.New(next, old)))
	s, err := l.Snapshot(t.Context())
	require.NoError(t, err)
	require.Equal(t, next.ID(), s.Key)
	want := ledgertest.Digest(l)
	require.NoError(t, l.Close())
	_, err = holdfast.Open(t.Context(), dir, encrypted(keyring.New(old)))
	require.ErrorIs(t, err, holdfast.ErrNoKey)
	require.ErrorContains(t, err, next.ID().String())
	require.NoError(t, os.Remove(filepath.Join(dir, "backups", s.Name)))
	require.Equal(t, want, ledgertest.Digest(ledgertest.Open(t, dir, encrypted(keyring.New(old)))))
}
