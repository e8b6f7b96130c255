package journal

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/tidwall/wal"

	"github.com/moneyprinter/holdfast/internal/durable"
	"github.com/moneyprinter/holdfast/journal/internal/segment"
	"github.com/moneyprinter/holdfast/keyring"
)

const (
	defaultSegmentSize = 16 << 20
	freeBatches        = 4
)

// Options configure [Open]. The zero value works.
type Options struct {
	// SegmentSize is the size from which on a segment is full; 0: 16 MiB. It
	// may change from one Open to the next.
	SegmentSize int
	// Now is the clock for [Recovery].Duration; nil: no duration is measured.
	Now func() time.Time
	// Logger gets what Open did; nil: nothing is logged.
	Logger *slog.Logger
	// Holder is written into LOCK; a PID of 0 is replaced by this process's.
	Holder segment.Holder
	// Durable is the highest seq that is known to be durable from outside, a
	// verified snapshot for example; 0: nothing is known. A journal that ends
	// before it is refused.
	Durable uint64
	// DurableBy says in a few words how that is known, for the refusal; "": as
	// by a snapshot.
	DurableBy string
	// Begun says that the ledger was made before: where neither MARK nor a
	// segment is there, they are missing, and no new journal is begun.
	Begun bool
	// TrustJournal lets Open go on without MARK, when it is missing or
	// damaged: the operator's decision, because without it nobody can tell
	// whether records are missing at either end.
	TrustJournal bool
	// Keys encrypt every payload that is appended, under the ring's current
	// key, and decrypt; nil: payloads are stored as they are. A ledger that
	// holds encrypted records is opened only with all of their keys.
	Keys *keyring.Ring
	// Before, if set, is called under the lock when the journal was found in
	// order and nothing was changed yet, with the first seq kept and the last
	// record that will stay. Its error ends Open, and nothing is changed: what
	// else must be in order for the ledger to be usable is to be looked at here.
	Before func(first uint64, last segment.Head) error
	// Meanwhile, if set, is called under the lock before anything is verified. It
	// returns the first seq that take wants. Take runs beside the verification, on a
	// goroutine of its own, and gets the records from there on as [Journal.Records]
	// yields them, up to the end or to the first thing that is not in order; a tail
	// that is to be cut is such an end. There is no verdict by then: what take makes
	// of the records counts only when Open has succeeded. It has returned before
	// Before is called, and before Open ends. A nil take wants nothing.
	Meanwhile func() (from uint64, take func(iter.Seq2[segment.Record, error]))
	// Phase is told what the journal is doing: "recovery", "append",
	// "segment" (an append that begins a new segment), "trim" and "mark";
	// nil: nobody is. It runs on the goroutine that does the work.
	Phase func(name string, begin bool)

	step func(string) error // a crash after a step of Open, for tests
	salt func([]byte) error // the source of salts, for tests; nil: crypto/rand
}

func (o Options) withDefaults() Options {
	if o.SegmentSize <= 0 {
		o.SegmentSize = defaultSegmentSize
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Holder.PID == 0 {
		o.Holder.PID = os.Getpid()
	}
	if o.Phase == nil {
		o.Phase = func(string, bool) {}
	}
	if o.Before == nil {
		o.Before = func(uint64, segment.Head) error { return nil }
	}
	if o.step == nil {
		o.step = func(string) error { return nil }
	}
	return o
}

// sealed is a segment that nothing is appended to any more.
type sealed struct {
	first uint64
	last  segment.Head
	lapse segment.Lapse
	id    ident
	bytes int64 // of the file
}

// Journal is the write side of a ledger's records. One goroutine fills batches
// and one, the same or another, commits them; everything else may be called
// from any goroutine.
type Journal struct {
	dir      string
	o        Options
	lock     *segment.Lock
	epoch    uint64
	recovery Recovery
	free     chan *Batch // batches that were committed, to be filled again

	// enc is owned by the goroutine that fills batches.
	enc segment.Encoder

	// commitMu is held by a commit from its first check to its end, and by
	// Close. It guards log, out and tail.
	commitMu sync.Mutex
	log      appender // out, or a test between it and the journal
	out      *writer
	tail     tail

	// trimMu is held by a trim from its first look to its end, and by Close.
	trimMu sync.Mutex

	// markMu is held while MARK is written, so that an older one cannot
	// overtake a newer one. A commit that begins a segment waits for it, so it
	// is held for nothing else. Lock order: commitMu, trimMu, markMu, mu.
	markMu sync.Mutex
	saved  segment.Mark // the MARK on disk; guarded by markMu

	watch watch // what the names of the segments stand for; no lock is taken under its mu

	// mu guards what follows, which any goroutine may look at.
	mu     sync.Mutex
	head   segment.Head // the last durable record
	first  uint64
	base   [32]byte // chain value of the record before first
	noBase bool
	sealed []sealed      // oldest first
	active uint64        // first seq of the segment that is appended to
	lapse  segment.Lapse // of that segment
	failed *FailedError
	closed bool

	watched uint64 // sealed segments that begin before it had their turn to be looked at
}

// Open locks the ledger in dir, which is made if it is missing, verifies every
// record, and returns a journal that can be appended to. A tail that was never
// acknowledged is cut and kept in quarantine/; anything else that is not as it
// should be is refused with a [DamageError], or with a [TamperError] where only
// the keys can tell, and nothing is changed. A key that is needed and missing
// gives [keyring.ErrNoKey], also before anything is changed. Someone else's lock
// gives an [InUseError].
func Open(dir string, o Options) (*Journal, error) {
	o = o.withDefaults()
	var began time.Time
	if o.Now != nil {
		began = o.Now()
	}
	o.Phase("recovery", true)
	defer o.Phase("recovery", false)
	if err := segment.MakeDirs(dir); err != nil {
		return nil, fmt.Errorf("make ledger directory: %w", err)
	}
	l, err := segment.TakeLock(dir, o.Holder)
	if err != nil {
		return nil, err
	}
	j, err := open(dir, o, l)
	if err != nil {
		_ = l.Release() // the kernel gives the lock free in any case
		return nil, err
	}
	if o.Now != nil {
		j.recovery.Duration = o.Now().Sub(began)
	}
	j.logRecovery()
	return j, nil
}

// open does the work of Open under the lock.
func open(dir string, o Options, l *segment.Lock) (*Journal, error) {
	written := writtenAt(dir)
	m := newMeanwhile(dir, &o)
	s, err := segment.Look(context.Background(), dir,
		segment.Testimony{Durable: o.Durable, By: o.DurableBy, Begun: o.Begun}, o.TrustJournal, m.tap())
	m.wait()
	if err != nil {
		return nil, err
	}
	if err = s.Judge(); err != nil {
		return nil, err
	}
	if err = s.Authenticate(o.Keys); err != nil {
		return nil, err
	}
	if err = o.Before(s.Mark.First, s.Keep); err != nil {
		return nil, err
	}
	for _, name := range []string{segment.JournalDir, segment.QuarantineDir} {
		if err = segment.MakeDir(filepath.Join(dir, name)); err != nil {
			return nil, fmt.Errorf("make directory: %w", err)
		}
	}
	r := &recoverer{Survey: s, epoch: s.NextEpoch(), step: o.step}
	if err = r.run(); err != nil {
		return nil, err
	}
	j := &Journal{
		dir: dir, o: o, lock: l, epoch: r.epoch, recovery: r.out, free: make(chan *Batch, freeBatches),
		enc: segment.NewEncoder(s.Keep, o.Keys, o.salt), tail: tail{limit: o.SegmentSize, first: 1},
		head: s.Keep, first: s.Mark.First, base: s.Mark.Base, noBase: s.Mark.NoBase, saved: s.Mark,
	}
	j.recovery.Written = written
	for i := range s.Segs {
		seg := &s.Segs[i]
		if i == len(s.Segs)-1 {
			seg.Lapse = seg.WholeLapse // what was cut behind it has no time
		}
		seg.Lapse.Behind(&j.tail.lapse)
		j.tail.first, j.tail.bytes, j.tail.lapse = seg.First, int(seg.Size), seg.Lapse
		if i == len(s.Segs)-1 {
			break
		}
		id, size, lookErr := look(seg.Path)
		if lookErr != nil {
			return nil, fmt.Errorf("open: %w", lookErr)
		}
		j.sealed = append(j.sealed, sealed{first: seg.First, last: seg.Head, lapse: seg.Lapse, id: id, bytes: size})
	}
	j.active, j.lapse = j.tail.first, j.tail.lapse
	if err = j.openLog(); err != nil {
		return nil, err
	}
	if len(s.Segs) == 0 {
		// The log has made the first segment; only MARK can tell later that it
		// is missing.
		if err = j.saveMark(j.currentMark()); err != nil {
			return nil, errors.Join(err, j.log.Close())
		}
	}
	return j, nil
}

func writtenAt(dir string) (at time.Time) {
	if info, err := os.Stat(filepath.Join(dir, segment.MarkName)); err == nil {
		at = info.ModTime()
	}
	return at
}

// openLog has tidwall/wal open the log and say that it ends where the journal does,
// and opens the newest segment for writing.
func (j *Journal) openLog() error {
	path := filepath.Join(j.dir, segment.JournalDir)
	if err := j.agree(path); err != nil {
		return fmt.Errorf("open log: %w", err)
	}
	if err := durable.SyncDir(path); err != nil {
		return fmt.Errorf("sync directory: %w", err)
	}
	out, err := openWriter(path, j.o.SegmentSize, j.tail.first, j.tail.bytes, j.o.Logger)
	if err != nil {
		return fmt.Errorf("open log: %w", err)
	}
	if err = j.watch.follow(j.dir, j.active, int64(j.tail.bytes)); err == nil {
		err = j.o.step("open")
	}
	if err != nil {
		return errors.Join(fmt.Errorf("open log: %w", err), out.Close())
	}
	j.log, j.out = out, out
	return nil
}

// agree asks the library whose form the segments have. It makes the first one.
func (j *Journal) agree(path string) error {
	log, err := wal.Open(path, &wal.Options{
		NoSync: true, SegmentSize: j.o.SegmentSize, SegmentCacheSize: 1, NoCopy: true,
		AllowEmpty: true, DirPerms: segment.DirPerm, FilePerms: segment.FilePerm,
	})
	if err != nil {
		return err
	}
	last, err := log.LastIndex()
	if err == nil && last != j.head.Seq {
		err = fmt.Errorf("it ends with entry %d, the journal with seq %d", last, j.head.Seq)
	}
	return errors.Join(err, log.Close())
}

func (j *Journal) logRecovery() {
	if names, err := segment.Litter(j.dir); err == nil && len(names) > 0 {
		j.o.Logger.Warn("not files of the ledger, passed over", "in", segment.JournalDir, "names", names)
	}
	if !j.lock.Sole() {
		j.o.Logger.Warn("directories cannot be locked here: LOCK alone keeps a second writer out, leave it in place", "dir", j.dir)
	}
	r := &j.recovery
	level := slog.LevelInfo
	if r.CutFrom != 0 {
		level = slog.LevelWarn
	}
	j.o.Logger.Log(context.Background(), level, "journal opened",
		"first", r.First, "last", r.Last.Seq, "epoch", r.Epoch, "segments", r.Segments, "clean", r.Clean,
		"rewritten", r.Rewritten, "cut_from", r.CutFrom, "cut_bytes", r.CutBytes, "quarantine", r.Quarantine,
		"duration", r.Duration)
}

// Recovery returns what Open found and did.
func (j *Journal) Recovery() Recovery { return j.recovery }

// Epoch returns the number of this incarnation, which is above every earlier
// one. Open writes no record; the epoch shows in the records that follow.
func (j *Journal) Epoch() uint64 { return j.epoch }

// First returns the first seq that is kept, or will be when there is none yet.
func (j *Journal) First() uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.first
}

// Last returns the head of the last durable record; its Seq is First()-1 when
// there is none.
func (j *Journal) Last() segment.Head {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.head
}

// Durable returns the seq of the last durable record.
func (j *Journal) Durable() uint64 { return j.Last().Seq }

// usable returns why nothing can be written any more, or nil.
func (j *Journal) usable() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case j.failed != nil:
		return j.failed
	case j.closed, j.lock == nil: // or no Open made it
		return ErrClosed
	}
	return nil
}

// Close waits for a running commit, syncs, leaves a clean MARK and gives the
// ledger free. A batch that was filled but not committed is dropped. Closing again
// does nothing.
//
// A journal that failed leaves no clean MARK, and its log is dropped, not
// closed: to close it would sync it, and what the first sync has lost a second
// one calls written. The descriptor goes when the garbage collector finds it.
func (j *Journal) Close() error {
	j.commitMu.Lock()
	defer j.commitMu.Unlock()
	if j.log == nil {
		return nil // no Open made it
	}
	j.trimMu.Lock()
	defer j.trimMu.Unlock()
	j.markMu.Lock()
	defer j.markMu.Unlock()
	j.mu.Lock()
	closed, failed := j.closed, j.failed
	j.mu.Unlock()
	if closed {
		return nil
	}
	var strays error
	if failed == nil {
		strays = j.Watch() // a journal whose files are gone is not called cleanly closed
	}
	j.mu.Lock()
	j.closed = true
	j.mu.Unlock()
	log := j.log
	j.log = nil
	defer j.watch.end()
	if failed != nil || strays != nil {
		j.out.drop()
		return errors.Join(strays, j.lock.Release())
	}
	err := log.Close()
	if err != nil {
		err = fmt.Errorf("close log: %w", err)
	} else {
		m := j.currentMark()
		m.Clean = true
		err = j.saveMark(m)
	}
	return errors.Join(err, j.lock.Release())
}

// SaveMark makes MARK say what is durable now, so that the loss of it cannot
// pass for a torn tail. It costs two fsyncs and does not hold up commits; call
// it now and then. A MARK that would say the same again is not written. First it
// sees whether the writer's files still bear their names, see [Journal.Watch].
func (j *Journal) SaveMark() error {
	if err := j.Watch(); err != nil {
		return err
	}
	return j.saveMarkNow()
}

// saveMarkNow is SaveMark for a commit, which has looked at its own files.
func (j *Journal) saveMarkNow() error {
	j.markMu.Lock()
	defer j.markMu.Unlock()
	if err := j.usable(); err != nil {
		return err
	}
	return j.saveMark(j.currentMark())
}

func (j *Journal) currentMark() segment.Mark {
	j.mu.Lock()
	defer j.mu.Unlock()
	return segment.Mark{
		First: j.first, Base: j.base, NoBase: j.noBase, Epoch: j.epoch,
		Last: j.head.Seq, Chain: j.head.Chain, Tail: j.active,
	}
}

// saveMark needs markMu.
func (j *Journal) saveMark(m segment.Mark) error {
	if m == j.saved {
		return nil
	}
	j.o.Phase("mark", true)
	defer j.o.Phase("mark", false)
	err := segment.WriteMark(j.dir, &m)
	if errors.Is(err, durable.ErrSyncDir) {
		return j.fail("mark", err)
	}
	if err != nil {
		return err
	}
	j.saved = m
	return nil
}
