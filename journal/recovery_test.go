package journal_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/journal"
)

// verdict is what a damage must lead to: a refusal that names a file, or a
// journal that ends with last.
type verdict struct {
	refused string // file, or its beginning
	reason  string // part of the reason
	at      int64  // offset of the refusal; -1: any
	last    uint64
	cut     bool
}

type damage struct {
	name    string
	clean   bool // done to the cleanly closed ledger, otherwise to the unclean one
	corrupt func(t *testing.T, dir string, l ledger) verdict
}

func refused(path string, at int, reason string) verdict {
	return verdict{refused: "journal/" + filepath.Base(path), at: int64(at), reason: reason}
}

// tail edits the newest segment.
func tail(f func(t *testing.T, b []byte, es []entry, path string) ([]byte, verdict)) func(*testing.T, string, ledger) verdict {
	return func(t *testing.T, dir string, _ ledger) (v verdict) {
		t.Helper()
		path, es := lastSegment(t, dir)
		edit(t, path, func(b []byte) []byte {
			b, v = f(t, b, es, path)
			return b
		})
		return v
	}
}

func zero(b []byte) {
	for i := range b {
		b[i] = 0
	}
}

func tailDamages() []damage {
	at := func(es []entry, n int) entry {
		if n < 0 {
			n += len(es)
		}
		return es[n]
	}
	cutBefore := func(e entry) verdict { return verdict{last: e.rec.Seq - 1, cut: true} }
	return []damage{
		{name: "none", corrupt: func(_ *testing.T, _ string, l ledger) verdict { return verdict{last: l.last} }},
		{name: "zeros behind the end", corrupt: tail(func(_ *testing.T, b []byte, es []entry, _ string) ([]byte, verdict) {
			return append(b, make([]byte, 4096)...), verdict{last: at(es, -1).rec.Seq, cut: true}
		})},
		{name: "noise behind the end", corrupt: tail(func(_ *testing.T, b []byte, es []entry, _ string) ([]byte, verdict) {
			return append(b, bytes.Repeat([]byte{0xd7, 0x31, 0xff, 1}, 700)...), verdict{last: at(es, -1).rec.Seq, cut: true}
		})},
		{name: "a hole in the last record", corrupt: tail(func(_ *testing.T, b []byte, es []entry, _ string) ([]byte, verdict) {
			e := at(es, -1)
			zero(b[e.frame+40 : e.frame+60])
			return b, cutBefore(e)
		})},
		{name: "a hole in the last group", corrupt: tail(func(_ *testing.T, b []byte, es []entry, _ string) ([]byte, verdict) {
			e := at(es, -5)
			zero(b[e.at:e.end])
			return b, cutBefore(e)
		})},
		{name: "a hole in the group before the last", corrupt: tail(func(t *testing.T, b []byte, es []entry, path string) ([]byte, verdict) {
			e := at(es, -15)
			require.Less(t, e.rec.Synced, at(es, -1).rec.Synced, "the segment must hold two groups above MARK")
			zero(b[e.at+10 : e.end])
			return b, refused(path, e.at, "was written when")
		})},
		{name: "a hole in what MARK knows", corrupt: tail(func(_ *testing.T, b []byte, es []entry, path string) ([]byte, verdict) {
			zero(b[es[0].at+10:])
			return b, refused(path, 0, "MARK says so")
		})},
		{name: "a hole with nothing but a proof behind it", corrupt: tail(func(_ *testing.T, b []byte, es []entry, path string) ([]byte, verdict) {
			first, last := at(es, -15), at(es, -1)
			zero(b[first.at:last.at])
			return b, refused(path, first.at, "was written when")
		})},
		{name: "a proof at an odd place", corrupt: tail(func(_ *testing.T, b []byte, es []entry, path string) ([]byte, verdict) {
			first, last := at(es, -15), at(es, -1)
			proof := bytes.Clone(b[last.at:last.end])
			zero(b[first.at:])
			return append(b, append([]byte{0, 7, 0x80}, proof...)...), refused(path, first.at, "was written when")
		})},
		{name: "one bit of the last record", corrupt: tail(func(_ *testing.T, b []byte, es []entry, path string) ([]byte, verdict) {
			e := at(es, -1)
			b[e.end-1] ^= 0x10
			return b, refused(path, e.end-1, "one byte")
		})},
		{name: "one bit of the last checksum", corrupt: tail(func(_ *testing.T, b []byte, es []entry, path string) ([]byte, verdict) {
			e := at(es, -1)
			b[e.frame+2] ^= 1
			return b, refused(path, e.frame+2, "one byte")
		})},
		{name: "one byte of the last chain value", corrupt: tail(func(_ *testing.T, b []byte, es []entry, path string) ([]byte, verdict) {
			e := at(es, -3)
			b[e.frame+50] ^= 0xff
			return b, refused(path, e.frame+50, "one byte")
		})},
		{name: "one byte of the last length, longer", corrupt: tail(func(_ *testing.T, b []byte, es []entry, path string) ([]byte, verdict) {
			e := at(es, -1)
			b[e.at] |= 0x80
			return b, refused(path, e.at, "one byte of its length")
		})},
		{name: "one byte of the last length, shorter", corrupt: tail(func(_ *testing.T, b []byte, es []entry, path string) ([]byte, verdict) {
			e := at(es, -1)
			b[e.at] = 2
			return b, refused(path, e.at, "one byte of its length")
		})},
		{name: "two bytes of the last record", corrupt: tail(func(_ *testing.T, b []byte, es []entry, _ string) ([]byte, verdict) {
			e := at(es, -1)
			b[e.frame+45] ^= 3
			b[e.end-1] ^= 0x10
			return b, cutBefore(e)
		})},
		{name: "the last record twice", corrupt: tail(func(_ *testing.T, b []byte, es []entry, path string) ([]byte, verdict) {
			e := at(es, -1)
			return append(b, b[e.at:e.end]...), refused(path, e.end, "no interrupted write")
		})},
		{name: "a newer format", corrupt: tail(func(_ *testing.T, b []byte, es []entry, path string) ([]byte, verdict) {
			e := at(es, -1)
			b[e.frame+4] = 2
			reseal(b[e.frame:e.end])
			return b, refused(path, e.at, "format version 2")
		})},
		{name: "another history", corrupt: tail(func(_ *testing.T, b []byte, es []entry, path string) ([]byte, verdict) {
			e := at(es, -1)
			b[e.end-1]++
			reseal(b[e.frame:e.end])
			return b, refused(path, e.at, "chain")
		})},
		{name: "a terabyte of nothing", corrupt: func(t *testing.T, dir string, l ledger) verdict {
			t.Helper()
			path, _ := lastSegment(t, dir)
			if err := os.Truncate(path, 1<<40); err != nil {
				t.Skip("the file system has no files of this size:", err)
			}
			return verdict{last: l.last, cut: true}
		}},
		{name: "a length of ten bytes", corrupt: tail(func(_ *testing.T, b []byte, es []entry, _ string) ([]byte, verdict) {
			b = append(b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01)
			return append(b, make([]byte, 2<<20)...), verdict{last: at(es, -1).rec.Seq, cut: true}
		})},
		{name: "a length not in its shortest form", corrupt: tail(func(_ *testing.T, b []byte, es []entry, _ string) ([]byte, verdict) {
			e := at(es, -1)
			frame := bytes.Clone(b[e.frame:e.end])
			return append(append(b[:e.at], byte(len(frame))|0x80, 0), frame...), cutBefore(e)
		})},
		{name: "an atomic batch that is not whole", corrupt: tail(func(_ *testing.T, b []byte, es []entry, _ string) ([]byte, verdict) {
			e := at(es, -1)
			r := journal.Record{Seq: e.rec.Seq + 1, Synced: e.rec.Seq, Epoch: 1, Time: e.rec.Time, Flags: journal.More, Payload: []byte("half")}
			return append(b, withPrefix(journal.EncodeFrame(&r, e.rec.Chain))...), verdict{last: e.rec.Seq, cut: true}
		})},
	}
}

func fileDamages() []damage {
	seg := func(t *testing.T, dir string, i int) string {
		t.Helper()
		return segments(t, dir)[i]
	}
	both := func(name string, f func(t *testing.T, dir string, l ledger) verdict) []damage {
		return []damage{{name: name, corrupt: f}, {name: name, clean: true, corrupt: f}}
	}
	foreign := func(name string, make func(path string) error) []damage {
		return both("a file named "+name, func(t *testing.T, dir string, _ ledger) verdict {
			t.Helper()
			path := filepath.Join(dir, "journal", name)
			require.NoError(t, make(path))
			return refused(path, 0, "")
		})
	}
	write := func(path string) error { return os.WriteFile(path, nil, 0o600) }
	var out []damage
	for i, name := range []string{"first", "middle", "newest"} {
		out = append(out, both(name+" segment deleted", func(t *testing.T, dir string, l ledger) verdict {
			t.Helper()
			path := seg(t, dir, i)
			require.NoError(t, os.Remove(path))
			return refused(path, 0, "missing")
		})...)
		out = append(out, both(name+" segment renamed", func(t *testing.T, dir string, _ ledger) verdict {
			t.Helper()
			path := seg(t, dir, i)
			require.NoError(t, os.Rename(path, filepath.Join(dir, "journal", "00000000000000000777")))
			return verdict{refused: "journal/", at: -1}
		})...)
	}
	out = append(out, both("two segments swapped", func(t *testing.T, dir string, _ ledger) verdict {
		t.Helper()
		a, b := seg(t, dir, 0), seg(t, dir, 1)
		require.NoError(t, os.Rename(a, a+"x"))
		require.NoError(t, os.Rename(b, a))
		require.NoError(t, os.Rename(a+"x", b))
		return refused(a, 0, "seq")
	})...)
	out = append(out, both("middle segment zero-filled", func(t *testing.T, dir string, _ ledger) verdict {
		t.Helper()
		edit(t, seg(t, dir, 1), func(b []byte) []byte { zero(b); return b })
		return refused(seg(t, dir, 1), 0, "zero bytes")
	})...)
	out = append(out, both("middle segment zero-extended", func(t *testing.T, dir string, _ ledger) verdict {
		t.Helper()
		size := 0
		edit(t, seg(t, dir, 1), func(b []byte) []byte { size = len(b); return append(b, make([]byte, 4096)...) })
		return refused(seg(t, dir, 1), size, "zero bytes")
	})...)
	out = append(out, both("middle segment cut by a record", func(t *testing.T, dir string, l ledger) verdict {
		t.Helper()
		first := uint64(0)
		_, err := fmt.Sscanf(filepath.Base(seg(t, dir, 1)), "%d", &first)
		require.NoError(t, err)
		es := entries(t, seg(t, dir, 1), first)
		e := es[len(es)-1]
		require.NoError(t, os.Truncate(seg(t, dir, 1), int64(e.at)))
		return refused(fmt.Sprintf("%020d", e.rec.Seq), 0, "missing")
	})...)
	out = append(out, damage{name: "newest segment empty", clean: true, corrupt: func(t *testing.T, dir string, _ ledger) verdict {
		t.Helper()
		require.NoError(t, os.Truncate(seg(t, dir, 2), 0))
		return refused(seg(t, dir, 2), 0, "was durable")
	}}, damage{name: "bytes behind a clean end", clean: true, corrupt: tail(func(_ *testing.T, b []byte, es []entry, path string) ([]byte, verdict) {
		e := es[len(es)-1]
		r := journal.Record{Seq: e.rec.Seq + 1, Synced: e.rec.Seq, Epoch: 1, Time: e.rec.Time, Payload: []byte("more")}
		return append(b, withPrefix(journal.EncodeFrame(&r, e.rec.Chain))...), refused(path, e.end, "closed behind")
	})}, damage{name: "a hole in the last record", clean: true, corrupt: tail(func(_ *testing.T, b []byte, es []entry, path string) ([]byte, verdict) {
		e := es[len(es)-1]
		zero(b[e.frame : e.frame+30])
		return b, refused(path, e.at, "was durable")
	})})
	mark := func(what string, f func(path string) error) []damage {
		return both("MARK "+what, func(t *testing.T, dir string, _ ledger) verdict {
			t.Helper()
			require.NoError(t, f(filepath.Join(dir, "MARK")))
			return verdict{refused: "MARK", at: -1}
		})
	}
	out = append(out, mark("missing", os.Remove)...)
	out = append(out, mark("empty", func(p string) error { return os.Truncate(p, 0) })...)
	out = append(out, mark("longer", func(p string) error { return os.Truncate(p, 1<<30) })...)
	for _, name := range []string{
		"notes", "00000000000000000000", "18446744073709551615", "99999999999999999999", "0000000000000000000x",
		"00000000000000000001.START", "00000000000000000002.END", "00000000000000000001.START.TEMP", "-0000000000000000001", ".hidden",
	} {
		out = append(out, foreign(name, write)...)
	}
	out = append(out, foreign("00000000000000000500", func(path string) error { return os.Mkdir(path, 0o700) })...)
	out = append(out, foreign("00000000000000000501", func(path string) error { return os.Symlink("/etc/passwd", path) })...)
	return out
}

func TestRecovery(t *testing.T) {
	l := newLedger(t, 32)
	require.Len(t, segments(t, l.clean), 3, "the ledger must have three segments")
	for _, d := range append(tailDamages(), fileDamages()...) {
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
	require.NotEmpty(t, bad.Plan)
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
func tree(t testing.TB, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
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
	cut         bool
}

func scenes(l ledger) []scene {
	return []scene{
		{name: "nothing there", first: 1, prepare: func(t *testing.T, dir string) {
			t.Helper()
			require.NoError(t, os.RemoveAll(dir))
		}},
		{name: "unclean", first: 1, last: l.last, prepare: func(*testing.T, string) {}},
		{name: "torn", first: 1, last: l.last - 1, cut: true, prepare: func(t *testing.T, dir string) {
			t.Helper()
			path, es := lastSegment(t, dir)
			require.NoError(t, os.Truncate(path, int64(es[len(es)-1].end-5)))
		}},
		{name: "atomic batch over three segments", first: 1, last: l.last, cut: true, prepare: spanBatch},
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
	prev := es[len(es)-1].rec
	for i := range 3 {
		r := journal.Record{Seq: prev.Seq + 1, Synced: es[len(es)-1].rec.Seq, Epoch: 1, Time: prev.Time, Flags: journal.More, Payload: payload(prev.Seq + 1)}
		frame := withPrefix(journal.EncodeFrame(&r, prev.Chain))
		if i > 0 {
			path = filepath.Join(dir, "journal", fmt.Sprintf("%020d", r.Seq))
			require.NoError(t, os.WriteFile(path, nil, 0o600))
		}
		edit(t, path, func(b []byte) []byte { return append(b, frame...) })
		prev = r
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
						require.NoError(t, os.WriteFile(filepath.Join(dir, "MARK.tmp"), []byte("half"), 0o600))
						if _, err := os.Stat(filepath.Join(dir, "journal")); err == nil {
							require.NoError(t, os.WriteFile(filepath.Join(dir, "journal", "rewrite.tmp"), []byte("half"), 0o600))
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
	rep, err := journal.Check(dir)
	require.NoError(t, err)
	require.Empty(t, rep.Damages)
	require.Empty(t, rep.Notices)
	kept, err := filepath.Glob(filepath.Join(dir, "quarantine", "*"))
	require.NoError(t, err)
	require.Equal(t, s.cut, len(kept) > 0, "%v", kept)
	if !s.cut {
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
