package journal_test

import (
	"encoding/hex"
	"flag"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/journal"
	"github.com/moneyprinter/holdfast/journal/internal/journaltest"
	"github.com/moneyprinter/holdfast/keyring"
)

// go test ./journal -run TestGolden -update writes testdata/v2 anew. That is
// right only before the first release of a format version: what users have on
// their disks is never rewritten.
var update = flag.Bool("update", false, "write the golden ledger anew")

const goldenSegment = 400

// writeGolden writes the ledger of testdata/v2: two incarnations, three
// segments, groups over their borders, atomic batches, every flag, MARK of a
// trimmed ledger. The record with the flag of encryption was written before there
// was any and names a key that nobody has.
func writeGolden(t *testing.T, dir string) {
	t.Helper()
	j := journaltest.Open(t, dir, journal.Options{SegmentSize: goldenSegment})
	b := j.NewBatch()
	at := int64(1767323045000000006)
	put := func(f journal.Flags) {
		at += 1_000_001
		b.AppendStored(fmt.Appendf(nil, "golden record at %d", at), f, at)
	}
	commit := func() {
		require.NoError(t, j.Commit(b))
		b = j.NewBatch()
	}
	put(journal.Control)
	commit()
	for range 9 {
		put(0)
	}
	commit()
	for i := range 6 {
		if i < 5 {
			put(journal.More)
		} else {
			put(0)
		}
	}
	commit()
	_, err := j.Trim(8, 0)
	require.NoError(t, err)
	require.NoError(t, j.Close())
	j = journaltest.Open(t, dir, journal.Options{SegmentSize: goldenSegment})
	b = j.NewBatch()
	put(journal.Control)
	put(journal.Encrypted)
	at -= 5_000_000 // a clock that was set back
	put(0)
	commit()
	require.NoError(t, j.Close())
}

func listing(t *testing.T, dir string, first uint64) string {
	t.Helper()
	r, err := journal.OpenReader(dir)
	require.NoError(t, err)
	return list(t, r.Stored().Records(first))
}

func list(t *testing.T, recs iter.Seq2[journal.Record, error]) string {
	t.Helper()
	var out strings.Builder
	for r, err := range recs {
		require.NoError(t, err)
		fmt.Fprintf(&out, "%d epoch %d synced %d time %d flags %d chain %s %q\n",
			r.Seq, r.Epoch, r.Synced, r.Time, r.Flags, hex.EncodeToString(r.Chain[:]), r.Payload)
	}
	return out.String()
}

// A ledger of format version 2 opens for ever, and reads the same.
func TestGolden(t *testing.T) {
	golden := filepath.Join("testdata", "v2")
	want := filepath.Join("testdata", "v2.records")
	fresh := filepath.Join(t.TempDir(), "fresh")
	writeGolden(t, fresh)
	r, err := journal.OpenReader(fresh)
	require.NoError(t, err)
	first := r.First()
	require.Greater(t, first, uint64(1))
	if *update {
		require.NoError(t, os.RemoveAll(golden))
		again := filepath.Join(t.TempDir(), "again")
		writeGolden(t, again)
		require.NoError(t, os.RemoveAll(filepath.Join(again, "LOCK")))
		require.NoError(t, os.CopyFS(golden, os.DirFS(again)))
		require.NoError(t, os.WriteFile(want, []byte(listing(t, again, first)), 0o600))
	}
	text, err := os.ReadFile(want)
	require.NoError(t, err)

	dir := journaltest.CopyLedger(t, golden)
	rep, err := journal.Check(dir)
	require.NoError(t, err)
	require.Empty(t, rep.Damages)
	require.True(t, rep.Clean)
	require.Equal(t, string(text), listing(t, dir, first))
	_, err = journal.Open(dir, journal.Options{})
	var missing *keyring.NoKeyError
	require.ErrorAs(t, err, &missing)
	require.Equal(t, "676f6c64", missing.ID.String())
	require.Equal(t, journaltest.Tree(t, golden), journaltest.Tree(t, dir))

	// Today's writer still makes the same bytes.
	again := filepath.Join(t.TempDir(), "again")
	writeGolden(t, again)
	have, written := journaltest.Tree(t, golden), journaltest.Tree(t, again)
	for name, content := range have {
		require.Equal(t, content, written[name], name)
	}
}

// writeSealedGolden writes the ledger of testdata/v2sealed: an incarnation that
// is plain, one under a key, and one that begins with it and goes on with
// another, each with a salt that counts.
func writeSealedGolden(t *testing.T, dir string) {
	t.Helper()
	at, salt := int64(1767323045000000006), byte(0)
	keys := keyring.New(key(t, 1))
	write := func(o journal.Options, groups ...int) {
		o.SegmentSize = goldenSegment
		o.SaltFrom(func(b []byte) error {
			salt++
			for i := range b {
				b[i] = salt
			}
			return nil
		})
		j := journaltest.Open(t, dir, o)
		for _, n := range groups {
			if n == 0 {
				require.NoError(t, keys.Rotate(key(t, 2)))
				continue
			}
			b := j.NewBatch()
			for i := range n {
				at += 1_000_001
				f := journal.Flags(0)
				if i < n-1 && n > 3 {
					f = journal.More
				}
				b.Append(fmt.Appendf(nil, "golden record at %d", at), f, at)
			}
			require.NoError(t, j.Commit(b))
		}
		require.NoError(t, j.Close())
	}
	write(journal.Options{}, 2, 1)
	write(journal.Options{Keys: keys}, 1, 3, 5)
	write(journal.Options{Keys: keys}, 2, 0, 3, 4)
}

// An encrypted ledger of format version 2 opens for ever with its keys, and
// reads the same; today's writer makes the same bytes of the same salts.
func TestGoldenSealed(t *testing.T) {
	golden := filepath.Join("testdata", "v2sealed")
	want := filepath.Join("testdata", "v2sealed.records")
	keys := keyring.New(key(t, 2), key(t, 1))
	listed := func(dir string) string {
		r, err := journal.OpenReader(dir)
		require.NoError(t, err)
		return list(t, r.WithKeys(keys).Records(0))
	}
	again := filepath.Join(t.TempDir(), "again")
	writeSealedGolden(t, again)
	require.NoError(t, os.RemoveAll(filepath.Join(again, "LOCK")))
	if *update {
		require.NoError(t, os.RemoveAll(golden))
		require.NoError(t, os.CopyFS(golden, os.DirFS(again)))
		require.NoError(t, os.WriteFile(want, []byte(listed(again)), 0o600))
	}
	text, err := os.ReadFile(want)
	require.NoError(t, err)
	dir := journaltest.CopyLedger(t, golden)
	require.Equal(t, string(text), listed(dir))
	require.Equal(t, 21, strings.Count(string(text), "golden record at"))
	j := journaltest.Open(t, dir, journal.Options{Keys: keys})
	require.EqualValues(t, 4, j.Epoch())
	journaltest.Add(t, j, 1)
	require.NoError(t, j.Close())
	have, written := journaltest.Tree(t, golden), journaltest.Tree(t, again)
	for name, content := range have {
		require.Equal(t, content, written[name], name)
	}
}
