package journal

import (
	"fmt"
	"path/filepath"

	"github.com/tidwall/wal"

	"github.com/moneyprinter/holdfast/internal/durable"
	"github.com/moneyprinter/holdfast/journal/internal/segment"
)

// keepBatch bounds the memory that a batch may hold on to between two uses.
const keepBatch = 16 << 20

// entry is what a commit has to know of a frame in a batch.
type entry struct {
	size int // with the length before it
	head segment.Head
}

// Batch collects frames for one commit. It belongs to the goroutine that fills
// it until it is handed to [Journal.Commit], which takes it for good.
type Batch struct {
	j       *Journal
	parts   []portion // the frames; those up to used have some
	used    int
	entries []entry
	frame   []byte
	size    int
	synced  uint64 // the last seq before the batch
	more    bool
	err     error
}

// portion is a stretch of a batch that is shorter than a segment, unless one frame
// makes it longer, so that writing it begins one segment at most. The name of
// that is made durable before the next part is written: of two new names the
// second may be durable and the first not, which is a gap that no recovery can
// tell from a segment that was taken away.
type portion struct {
	log  wal.Batch
	size int
}

// write puts an encoded frame into the last part, or into another one.
func (b *Batch) write(seq uint64, frame []byte, size int) {
	if b.used == 0 || b.parts[b.used-1].size+size >= b.j.o.SegmentSize {
		if b.used == len(b.parts) {
			b.parts = append(b.parts, portion{})
		}
		b.used++
	}
	p := &b.parts[b.used-1]
	p.log.Write(seq, frame)
	p.size += size
}

// NewBatch returns an empty batch. Only the goroutine that fills batches may
// call it, and batches are filled one after the other: a frame appended to an
// older batch than the newest that has frames is refused.
func (j *Journal) NewBatch() *Batch {
	select {
	case b := <-j.free:
		return b
	default:
		return &Batch{j: j}
	}
}

func (j *Journal) recycle(b *Batch) {
	if b.size > keepBatch {
		return
	}
	for i := range b.used {
		b.parts[i].log.Clear()
		b.parts[i].size = 0
	}
	b.entries = b.entries[:0]
	b.used, b.size, b.more, b.err = 0, 0, false, nil
	select {
	case j.free <- b:
	default:
	}
}

// Append encodes a record at the end of the batch and returns its seq and its
// chain value, both of which are final if the batch is committed. at is the
// record time in unix nanoseconds; one that lies before the last record's is
// replaced by that. The payload is copied. A payload that is empty or longer
// than [MaxPayload], or a flag other than [More] and [Control], gives seq 0 and
// an error from Commit. With [Options].Keys it is encrypted here.
func (b *Batch) Append(payload []byte, f segment.Flags, at int64) (seq uint64, chain [32]byte) {
	if b.j == nil {
		b.err = fmt.Errorf("%w: the batch was not made by NewBatch", ErrOrder)
		return 0, chain
	}
	if f&^(segment.More|segment.Control) != 0 && b.err == nil {
		b.err = fmt.Errorf("%w: unknown flags %#x", ErrPayload, uint8(f))
	}
	return b.append(payload, f, at)
}

func (b *Batch) append(payload []byte, f segment.Flags, at int64) (seq uint64, chain [32]byte) {
	enc := &b.j.enc
	switch n := len(b.entries); {
	case b.err != nil:
	case len(payload) == 0 || len(payload) > segment.MaxPayload:
		b.err = fmt.Errorf("%w: %d bytes", ErrPayload, len(payload))
	case n == 0:
		b.synced = enc.Head.Seq
	case b.entries[n-1].head.Seq != enc.Head.Seq:
		b.err = ErrOrder
	}
	if b.err != nil {
		return 0, [32]byte{}
	}
	if enc.Head.Seq > 0 {
		at = max(at, enc.Head.Time)
	}
	// A frame is written to a file only after the previous commit has returned. The
	// last seq before the batch is durable by then, although it need not be now.
	r := segment.Record{
		Seq: enc.Head.Seq + 1, Synced: b.synced, Epoch: b.j.epoch, Time: at, Flags: f, Payload: payload,
	}
	if b.frame, b.err = enc.Append(b.frame[:0], &r); b.err != nil {
		return 0, [32]byte{}
	}
	size := segment.PrefixSize(len(b.frame)) + len(b.frame)
	b.write(r.Seq, b.frame, size)
	b.entries = append(b.entries, entry{size: size, head: enc.Head})
	b.size += size
	b.more = f&segment.More != 0
	return r.Seq, r.Chain
}

// Len returns the number of frames in the batch.
func (b *Batch) Len() int { return len(b.entries) }

// Size returns the bytes that the batch will take in the segments.
func (b *Batch) Size() int { return b.size }

// Commit writes the batch and returns when it is durable, and with it the name
// of every segment that it began, in the directory and in MARK, and when these
// names were found to be still those of the files that were written. Batches are committed in the order in which they
// were filled, by one goroutine; the next one may be filled meanwhile. The
// first error is final: the outcome of this batch is unknown, and this and
// every later call returns it. The batch must not be used again.
func (j *Journal) Commit(b *Batch) error {
	j.commitMu.Lock()
	defer j.commitMu.Unlock()
	if err := j.usable(); err != nil {
		return err
	}
	before := j.Last()
	if err := b.check(before.Seq); err != nil {
		return j.fail("order", err)
	}
	if len(b.entries) == 0 {
		j.recycle(b)
		return nil
	}
	j.o.Phase("append", true)
	defer j.o.Phase("append", false)
	next := j.tail
	full := next.add(before, b.entries)
	if len(full) > 0 {
		j.o.Phase("segment", true)
		defer j.o.Phase("segment", false)
	}
	last := b.entries[len(b.entries)-1].head
	if reason := j.watch.cut(); reason != "" {
		return j.fail("watch", j.astray(j.tail.first, reason))
	}
	if err := j.write(b); err != nil {
		return err
	}
	j.ahead.extend(&next)
	if err := j.log.Sync(); err != nil {
		return j.fail("sync", err)
	}
	if len(full) > 0 {
		if err := durable.SyncDir(filepath.Join(j.dir, segment.JournalDir)); err != nil {
			return j.fail("directory", err)
		}
	}
	if err := j.confirm(&next, full); err != nil {
		return j.fail("watch", err)
	}
	j.tail = next
	j.mu.Lock()
	j.head, j.active, j.lapse = last, next.first, next.lapse
	j.sealed = append(j.sealed, full...)
	j.mu.Unlock()
	if len(full) > 0 {
		// Nothing but MARK could tell later that the new segment is missing.
		if err := j.saveMarkNow(); err != nil {
			return j.fail("mark", err)
		}
	}
	j.recycle(b)
	return nil
}

// write writes the parts of a batch. It needs commitMu.
func (j *Journal) write(b *Batch) error {
	for i := range b.used {
		if i > 0 {
			if err := durable.SyncDir(filepath.Join(j.dir, segment.JournalDir)); err != nil {
				return j.fail("directory", err)
			}
		}
		if err := j.log.WriteBatch(&b.parts[i].log); err != nil {
			return j.fail("write", err)
		}
	}
	return nil
}

func (b *Batch) check(durable uint64) error {
	switch {
	case b.err != nil:
		return b.err
	case len(b.entries) == 0:
		return nil
	case b.synced != durable:
		return fmt.Errorf("%w: it follows seq %d, seq %d is durable", ErrOrder, b.synced, durable)
	case b.more:
		return fmt.Errorf("%w: its last record announces another one of the same atomic batch", ErrOrder)
	}
	return nil
}

// fail makes err the journal's last word, unless it has one.
func (j *Journal) fail(op string, err error) error {
	failed := &FailedError{Op: op, Err: err}
	j.mu.Lock()
	first := j.failed
	if first == nil {
		j.failed = failed
	}
	j.mu.Unlock()
	if first != nil {
		return first
	}
	j.o.Logger.Error("journal failed", "op", op, "err", err, "fsync", failed.Synced())
	return failed
}

// tail mirrors where the log stands in its last segment, which it does not
// tell. A segment is left when an entry makes it at least limit bytes long, and
// at the beginning of a write when it is longer than that already, as it can be
// after an Open with a smaller limit.
type tail struct {
	first uint64 // of the segment
	bytes int
	limit int
	lapse segment.Lapse
}

// add moves the tail over the entries of one write, which stand behind before,
// and returns the segments that this write leaves.
func (t *tail) add(before segment.Head, entries []entry) (full []sealed) {
	if t.bytes > t.limit {
		full = append(full, t.seal(before))
	}
	for i := range entries {
		e := &entries[i]
		t.lapse.Add(e.head.Time)
		if t.bytes += e.size; t.bytes >= t.limit {
			full = append(full, t.seal(e.head))
		}
	}
	return full
}

// seal ends the segment with its last record.
func (t *tail) seal(last segment.Head) sealed {
	s := sealed{first: t.first, last: last, lapse: t.lapse, bytes: int64(t.bytes)}
	t.first, t.bytes, t.lapse = last.Seq+1, 0, t.lapse.Following()
	return s
}
