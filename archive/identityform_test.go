package archive_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/archive"
	"github.com/moneyprinter/holdfast/internal/ledgertest"
	"github.com/moneyprinter/holdfast/internal/wire"
	"github.com/moneyprinter/holdfast/journal"
	"github.com/moneyprinter/holdfast/keyring"
	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/projector"
	"github.com/moneyprinter/holdfast/remedy"
	"github.com/moneyprinter/holdfast/repair"
	"github.com/moneyprinter/holdfast/snapshotter"
)

// identityFile returns what ledger.json of a directory holds.
func identityFile(t *testing.T, dir string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "ledger.json"))
	require.NoError(t, err)
	return string(b)
}

// rebuilt is what ledger.json is by the record of the newest epoch of a ledger.
func rebuilt(t *testing.T, v *projector.View) string {
	t.Helper()
	_, e := v.Epoch()
	require.NotNil(t, e)
	id, err := archive.EpochIdentity(*e)
	require.NoError(t, err)
	return string(archive.IdentityBytes(id))
}

// bySnapshot is what ledger.json is by a snapshot.
func bySnapshot(t *testing.T, dir, name string, keys *keyring.Ring) string {
	t.Helper()
	id, err := archive.SnapshotIdentity(snapshotter.New(filepath.Join(dir, "backups"), snapshotter.Options{Keys: keys}), name)
	require.NoError(t, err)
	return string(archive.IdentityBytes(id))
}

// TestIdentityComesBack: ledger.json can be made again from any snapshot and from the
// record of the newest epoch, byte for byte. A restored ledger has the key of its parent's
// fingerprints; its first epochs are the parent's.
func TestIdentityComesBack(t *testing.T) {
	for name, keys := range map[string]*keyring.Ring{"plain": nil, "encrypted": keyring.New(ledgertest.MasterKey(t, 1))} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			o := ledgertest.Quiet()
			o.Keys, o.Name, o.Window = keys, "desk-1", 64
			o.Rules = position.Rules{CostMethod: position.FIFO, DefaultCurrency: "<&>", StrictIncrements: true}
			l := ledgertest.Open(t, dir, o)
			ledgertest.Buys(t, l, "A", 3)
			s, err := l.Snapshot(t.Context())
			require.NoError(t, err)
			want := identityFile(t, dir)
			require.Equal(t, want, rebuilt(t, l.View()))
			require.Equal(t, want, bySnapshot(t, dir, s.Name, keys))
			require.Equal(t, want, string(archive.IdentityBytes(l.Identity())))

			to := filepath.Join(t.TempDir(), "child")
			_, err = l.Restore(t.Context(), holdfast.Moment{}, to, "", o)
			require.NoError(t, err)
			o.Name = ""
			child := ledgertest.Open(t, to, o)
			mine := identityFile(t, to)
			require.NotEqual(t, want, mine)
			require.Equal(t, l.Identity().Prints, child.Identity().Prints)
			require.Equal(t, want, rebuilt(t, child.View()), "what it begins with is its parent's")
			list, err := child.Snapshots()
			require.NoError(t, err)
			require.Equal(t, mine, bySnapshot(t, to, list[0].Name, keys))
			ledgertest.Buys(t, child, "B", 1)
			require.Equal(t, mine, rebuilt(t, child.View()))
			s, err = child.Snapshot(t.Context())
			require.NoError(t, err)
			require.Equal(t, mine, bySnapshot(t, to, s.Name, keys))
		})
	}
}

// TestIdentityAfterAnAcceptedLoss: a ledger that has become another lineage in place
// says so with the record of its next epoch.
func TestIdentityAfterAnAcceptedLoss(t *testing.T) {
	dir, _, broken := ledgertest.Damaged(t)
	before := identityFile(t, dir)
	_, err := repair.Do(t.Context(), dir, repair.Options{AcceptLossFrom: broken})
	require.NoError(t, err)
	after := identityFile(t, dir)
	require.NotEqual(t, before, after)
	l := ledgertest.Open(t, dir, ledgertest.Quiet())
	require.Equal(t, before, rebuilt(t, l.View()))
	ledgertest.Buys(t, l, "C", 1)
	require.Equal(t, after, rebuilt(t, l.View()))
}

// TestKeyOfTheFingerprintsIsHidden: it is in ledger.json, in a record and in a body, and
// neither in the header of a snapshot nor in anything that is printed, logged or
// published. Of an encrypted ledger only ledger.json shows it to who has no key.
func TestKeyOfTheFingerprintsIsHidden(t *testing.T) {
	dir := t.TempDir()
	keys := keyring.New(ledgertest.MasterKey(t, 1))
	o := ledgertest.Quiet()
	o.Keys = keys
	l := ledgertest.Open(t, dir, o)
	ledgertest.Buys(t, l, "A", 2)
	s, err := l.Snapshot(t.Context())
	require.NoError(t, err)
	id := l.Identity()
	require.NotZero(t, id.Prints)
	secret := hex.EncodeToString(id.Prints[:])
	require.Contains(t, identityFile(t, dir), secret)
	hidden := func(text string) {
		t.Helper()
		require.NotContains(t, text, secret)
		require.NotContains(t, text, string(id.Prints[:]))
		require.NotContains(t, text, fmt.Sprint([16]byte(id.Prints)))
	}
	for _, file := range append(ledgertest.Segments(t, dir), filepath.Join(dir, "backups", s.Name)) {
		b, readErr := os.ReadFile(file)
		require.NoError(t, readErr)
		hidden(string(b))
	}
	_, e := l.View().Epoch()
	record := position.AppendChangeJSON(nil, position.Stamp{Seq: 1, Epoch: 1}, &position.Change{Kind: position.EpochBegun, Parts: 1, Epoch: e})
	hidden(string(record))
	require.Contains(t, string(record), `"identity":`+e.Identity)
	text, err := json.Marshal(id)
	require.NoError(t, err)
	require.Equal(t, e.Identity, string(text))
	for _, v := range []any{id, &id, *e, e, s} {
		text, err = json.Marshal(v)
		require.NoError(t, err)
		hidden(string(text))
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
			hidden(fmt.Sprintf(verb, v))
		}
	}
	_, err = archive.SnapshotIdentity(snapshotter.New(filepath.Join(dir, "backups"), snapshotter.Options{}), s.Name)
	require.ErrorIs(t, err, keyring.ErrNoKey)

	schema, err := jsonschema.UnmarshalJSON(bytes.NewReader(position.ChangeSchema()))
	require.NoError(t, err)
	c := jsonschema.NewCompiler()
	require.NoError(t, c.AddResource("change", schema))
	compiled, err := c.Compile("change")
	require.NoError(t, err)
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(record))
	require.NoError(t, err)
	require.NoError(t, compiled.Validate(doc), "the schema describes the identity that archive makes")
}

// longest is an identity with as many ancestors as there may be, and names as long.
func longest(t *testing.T) archive.Identity {
	t.Helper()
	_, good := identityBytes(t)
	id, err := archive.ParseIdentity(good)
	require.NoError(t, err)
	id.Name, id.DefaultCurrency = strings.Repeat("n", 32), strings.Repeat("<", position.MaxName)
	id.Window, id.Encrypted = 1<<62, true
	for range archive.MaxParents {
		old := id
		id.ID = uuid.New()
		id, err = id.Descended(old, 1<<64-1, strings.Repeat("f", 64))
		require.NoError(t, err)
	}
	return id
}

// TestLineageIsBounded: the longest identity has room in a record and in a header, and
// where a longer one would begin it is refused.
func TestLineageIsBounded(t *testing.T) {
	id := longest(t)
	_, err := id.Descended(id, 1, "")
	require.ErrorIs(t, err, holdfast.ErrInvalid)
	require.ErrorContains(t, err, "256 ancestors")

	e := archive.Epoch(id, "build")
	require.NoError(t, position.CheckIdentity(e.Identity))
	var d wire.Decoder
	c, err := d.Change(wire.AppendChange(nil, &position.Change{Kind: position.EpochBegun, Parts: 1, Epoch: &e}))
	require.NoError(t, err)
	again, err := archive.EpochIdentity(*c.Epoch)
	require.NoError(t, err)
	require.Equal(t, id, again)
	require.LessOrEqual(t, len(e.Identity), snapshotter.MaxIdentity)
	parsed, err := archive.ParseIdentity(archive.IdentityBytes(id))
	require.NoError(t, err)
	require.Equal(t, id, parsed)

	id.Parents = append(id.Parents, id.Parents[0])
	_, err = archive.ParseIdentity(archive.IdentityBytes(id))
	require.ErrorIs(t, err, holdfast.ErrNotLedger)
}

// TestLongLineageIsRefusedBeforeAnythingIsWritten: neither a restore nor an accepted
// loss begins a lineage that no record could name, and both leave everything as it is.
func TestLongLineageIsRefusedBeforeAnythingIsWritten(t *testing.T) {
	dir, _, broken := ledgertest.Damaged(t)
	id, err := archive.ReadIdentity(dir)
	require.NoError(t, err)
	id.Parents = longest(t).Parents
	require.NoError(t, archive.WriteIdentity(id, dir))
	before := ledgertest.Files(t, dir)
	p, err := repair.Do(t.Context(), dir, repair.Options{AcceptLossFrom: broken})
	require.ErrorIs(t, err, holdfast.ErrRefused)
	require.ErrorContains(t, err, "256 ancestors")
	require.Empty(t, p.NewID)
	require.Equal(t, before, ledgertest.Files(t, dir))

	whole := t.TempDir()
	l := ledgertest.Open(t, whole, ledgertest.Quiet())
	ledgertest.Buys(t, l, "A", 1)
	require.NoError(t, l.Close())
	own := l.Identity()
	own.Parents = id.Parents
	require.NoError(t, archive.WriteIdentity(own, whole))
	to := filepath.Join(t.TempDir(), "child")
	_, err = ledgertest.OpenReader(t, whole).Restore(t.Context(), holdfast.Moment{}, to, "", ledgertest.Quiet().Reading())
	require.ErrorContains(t, err, "256 ancestors")
	require.NoDirExists(t, to)
}

// TestSnapshotOfTwoLedgers: a snapshot whose header names one ledger and whose identity
// is another's is damaged, for whoever lists, verifies, loads or takes its identity.
func TestSnapshotOfTwoLedgers(t *testing.T) {
	dir := t.TempDir()
	l := ledgertest.Open(t, dir, ledgertest.Quiet())
	ledgertest.Buys(t, l, "A", 2)
	s, err := l.Snapshot(t.Context())
	require.NoError(t, err)
	for name, change := range map[string]func(*snapshotter.Meta){
		"another id":           func(m *snapshotter.Meta) { id := m.Ledger; ledgertest.OfAnother(m); m.Ledger = id },
		"another ledger":       func(m *snapshotter.Meta) { m.Ledger[3] ^= 1 },
		"none":                 func(m *snapshotter.Meta) { m.Identity = "" },
		"not as it is written": func(m *snapshotter.Meta) { m.Identity += " " },
	} {
		t.Run(name, func(t *testing.T) {
			bad := ledgertest.RewriteSnapshot(t, dir, s.Name, change)
			defer func() { require.NoError(t, os.Remove(filepath.Join(dir, "backups", bad.Name))) }()
			list, err := l.Snapshots()
			require.NoError(t, err)
			require.Equal(t, bad.Name, list[0].Name)
			damaged := func(err error) {
				t.Helper()
				require.Error(t, err)
				_, isSnapshot := err.(*snapshotter.DamageError) //nolint:errorlint // which of the two it is
				require.Equal(t, strings.HasPrefix(name, "another"), isSnapshot)
				require.True(t, isSnapshot || strings.Contains(err.Error(), bad.Name), err)
			}
			damaged(list[0].Err)
			_, err = l.VerifySnapshot(bad.Name)
			damaged(err)
			_, err = archive.SnapshotIdentity(snapshotter.New(filepath.Join(dir, "backups"), snapshotter.Options{}), bad.Name)
			damaged(err)
			v, err := l.AsOf(t.Context(), holdfast.Moment{})
			require.NoError(t, err, "it is passed over")
			require.EqualValues(t, 3, v.Seq())
		})
	}
}

// TestFirstFormatIsRefusedByName: the ledger.json of the builds before the first release
// is neither read nor called damaged, and the error says what becomes of it.
func TestFirstFormatIsRefusedByName(t *testing.T) {
	_, err := archive.IdentityAt(filepath.Join("testdata", "v1", "ledger.json"))
	require.ErrorIs(t, err, holdfast.ErrNotLedger)
	require.NotErrorIs(t, err, journal.ErrDamaged)
	require.ErrorContains(t, err, "ledger.json has format 1, of the builds before the first release; this build reads format 2")
	require.Equal(t, remedy.CarryOver, remedy.Of(err).Kind)
}

// TestEpochWithoutALedger: a text that is no identity is called damage where it is to be
// read as one.
func TestEpochWithoutALedger(t *testing.T) {
	id := longest(t)
	for name, text := range map[string]string{
		"empty":      "",
		"no members": "{}",
		"blank":      archive.Epoch(id, "").Identity + " ",
		"a member":   strings.Replace(archive.Epoch(id, "").Identity, `"format"`, `"x":1,"format"`, 1),
	} {
		_, err := archive.EpochIdentity(position.Epoch{Identity: text})
		require.ErrorIs(t, err, journal.ErrDamaged, name)
	}
	id.Format = 3
	_, err := archive.EpochIdentity(archive.Epoch(id, ""))
	require.ErrorIs(t, err, holdfast.ErrNotLedger)
	require.ErrorContains(t, err, "use a newer holdfast")
}
