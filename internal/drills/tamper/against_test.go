package tamper_test

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/note"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/audit"
	"github.com/moneyprinter/holdfast/checkpoint"
	"github.com/moneyprinter/holdfast/internal/ledgertest"
	"github.com/moneyprinter/holdfast/position"
)

// witnessKeys makes a key pair.
func witnessKeys(tb testing.TB, name string) (note.Signer, note.Verifiers) {
	tb.Helper()
	private, public, err := note.GenerateKey(rand.Reader, name)
	require.NoError(tb, err)
	s, err := note.NewSigner(private)
	require.NoError(tb, err)
	v, err := note.NewVerifier(public)
	require.NoError(tb, err)
	return s, note.VerifierList(v)
}

// strangers makes n fills, each of a key of its own: no record refers to another,
// so that a forger has no more to mend than seqs, checksums and chain.
func strangers(n int) []position.Mutation {
	out := make([]position.Mutation, n)
	for i := range out {
		out[i] = ledgertest.Fill(fmt.Sprintf("f-%02d", i), "A", fmt.Sprintf("I-%02d", i), position.Buy, "1", "10")
	}
	return out
}

// witnessed makes a closed ledger of about 20 records in three segments with a
// snapshot in the middle, a checkpoint there and one at the end.
func witnessed(t *testing.T, by note.Signer) (dir string, last *checkpoint.Note) {
	t.Helper()
	dir = t.TempDir()
	o := ledgertest.Quiet()
	o.SegmentSize, o.Signer, o.Window = 1500, by, 100
	l := ledgertest.Open(t, dir, o)
	ms := strangers(20)
	ledgertest.ApplyAll(t, l, ms[:4])
	ledgertest.ApplyAll(t, l, ms[4:8])
	_, err := l.Snapshot(t.Context())
	require.NoError(t, err)
	ledgertest.ApplyAll(t, l, ms[8:14])
	require.NoError(t, l.Close())
	l = ledgertest.Open(t, dir, o)
	ledgertest.ApplyAll(t, l, ms[14:])
	last, err = l.Checkpoint(t.Context())
	require.NoError(t, err)
	require.NoError(t, l.Close())
	require.GreaterOrEqual(t, len(ledgertest.Segments(t, dir)), 3)
	require.Equal(t, l.View().Seq(), last.Seq)
	return dir, last
}

// kept writes evidence to a place that the forger does not reach.
func kept(t *testing.T, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kept.note")
	require.NoError(t, os.WriteFile(path, b, 0o600))
	return path
}

func against(t *testing.T, dir, evidence string, v note.Verifiers) *audit.Against {
	t.Helper()
	r, err := holdfast.OpenReader(dir)
	require.NoError(t, err)
	a, err := audit.Compare(t.Context(), r, evidence, audit.CompareOptions{Verifiers: v})
	require.NoError(t, err)
	return a
}

func verified(t *testing.T, dir string) *audit.Report {
	t.Helper()
	r, err := holdfast.OpenReader(dir)
	require.NoError(t, err)
	rep, err := audit.Verify(t.Context(), r, audit.Options{})
	require.NoError(t, err)
	return rep
}

// A forger who has everything but the signing key fools a plain verification with
// each forgery of each record. The comparisons with evidence find it: some name
// the record, the others name bounds that hold it.
func TestForgeries(t *testing.T) {
	by, known := witnessKeys(t, "desk")
	dir, last := witnessed(t, by)
	require.Len(t, last.Earlier, int(last.Seq)-1, "every record of so short a ledger is named")
	untouched := ledgertest.Copy(t, dir)
	exact := kept(t, last.Raw)
	sparse := last.Checkpoint
	sparse.Earlier = []checkpoint.Point{last.Earlier[4], last.Earlier[12]}
	rough, err := sparse.Sign(by)
	require.NoError(t, err)
	bounds := kept(t, rough.Raw)
	snap, err := filepath.Glob(filepath.Join(untouched, "backups", "*.snap"))
	require.NoError(t, err)
	require.Len(t, snap, 1)

	tried := 0
	for name, change := range forgeries() {
		for k := uint64(1); k <= last.Seq; k++ {
			forged := ledgertest.Copy(t, dir)
			f := forge(t, forged)
			from := change(f, k)
			f.write(t)
			what := fmt.Sprintf("%s %d", name, k)

			own := verified(t, forged)
			require.False(t, own.OK(), "%s: the ledger's own checkpoints show it", what)
			require.NoError(t, os.RemoveAll(filepath.Join(forged, "checkpoints")))
			own = verified(t, forged)
			require.True(t, own.OK(), "%s: plain verification is not fooled: %v", what, own.Findings)

			a := against(t, forged, exact, known)
			require.False(t, a.OK(), what)
			require.Equal(t, [3]uint64{from - 1, from, from}, [3]uint64{a.Proven, a.DiffersFrom, a.DiffersTo}, "%s: %v", what, a.Findings)
			require.Equal(t, from, a.Findings[0].Seq, what)

			a = against(t, forged, untouched, nil)
			require.Equal(t, [3]uint64{from - 1, from, from}, [3]uint64{a.Proven, a.DiffersFrom, a.DiffersTo}, "%s: copy: %v", what, a.Findings)
			require.False(t, a.OK(), what)

			a = against(t, forged, bounds, known)
			require.False(t, a.OK(), what)
			require.True(t, a.DiffersFrom <= from && from <= a.DiffersTo, "%s: %d is not in %d to %d", what, from, a.DiffersFrom, a.DiffersTo)
			require.Contains(t, []uint64{1, 6, 14}, a.DiffersFrom, what)

			a = against(t, forged, snap[0], nil)
			require.Equal(t, from > a.Witnesses[0].Seq, a.OK(), "%s: snapshot: %v", what, a.Findings)
			tried++
		}
	}
	t.Logf("%d forgeries", tried)

	for _, evidence := range []string{exact, bounds, untouched, snap[0], filepath.Join(untouched, "checkpoints")} {
		v := known
		if evidence == untouched || evidence == snap[0] {
			v = nil
		}
		a := against(t, dir, evidence, v)
		require.True(t, a.OK(), "%s: %v", evidence, a.Findings)
		require.Empty(t, a.Notices)
	}
}

// An older copy of the whole directory verifies, opens, and goes on; only what was
// kept elsewhere shows what is gone.
func TestRollback(t *testing.T) {
	dir, l, o, known := signing(t)
	ms := ledgertest.RandomFills(6, 40)
	ledgertest.ApplyAll(t, l, ms[:10])
	require.NoError(t, l.Close())
	old := ledgertest.Copy(t, dir)
	l = ledgertest.Open(t, dir, o)
	ledgertest.ApplyAll(t, l, ms[10:20])
	n, err := l.Checkpoint(t.Context())
	require.NoError(t, err)
	require.NoError(t, l.Close())
	newer := ledgertest.Copy(t, dir)

	require.True(t, verified(t, old).OK())
	end := verified(t, old).Last
	for _, evidence := range []string{kept(t, n.Raw), newer} {
		v := known
		if evidence == newer {
			v = nil
		}
		a := against(t, old, evidence, v)
		require.False(t, a.OK())
		require.Equal(t, [3]uint64{end, end + 1, end + 1}, [3]uint64{a.Proven, a.DiffersFrom, a.DiffersTo})
		require.Contains(t, a.Findings[0].Reason, fmt.Sprintf("ends at seq %d", end))
	}

	// It goes on under the checkpoint's seq: then the histories differ.
	l = ledgertest.Open(t, old, o)
	ledgertest.ApplyAll(t, l, ms[20:40])
	require.NoError(t, l.Close())
	require.True(t, verified(t, old).OK())
	a := against(t, old, kept(t, n.Raw), known)
	require.Equal(t, end+1, a.DiffersFrom)
	require.Equal(t, end+1, a.DiffersTo)

	// A rewritten history under a checkpoint of the ledger's own key is not opened
	// with that key; a rotten checkpoint keeps nobody out.
	forged := ledgertest.Copy(t, newer)
	f := forge(t, forged)
	forgeries()["change"](f, 3)
	f.write(t)
	_, err = holdfast.Open(t.Context(), forged, o)
	require.ErrorIs(t, err, holdfast.ErrDamaged)
	rotten := ledgertest.Copy(t, newer)
	note, err := filepath.Glob(filepath.Join(rotten, "checkpoints", "*"))
	require.NoError(t, err)
	b, err := os.ReadFile(note[0])
	require.NoError(t, err)
	b[60] ^= 2 // in the chain of its head
	require.NoError(t, os.WriteFile(note[0], b, 0o600))
	require.False(t, verified(t, rotten).OK())
	l, err = holdfast.Open(t.Context(), rotten, o)
	require.NoError(t, err)
	require.NoError(t, l.Close())

	// Its own checkpoint, left beside an older journal, is evidence at open.
	require.NoError(t, os.RemoveAll(filepath.Join(newer, "journal")))
	require.NoError(t, os.CopyFS(filepath.Join(newer, "journal"), os.DirFS(filepath.Join(dir, "journal"))))
	f = forge(t, newer)
	f.segments[len(f.segments)-1] = f.segments[len(f.segments)-1][:1]
	f.write(t)
	_, err = holdfast.Open(t.Context(), newer, ledgertest.Quiet()) // without the key too
	require.ErrorIs(t, err, holdfast.ErrDamaged)
	require.NoError(t, os.RemoveAll(filepath.Join(newer, "checkpoints")))
	l, err = holdfast.Open(t.Context(), newer, o)
	require.NoError(t, err)
	require.NoError(t, l.Close())
}

// Evidence that is malformed, altered or signed by a stranger is refused before it
// is compared.
func TestEvidenceRefused(t *testing.T) {
	by, known := witnessKeys(t, "desk")
	stranger, foreign := witnessKeys(t, "desk")
	dir, n := witnessed(t, by)
	text, err := n.Text()
	require.NoError(t, err)
	both, err := note.Sign(&note.Note{Text: text}, stranger, by)
	require.NoError(t, err)
	edited := bytes.Replace(n.Raw, []byte("\nname main\n"), []byte("\nname mean\n"), 1)
	require.NotEqual(t, n.Raw, edited)
	garbage := bytes.Repeat([]byte("holdfast/\n\n— x "), 70_000)[:1<<20]

	refuse := func(b []byte, v note.Verifiers, want string) {
		t.Helper()
		r, openErr := holdfast.OpenReader(dir)
		require.NoError(t, openErr)
		_, err = audit.Compare(t.Context(), r, kept(t, b), audit.CompareOptions{Verifiers: v})
		require.ErrorIs(t, err, audit.ErrEvidence)
		require.NotErrorIs(t, err, holdfast.ErrDamaged)
		require.ErrorContains(t, err, want)
	}
	refuse(n.Raw, foreign, "not by a key that was given")
	refuse(edited, known, "the text is not what was signed")
	refuse(n.Raw[:len(n.Raw)/2], known, "malformed")
	refuse(n.Raw[:len(n.Raw)-1], nil, "malformed")
	refuse(garbage, nil, "malformed")
	refuse(make([]byte, 1<<20), nil, "malformed")
	refuse(nil, nil, "is empty")
	refuse(append(bytes.Clone(n.Raw), garbage...), nil, "#2")
	refuse(append(append(bytes.Clone(n.Raw), '\n'), edited...), known, "#2")

	for _, v := range []note.Verifiers{known, foreign} {
		a := against(t, dir, kept(t, both), v)
		require.True(t, a.OK())
		require.Equal(t, audit.SignatureGood, a.Witnesses[0].Signature)
	}
	a := against(t, dir, kept(t, n.Raw), nil)
	require.True(t, a.OK())
	require.Equal(t, audit.SignatureNotChecked, a.Witnesses[0].Signature)
	a = against(t, dir, kept(t, edited), nil) // the name alone changes nothing
	require.True(t, a.OK())

	// A note that fits in form, and not to the ledger.
	c := n.Checkpoint
	c.Seq += 5
	beyond, err := c.Sign(by)
	require.NoError(t, err)
	a = against(t, dir, kept(t, beyond.Raw), known)
	require.False(t, a.OK())
	require.Equal(t, n.Seq, a.DiffersFrom, "of that chain at another seq nothing is said but that it is not the record before")
	other, on := witnessed(t, by)
	a = against(t, dir, kept(t, on.Raw), known)
	require.False(t, a.OK())
	require.Contains(t, a.Findings[0].Reason, "of the ledger "+on.Ledger.String())
	require.False(t, against(t, dir, other, nil).OK())
	// Beside one of this ledger's it is passed over, and said to be.
	a = against(t, dir, kept(t, append(bytes.Clone(n.Raw), on.Raw...)), known)
	require.True(t, a.OK())
	require.Len(t, a.Notices, 1)
	require.Equal(t, audit.VerdictUnchecked, a.Witnesses[1].Verdict)
	// Notes that contradict each other.
	c = n.Checkpoint
	c.Earlier = c.Earlier[3:4:4]
	c.Earlier[0].Chain[0] ^= 1
	liar, err := c.Sign(by)
	require.NoError(t, err)
	a = against(t, dir, kept(t, append(bytes.Clone(n.Raw), liar.Raw...)), known)
	require.False(t, a.OK())
	require.Contains(t, a.Findings[0].Reason, "contradicts itself or other evidence at seq 4")
	require.Zero(t, a.DiffersFrom)
}

// Nothing that is trimmed is called good because it is not looked at.
func TestAgainstTrimmed(t *testing.T) {
	by, known := witnessKeys(t, "desk")
	dir := t.TempDir()
	o := ledgertest.Quiet()
	o.SegmentSize, o.Signer, o.Retain, o.SnapshotKeep = 1000, by, -1, 1
	l := ledgertest.Open(t, dir, o)
	ms := ledgertest.RandomFills(7, 30)
	var notes []*checkpoint.Note
	for i := range 6 {
		ledgertest.ApplyAll(t, l, ms[i*5:i*5+5])
		n, err := l.Checkpoint(t.Context())
		require.NoError(t, err)
		notes = append(notes, n)
		if i >= 3 {
			_, err = l.Snapshot(t.Context())
			require.NoError(t, err)
		}
	}
	require.NoError(t, l.Close())
	first := verified(t, dir).First
	require.Greater(t, first, notes[2].Seq)

	old := kept(t, notes[0].Raw)
	a := against(t, dir, old, known)
	require.False(t, a.OK())
	require.Empty(t, a.Findings)
	require.Zero(t, a.Proven)
	require.Contains(t, a.Notices[0].Reason, "cannot be checked, trimmed")
	// With a newer one that fits and names the old seq it can be.
	a = against(t, dir, kept(t, append(bytes.Clone(notes[0].Raw), notes[5].Raw...)), known)
	require.True(t, a.OK())
	require.Equal(t, audit.VerdictFits, a.Witnesses[0].Verdict)
	require.Equal(t, notes[5].Seq, a.Proven)

	// The snapshot that a trimmed ledger stands on is not in the chain; the digest
	// in the checkpoint shows that it was exchanged.
	snaps, err := filepath.Glob(filepath.Join(dir, "backups", "*.snap"))
	require.NoError(t, err)
	require.NotEmpty(t, snaps)
	lied := notes[5].Checkpoint
	lied.State[0] ^= 1
	n, err := lied.Sign(by)
	require.NoError(t, err)
	a = against(t, dir, kept(t, n.Raw), known)
	require.False(t, a.OK())
	require.Contains(t, a.Findings[0].Reason, "a snapshot was altered")
}

// A restored ledger has its parent's history up to where it was restored.
func TestAgainstRestored(t *testing.T) {
	by, known := witnessKeys(t, "desk")
	dir, n := witnessed(t, by)
	r, err := holdfast.OpenReader(dir)
	require.NoError(t, err)
	to := filepath.Join(t.TempDir(), "r")
	res, err := r.Restore(t.Context(), holdfast.Moment{Seq: n.Seq}, to, "", holdfast.Options{Now: ledgertest.NewClock().Now}.Reading())
	require.NoError(t, err)
	a := against(t, to, kept(t, n.Raw), known)
	require.True(t, a.OK(), "%v %v", a.Findings, a.Notices)
	require.Equal(t, n.Seq, a.Proven)
	require.True(t, against(t, to, dir, nil).OK())

	o := ledgertest.Quiet()
	o.Signer = by
	l := ledgertest.Open(t, to, o)
	ledgertest.ApplyAll(t, l, ledgertest.RandomFills(9, 30)[20:])
	own, err := l.Checkpoint(t.Context())
	require.NoError(t, err)
	require.NoError(t, l.Close())
	require.Equal(t, res.ID, own.Ledger.String())
	require.True(t, against(t, to, kept(t, own.Raw), known).OK())
	require.True(t, against(t, to, kept(t, n.Raw), known).OK())
	require.True(t, against(t, to, dir, nil).OK())
	require.False(t, against(t, dir, kept(t, own.Raw), known).OK(), "a child's checkpoint says nothing of its parent")

	// Restored to before the checkpoint: what it says of later is not this ledger's.
	early := filepath.Join(t.TempDir(), "e")
	res, err = r.Restore(t.Context(), holdfast.Moment{Seq: n.Seq - 3}, early, "", holdfast.Options{Now: ledgertest.NewClock().Now}.Reading())
	require.NoError(t, err)
	a = against(t, early, kept(t, n.Raw), known)
	require.True(t, a.OK(), "%v", a.Notices)
	require.Equal(t, res.Seq, a.Proven)
	require.Contains(t, a.Notices[0].Reason, "left the one")
}
