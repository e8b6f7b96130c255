package archive_test

import (
	"encoding/binary"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/archive"
	"github.com/moneyprinter/holdfast/internal/ledgertest"
	"github.com/moneyprinter/holdfast/projector"
)

// identityBytes makes an empty ledger and returns what its ledger.json holds.
func identityBytes(t *testing.T) (dir string, b []byte) {
	t.Helper()
	dir = t.TempDir()
	require.NoError(t, ledgertest.Open(t, dir, ledgertest.Quiet()).Close())
	b, err := os.ReadFile(filepath.Join(dir, "ledger.json"))
	require.NoError(t, err)
	return dir, b
}

// identityRefused demands that ledger.json is called damaged, by its name and for
// a reason.
func identityRefused(t *testing.T, dir, reason string) {
	t.Helper()
	_, err := holdfast.OpenReader(dir)
	require.ErrorIs(t, err, holdfast.ErrDamaged)
	var id *holdfast.IdentityError
	require.ErrorAs(t, err, &id)
	require.Equal(t, filepath.Join(dir, "ledger.json"), id.File)
	require.Contains(t, id.Reason, reason)
	require.Contains(t, err.Error(), id.File)
}

// A state is ours if this ledger made it, or an ancestor did before the ledgers
// parted: what an ancestor wrote behind the parting is another history, and that
// of a grandparent ends where the nearer of the two partings was.
func TestWhoseHistory(t *testing.T) {
	var self, parent, grandparent, stranger uuid.UUID
	for i, u := range []*uuid.UUID{&self, &parent, &grandparent, &stranger} {
		binary.BigEndian.PutUint64(u[:], uint64(i+1))
	}
	id := holdfast.Identity{ID: self, Parents: []holdfast.Parent{{Ledger: parent, Seq: 50}, {Ledger: grandparent, Seq: 80}}}
	for _, c := range []struct {
		ledger uuid.UUID
		seq    uint64
		want   bool
	}{
		{self, 1, true},
		{self, 1000, true},
		{parent, 50, true},
		{parent, 51, false},
		{grandparent, 50, true},
		{grandparent, 51, false},
		{grandparent, 80, false},
		{stranger, 0, false},
		{stranger, 1, false},
	} {
		require.Equal(t, c.want, archive.Owns(id, c.ledger, c.seq), "%s at %d", c.ledger, c.seq)
	}
	require.False(t, archive.Owns(holdfast.Identity{ID: self}, parent, 0), "a ledger without parents")
	older := holdfast.Identity{ID: self, Parents: []holdfast.Parent{{Ledger: parent, Seq: 80}, {Ledger: grandparent, Seq: 50}}}
	require.True(t, archive.Owns(older, grandparent, 50))
	require.False(t, archive.Owns(older, grandparent, 51), "it was cut when the parent began")
}

func TestIdentityNamesEveryDefault(t *testing.T) {
	for window, want := range map[int]int{-1: projector.DefaultWindow, 0: projector.DefaultWindow, 1: 1, 7: 7} {
		o := ledgertest.Quiet()
		o.Window = window
		id := ledgertest.Open(t, t.TempDir(), o).Identity()
		require.Equal(t, want, id.Window)
		require.Equal(t, "main", id.Name)
		at, err := time.Parse(time.RFC3339Nano, id.CreatedAt)
		require.NoError(t, err)
		require.Equal(t, 2026, at.Year(), "the clock of the options")
	}
	o := ledgertest.Quiet()
	o.Name = "desk-1"
	require.Equal(t, "desk-1", ledgertest.Open(t, t.TempDir(), o).Identity().Name)
}

// Options that make no identity are refused, and leave no ledger.
func TestIdentityThatCannotBeMade(t *testing.T) {
	beyond := time.Date(2900, 1, 1, 0, 0, 0, 0, time.UTC) // what a position.Time can hold
	for name, c := range map[string]struct {
		change func(*holdfast.Options)
		want   string
	}{
		"name":           {func(o *holdfast.Options) { o.Name = "a b" }, `name "a b"`},
		"long name":      {func(o *holdfast.Options) { o.Name = strings.Repeat("n", 33) }, "1 to 32"},
		"cost method":    {func(o *holdfast.Options) { o.Rules.CostMethod = 99 }, "cost method 99 is unknown"},
		"over-reduction": {func(o *holdfast.Options) { o.Rules.OverReduction = 99 }, "over-reduction policy 99 is unknown"},
		"no randomness":  {func(o *holdfast.Options) { o.Rand = strings.NewReader("short") }, "make ledger id"},
		"clock":          {func(o *holdfast.Options) { o.Now = func() time.Time { return beyond } }, "clock"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			o := ledgertest.Quiet()
			c.change(&o)
			_, err := holdfast.Open(t.Context(), dir, o)
			require.ErrorContains(t, err, c.want)
			entries, err := os.ReadDir(dir)
			require.NoError(t, err)
			require.Empty(t, entries)
		})
	}
}

func TestIdentityTextIsExact(t *testing.T) {
	dir, good := identityBytes(t)
	path := filepath.Join(dir, "ledger.json")
	for name, c := range map[string]struct {
		text   []byte
		reason string
	}{
		"cut":             {good[:len(good)-9], "is not valid JSON"},
		"another content": {[]byte(strings.Replace(string(good), `"main"`, `"mine"`, 1)), "does not match its checksum"},
		"another key": {
			archive.Resummed(t, []byte(strings.Replace(string(good), `"fingerprint_key": "`, `"fingerprint_key": "F0`, 1))),
			"has no key of fingerprints",
		},
		"another layout": {append(slices.Clone(good), '\n'), "were not written by holdfast"},
	} {
		require.NoError(t, os.WriteFile(path, c.text, 0o600), name)
		identityRefused(t, dir, c.reason)
	}
	newer := archive.Resummed(t, []byte(strings.Replace(string(good), `"format": 2`, `"format": 3`, 1)))
	require.NoError(t, os.WriteFile(path, newer, 0o600))
	_, err := holdfast.OpenReader(dir)
	require.ErrorIs(t, err, holdfast.ErrNotLedger, "it is whole, but of a later build")
	require.ErrorContains(t, err, "has format 3")
	require.NotErrorIs(t, err, holdfast.ErrDamaged)
}

// Only a regular file of a sensible length is read: nothing else may hold an
// opening up, fill the memory, or stand for another ledger.
func TestIdentityIsARegularFile(t *testing.T) {
	dir, good := identityBytes(t)
	t.Chdir(dir) // the name of a socket is short
	const path, irregular = "ledger.json", "is not a regular file"
	aside := filepath.Join(t.TempDir(), "ledger.json")
	require.NoError(t, os.WriteFile(aside, good, 0o600))
	for _, c := range []struct {
		name   string
		make   func() error
		reason string
	}{
		{"link", func() error { return os.Symlink(aside, path) }, irregular},
		{"directory", func() error { return os.Mkdir(path, 0o700) }, irregular},
		{"pipe", func() error { return unix.Mkfifo(path, 0o600) }, irregular},
		{"socket", func() error {
			l, err := new(net.ListenConfig).Listen(t.Context(), "unix", path)
			if err == nil {
				t.Cleanup(func() { _ = l.Close() })
			}
			return err
		}, irregular},
		{"the longest that is read", func() error { return os.WriteFile(path, make([]byte, 1<<20), 0o600) }, "is not valid JSON"},
		{"longer", func() error { return os.WriteFile(path, make([]byte, 1<<20+1), 0o600) }, "is too long"},
	} {
		require.NoError(t, os.Remove(path), c.name)
		require.NoError(t, c.make(), c.name)
		identityRefused(t, dir, c.reason)
	}
}

// A directory is a ledger, or may become one, or holds something else.
func TestExists(t *testing.T) {
	for name, c := range map[string]struct {
		entries []string
		exists  bool
		foreign string
	}{
		"empty": {},
		"cut short": {entries: []string{
			"LOCK", "MARK", "journal/1", "quarantine/1", "backups/1", "checkpoints/1", "nats/1", "ledger.json.holdfast-tmp",
		}},
		"a ledger":    {entries: []string{"LOCK", "ledger.json", "zzz"}, exists: true},
		"not ours":    {entries: []string{"LOCK", "letters.txt", "journal/1"}, foreign: "letters.txt"},
		"ours beside": {entries: []string{"alien", "ledger.json"}, exists: true},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for _, e := range c.entries {
				path := filepath.Join(dir, filepath.FromSlash(e))
				require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
				require.NoError(t, os.WriteFile(path, nil, 0o600))
			}
			exists, err := holdfast.Exists(dir)
			require.Equal(t, c.exists, exists)
			if c.foreign == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, holdfast.ErrNotLedger)
			require.ErrorContains(t, err, c.foreign)
		})
	}
	exists, err := holdfast.Exists(filepath.Join(t.TempDir(), "none"))
	require.NoError(t, err)
	require.False(t, exists)
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	exists, err = holdfast.Exists(file)
	require.ErrorIs(t, err, unix.ENOTDIR, "that is not known to be empty")
	require.False(t, exists)
}

// Options that name a property of the ledger must name the one that it has. The
// identity is written once.
func TestIdentityIsHeldAgainstTheOptions(t *testing.T) {
	dir := t.TempDir()
	o := ledgertest.Quiet()
	o.Name, o.Window = "desk-1", 64
	l := ledgertest.Open(t, dir, o)
	made := l.Identity()
	require.NoError(t, l.Close())
	path := filepath.Join(dir, "ledger.json")
	before, err := os.Stat(path)
	require.NoError(t, err)
	l = ledgertest.Open(t, dir, o)
	require.Equal(t, made, l.Identity(), "whoever made it has seen what it reads back as")
	require.NoError(t, l.Close())
	require.NoError(t, ledgertest.Open(t, dir, ledgertest.Quiet()).Close())
	after, err := os.Stat(path)
	require.NoError(t, err)
	require.True(t, os.SameFile(before, after), "an opening does not write it again")
	for want, change := range map[string]func(*holdfast.Options){
		`named "desk-1", not "desk-2"`: func(o *holdfast.Options) { o.Name = "desk-2" },
		"64 ids, not 65":               func(o *holdfast.Options) { o.Window = 65 },
	} {
		o = ledgertest.Quiet()
		change(&o)
		_, err = holdfast.Open(t.Context(), dir, o)
		require.ErrorIs(t, err, holdfast.ErrMismatch)
		require.ErrorContains(t, err, want)
	}
	o = ledgertest.Quiet()
	o.Rules.CostMethod = 99
	_, err = holdfast.Open(t.Context(), dir, o)
	require.ErrorIs(t, err, holdfast.ErrInvalid, "an unknown rule is no mismatch")
}
