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
)

func TestRecovery(t *testing.T) {
	l := newLedger(t, 32)
	require.Len(t, segments(t, l.clean), 3, "the ledger must have three segments")
	all := append(tailDamages(false), tailDamages(true)...)
	for _, d := range append(all, fileDamages()...) {
		state := "unclean"
		if d.clean {
			state = "clean"
		}
		t.Run(state+"/"+d.name, func(t *testing.T) {
			dir := filepath.Join(fastDir(t), "ledger")
			from := l.unclean
			if d.clean {
				from = l.clean
			}
			require.NoError(t, os.CopyFS(dir, os.DirFS(from)))
			v := d.corrupt(t, dir, l)
			if v.refused != "" {
				requireRefused(t, dir, v)
				return
			}
			requireCut(t, dir, v)
		})
	}
}

// requireRefused checks that nobody accepts the ledger, that the place is
// named, and that nothing was changed.
func requireRefused(t *testing.T, dir string, v verdict) {
	t.Helper()
	before := tree(t, dir)
	_, err := journal.Open(dir, journal.Options{SegmentSize: ledgerSegment})
	require.ErrorIs(t, err, journal.ErrDamaged)
	var bad *journal.DamageError
	require.ErrorAs(t, err, &bad)
	require.True(t, strings.HasPrefix(bad.File, v.refused), "%s: %v", bad.File, err)
	require.Contains(t, bad.Reason, v.reason)
	require.NotEmpty(t, bad.Remedy.Kind)
	if v.at >= 0 {
		require.Equal(t, v.at, bad.Offset, "%v", err)
	}
	require.Equal(t, before, tree(t, dir), "a refusal must not change anything")
	rep, err := journal.Check(dir)
	require.NoError(t, err)
	require.NotEmpty(t, rep.Damages)
	require.Equal(t, bad.File, rep.Damages[0].File)
	_, err = tryRead(dir, 0)
	require.ErrorIs(t, err, journal.ErrDamaged, "the reader must not pass over it either")
	require.Equal(t, before, tree(t, dir))
}

// requireCut checks that readers and Open agree on the last record, and that
// what was cut is kept.
func requireCut(t *testing.T, dir string, v verdict) {
	t.Helper()
	rep, err := journal.Check(dir)
	require.NoError(t, err)
	require.Empty(t, rep.Damages)
	require.NotEmpty(t, rep.Notices)
	require.Len(t, read(t, dir, 0), int(v.last))
	r, err := journal.OpenReader(dir)
	require.NoError(t, err)
	head, err := r.Last()
	require.NoError(t, err)
	require.Equal(t, v.last, head.Seq)

	var old []byte
	if info, statErr := os.Stat(segments(t, dir)[2]); statErr == nil && info.Size() < 1<<30 {
		old, err = os.ReadFile(segments(t, dir)[2])
		require.NoError(t, err)
	}
	j := open(t, dir, journal.Options{SegmentSize: ledgerSegment})
	rec := j.Recovery()
	require.Equal(t, head, j.Last())
	require.False(t, rec.Clean)
	require.True(t, rec.Rewritten)
	require.EqualValues(t, 2, j.Epoch())
	if v.cut {
		require.Equal(t, v.last+1, rec.CutFrom)
		require.Positive(t, rec.CutBytes)
		require.Len(t, rec.Quarantine, 1)
		if old != nil {
			kept, readErr := os.ReadFile(filepath.Join(dir, rec.Quarantine[0]))
			require.NoError(t, readErr)
			require.Equal(t, old, kept)
		}
	} else {
		require.Zero(t, rec.CutFrom)
		require.Empty(t, rec.Quarantine)
	}
	add(t, j, 3, 40)
	require.NoError(t, j.Close())
	require.Len(t, read(t, dir, 0), int(v.last)+43)
}

// tree returns the names and contents of everything below dir but LOCK.
func tree(tb testing.TB, dir string) map[string]string {
	tb.Helper()
	out := map[string]string{}
	require.NoError(tb, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || filepath.Base(path) == "LOCK" {
			return err
		}
		name, _ := filepath.Rel(dir, path)
		info, err := d.Info()
		if err != nil || !info.Mode().IsRegular() || info.Size() > 1<<20 {
			out[name] = fmt.Sprint(d.Type())
			return err
		}
		b, err := os.ReadFile(path)
		out[name] = string(b)
		return err
	}))
	return out
}

// What a witness outside knows counts like MARK.
func TestOptionsDurable(t *testing.T) {
	l := newLedger(t, 32)
	path, es := lastSegment(t, l.unclean)
	e := es[len(es)-1]
	require.NoError(t, os.Truncate(path, int64(e.end-3)))
	_, err := journal.Open(l.unclean, journal.Options{Durable: e.rec.Seq})
	var bad *journal.DamageError
	require.ErrorAs(t, err, &bad)
	require.Equal(t, e.rec.Seq, bad.Seq)
	require.Equal(t, e.rec.Seq, bad.Durable)
	require.EqualValues(t, e.at, bad.Offset)
	_, err = journal.Open(l.clean, journal.Options{Durable: l.last + 1})
	require.ErrorAs(t, err, &bad)
	require.Equal(t, l.last+1, bad.Seq)
	j := open(t, l.unclean, journal.Options{Durable: e.rec.Seq - 1})
	require.Equal(t, e.rec.Seq-1, j.Durable())
}

func TestTrustJournal(t *testing.T) {
	l := newLedger(t, 32)
	mark := filepath.Join(l.unclean, "MARK")
	edit(t, mark, func(b []byte) []byte { b[20] ^= 1; return b })
	damaged, err := os.ReadFile(mark)
	require.NoError(t, err)
	_, err = journal.Open(l.unclean, journal.Options{})
	require.ErrorIs(t, err, journal.ErrDamaged)
	j := open(t, l.unclean, journal.Options{TrustJournal: true})
	require.Equal(t, l.last, j.Durable())
	require.Greater(t, j.Epoch(), uint64(2), "a torn frame of epoch 2 could have been there")
	require.Len(t, j.Recovery().Quarantine, 1)
	kept, err := os.ReadFile(filepath.Join(l.unclean, j.Recovery().Quarantine[0]))
	require.NoError(t, err)
	require.Equal(t, damaged, kept)
	require.NoError(t, j.Close())

	// Beside a first segment that does not begin at 1 the link before it is
	// not known; everything else still is.
	require.NoError(t, os.Remove(filepath.Join(l.clean, "MARK")))
	require.NoError(t, os.Remove(segments(t, l.clean)[0]))
	j = open(t, l.clean, journal.Options{TrustJournal: true})
	first := j.First()
	require.Greater(t, first, uint64(1))
	add(t, j, 3)
	require.NoError(t, j.Close())
	require.Len(t, read(t, l.clean, first), int(l.last+4-first))
	j = open(t, l.clean, journal.Options{})
	require.Equal(t, l.last+3, j.Durable())
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

func scenes(l ledger) []scene {
	return []scene{
		{name: "nothing there", first: 1, prepare: func(t *testing.T, dir string) {
			t.Helper()
			require.NoError(t, os.RemoveAll(dir))
		}},
		{name: "unclean", first: 1, last: l.last, prepare: func(*testing.T, string) {}},
		{name: "torn", first: 1, last: l.last - 1, cut: 1, prepare: func(t *testing.T, dir string) {
			t.Helper()
			path, es := lastSegment(t, dir)
			require.NoError(t, os.Truncate(path, int64(es[len(es)-1].end-5)))
		}},
		{name: "atomic batch over three segments", first: 1, last: l.last, cut: 3, prepare: spanBatch},
		{name: "interrupted trim", first: l.third, last: l.last, prepare: func(t *testing.T, dir string) {
			t.Helper()
			keep := filepath.Join(t.TempDir(), "keep")
			require.NoError(t, os.CopyFS(keep, os.DirFS(dir)))
			j := open(t, dir, journal.Options{SegmentSize: ledgerSegment})
			removed, err := j.Trim(l.last, 0)
			require.NoError(t, err)
			require.Len(t, removed, 2)
			mark, err := os.ReadFile(filepath.Join(dir, "MARK"))
			require.NoError(t, err)
			require.NoError(t, j.Close())
			// MARK was written, and the second segment went before the first.
			require.NoError(t, os.WriteFile(filepath.Join(keep, "MARK"), mark, 0o600))
			require.NoError(t, os.Remove(segments(t, keep)[1]))
			require.NoError(t, os.RemoveAll(dir))
			require.NoError(t, os.CopyFS(dir, os.DirFS(keep)))
		}},
	}
}

// spanBatch appends an atomic batch that is not whole and that goes on in two
// further segments.
func spanBatch(t *testing.T, dir string) {
	t.Helper()
	path, es := lastSegment(t, dir)
	prev, end := es[len(es)-1].rec, es[len(es)-1].end
	for i := range 3 {
		r := journal.Record{Seq: prev.Seq + 1, Synced: es[len(es)-1].rec.Seq, Epoch: prev.Epoch, Time: prev.Time, Flags: journal.More, Payload: payload(prev.Seq + 1)}
		frame := withPrefix(journal.EncodeFrame(&r, prev.Chain))
		if i > 0 {
			path = filepath.Join(dir, "journal", fmt.Sprintf("%020d", r.Seq))
			require.NoError(t, os.WriteFile(path, nil, 0o600))
		}
		edit(t, path, func(b []byte) []byte { return append(b[:end], frame...) })
		end, prev = 0, r
	}
}

// Every step of Open may be the last one before a crash, also in the Open that
// follows.
func TestOpenSurvivesItsOwnCrashes(t *testing.T) {
	l := newLedger(t, 32)
	for _, s := range scenes(l) {
		t.Run(s.name, func(t *testing.T) {
			origin := filepath.Join(fastDir(t), "ledger")
			require.NoError(t, os.CopyFS(origin, os.DirFS(l.unclean)))
			s.prepare(t, origin)
			steps := append(journal.RecoverySteps(), "")
			for _, first := range steps {
				for _, second := range steps {
					dir := filepath.Join(fastDir(t), "ledger")
					if s.last > 0 {
						require.NoError(t, os.CopyFS(dir, os.DirFS(origin)))
					}
					for _, step := range []string{first, second} {
						o := journal.Options{SegmentSize: ledgerSegment}
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
	j := open(t, dir, journal.Options{SegmentSize: ledgerSegment})
	require.Equal(t, s.first, j.First())
	require.Equal(t, s.last, j.Durable())
	add(t, j, 2)
	require.NoError(t, j.Close())
	require.Len(t, read(t, dir, s.first), int(s.last+3-s.first))
	require.Equal(t, fmt.Sprintf("%020d", s.first), filepath.Base(segments(t, dir)[0]), "a trim is finished")
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
		require.Contains(t, all.String(), string(payload(seq)))
	}
}

// An epoch is never handed out twice, even if nothing of it is left.
func TestEpochs(t *testing.T) {
	dir := t.TempDir()
	for epoch := range uint64(3) {
		j := open(t, dir, journal.Options{})
		require.Equal(t, epoch+1, j.Epoch())
		require.NoError(t, j.Close())
	}
	j := open(t, dir, journal.Options{})
	add(t, j, 1)
	torn := copyLedger(t, dir)
	path, es := lastSegment(t, torn)
	require.EqualValues(t, 4, es[0].rec.Epoch)
	require.NoError(t, os.Truncate(path, 50))
	j = open(t, torn, journal.Options{})
	require.Zero(t, j.Durable())
	require.EqualValues(t, 5, j.Epoch())
}

// A segment that is whole in itself but belongs to another history is found
// where it meets its neighbour, or what MARK says of the record before it.
func TestForeignSegment(t *testing.T) {
	for i := range 3 {
		l := newLedger(t, 32)
		path := segments(t, l.clean)[i]
		var first uint64
		_, err := fmt.Sscanf(filepath.Base(path), "%d", &first)
		require.NoError(t, err)
		var b []byte
		prev := [32]byte{1}
		for _, e := range entries(t, path, first) {
			r := e.rec
			b = append(b, withPrefix(journal.EncodeFrame(&r, prev))...)
			prev = r.Chain
		}
		require.NoError(t, os.WriteFile(path, b, 0o600))
		requireRefused(t, l.clean, refused(path, 0, "chain"))
		_, err = tryRead(l.clean, 3)
		var bad *journal.DamageError
		require.ErrorAs(t, err, &bad)
		require.Equal(t, "journal/"+filepath.Base(path), bad.File)
		require.Zero(t, bad.Offset)
	}
}
