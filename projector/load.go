package projector

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"time"

	"github.com/moneyprinter/holdfast/internal/wire"
	"github.com/moneyprinter/holdfast/position"
)

// An allocation on the word of a count alone is bounded: room for so many at first,
// and for so many times as many as have really come. Where it is known how many bytes
// there are, there is room at first for as many as these can stand for, up to
// reserveMost.
const (
	reserve     = 1 << 14
	reserveMore = 16
	reserveMost = 1 << 22

	positionStored = 16 // bytes that a position hardly takes less than, compressed
	entryStored    = 32 // the same of a window entry, half of which are digests
)

// Load returns the book whose view wrote r, ready for readers and writer. A
// window that is smaller than the one written forgets what does not fit, and of
// the ended cycles as many as the options say stay, the newest ones. It
// reads r to its end; bytes that no view writes give an error that matches
// [ErrBody].
//
// Where r has the method Stored() int64, this tells how many bytes there really are
// behind it. Room for all that they can stand for is made before the images are: the
// collector goes over all of these whenever the heap has doubled, and less often so.
func Load(r io.Reader, o Options) (*Book, error) {
	l := loader{r: bufio.NewReaderSize(r, bodyBuffer), book: New(o), shelf: newShelf(o.ClosedCycles)}
	if s, ok := r.(interface{ Stored() int64 }); ok {
		l.stored = uint64(s.Stored())
	}
	for l.tag != tagEnd {
		if err := l.next(); err != nil {
			return nil, err
		}
	}
	if _, err := l.r.ReadByte(); !errors.Is(err, io.EOF) {
		if err != nil {
			return nil, err
		}
		return nil, &BodyError{Offset: l.read, Reason: "bytes follow the end"}
	}
	b := l.book
	b.window.settle()
	b.instruments.sorted.Store(identity(len(b.instruments.head)))
	b.accounts.sorted.Store(identity(len(b.accounts.head)))
	b.positions.sorted.Store(identity(len(b.positions.head)))
	b.publishAll(l.shelf)
	return b, nil
}

// BodyPrints reads of a body the key of its fingerprints, which stands in its head.
func BodyPrints(r io.Reader) (position.FingerprintKey, error) {
	l := loader{r: bufio.NewReaderSize(r, bodyBuffer), book: New(Options{}), anyPrints: true}
	err := l.next()
	return l.prints, err
}

// identity is the order of a table that was filled in order.
func identity(n int) *[]uint32 {
	order := make([]uint32, n)
	for i := range order {
		order[i] = uint32(i)
	}
	return &order
}

// loader reads the records of a body, which come in the order of their tags.
type loader struct {
	r      *bufio.Reader
	book   *Book
	decode wire.Decoder

	start, read int64 // offset of the record, and of what follows it
	tag         byte
	item        []byte
	prints      position.FingerprintKey // of the window's entries
	anyPrints   bool                    // they need not be the book's
	stored      uint64                  // bytes that there really are, 0: not known
	last        uint64                  // seq of the newest window entry so far
	shelf       *shelf
	ended       *position.Position // the ended cycle before

	instruments, accounts, positions, cycles, window uint64 // still to come
	wanted, reserved                                 uint64 // positions in all, and those there is room for

	tags []uint32 // of the positions' keys, until they are in the index
}

// next reads one record and puts it into the book.
func (l *loader) next() error {
	l.start = l.read
	tag, err := l.r.ReadByte()
	if err != nil {
		return l.readError(err)
	}
	size, err := l.uvarint()
	if err != nil {
		return err
	}
	l.read++
	switch {
	case tag < tagHead || tag > tagEnd:
		return l.bad("tag %d is unknown", tag)
	case l.tag == 0 && tag != tagHead:
		return l.bad("it does not begin with a head")
	case tag < l.tag, tag == l.tag && (tag == tagHead || tag == tagEpoch):
		return l.bad("tag %d follows tag %d", tag, l.tag)
	case size > maxBodyRecord:
		return l.bad("a record of %d bytes, at most %d are allowed", size, maxBodyRecord)
	}
	if uint64(cap(l.item)) < size {
		l.item = make([]byte, size, max(size, bodyBuffer))
	}
	if l.tag == tagPosition && tag != tagPosition {
		l.book.positions.index.fill(l.tags, 0)
		l.tags = nil
	}
	l.item, l.tag = l.item[:size], tag
	n, err := io.ReadFull(l.r, l.item)
	l.read += int64(n)
	if err != nil {
		return l.readError(err)
	}
	return l.record()
}

// record puts item into the book.
func (l *loader) record() error {
	switch l.tag {
	case tagHead:
		return l.head()
	case tagEpoch:
		c, err := l.decode.Change(l.item)
		if err != nil {
			return l.undecodable("epoch", err)
		}
		if c.Kind != position.EpochBegun || c.Epoch == nil {
			return l.bad("the epoch record is a change of kind %s", c.Kind)
		}
		l.book.head.era = c.Epoch
		return nil
	case tagInstrument:
		return l.instrument()
	case tagAccount:
		return l.account()
	case tagPosition:
		return l.position()
	case tagCycle:
		return l.cycle()
	case tagWindow:
		return l.entries()
	}
	return l.end()
}

func (l *loader) head() error {
	var n [10]uint64
	rest := l.item
	for i := range n {
		v, size := binary.Uvarint(rest)
		if size <= 0 {
			return l.bad("the head is cut off")
		}
		if i == 0 && v != bodyFormat {
			return l.bad("the body has format %d, this build reads format %d", v, bodyFormat)
		}
		n[i], rest = v, rest[size:]
	}
	if len(rest) != len(l.prints) {
		return l.bad("the head has not the length of one")
	}
	if l.prints = position.FingerprintKey(rest); l.prints != l.book.prints && !l.anyPrints {
		return l.bad("its fingerprints were made with the key of another ledger")
	}
	if n[2] > math.MaxInt64 || n[4] > math.MaxInt64 {
		return l.bad("a time is out of range")
	}
	b := l.book
	b.head.seq, b.head.time, b.head.epoch = n[1], position.Time(n[2]), n[3]
	b.window.Forget(position.Time(n[4]))
	l.instruments, l.accounts, l.positions, l.cycles, l.window = n[5], n[6], n[7], n[8], n[9]
	l.wanted = l.positions
	l.makeRoom(max(reserve, min(reserveMost, l.stored/positionStored)))
	b.window.makeRoom(min(l.window, l.stored/entryStored))
	return nil
}

// makeRoom makes room for n positions or as many as there are.
func (l *loader) makeRoom(n uint64) {
	l.reserved = min(n, l.wanted)
	t := &l.book.positions
	l.tags = slices.Grow(l.tags, int(l.reserved)-len(l.tags))
	t.index.reserve(int(l.reserved))
	t.pub = slices.Grow(t.pub, int(l.reserved))
	t.head = slices.Grow(t.head, int(l.reserved)-len(t.head))
	l.book.open = slices.Grow(l.book.open, int(l.reserved)-len(l.book.open))
}

func (l *loader) instrument() error {
	seq, body, err := l.image("instruments", &l.instruments)
	if err != nil {
		return err
	}
	in, err := l.decode.Instrument(body)
	if err != nil {
		return l.undecodable("instrument", err)
	}
	in.Seq = seq
	t := &l.book.instruments
	if n := len(t.head); n > 0 && byInstrument(t.head[n-1], in) >= 0 {
		return l.bad("instrument %q is out of order", in.Name)
	}
	t.set(&l.book.mu, in.Name, write[position.Instrument]{slot: uint32(len(t.head)), img: in})
	return nil
}

func (l *loader) account() error {
	seq, body, err := l.image("accounts", &l.accounts)
	if err != nil {
		return err
	}
	a, err := l.decode.Account(body)
	if err != nil {
		return l.undecodable("account", err)
	}
	a.Seq = seq
	t := &l.book.accounts
	if n := len(t.head); n > 0 && byAccount(t.head[n-1], a) >= 0 {
		return l.bad("account %q is out of order", a.Name)
	}
	t.set(&l.book.mu, a.Name, write[position.Account]{slot: uint32(len(t.head)), img: a})
	return nil
}

func (l *loader) position() error {
	seq, body, err := l.image("positions", &l.positions)
	if err != nil {
		return err
	}
	p, err := l.decode.Position(body)
	if err != nil {
		return l.undecodable("position", err)
	}
	p.Seq = seq
	t := &l.book.positions
	if n := len(t.head); n > 0 && byKey(t.head[n-1], p) >= 0 {
		return l.bad("position %s is out of order", p.Key)
	}
	if n := uint64(len(t.head)); n == l.reserved {
		l.makeRoom(reserveMore * n)
	}
	w := write[position.Position]{slot: uint32(len(t.head)), img: p}
	t.head = append(t.head, p)
	l.tags = append(l.tags, tagOf(&t.index, p.Key))
	l.book.track(w)
	return nil
}

// cycle puts an ended cycle on the shelf. They come in the order of their keys
// and cycles, and before the cycle that the key's position is in.
func (l *loader) cycle() error {
	seq, body, err := l.image("ended cycles", &l.cycles)
	if err != nil {
		return err
	}
	p, err := l.decode.Position(body)
	if err != nil {
		return l.undecodable("ended cycle", err)
	}
	p.Seq = seq
	b := l.book
	slot, ok := b.positions.slot(b.positions.head, p.Key)
	switch last := l.ended; {
	case !ok:
		return l.bad("%s has an ended cycle and no position", p.Key)
	case p.IsOpen() || p.Cycle == 0 || p.Cycle >= b.positions.head[slot].Cycle:
		return l.bad("cycle %d of %s has not ended", p.Cycle, p.Key)
	case last != nil && (byKey(last, p) > 0 || byKey(last, p) == 0 && last.Cycle >= p.Cycle):
		return l.bad("cycle %d of %s is out of order", p.Cycle, p.Key)
	}
	l.ended = p
	l.shelf.apply(cycleStep{slot: slot, current: p.Cycle, ended: p})
	return nil
}

// image takes the seq off an image's record and counts it.
func (l *loader) image(what string, left *uint64) (seq uint64, body []byte, err error) {
	if *left == 0 {
		return 0, nil, l.bad("there are more %s than the head says", what)
	}
	*left--
	seq, n := binary.Uvarint(l.item)
	if n <= 0 || seq > l.book.head.seq {
		return 0, nil, l.bad("%s: the seq is out of range", what)
	}
	return seq, l.item[n:], nil
}

// entries adds a block of the dedupe window, whose entries come in the order of
// their records.
func (l *loader) entries() error {
	n := len(l.item) / entryBytes
	if n == 0 || n > windowBlock || len(l.item)%entryBytes != 0 || uint64(n) > l.window {
		return l.bad("a block of %d bytes of the window does not fit", len(l.item))
	}
	l.window -= uint64(n)
	for b := l.item; len(b) > 0; b = b[entryBytes:] {
		e := windowEntry{
			First: binary.LittleEndian.Uint64(b[32:]),
			Time:  position.Time(binary.LittleEndian.Uint64(b[40:])),
			Count: binary.LittleEndian.Uint32(b[48:]),
			Ahead: time.Duration(binary.LittleEndian.Uint64(b[52:])),
		}
		copy(e.ID[:], b)
		copy(e.Content[:], b[16:])
		last := e.Last()
		if e.Time < 0 || e.Ahead < 0 || position.Time(e.Ahead) > e.Time || e.Count == 0 || e.First <= l.last || last < e.First || last > l.book.head.seq {
			return l.bad("a window entry of records %d to %d is out of order", e.First, last)
		}
		l.book.window.AddLater(e)
		l.last = last
	}
	return nil
}

func (l *loader) end() error {
	if len(l.item) > 0 {
		return l.bad("the end is not empty")
	}
	if left := l.instruments | l.accounts | l.positions | l.cycles | l.window; left != 0 {
		return l.bad("%d instruments, %d accounts, %d positions, %d ended cycles and %d window entries are missing",
			l.instruments, l.accounts, l.positions, l.cycles, l.window)
	}
	return nil
}

func (l *loader) uvarint() (uint64, error) {
	var v uint64
	for shift := 0; shift < 35; shift += 7 {
		c, err := l.r.ReadByte()
		if err != nil {
			return 0, l.readError(err)
		}
		l.read++
		v |= uint64(c&0x7f) << shift
		if c < 0x80 {
			return v, nil
		}
	}
	return 0, l.bad("a length is out of range")
}

func (l *loader) bad(format string, args ...any) error {
	return &BodyError{Offset: l.start, Reason: fmt.Sprintf(format, args...)}
}

func (l *loader) undecodable(what string, err error) error {
	return &BodyError{Offset: l.start, Reason: "an undecodable " + what, Err: err}
}

// readError tells a body that ends too early from a reader that failed.
func (l *loader) readError(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return &BodyError{Offset: l.start, Reason: "it ends too early", Err: io.ErrUnexpectedEOF}
	}
	return fmt.Errorf("read a snapshot: %w", err)
}
