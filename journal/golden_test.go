package journal_test

import (
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/journal"
)

// go test ./journal -run TestGolden -update writes testdata/v1 anew. That is
// right only before the first release of a format version: what users have on
// their disks is never rewritten.
var update = flag.Bool("update", false, "write the golden ledger anew")

const goldenSegment = 400

// writeGolden writes the ledger of testdata/v1: two incarnations, three
// segments, groups over their borders, atomic batches, every flag, MARK of a
// trimmed ledger.
func writeGolden(t *testing.T, dir string) {
	t.Helper()
	j := open(t, dir, journal.Options{SegmentSize: goldenSegment})
	b := j.NewBatch()
	at := int64(1767323045000000006)
	put := func(f journal.Flags) {
		at += 1_000_001
		b.Append(fmt.Appendf(nil, "golden record at %d", at), f, at)
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
	j = open(t, dir, journal.Options{SegmentSize: goldenSegment})
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
	recs, err := tryRead(dir, first)
	require.NoError(t, err)
	var out strings.Builder
	for _, r := range recs {
		fmt.Fprintf(&out, "%d epoch %d synced %d time %d flags %d chain %s %q\n",
			r.Seq, r.Epoch, r.Synced, r.Time, r.Flags, hex.EncodeToString(r.Chain[:]), r.Payload)
	}
	return out.String()
}

// A ledger of format version 1 opens for ever, and reads the same.
func TestGolden(t *testing.T) {
	golden := filepath.Join("testdata", "v1")
	want := filepath.Join("testdata", "v1.records")
	fresh := filepath.Join(t.TempDir(), "fresh")
	writeGolden(t, fresh)
	j := open(t, fresh, journal.Options{})
	first := j.First()
	require.Greater(t, first, uint64(1))
	require.NoError(t, j.Close())
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

	dir := copyLedger(t, golden)
	rep, err := journal.Check(dir)
	require.NoError(t, err)
	require.Empty(t, rep.Damages)
	require.True(t, rep.Clean)
	require.Equal(t, string(text), listing(t, dir, first))
	j = open(t, dir, journal.Options{})
	require.EqualValues(t, 3, j.Epoch())
	add(t, j, 1)
	require.NoError(t, j.Close())

	// Today's writer still makes the same bytes.
	again := filepath.Join(t.TempDir(), "again")
	writeGolden(t, again)
	have, written := tree(t, golden), tree(t, again)
	for name, content := range have {
		require.Equal(t, content, written[name], name)
	}
}
