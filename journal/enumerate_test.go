package journal_test

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/journal"
	"github.com/moneyprinter/holdfast/journal/internal/journaltest"
)

// refusedAt opens a damaged ledger and says what was wrong with the refusal.
func refusedAt(dir, file string, offset int64) error {
	o := journal.Options{SegmentSize: journaltest.LedgerSegment}
	journaltest.Collect(&o, 1, math.MaxInt) // as a ledger does
	j, err := journal.Open(dir, o)
	if err == nil {
		return fmt.Errorf("accepted: %+v, %w", j.Recovery(), j.Close())
	}
	var bad *journal.DamageError
	if !errors.As(err, &bad) {
		return fmt.Errorf("not a damage: %w", err)
	}
	if bad.File != file {
		return fmt.Errorf("damage of %s was found in %s: %w", file, bad.File, err)
	}
	if offset >= 0 && (bad.Offset > offset || bad.Offset < offset-journaltest.HeaderSize-64) {
		return fmt.Errorf("damage at %d was found at %d: %w", offset, bad.Offset, err)
	}
	return nil
}

// Every single bit of a ledger of three segments that are crossed by groups of
// 64, with MARK: of the cleanly closed one nothing is accepted, and of the one
// that was not closed neither, because one bit is never a torn write. A bit of
// the zeros that its last segment was sized in advance with is no record, and
// is cut and kept.
func TestEveryBit(t *testing.T) {
	l := journaltest.MakeLedger(t, func(seq uint64) []byte { return []byte{byte(seq)} }, 64, 64)
	for name, from := range map[string]string{"clean": l.Clean, "unclean": l.Unclean} {
		paths := journaltest.Segments(t, from)
		require.Len(t, paths, 3)
		step := journaltest.Stride(97)
		if name == "unclean" {
			step = max(step, 5)
		}
		for _, path := range append(paths, filepath.Join(from, "MARK")) {
			file, err := filepath.Rel(from, path)
			require.NoError(t, err)
			info, err := os.Stat(path)
			require.NoError(t, err)
			end := info.Size()
			if name == "unclean" && path == paths[2] {
				_, es := journaltest.LastSegment(t, from)
				end = int64(es[len(es)-1].End)
				require.Less(t, end, info.Size(), "it must be sized in advance")
			}
			t.Run(name+"/"+filepath.Base(path), func(t *testing.T) {
				journaltest.EachCopy(t, from, int(info.Size())*8, step, func(dir string, bit int) error {
					undo, err := journaltest.Flip(filepath.Join(dir, file), bit)
					if err != nil {
						return err
					}
					at := int64(bit / 8)
					if at >= end {
						return renewed(dir, from, cutBehind(dir, l.Last, at-end+1))
					}
					if filepath.Base(file) == "MARK" {
						at = -1
					}
					if err = refusedAt(dir, file, at); err != nil {
						return err
					}
					if bit%61 == 0 && at >= 0 {
						if recs, readErr := journaltest.TryRead(dir, 0); readErr == nil {
							return fmt.Errorf("the reader accepted it and returned %d records", len(recs))
						}
					}
					return undo()
				})
			})
		}
	}
}

// Every length of the last segment: after a clean end refused with the place;
// otherwise the longest prefix, if it holds all that MARK knows, and an
// appendable journal.
func TestEveryCut(t *testing.T) {
	l := journaltest.NewLedger(t, 32)
	path, es := journaltest.LastSegment(t, l.Clean)
	base := filepath.Base(path)
	size := es[len(es)-1].End
	const behind = 300 // bytes of what the unclean one was sized in advance with
	t.Run("clean", func(t *testing.T) {
		journaltest.EachCopy(t, l.Clean, size, journaltest.Stride(7), func(dir string, n int) error {
			p := filepath.Join(dir, "journal", base)
			whole, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			if err = os.Truncate(p, int64(n)); err != nil {
				return err
			}
			if err = refusedAt(dir, "journal/"+base, int64(n)); err != nil {
				return err
			}
			return os.WriteFile(p, whole, 0o600)
		})
	})
	t.Run("unclean", func(t *testing.T) {
		journaltest.EachCopy(t, l.Unclean, size+behind, journaltest.Stride(31), func(dir string, n int) error {
			if err := renewed(dir, l.Unclean, nil); err != nil {
				return err
			}
			if err := os.Truncate(filepath.Join(dir, "journal", base), int64(n)); err != nil {
				return err
			}
			last := l.Third - 1
			whole := false
			for _, e := range es {
				if e.End <= n {
					last = e.Rec.Seq
					whole = e.End == n || e.End == size
				}
			}
			if last < l.Known {
				return refusedAt(dir, "journal/"+base, int64(n))
			}
			return cutAndAppend(dir, last, whole)
		})
	})
}

// renewed makes dir a copy of from again, after an error or none.
func renewed(dir, from string, err error) error {
	return errors.Join(err, os.RemoveAll(dir), os.CopyFS(dir, os.DirFS(from)))
}

// cutBehind wants n bytes to be cut behind the last record, and no record.
func cutBehind(dir string, last uint64, n int64) error {
	j, err := journal.Open(dir, journal.Options{SegmentSize: journaltest.LedgerSegment})
	if err != nil {
		return err
	}
	rec := j.Recovery()
	if j.Durable() != last || rec.CutFrom != last+1 || rec.CutBytes != n || len(rec.Quarantine) != 1 {
		err = fmt.Errorf("ends with %d instead of %d, %d bytes cut: %+v", j.Durable(), last, n, rec)
	}
	return errors.Join(err, j.Close())
}

func cutAndAppend(dir string, last uint64, whole bool) error {
	j, err := journal.Open(dir, journal.Options{SegmentSize: journaltest.LedgerSegment})
	if err != nil {
		return err
	}
	defer func() { _ = j.Close() }()
	if rec := j.Recovery(); j.Durable() != last || (rec.CutFrom == 0) != whole {
		return fmt.Errorf("ends with %d instead of %d: %+v", j.Durable(), last, rec)
	}
	b := j.NewBatch()
	b.Append(journaltest.Payload(last+1), 0, 0)
	if err = j.Commit(b); err != nil {
		return err
	}
	if err = j.Close(); err != nil {
		return err
	}
	recs, err := journaltest.TryRead(dir, 0)
	if err != nil {
		return err
	}
	for i, r := range recs {
		if r.Seq != uint64(i+1) || string(r.Payload) != string(journaltest.Payload(r.Seq)) {
			return fmt.Errorf("record %d is %d %q", i+1, r.Seq, r.Payload)
		}
	}
	if len(recs) != int(last)+1 {
		return fmt.Errorf("%d records instead of %d", len(recs), last+1)
	}
	return nil
}
