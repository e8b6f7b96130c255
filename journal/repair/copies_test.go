package repair_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/journal"
	"github.com/moneyprinter/holdfast/journal/internal/journaltest"
	"github.com/moneyprinter/holdfast/journal/repair"
)

// resegment copies a ledger with the records up to last in segments of n records.
func resegment(t *testing.T, from string, last uint64, n int) string {
	t.Helper()
	dir := filepath.Join(journaltest.FastDir(t), "copy")
	require.NoError(t, os.CopyFS(dir, os.DirFS(from)))
	var all []byte
	var ends []int
	for _, path := range journaltest.Segments(t, dir) {
		var first uint64
		_, err := fmt.Sscanf(filepath.Base(path), "%d", &first)
		require.NoError(t, err)
		b, err := os.ReadFile(path)
		require.NoError(t, err)
		for _, e := range journaltest.Entries(t, path, first) {
			ends = append(ends, len(all)+e.End)
		}
		all = append(all, b...)
		require.NoError(t, os.Remove(path))
	}
	for i := 0; i < int(last); i += n {
		start, end := 0, ends[min(i+n, int(last))-1]
		if i > 0 {
			start = ends[i-1]
		}
		path := filepath.Join(dir, "journal", fmt.Sprintf("%020d", i+1))
		require.NoError(t, os.WriteFile(path, all[start:end], 0o600))
	}
	return dir
}

// longer continues a copy of a ledger by some records.
func longer(t *testing.T, from string, n int) string {
	t.Helper()
	dir := filepath.Join(journaltest.FastDir(t), "copy")
	require.NoError(t, os.CopyFS(dir, os.DirFS(from)))
	j := journaltest.Open(t, dir, journal.Options{SegmentSize: journaltest.LedgerSegment})
	journaltest.Add(t, j, n)
	require.NoError(t, j.Close())
	return dir
}

// forked is a copy that has other records from a seq on.
func forked(t *testing.T, from string, at uint64) string {
	t.Helper()
	dir := resegment(t, from, at-1, 30)
	require.NoError(t, os.Remove(filepath.Join(dir, "MARK")))
	j := journaltest.Open(t, dir, journal.Options{SegmentSize: journaltest.LedgerSegment, TrustJournal: true})
	journaltest.AddSome(t, j, func(seq uint64) []byte { return fmt.Appendf(nil, "another %d", seq) }, 150)
	require.NoError(t, j.Close())
	return dir
}

func TestCopies(t *testing.T) {
	l := journaltest.NewLedger(t, 32)
	_, es := journaltest.LastSegment(t, l.Clean)
	middle := func(t *testing.T, dir string) {
		t.Helper()
		journaltest.Edit(t, journaltest.Segments(t, dir)[1], func(b []byte) []byte { journaltest.Zero(b[600:900]); return b })
	}
	second := func(t *testing.T, dir string) {
		t.Helper()
		require.NoError(t, os.Remove(journaltest.Segments(t, dir)[1]))
	}
	tailHole := func(t *testing.T, dir string) {
		t.Helper()
		journaltest.Edit(t, journaltest.Segments(t, dir)[2], func(b []byte) []byte { journaltest.Zero(b[es[3].At:]); return b })
	}
	intact := func(*testing.T) string { return l.Clean }
	for _, c := range []struct {
		name    string
		damage  func(*testing.T, string)
		copy    func(*testing.T) string
		refused uint64 // the seq that the refusal names
		stays   bool
		last    uint64 // where the ledger ends
	}{
		{name: "other borders", damage: middle, copy: func(t *testing.T) string { t.Helper(); return resegment(t, l.Clean, l.Last, 7) }, last: l.Last},
		{name: "other borders, two segments gone", damage: func(t *testing.T, dir string) {
			t.Helper()
			second(t, dir)
			require.NoError(t, os.Remove(journaltest.Segments(t, dir)[0]))
		}, copy: func(t *testing.T) string { t.Helper(); return resegment(t, l.Clean, l.Last, 50) }, last: l.Last},
		{name: "one file", damage: second, copy: func(t *testing.T) string { t.Helper(); return resegment(t, l.Clean, l.Last, 1000) }, last: l.Last},
		{name: "behind, damage within", damage: middle, copy: func(t *testing.T) string { t.Helper(); return resegment(t, l.Clean, l.Third, 20) }, last: l.Last},
		{name: "behind, damage beyond", damage: tailHole, copy: func(t *testing.T) string { t.Helper(); return resegment(t, l.Clean, l.Third+1, 20) }, stays: true},
		{name: "behind, not far enough", damage: tailHole, copy: func(t *testing.T) string { t.Helper(); return resegment(t, l.Clean, l.Last-1, 20) }, stays: true},
		{name: "ahead, damage within", damage: middle, copy: func(t *testing.T) string { t.Helper(); return longer(t, l.Clean, 30) }, last: l.Last},
		{name: "ahead, damaged tail", damage: tailHole, copy: func(t *testing.T) string { t.Helper(); return longer(t, l.Clean, 90) }, last: l.Last + 90},
		{name: "damaged elsewhere", damage: middle, copy: func(t *testing.T) string {
			t.Helper()
			dir := resegment(t, l.Clean, l.Last, 20)
			for _, i := range []int{0, 4} {
				journaltest.Edit(t, journaltest.Segments(t, dir)[i], func(b []byte) []byte { b[400] ^= 0x40; return b[:len(b)-5] })
			}
			return dir
		}, last: l.Last},
		{name: "damaged in the same place", damage: middle, copy: func(t *testing.T) string {
			t.Helper()
			dir := resegment(t, l.Clean, l.Last, 1000)
			info, err := os.Stat(journaltest.Segments(t, l.Clean)[0])
			require.NoError(t, err)
			at := int(info.Size())
			journaltest.Edit(t, journaltest.Segments(t, dir)[0], func(b []byte) []byte { journaltest.Zero(b[at+600 : at+900]); return b })
			return dir
		}, stays: true},
		{name: "its segments renamed, without MARK", damage: middle, copy: func(t *testing.T) string {
			t.Helper()
			dir := resegment(t, l.Clean, l.Last, 20)
			for i, p := range journaltest.Segments(t, dir) {
				require.NoError(t, os.Rename(p, filepath.Join(filepath.Dir(p), fmt.Sprintf("file-%d", i))))
			}
			require.NoError(t, os.Remove(filepath.Join(dir, "MARK")))
			return dir
		}, last: l.Last},
		{name: "forked before the damage", damage: middle, copy: func(t *testing.T) string { t.Helper(); return forked(t, l.Clean, 20) }, refused: 20},
		{name: "forked within the damage", damage: second, copy: func(t *testing.T) string { t.Helper(); return forked(t, l.Clean, 60) }, refused: l.Third},
		{name: "forked behind the damage", damage: middle, copy: func(t *testing.T) string { t.Helper(); return forked(t, l.Clean, l.Last-2) }, refused: l.Last - 2},
		{name: "forked within a damaged tail", damage: tailHole, copy: func(t *testing.T) string { t.Helper(); return forked(t, l.Clean, l.Last-2) }, refused: l.Last},
		{name: "another ledger", damage: middle, copy: func(t *testing.T) string { t.Helper(); return forked(t, l.Clean, 2) }, refused: 2},
		{name: "another ledger, nothing left of ours", damage: func(t *testing.T, dir string) {
			t.Helper()
			for _, p := range journaltest.Segments(t, dir) {
				require.NoError(t, os.Remove(p))
			}
		}, copy: func(t *testing.T) string { t.Helper(); return forked(t, l.Clean, 2) }, refused: l.Last},
		{name: "the ledger itself", damage: middle, copy: nil, refused: 0},
		{name: "an empty directory", damage: middle, copy: func(t *testing.T) string { t.Helper(); return t.TempDir() }, refused: 1},
		{name: "a foreign segment, healed", damage: func(t *testing.T, dir string) {
			t.Helper()
			b, err := os.ReadFile(journaltest.Segments(t, forked(t, l.Clean, 2))[1])
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(journaltest.Segments(t, dir)[1], b, 0o600))
		}, copy: intact, last: l.Last},
		{name: "a stale copy of a segment beside", damage: func(t *testing.T, dir string) {
			t.Helper()
			b, err := os.ReadFile(journaltest.Segments(t, dir)[1])
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(filepath.Join(dir, "journal", "00000000000000000060"), b[:900], 0o600))
		}, copy: intact, last: l.Last},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(journaltest.FastDir(t), "ledger")
			require.NoError(t, os.CopyFS(dir, os.DirFS(l.Clean)))
			c.damage(t, dir)
			o := repair.Options{From: dir}
			if c.copy != nil {
				o.From = c.copy(t)
			}
			before, theirs := journaltest.Tree(t, dir), journaltest.Tree(t, o.From)
			p, err := repair.Do(dir, o)
			if c.last == 0 && !c.stays {
				var bad *repair.CopyError
				require.ErrorAs(t, err, &bad)
				require.ErrorIs(t, err, repair.ErrRefused)
				require.Equal(t, c.refused, bad.Seq, bad.Error())
				require.Equal(t, before, journaltest.Tree(t, dir), "a refused copy changes nothing")
				return
			}
			require.NoError(t, err)
			require.Equal(t, theirs, journaltest.Tree(t, o.From), "the copy is only read")
			require.Equal(t, !c.stays, p.Whole(), "%+v", p)
			if c.stays {
				_, err = journal.Open(dir, journal.Options{})
				require.ErrorIs(t, err, journal.ErrDamaged)
				require.NotNil(t, p.Loss)
				p, err = repair.Do(dir, repair.Options{From: l.Clean})
				require.NoError(t, err)
				require.True(t, p.Whole(), "an intact copy heals what another one left: %+v", p)
				c.last = l.Last
			}
			got := journaltest.Read(t, dir, 0)
			require.Len(t, got, int(c.last))
			require.Equal(t, journaltest.Read(t, l.Clean, 0), got[:l.Last])
			if c.last > l.Last {
				require.Equal(t, journaltest.Read(t, o.From, 0), got)
			}
			j := journaltest.Open(t, dir, journal.Options{})
			require.Equal(t, c.last, j.Durable())
		})
	}
}

// The copy may be the ledger of a writer at work.
func TestHealFromALiveCopy(t *testing.T) {
	l := journaltest.NewLedger(t, 32)
	live := filepath.Join(journaltest.FastDir(t), "live")
	require.NoError(t, os.CopyFS(live, os.DirFS(l.Clean)))
	j := journaltest.Open(t, live, journal.Options{SegmentSize: journaltest.LedgerSegment})
	journaltest.Add(t, j, 20, 20)
	done := make(chan error, 1)
	go func() {
		for range 3000 {
			b := j.NewBatch()
			seq := j.Durable() + 1
			b.Append(journaltest.Payload(seq), 0, int64(seq))
			if err := j.Commit(b); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	for i := range 9 {
		dir := filepath.Join(journaltest.FastDir(t), "ledger")
		require.NoError(t, os.CopyFS(dir, os.DirFS(l.Clean)))
		require.NoError(t, os.Remove(journaltest.Segments(t, dir)[i%3]))
		p, err := repair.Do(dir, repair.Options{From: live})
		require.NoError(t, err)
		require.True(t, p.Whole(), "%+v", p)
		k := journaltest.Open(t, dir, journal.Options{})
		require.GreaterOrEqual(t, k.Durable(), l.Last)
		require.NoError(t, k.Close())
		require.Equal(t, journaltest.Read(t, l.Clean, 0), journaltest.Read(t, dir, 0)[:l.Last])
	}
	require.NoError(t, <-done)
}

// A flip of every k-th byte, one after the other, in a ledger of three segments
// and MARK, healed from an intact copy: the bytes of the records are what they
// were.
func TestHealEveryByte(t *testing.T) {
	l := journaltest.NewLedger(t, 32)
	want := journaltest.Read(t, l.Clean, 0)
	step := journaltest.Stride(53) * 23
	if os.Getenv("HOLDFAST_EXHAUSTIVE") != "" {
		step = 1
	}
	for name, from := range map[string]string{"clean": l.Clean, "unclean": l.Unclean} {
		var tried atomic.Int64
		for _, path := range append(journaltest.Segments(t, from), filepath.Join(from, "MARK")) {
			file, err := filepath.Rel(from, path)
			require.NoError(t, err)
			good, err := os.ReadFile(path)
			require.NoError(t, err)
			mark, err := os.ReadFile(filepath.Join(from, "MARK"))
			require.NoError(t, err)
			// Zeros behind the last record are no part of the journal.
			journaltest.EachCopy(t, from, len(bytes.TrimRight(good, "\x00")), step, func(dir string, at int) error {
				tried.Add(1)
				b := slices.Clone(good)
				b[at] ^= byte(1 + at%255)
				if err := os.WriteFile(filepath.Join(dir, file), b, 0o600); err != nil {
					return err
				}
				p, err := repair.Do(dir, repair.Options{From: from})
				if err != nil {
					return err
				}
				if p.Sound() || !p.Whole() {
					return fmt.Errorf("sound %v, whole %v: %+v", p.Sound(), p.Whole(), p)
				}
				recs, err := journaltest.TryRead(dir, 0)
				if err != nil {
					return err
				}
				if len(recs) != len(want) || !slices.EqualFunc(recs, want, func(a, b journal.Record) bool {
					return a.Head() == b.Head() && string(a.Payload) == string(b.Payload)
				}) {
					return errors.New("other records")
				}
				if rep, err := journal.Check(dir); err != nil || len(rep.Damages) > 0 {
					return fmt.Errorf("%v, %w", rep.Damages, err)
				}
				if err := os.WriteFile(filepath.Join(dir, "MARK"), mark, 0o600); err != nil {
					return err
				}
				return os.RemoveAll(filepath.Join(dir, "quarantine"))
			})
		}
		t.Logf("%s: %d bytes flipped and healed", name, tried.Load())
	}
}

// The tail cut at every byte: what is damage heals to the same records; what is
// a torn write is left to Open.
func TestHealEveryCut(t *testing.T) {
	l := journaltest.NewLedger(t, 32)
	for name, from := range map[string]string{"clean": l.Clean, "unclean": l.Unclean} {
		path, es := journaltest.LastSegment(t, from)
		whole, err := os.ReadFile(path)
		require.NoError(t, err)
		mark, err := os.ReadFile(filepath.Join(from, "MARK"))
		require.NoError(t, err)
		step := journaltest.Stride(7) * 5
		if os.Getenv("HOLDFAST_EXHAUSTIVE") != "" {
			step = 1
		}
		journaltest.EachCopy(t, from, es[len(es)-1].End, step, func(dir string, n int) error {
			p := filepath.Join(dir, "journal", filepath.Base(path))
			if err := errors.Join(os.WriteFile(p, whole[:n], 0o600), os.WriteFile(filepath.Join(dir, "MARK"), mark, 0o600)); err != nil {
				return err
			}
			rep, err := journal.Check(dir)
			if err != nil {
				return err
			}
			plan, err := repair.Do(dir, repair.Options{From: from})
			if err != nil {
				return err
			}
			if plan.Sound() != (len(rep.Damages) == 0) || !plan.Whole() {
				return fmt.Errorf("%s at %d: %+v", name, n, plan)
			}
			recs, err := journaltest.TryRead(dir, 0)
			if err != nil {
				return err
			}
			if !plan.Sound() && len(recs) != int(l.Last) {
				return fmt.Errorf("%s at %d: %d records", name, n, len(recs))
			}
			return os.RemoveAll(filepath.Join(dir, "quarantine"))
		})
	}
}
