package journal_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/journal"
	"github.com/moneyprinter/holdfast/journal/internal/journaltest"
)

func TestRecovery(t *testing.T) {
	l := journaltest.NewLedger(t, 32)
	require.Len(t, journaltest.Segments(t, l.Clean), 3, "the ledger must have three segments")
	all := append(journaltest.TailDamages(false), journaltest.TailDamages(true)...)
	for _, d := range append(all, journaltest.FileDamages()...) {
		state := "unclean"
		if d.Clean {
			state = "clean"
		}
		t.Run(state+"/"+d.Name, func(t *testing.T) {
			dir := filepath.Join(journaltest.FastDir(t), "ledger")
			from := l.Unclean
			if d.Clean {
				from = l.Clean
			}
			require.NoError(t, os.CopyFS(dir, os.DirFS(from)))
			v := d.Corrupt(t, dir, l)
			if v.Refused != "" {
				journaltest.RequireRefused(t, dir, v)
				return
			}
			journaltest.RequireCut(t, dir, v)
		})
	}
}

// What a witness outside knows counts like MARK.
func TestOptionsDurable(t *testing.T) {
	l := journaltest.NewLedger(t, 32)
	path, es := journaltest.LastSegment(t, l.Unclean)
	e := es[len(es)-1]
	require.NoError(t, os.Truncate(path, int64(e.End-3)))
	_, err := journal.Open(l.Unclean, journal.Options{Durable: e.Rec.Seq})
	var bad *journal.DamageError
	require.ErrorAs(t, err, &bad)
	require.Equal(t, e.Rec.Seq, bad.Seq)
	require.Equal(t, e.Rec.Seq, bad.Durable)
	require.EqualValues(t, e.At, bad.Offset)
	_, err = journal.Open(l.Clean, journal.Options{Durable: l.Last + 1})
	require.ErrorAs(t, err, &bad)
	require.Equal(t, l.Last+1, bad.Seq)
	j := journaltest.Open(t, l.Unclean, journal.Options{Durable: e.Rec.Seq - 1})
	require.Equal(t, e.Rec.Seq-1, j.Durable())
}

func TestTrustJournal(t *testing.T) {
	l := journaltest.NewLedger(t, 32)
	mark := filepath.Join(l.Unclean, "MARK")
	journaltest.Edit(t, mark, func(b []byte) []byte { b[20] ^= 1; return b })
	damaged, err := os.ReadFile(mark)
	require.NoError(t, err)
	_, err = journal.Open(l.Unclean, journal.Options{})
	require.ErrorIs(t, err, journal.ErrDamaged)
	j := journaltest.Open(t, l.Unclean, journal.Options{TrustJournal: true})
	require.Equal(t, l.Last, j.Durable())
	require.Greater(t, j.Epoch(), uint64(2), "a torn frame of epoch 2 could have been there")
	require.Len(t, j.Recovery().Quarantine, 1)
	kept, err := os.ReadFile(filepath.Join(l.Unclean, j.Recovery().Quarantine[0]))
	require.NoError(t, err)
	require.Equal(t, damaged, kept)
	require.NoError(t, j.Close())

	// Beside a first segment that does not begin at 1 the link before it is
	// not known; everything else still is.
	require.NoError(t, os.Remove(filepath.Join(l.Clean, "MARK")))
	require.NoError(t, os.Remove(journaltest.Segments(t, l.Clean)[0]))
	j = journaltest.Open(t, l.Clean, journal.Options{TrustJournal: true})
	first := j.First()
	require.Greater(t, first, uint64(1))
	journaltest.Add(t, j, 3)
	require.NoError(t, j.Close())
	require.Len(t, journaltest.Read(t, l.Clean, first), int(l.Last+4-first))
	j = journaltest.Open(t, l.Clean, journal.Options{})
	require.Equal(t, l.Last+3, j.Durable())
}

var errCrash = errors.New("crashed here")

// scene is a state that a crash has left; last is where the journal must end
// after any number of interrupted recoveries, and cut what must be kept.
type scene struct {
	name        string
	prepare     func(t *testing.T, dir string)
	first, last uint64
	cut         int // files in quarantine/
}

func scenes(l journaltest.Ledger) []scene {
	return []scene{
		{name: "nothing there", first: 1, prepare: func(t *testing.T, dir string) {
			t.Helper()
			require.NoError(t, os.RemoveAll(dir))
		}},
		{name: "unclean", first: 1, last: l.Last, prepare: func(*testing.T, string) {}},
		{name: "torn", first: 1, last: l.Last - 1, cut: 1, prepare: func(t *testing.T, dir string) {
			t.Helper()
			path, es := journaltest.LastSegment(t, dir)
			require.NoError(t, os.Truncate(path, int64(es[len(es)-1].End-5)))
		}},
		{name: "atomic batch over three segments", first: 1, last: l.Last, cut: 3, prepare: spanBatch},
		{name: "interrupted trim", first: l.Third, last: l.Last, prepare: func(t *testing.T, dir string) {
			t.Helper()
			keep := filepath.Join(t.TempDir(), "keep")
			require.NoError(t, os.CopyFS(keep, os.DirFS(dir)))
			j := journaltest.Open(t, dir, journal.Options{SegmentSize: journaltest.LedgerSegment})
			removed, err := j.Trim(l.Last, 0)
			require.NoError(t, err)
			require.Len(t, removed, 2)
			mark, err := os.ReadFile(filepath.Join(dir, "MARK"))
			require.NoError(t, err)
			require.NoError(t, j.Close())
			// MARK was written, and the second segment went before the first.
			require.NoError(t, os.WriteFile(filepath.Join(keep, "MARK"), mark, 0o600))
			require.NoError(t, os.Remove(journaltest.Segments(t, keep)[1]))
			require.NoError(t, os.RemoveAll(dir))
			require.NoError(t, os.CopyFS(dir, os.DirFS(keep)))
		}},
	}
}

// spanBatch appends an atomic batch that is not whole and that goes on in two
// further segments.
func spanBatch(t *testing.T, dir string) {
	t.Helper()
	path, es := journaltest.LastSegment(t, dir)
	prev, end := es[len(es)-1].Rec, es[len(es)-1].End
	for i := range 3 {
		r := journal.Record{Seq: prev.Seq + 1, Synced: es[len(es)-1].Rec.Seq, Epoch: prev.Epoch, Time: prev.Time, Flags: journal.More, Payload: journaltest.Payload(prev.Seq + 1)}
		frame := journaltest.WithPrefix(journaltest.EncodeFrame(&r, prev.Chain))
		if i > 0 {
			path = filepath.Join(dir, "journal", fmt.Sprintf("%020d", r.Seq))
			require.NoError(t, os.WriteFile(path, nil, 0o600))
		}
		journaltest.Edit(t, path, func(b []byte) []byte { return append(b[:end], frame...) })
		end, prev = 0, r
	}
}

// Every step of Open may be the last one before a crash, also in the Open that
// follows.
func TestOpenSurvivesItsOwnCrashes(t *testing.T) {
	l := journaltest.NewLedger(t, 32)
	for _, s := range scenes(l) {
		t.Run(s.name, func(t *testing.T) {
			origin := filepath.Join(journaltest.FastDir(t), "ledger")
			require.NoError(t, os.CopyFS(origin, os.DirFS(l.Unclean)))
			s.prepare(t, origin)
			steps := append(journal.RecoverySteps(), "")
			for _, first := range steps {
				for _, second := range steps {
					dir := filepath.Join(journaltest.FastDir(t), "ledger")
					if s.last > 0 {
						require.NoError(t, os.CopyFS(dir, os.DirFS(origin)))
					}
					for _, step := range []string{first, second} {
						o := journal.Options{SegmentSize: journaltest.LedgerSegment}
						o.CrashAfter(step, errCrash)
						if j, err := journal.Open(dir, o); step != "" {
							require.ErrorIs(t, err, errCrash)
						} else {
							require.NoError(t, err)
							require.NoError(t, j.Close())
						}
						// What replacing a file can leave besides.
						require.NoError(t, os.WriteFile(filepath.Join(dir, "MARK.holdfast-tmp"), []byte("half"), 0o600))
						if _, err := os.Stat(filepath.Join(dir, "journal")); err == nil {
							require.NoError(t, os.WriteFile(filepath.Join(dir, "journal", "00000000000000000001.holdfast-tmp"), []byte("half"), 0o600))
						}
					}
					requireScene(t, dir, s)
				}
			}
		})
	}
}

func requireScene(t *testing.T, dir string, s scene) {
	t.Helper()
	j := journaltest.Open(t, dir, journal.Options{SegmentSize: journaltest.LedgerSegment})
	require.Equal(t, s.first, j.First())
	require.Equal(t, s.last, j.Durable())
	journaltest.Add(t, j, 2)
	require.NoError(t, j.Close())
	require.Len(t, journaltest.Read(t, dir, s.first), int(s.last+3-s.first))
	require.Equal(t, fmt.Sprintf("%020d", s.first), filepath.Base(journaltest.Segments(t, dir)[0]), "a trim is finished")
	rep, err := journal.Check(dir)
	require.NoError(t, err)
	require.Empty(t, rep.Damages)
	require.Empty(t, rep.Notices)
	kept, err := filepath.Glob(filepath.Join(dir, "quarantine", "*"))
	require.NoError(t, err)
	require.Len(t, kept, s.cut, "what is kept twice is kept once")
	if s.cut == 0 {
		return
	}
	// Whatever was cut is there, byte for byte.
	var all strings.Builder
	for _, path := range kept {
		b, err := os.ReadFile(path)
		require.NoError(t, err)
		all.Write(b)
	}
	for seq := s.last + 1; seq <= s.last+3 && s.name != "torn"; seq++ {
		require.Contains(t, all.String(), string(journaltest.Payload(seq)))
	}
}

// An epoch is never handed out twice, even if nothing of it is left.
func TestEpochs(t *testing.T) {
	dir := t.TempDir()
	for epoch := range uint64(3) {
		j := journaltest.Open(t, dir, journal.Options{})
		require.Equal(t, epoch+1, j.Epoch())
		require.NoError(t, j.Close())
	}
	j := journaltest.Open(t, dir, journal.Options{})
	journaltest.Add(t, j, 1)
	torn := journaltest.CopyLedger(t, dir)
	path, es := journaltest.LastSegment(t, torn)
	require.EqualValues(t, 4, es[0].Rec.Epoch)
	require.NoError(t, os.Truncate(path, 50))
	j = journaltest.Open(t, torn, journal.Options{})
	require.Zero(t, j.Durable())
	require.EqualValues(t, 5, j.Epoch())
}

// A segment that is whole in itself but belongs to another history is found
// where it meets its neighbour, or what MARK says of the record before it.
func TestForeignSegment(t *testing.T) {
	for i := range 3 {
		l := journaltest.NewLedger(t, 32)
		path := journaltest.Segments(t, l.Clean)[i]
		var first uint64
		_, err := fmt.Sscanf(filepath.Base(path), "%d", &first)
		require.NoError(t, err)
		var b []byte
		prev := [32]byte{1}
		for _, e := range journaltest.Entries(t, path, first) {
			r := e.Rec
			b = append(b, journaltest.WithPrefix(journaltest.EncodeFrame(&r, prev))...)
			prev = r.Chain
		}
		require.NoError(t, os.WriteFile(path, b, 0o600))
		journaltest.RequireRefused(t, l.Clean, journaltest.Refused(path, 0, "chain"))
		_, err = journaltest.TryRead(l.Clean, 3)
		var bad *journal.DamageError
		require.ErrorAs(t, err, &bad)
		require.Equal(t, "journal/"+filepath.Base(path), bad.File)
		require.Zero(t, bad.Offset)
	}
}
