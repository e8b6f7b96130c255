package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/moneyprinter/holdfast/internal/durable"
	"github.com/moneyprinter/holdfast/journal/internal/segment"
)

// Trim removes whole segments whose records are all below before and, unless
// age is 0, whose last record is older than that by [Journal.Age]. It returns the
// names of the files that it removed, oldest first. The newest record always
// stays. MARK names the new first record before anything is removed, so that a
// trim that was interrupted is finished by the next Open, and a segment that
// someone else removed is still missed.
func (j *Journal) Trim(before uint64, age time.Duration) (removed []string, err error) {
	j.trimMu.Lock()
	defer j.trimMu.Unlock()
	if err = j.usable(); err != nil {
		return nil, err
	}
	old := j.trimmable(before, age)
	if len(old) == 0 {
		return nil, nil
	}
	if j.lock.Check() != nil { // what is removed by its name is to be ours
		if err = j.Watch(); err != nil {
			return nil, err
		}
	}
	j.o.Phase("trim", true)
	defer j.o.Phase("trim", false)
	if err = j.moveFirst(old[len(old)-1].last); err != nil {
		return nil, err
	}
	dir := filepath.Join(j.dir, segment.JournalDir)
	for _, s := range old {
		if err = os.Remove(filepath.Join(dir, segment.Name(s.first))); err != nil {
			break
		}
		removed = append(removed, segment.Path(s.first))
	}
	j.mu.Lock()
	j.sealed = j.sealed[len(removed):]
	j.mu.Unlock()
	if err == nil {
		err = durable.SyncDir(dir)
	}
	if errors.Is(err, durable.ErrSyncDir) {
		return removed, j.fail("trim", err)
	}
	if err != nil {
		return removed, fmt.Errorf("trim: %w", err)
	}
	j.o.Logger.Info("journal trimmed", "first", j.First(), "segments", len(removed))
	return removed, nil
}

// moveFirst makes the record behind last the first one, in MARK and then here.
func (j *Journal) moveFirst(last segment.Head) error {
	j.markMu.Lock()
	defer j.markMu.Unlock()
	m := j.currentMark()
	if last.Seq < m.First {
		return nil // a trim that failed half-way has done it
	}
	m.First, m.Base, m.NoBase = last.Seq+1, last.Chain, false
	if err := j.saveMark(m); err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.first, j.base, j.noBase = m.First, m.Base, m.NoBase
	return nil
}

// trimmable returns the oldest sealed segments that a trim may remove.
func (j *Journal) trimmable(before uint64, age time.Duration) []sealed {
	j.mu.Lock()
	defer j.mu.Unlock()
	n := 0
	for n < len(j.sealed) {
		last := &j.sealed[n].last
		if last.Seq >= before || last.Seq >= j.head.Seq || age != 0 && j.lapse.UpTo-j.sealed[n].lapse.UpTo <= age {
			break
		}
		n++
	}
	return append([]sealed(nil), j.sealed[:n]...)
}

// Trimmable reports whether [Journal.Trim] with the same arguments would remove
// anything.
func (j *Journal) Trimmable(before uint64, age time.Duration) bool {
	return len(j.trimmable(before, age)) > 0
}

// Age returns how much older than the newest record one is at least, by its seq
// and record time. Where two records are more than a day apart the time between
// them is not counted.
func (j *Journal) Age(seq uint64, at int64) time.Duration {
	j.mu.Lock()
	defer j.mu.Unlock()
	in := &j.lapse
	for i := range j.sealed {
		if seq <= j.sealed[i].last.Seq {
			in = &j.sealed[i].lapse
			break
		}
	}
	return j.lapse.UpTo - in.At(at)
}
