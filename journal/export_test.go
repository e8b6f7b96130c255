package journal

import (
	"errors"
	"os"
	"sync/atomic"

	"github.com/moneyprinter/holdfast/journal/internal/segment"
)

// Doors for the tests.

// CrashAfter makes Open return err after one of its steps, as if the process
// had ended there.
func (o *Options) CrashAfter(step string, err error) {
	o.step = func(name string) error {
		if name == step {
			return err
		}
		return nil
	}
}

// RecoverySteps are the steps of Open that CrashAfter knows.
func RecoverySteps() []string {
	return []string{"leftovers", "quarantine", "remove", "rewrite", "mark", "open"}
}

// FaultyLog stands between a journal and its log.
type FaultyLog struct {
	appender
	WriteErr, SyncErr, CloseErr error
	Writes, Syncs               int         // Close counts as a sync, which it is
	OnSync                      func()      // called before each sync
	Closed                      atomic.Bool // Close was called
}

func (f *FaultyLog) Write(p *portion) error {
	f.Writes++
	if f.WriteErr != nil {
		return f.WriteErr
	}
	return f.appender.Write(p)
}

func (f *FaultyLog) Sync() error {
	f.Syncs++
	if f.OnSync != nil {
		f.OnSync()
	}
	if f.SyncErr != nil {
		return f.SyncErr
	}
	return f.appender.Sync()
}

// Close syncs, as that of the log does.
func (f *FaultyLog) Close() error {
	f.Syncs++
	f.Closed.Store(true)
	return errors.Join(f.appender.Close(), f.CloseErr)
}

// Interpose puts a FaultyLog into j.
func (j *Journal) Interpose() *FaultyLog {
	f := &FaultyLog{appender: j.log}
	j.log = f
	return f
}

// TailMirror returns what the journal believes of the segment it appends to.
func (j *Journal) TailMirror() (first uint64, size int64) {
	return j.tail.first, int64(j.tail.bytes)
}

// Sealed returns the first and the last seq of each sealed segment.
func (j *Journal) Sealed() (out [][2]uint64) {
	for _, s := range j.sealed {
		out = append(out, [2]uint64{s.first, s.last.Seq})
	}
	return out
}

// Turns returns, for some looks at a journal of n sealed segments, the first seqs of
// those that each of them looks at.
func Turns(n, looks int) (out [][]uint64) {
	j := &Journal{}
	for i := range n {
		j.sealed = append(j.sealed, sealed{first: uint64(10*i + 1)})
	}
	for range looks {
		var firsts []uint64
		for _, s := range j.turn() {
			firsts = append(firsts, s.first)
		}
		out = append(out, firsts)
	}
	return out
}

// DenyAhead makes each segment grow with its records.
func (j *Journal) DenyAhead() {
	j.out.ahead.limit = 0
	j.out.spare.failed = true
}

// AppendStored appends a payload that is stored as it is, whatever the flags.
func (b *Batch) AppendStored(payload []byte, f segment.Flags, at int64) { b.append(payload, f, at) }

// SaltFrom replaces the source of salts.
func (o *Options) SaltFrom(f func([]byte) error) { o.salt = f }

// Ciphers is how many ciphers a reader keeps.
func (r *Reader) Ciphers() int { return r.vault.Len() }

// Missing explains why the segment that begins with first could not be opened by
// someone about to read seq.
func (r *Reader) Missing(first, seq uint64, err error) error { return r.missing(first, seq, err) }

// BeforeVerdict has f called between a cursor's look at the end of the journal
// and its verdict about it.
func (r *Reader) BeforeVerdict(f func()) { r.verdict = f }

// End is what a cursor does at an end that it has seen a while ago.
func (c *Cursor) End() error { return c.end(nil) }

// WaitForSpare waits until the segment that is made in advance is made, if one is.
func (j *Journal) WaitForSpare() { j.out.spare.working.Wait() }

// SpareReady reports whether there is one.
func (j *Journal) SpareReady() bool { return !j.out.spare.making.Load() && j.out.spare.whole }

// Scarce reports whether a disk has too little room for a segment of a size in advance.
func Scarce(dir string, size int) bool { return scarce(dir, size) }

// SpareSize is how far the segment that is made in advance has come.
func (j *Journal) SpareSize() int64 {
	info, err := os.Stat(j.out.spare.path())
	if err != nil {
		return 0
	}
	return info.Size()
}
