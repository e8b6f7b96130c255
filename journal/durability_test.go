package journal_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/internal/durable"
	"github.com/moneyprinter/holdfast/internal/systrace"
	"github.com/moneyprinter/holdfast/journal"
	"github.com/moneyprinter/holdfast/journal/internal/journaltest"
)

const traceEnv = "HOLDFAST_JOURNAL_TRACE"

// TestTraced is what the children of the tests below do: append, trim, close,
// open, append, and end without Close. It says what was acknowledged.
func TestTraced(t *testing.T) {
	dir := os.Getenv(traceEnv)
	if dir == "" {
		t.Skip("for TestSystemCallsKeepTheOrder")
	}
	o := journal.Options{SegmentSize: 1500}
	j, err := journal.Open(dir, o)
	require.NoError(t, err)
	commit := func(n int) {
		b := j.NewBatch()
		for range n {
			b.Append(journaltest.Payload(j.Durable()+uint64(b.Len())+1), 0, 0)
		}
		require.NoError(t, j.Commit(b))
		fmt.Println("ack", j.Durable())
		j.Ahead()
	}
	for n := range 30 {
		commit(1 + n%7*3)
		switch n % 10 {
		case 4:
			require.NoError(t, j.SaveMark())
		case 8:
			removed, trimErr := j.Trim(j.Durable()-10, 0)
			require.NoError(t, trimErr)
			require.NotEmpty(t, removed)
		}
	}
	require.NoError(t, j.Close())
	fmt.Println("closed")
	j, err = journal.Open(dir, o)
	require.NoError(t, err)
	commit(2)
}

// rules holds a trace against the crash argument of the package comment, and
// counts how often each of its sentences was put to the test.
type rules struct {
	dir, journal, quarantine, mark string
	recovers                       bool // until the first commit: segments are cut, not trimmed
	disk                           systrace.Disk
	unlinked                       string // the last segment that was removed
	met                            map[string]int
}

func follow(t *testing.T, dir string, recovers bool) map[string]int {
	t.Helper()
	r := rules{
		dir: dir, journal: filepath.Join(dir, "journal"), quarantine: filepath.Join(dir, "quarantine"), mark: filepath.Join(dir, "MARK"),
		recovers: recovers, met: map[string]int{},
	}
	ops := systrace.Child(t, "TestTraced", traceEnv+"="+dir, filepath.Dir(dir))
	for i := range ops {
		op := &ops[i]
		r.before(t, op)
		switch {
		case op.Call == systrace.Open && op.Path == r.spare():
			continue // nobody needs that name
		case op.Zeros() && op.Path != r.spare():
			continue // nobody needs what stands behind the records
		}
		r.disk.Apply(op)
	}
	return r.met
}

// spare is the segment that is made in advance.
func (r *rules) spare() string { return filepath.Join(r.journal, "next"+durable.TempSuffix) }

// dirty is what of the journal is not durable yet, but for the segment that is made in
// advance.
func (r *rules) dirty() []string {
	return slices.DeleteFunc(r.disk.Dirty(r.journal), func(what string) bool {
		return what == "bytes of "+filepath.Base(r.spare())
	})
}

// before checks what must be durable when an operation begins.
func (r *rules) before(t *testing.T, op *systrace.Op) {
	t.Helper()
	segment := filepath.Dir(op.Path) == r.journal && !durable.IsTemp(op.Path)
	switch {
	case strings.HasPrefix(op.Said(), "ack "), op.Said() == "closed":
		r.met["acknowledged"]++
		r.recovers = false
		require.Empty(t, r.dirty(), "%s: not durable yet", op.Said())
		require.False(t, r.disk.Names(r.dir), "%s: MARK is not durable yet", op.Said())
		require.False(t, r.disk.Names(filepath.Dir(r.dir)), "%s: the ledger's own name is not durable yet", op.Said())
	case op.Call == systrace.Rename:
		require.False(t, r.disk.Bytes(op.Path), "%s takes a name before its bytes are durable", op.Path)
		if op.To == r.mark {
			r.met["MARK"]++
			require.Empty(t, r.dirty(), "MARK says so, but it is not durable yet")
			require.False(t, r.disk.Names(r.quarantine), "what is cut was not kept yet")
		}
		switch {
		case op.Path == r.spare():
			r.met["made in advance"]++
			require.Empty(t, r.dirty(), "the segment before it is not durable yet")
		case filepath.Dir(op.To) == r.journal:
			r.met["rewritten"]++
			require.False(t, r.disk.Names(r.quarantine), "what is cut was not kept yet")
		}
	case op.Call == systrace.Unlink && segment:
		r.met["removed"]++
		require.False(t, r.disk.Names(r.dir), "MARK does not name the new first segment yet")
		if r.recovers {
			r.met["cut"]++
			require.False(t, r.disk.Names(r.quarantine), "what is cut was not kept yet")
			require.False(t, r.disk.Names(r.journal), "the segment behind it may come back")
			require.True(t, r.unlinked == "" || op.Path < r.unlinked, "not the newest first")
		}
		r.unlinked = op.Path
	case op.Call == systrace.Write && segment:
		r.met["written"]++
		require.False(t, r.disk.Names(r.dir), "MARK does not say yet that something may follow")
	}
}

func TestSystemCallsKeepTheOrder(t *testing.T) {
	top, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	dir := filepath.Join(top, "a", "ledger")
	met := follow(t, dir, false)
	require.Equal(t, 32, met["acknowledged"])
	require.Greater(t, met["MARK"], 20)
	require.Greater(t, met["removed"], 5)
	require.Greater(t, met["written"], 31)
	require.Zero(t, met["rewritten"])
	require.Positive(t, met["made in advance"])

	// The next one finds an unclean end and, in the newest segments, an atomic
	// batch that is not whole.
	spanBatch(t, dir)
	met = follow(t, dir, true)
	require.Equal(t, 1, met["rewritten"], "%v", met)
	require.Equal(t, 2, met["cut"])
	require.Equal(t, 32, met["acknowledged"])
}

// Where the file system has no links, what is cut is copied; where that would be
// too much, nothing is cut.
func TestQuarantineWithoutLinks(t *testing.T) {
	l := journaltest.NewLedger(t, 32)
	for name, grow := range map[string]int64{"copied": 0, "too large": 64 << 20} {
		t.Run(name, func(t *testing.T) {
			dir, other := journaltest.CopyLedger(t, l.Unclean), journaltest.FastDir(t)
			require.NoError(t, os.RemoveAll(filepath.Join(dir, "quarantine")))
			require.NoError(t, os.Symlink(other, filepath.Join(dir, "quarantine")))
			if err := os.Link(filepath.Join(dir, "MARK"), filepath.Join(other, "probe")); err == nil {
				t.Skip("there is no second file system in memory")
			}
			path, es := journaltest.LastSegment(t, dir)
			last := es[len(es)-1]
			require.NoError(t, os.Truncate(path, int64(last.End-3)))
			cut, err := os.ReadFile(path)
			require.NoError(t, err)
			cut = cut[last.At:]
			if grow > 0 { // by a hole
				require.NoError(t, os.Truncate(path, int64(last.At)+grow+1))
				before := journaltest.Tree(t, dir)
				_, err = journal.Open(dir, journal.Options{})
				require.ErrorContains(t, err, "too many to be copied")
				require.NotErrorIs(t, err, journal.ErrDamaged)
				require.Equal(t, before, journaltest.Tree(t, dir))
				return
			}
			j := journaltest.Open(t, dir, journal.Options{})
			rec := j.Recovery()
			require.Equal(t, last.Rec.Seq, rec.CutFrom)
			require.Len(t, rec.Quarantine, 1)
			kept, err := os.ReadFile(filepath.Join(dir, rec.Quarantine[0]))
			require.NoError(t, err)
			require.Len(t, kept, int(rec.CutBytes))
			require.Equal(t, cut, kept)
		})
	}
}

// A name in quarantine/ that something else has is not written to.
func TestQuarantineKeepsWhatIsThere(t *testing.T) {
	l := journaltest.NewLedger(t, 32)
	path, es := journaltest.LastSegment(t, l.Unclean)
	last := es[len(es)-1]
	require.NoError(t, os.Truncate(path, int64(last.End-3)))
	name := filepath.Join(l.Unclean, "quarantine", fmt.Sprintf("%s-cut-at-%d-epoch-2-1", filepath.Base(path), last.At))
	require.NoError(t, os.WriteFile(name, []byte("another"), 0o600))
	j := journaltest.Open(t, l.Unclean, journal.Options{})
	require.Len(t, j.Recovery().Quarantine, 1)
	require.True(t, strings.HasSuffix(j.Recovery().Quarantine[0], "-epoch-2-2"), "%v", j.Recovery().Quarantine)
	b, err := os.ReadFile(name)
	require.NoError(t, err)
	require.Equal(t, "another", string(b))
}
