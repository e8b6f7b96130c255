package journal

import (
	"encoding/binary"
	"fmt"
	"path/filepath"
	"slices"

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
	j      *Journal
	parts  []portion // the frames; those up to used have some
	used   int
	n      int          // frames
	last   segment.Head // of the newest frame
	size   int
	synced uint64 // the last seq before the batch
	more   bool
	err    error

	scratch []byte // a payload that does not stand in its place
}

// portion is a stretch of a batch that is shorter than a segment, unless one frame
// makes it longer, so that writing it begins one segment at most. The name of
// that is made durable before the next part is written: of two new names the
// second may be durable and the first not, which is a gap that no recovery can
// tell from a segment that was taken away.
type portion struct {
	buf     []byte // the frames, each behind its length: what is written
	entries []entry
}

// usualPrefix is how many bytes the length before a frame mostly takes.
const usualPrefix = 2

// part returns the last portion, or another one where a frame would make that too
// long.
func (b *Batch) part(size int) *portion {
	if last := b.used - 1; last < 0 || len(b.parts[last].buf) > 0 && len(b.parts[last].buf)+size >= b.j.o.SegmentSize {
		if b.used == len(b.parts) {
			b.parts = append(b.parts, portion{})
		}
		b.used++
	}
	return &b.parts[b.used-1]
}

// Room returns an empty slice with room for n bytes, for the payload that is given to
// the next Append. A payload that was appended to it in place is not copied any more,
// unless it is encrypted or belongs elsewhere after all.
func (b *Batch) Room(n int) []byte {
	if b.j == nil || !b.j.enc.Plain() {
		b.scratch = slices.Grow(b.scratch[:0], n)
		return b.scratch
	}
	const before = usualPrefix + segment.HeaderSize
	p := b.part(0)
	p.buf = slices.Grow(p.buf, before+n)
	at := len(p.buf) + before
	return p.buf[at:at:cap(p.buf)]
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
		p := &b.parts[i]
		p.buf, p.entries = p.buf[:0], p.entries[:0]
	}
	b.used, b.n, b.size, b.more, b.err = 0, 0, 0, false, nil
	select {
	case j.free <- b:
	default:
	}
}

// Append encodes a record at the end of the batch and returns its seq and its
// chain value, both of which are final if the batch is committed. at is the
// record time in unix nanoseconds; one that lies before the last record's is
// replaced by that. The payload is copied unless [Batch.Room] gave its place. One that
// is empty or longer than [MaxPayload], or a flag other than [More] and [Control], gives
// seq 0 and an error from Commit. With [Options].Keys it is encrypted here.
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
	switch {
	case b.err != nil:
	case len(payload) == 0 || len(payload) > segment.MaxPayload:
		b.err = fmt.Errorf("%w: %d bytes", ErrPayload, len(payload))
	case b.n == 0:
		b.synced = enc.Head.Seq
	case b.last.Seq != enc.Head.Seq:
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
	length := enc.Size(len(payload))
	size := segment.PrefixSize(length) + length
	if size-length > usualPrefix { // the header will stand where the payload may
		b.scratch = append(b.scratch[:0], payload...)
		r.Payload = b.scratch
	}
	p := b.part(size)
	buf, err := enc.Append(binary.AppendUvarint(p.buf, uint64(length)), &r) //nolint:gosec // at most MaxFrame
	if err != nil {
		b.err = err
		return 0, [32]byte{}
	}
	p.buf = buf
	p.entries = append(p.entries, entry{size: size, head: enc.Head})
	b.n, b.last = b.n+1, enc.Head
	b.size += size
	b.more = f&segment.More != 0
	return r.Seq, r.Chain
}

// Len returns the number of frames in the batch.
func (b *Batch) Len() int { return b.n }

// Size returns the bytes that the batch will take in the segments.
func (b *Batch) Size() int { return b.size }

// Commit writes the batch and returns when it is durable, and with it the name
// of every segment that it began, in the directory and in MARK, and when these
// names were found to be still those of the files that were written. Batches are
// committed in the order in which they were filled, by one goroutine; the next one may
// be filled meanwhile. [Journal.Ahead] is to follow when it was answered. The first
// error is final: the outcome of this batch is unknown, and this and
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
	if b.n == 0 {
		j.recycle(b)
		return nil
	}
	j.o.Phase("append", true)
	defer j.o.Phase("append", false)
	next := j.tail
	full := next.add(before, b.parts[:b.used])
	if len(full) > 0 {
		j.o.Phase("segment", true)
		defer j.o.Phase("segment", false)
	}
	last := b.last
	if reason := j.watch.cut(); reason != "" {
		return j.fail("watch", j.astray(j.tail.first, reason))
	}
	if err := j.write(b); err != nil {
		return err
	}
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

// Ahead makes room on the disk for the commits that come next. It is called behind
// [Journal.Commit], when nobody waits for that any more: the journal works without it,
// and its syncs then have more to do.
func (j *Journal) Ahead() {
	j.commitMu.Lock()
	defer j.commitMu.Unlock()
	if j.usable() == nil {
		j.out.room()
	}
}

// write writes the parts of a batch. It needs commitMu.
func (j *Journal) write(b *Batch) error {
	for i := range b.used {
		if i > 0 {
			if err := durable.SyncDir(filepath.Join(j.dir, segment.JournalDir)); err != nil {
				return j.fail("directory", err)
			}
		}
		if err := j.log.Write(&b.parts[i]); err != nil {
			return j.fail("write", err)
		}
	}
	return nil
}

func (b *Batch) check(durable uint64) error {
	switch {
	case b.err != nil:
		return b.err
	case b.n == 0:
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

// tail is where the log stands in its last segment. A segment is left when an entry
// makes it at least limit bytes long, and at the beginning of a write when it is longer
// than that already, as it can be after an Open with a smaller limit.
type tail struct {
	first uint64 // of the segment
	bytes int
	limit int
	lapse segment.Lapse
}

// add moves the tail over the portions of one write, which stand behind before,
// and returns the segments that this write leaves.
func (t *tail) add(before segment.Head, parts []portion) (full []sealed) {
	if t.bytes > t.limit {
		full = append(full, t.seal(before))
	}
	for i := range parts {
		for k := range parts[i].entries {
			e := &parts[i].entries[k]
			t.lapse.Add(e.head.Time)
			if t.bytes += e.size; t.bytes >= t.limit {
				full = append(full, t.seal(e.head))
			}
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
