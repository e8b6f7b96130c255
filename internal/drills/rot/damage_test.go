package rot_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/audit"
	"github.com/moneyprinter/holdfast/internal/ledgertest"
	"github.com/moneyprinter/holdfast/internal/wire"
	"github.com/moneyprinter/holdfast/journal"
	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/repair"
)

// groupedLedger makes a cleanly closed ledger of at least three segments, two
// of whose borders lie inside a group of records that one sync made durable,
// and a snapshot in the middle. It returns the segments, oldest first.
func groupedLedger(t *testing.T) (dir string, segments []string) {
	t.Helper()
	dir = t.TempDir()
	o := ledgertest.Quiet()
	o.SegmentSize = 8 << 10
	l := ledgertest.Open(t, dir, o)
	ms := ledgertest.RandomFills(11, 5000)
	for done := 0; ; done++ {
		require.Less(t, (done+1)*64, len(ms), "no segment border fell inside a group")
		ledgertest.ApplyAll(t, l, ms[done*64:(done+1)*64])
		if done == 0 {
			_, err := l.Snapshot(t.Context())
			require.NoError(t, err)
		}
		if segments = ledgertest.Segments(t, dir); len(segments) >= 3 && crossed(t, dir, segments) >= 2 {
			break
		}
	}
	require.NoError(t, l.Close())
	return dir, ledgertest.Segments(t, dir)
}

// crossed counts the segment borders that lie inside a group: the frames of a
// group all name the same seq as synced before them.
func crossed(t *testing.T, dir string, segments []string) int {
	t.Helper()
	log, err := journal.OpenReader(dir)
	require.NoError(t, err)
	synced := map[uint64]uint64{}
	for rec, err := range log.Records(0) {
		require.NoError(t, err)
		synced[rec.Seq] = rec.Synced
	}
	n := 0
	for _, s := range segments[1:] {
		var first uint64
		_, err := fmt.Sscanf(filepath.Base(s), "%d", &first)
		require.NoError(t, err)
		if v, ok := synced[first]; ok && v == synced[first-1] {
			n++
		}
	}
	return n
}

// refused demands that neither a verification nor an opening accepts the
// ledger, that both name a place, and that nothing was changed by looking.
func refused(dir string, alsoOpen bool) error {
	r, err := holdfast.OpenReader(dir)
	if err != nil {
		if !errors.Is(err, holdfast.ErrDamaged) {
			return fmt.Errorf("reader: %w", err)
		}
		return nil
	}
	rep, err := audit.Verify(context.Background(), r, audit.Options{})
	if err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	if rep.OK() {
		return errors.New("verify accepts it")
	}
	if f := rep.Findings[0]; f.File == "" || f.Reason == "" {
		return fmt.Errorf("no place: %+v", f)
	}
	if !alsoOpen {
		return nil
	}
	l, err := holdfast.Open(context.Background(), dir, holdfast.Options{SnapshotInterval: -1})
	if err == nil {
		return errors.Join(errors.New("open accepts it"), l.Close())
	}
	var place *journal.DamageError
	if !errors.As(err, &place) || place.File == "" {
		return fmt.Errorf("open names no place: %w", err)
	}
	return nil
}

// eachBit flips bits of a file and asks check about each, on several copies of
// the ledger side by side.
func eachBit(t *testing.T, dir, rel string, every int, check func(dir string) error) (tried int64) {
	t.Helper()
	good, err := os.ReadFile(filepath.Join(dir, rel))
	require.NoError(t, err)
	var wg sync.WaitGroup
	var next, n atomic.Int64
	for range runtime.GOMAXPROCS(0) {
		own := ledgertest.Copy(t, dir)
		wg.Go(func() {
			b := slices.Clone(good)
			for {
				bit := int(next.Add(1)-1) * every
				if bit >= len(b)*8 || t.Failed() {
					return
				}
				b[bit/8] ^= 1 << (bit % 8)
				err := os.WriteFile(filepath.Join(own, rel), b, 0o600)
				if err == nil {
					err = check(own)
				}
				if err != nil {
					t.Errorf("%s, bit %d of byte %d: %v", rel, bit%8, bit/8, err)
				}
				b[bit/8] ^= 1 << (bit % 8)
				n.Add(1)
			}
		})
	}
	wg.Wait()
	return n.Load()
}

func TestDamageEveryBitIsRefused(t *testing.T) {
	dir, segments := groupedLedger(t)
	total := int64(0)
	for _, s := range segments {
		rel, err := filepath.Rel(dir, s)
		require.NoError(t, err)
		total += eachBit(t, dir, rel, ledgertest.Stride(499), func(dir string) error { return refused(dir, true) })
	}
	total += eachBit(t, dir, "MARK", ledgertest.Stride(7), func(dir string) error { return refused(dir, true) })
	t.Logf("%d bits of %d segments and MARK, 0 accepted", total, len(segments))
}

func TestDamageSnapshotBitsFallBack(t *testing.T) {
	dir, _ := groupedLedger(t)
	l := ledgertest.Open(t, dir, ledgertest.Quiet())
	want := ledgertest.Digest(l)
	require.NoError(t, l.Close())
	names, err := filepath.Glob(filepath.Join(dir, "backups", "*.snap"))
	require.NoError(t, err)
	require.NotEmpty(t, names)
	rel, err := filepath.Rel(dir, names[0])
	require.NoError(t, err)
	n := eachBit(t, dir, rel, ledgertest.Stride(211), func(dir string) error {
		if err := refused(dir, false); err != nil {
			return err
		}
		r, err := holdfast.OpenReader(dir)
		if err != nil {
			return err
		}
		v, err := r.AsOf(context.Background(), holdfast.Moment{})
		if err == nil && v.Digest() != want {
			err = errors.New("another state")
		}
		return err
	})
	t.Logf("%d bits of a snapshot: reported, and the log gives the state", n)
}

func TestDamageEveryCutOfTheLastSegment(t *testing.T) {
	dir, segments := groupedLedger(t)
	last := segments[len(segments)-1]
	b, err := os.ReadFile(last)
	require.NoError(t, err)
	step := ledgertest.Stride(61)
	for n := 0; n < len(b); n += step {
		require.NoError(t, os.WriteFile(last, b[:n], 0o600))
		require.NoError(t, refused(dir, true), "cut at %d", n)
	}
	require.NoError(t, os.WriteFile(last, append(slices.Clone(b), make([]byte, 4096)...), 0o600))
	require.NoError(t, refused(dir, true), "zeros behind the end")
}

func TestDamageOfWholeSegments(t *testing.T) {
	origin, segments := groupedLedger(t)
	base := make([]string, len(segments))
	for i, s := range segments {
		base[i] = filepath.Base(s)
	}
	for i := range base {
		for _, c := range []struct {
			name string
			do   func(seg func(int) string) error
		}{
			{"deleted", func(seg func(int) string) error { return os.Remove(seg(i)) }},
			{"renamed", func(seg func(int) string) error {
				return os.Rename(seg(i), strings.TrimSuffix(seg(i), base[i])+"00000000000000777777")
			}},
			{"under a foreign name", func(seg func(int) string) error { return os.Rename(seg(i), seg(i)+".bak") }},
			{"zero-filled", func(seg func(int) string) error {
				info, err := os.Stat(seg(i))
				if err != nil {
					return err
				}
				return os.WriteFile(seg(i), make([]byte, info.Size()), 0o600)
			}},
			{"emptied", func(seg func(int) string) error { return os.Truncate(seg(i), 0) }},
			{"swapped", func(seg func(int) string) error {
				other, temp := seg((i+1)%len(base)), seg(i)+".swap"
				return errors.Join(os.Rename(seg(i), temp), os.Rename(other, seg(i)), os.Rename(temp, other))
			}},
		} {
			t.Run(fmt.Sprintf("%s segment %d of %d", c.name, i+1, len(base)), func(t *testing.T) {
				dir := ledgertest.Copy(t, origin)
				require.NoError(t, c.do(func(i int) string { return filepath.Join(dir, "journal", base[i]) }))
				require.NoError(t, refused(dir, true))
			})
		}
	}
}

// Reading is no way around the refusal: with the segments gone, one or many, with
// a snapshot or without, nothing is shown as if the ledger were empty or older.
func TestDamageIsNotReadOver(t *testing.T) {
	origin, _ := groupedLedger(t)
	single := t.TempDir()
	l := ledgertest.Open(t, single, ledgertest.Quiet())
	ledgertest.ApplyAll(t, l, ledgertest.RandomFills(30, 5))
	require.NoError(t, l.Close())
	for _, from := range []string{origin, single} {
		for _, drop := range []string{"journal", "journal/*"} {
			dir := ledgertest.Copy(t, from)
			names, err := filepath.Glob(filepath.Join(dir, drop))
			require.NoError(t, err)
			for _, n := range names {
				require.NoError(t, os.RemoveAll(n))
			}
			r, err := holdfast.OpenReader(dir)
			require.NoError(t, err)
			_, err = r.AsOf(t.Context(), holdfast.Moment{})
			require.ErrorIs(t, err, holdfast.ErrDamaged)
			_, err = r.AsOf(t.Context(), holdfast.Moment{Seq: 3})
			require.ErrorIs(t, err, holdfast.ErrDamaged)
			for _, err := range r.History(t.Context(), holdfast.Filter{}) {
				require.ErrorIs(t, err, holdfast.ErrDamaged)
			}
			_, err = r.Restore(t.Context(), holdfast.Moment{}, filepath.Join(t.TempDir(), "to"), "", holdfast.Options{}.Reading())
			require.ErrorIs(t, err, holdfast.ErrDamaged)
		}
	}
}

// A record whose checksum and chain are good but whose arithmetic is not is
// found by recomputation, and only by it.
func TestDeepVerificationFindsWrongArithmetic(t *testing.T) {
	dir := t.TempDir()
	l := ledgertest.Open(t, dir, ledgertest.Quiet())
	ledgertest.ApplyAll(t, l, ledgertest.RandomFills(12, 50))
	require.NoError(t, l.Close())

	forged := t.TempDir()
	identity, err := os.ReadFile(filepath.Join(dir, "ledger.json"))
	require.NoError(t, err)
	wal, err := journal.Open(forged, journal.Options{})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(forged, "ledger.json"), identity, 0o600))
	log, err := journal.OpenReader(dir)
	require.NoError(t, err)
	b, wrong := wal.NewBatch(), uint64(20+rand.IntN(20))
	var d wire.Decoder
	for rec, err := range log.Records(1) {
		require.NoError(t, err)
		payload := rec.Payload
		if rec.Seq == wrong {
			c, err := d.Change(payload)
			require.NoError(t, err)
			c.After.Totals.Realized, err = c.After.Totals.Realized.Add(position.MustParse("0.01"))
			require.NoError(t, err)
			payload = wire.AppendChange(nil, &c)
		}
		b.Append(payload, rec.Flags, rec.Time)
	}
	require.NoError(t, wal.Commit(b))
	require.NoError(t, wal.Close())

	r, err := holdfast.OpenReader(forged)
	require.NoError(t, err)
	rep, err := audit.Verify(t.Context(), r, audit.Options{})
	require.NoError(t, err)
	require.True(t, rep.OK(), "checksum and chain are good: %+v", rep.Findings)
	rep, err = audit.Verify(t.Context(), r, audit.Options{Deep: true})
	require.NoError(t, err)
	require.False(t, rep.OK())
	require.Equal(t, wrong, rep.Findings[0].Seq)
}

// A ledger has its identity from when it had a journal: without one it is
// damaged, and is neither empty nor made anew.
func TestJournalGone(t *testing.T) {
	whole := t.TempDir()
	l := ledgertest.Open(t, whole, ledgertest.Quiet())
	ledgertest.ApplyAll(t, l, ledgertest.RandomFills(3, 10))
	require.NoError(t, l.Close())
	for name, remove := range map[string][]string{
		"with its directory": {"journal", "MARK"},
		"but the directory":  {filepath.Base(ledgertest.Segments(t, whole)[0]), "MARK"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := ledgertest.Copy(t, whole)
			for _, n := range remove {
				require.NoError(t, os.RemoveAll(filepath.Join(dir, n)))
				require.NoError(t, os.RemoveAll(filepath.Join(dir, "journal", n)))
			}
			before := ledgertest.Files(t, dir)
			_, err := holdfast.Open(t.Context(), dir, ledgertest.Quiet())
			require.ErrorIs(t, err, holdfast.ErrDamaged)
			require.ErrorContains(t, err, "MARK at offset 0, seq 0: missing, and so is every segment of the journal")
			r, err := holdfast.OpenReader(dir)
			require.NoError(t, err)
			_, err = r.AsOf(t.Context(), holdfast.Moment{})
			require.ErrorIs(t, err, holdfast.ErrDamaged)
			rep, err := audit.Verify(t.Context(), r, audit.Options{})
			require.NoError(t, err)
			require.Len(t, rep.Findings, 1)
			p, err := repair.Diagnose(t.Context(), dir, repair.Options{})
			require.NoError(t, err)
			require.False(t, p.Sound())
			require.EqualValues(t, 1, p.Loss.Least)
			require.Equal(t, before, ledgertest.Files(t, dir))

			p, err = repair.Do(t.Context(), dir, repair.Options{AcceptLossFrom: 1})
			require.NoError(t, err)
			require.True(t, p.Whole())
			require.Zero(t, ledgertest.Open(t, dir, ledgertest.Quiet()).View().Seq())
		})
	}
}
