package projector

import (
	"encoding/binary"
	"io"

	"github.com/moneyprinter/holdfast/internal/wire"
	"github.com/moneyprinter/holdfast/position"
)

// bodyFormat is the version of the body that this build writes and reads.
const bodyFormat = 4

// The tags of a body's records.
const (
	tagHead byte = iota + 1
	tagEpoch
	tagInstrument
	tagAccount
	tagPosition
	tagCycle
	tagWindow
	tagEnd
)

const (
	bodyBuffer  = 64 << 10
	windowBlock = 1024 // entries per record
	entryBytes  = 16 + 16 + 8 + 8 + 4 + 8
	// maxBodyRecord bounds a record: a position with all of its open lots, which
	// a change leaves out, is the largest there is.
	maxBodyRecord = wire.MaxPosition + 64
)

// WriteTo writes the view as the body of a snapshot, from which [Load] makes a
// book that cannot be told from this one. The same state gives the same bytes.
func (v *View) WriteTo(w io.Writer) (int64, error) {
	v = v.made()
	b := bodyWriter{w: w, buf: make([]byte, 0, bodyBuffer+bodyBuffer/4)}
	b.head(v)
	for _, slot := range v.book.instruments.order(v.instruments, rested(v, byInstrument)) {
		in := v.instruments[slot]
		b.item = wire.AppendInstrument(binary.AppendUvarint(b.item[:0], in.Seq), in)
		b.record(tagInstrument)
	}
	for _, slot := range v.book.accounts.order(v.accounts, rested(v, byAccount)) {
		a := v.accounts[slot]
		b.item = wire.AppendAccount(binary.AppendUvarint(b.item[:0], a.Seq), a)
		b.record(tagAccount)
	}
	order := v.book.positions.order(v.positions, rested(v, byKey))
	for i, slot := range order {
		if i%few == 0 {
			b.warm += warm(v.positions, order[i:])
		}
		if b.position(tagPosition, v.positions[slot]); b.err != nil {
			return b.n, b.err
		}
	}
	if v.ended > 0 {
		for _, slot := range order {
			for _, p := range listOf(v.cycles, slot) {
				b.position(tagCycle, p)
			}
		}
	}
	b.window(v.window)
	b.item = b.item[:0]
	b.record(tagEnd)
	b.flush()
	return b.n, b.err
}

// bodyWriter keeps the first error; after it nothing is written.
type bodyWriter struct {
	w    io.Writer
	buf  []byte
	item []byte // payload of the record being made
	n    int64
	err  error
	warm int64 // see warm
}

func (b *bodyWriter) head(v *View) {
	c := v.Counts()
	b.item = b.item[:0]
	for _, n := range [...]uint64{
		bodyFormat, v.seq, uint64(v.time), v.epoch, uint64(v.window.Horizon()),
		c.Instruments, c.Accounts, c.Positions, c.Cycles, c.Window,
	} {
		b.item = binary.AppendUvarint(b.item, n)
	}
	b.item = append(b.item, v.book.prints[:]...)
	b.record(tagHead)
	if v.era != nil {
		b.item = wire.AppendChange(b.item[:0], &position.Change{Kind: position.EpochBegun, Parts: 1, Epoch: v.era})
		b.record(tagEpoch)
	}
}

func (b *bodyWriter) position(tag byte, p *position.Position) {
	b.item = wire.AppendPosition(binary.AppendUvarint(b.item[:0], p.Seq), p)
	b.record(tag)
}

func (b *bodyWriter) window(w windowView) {
	n := 0
	b.item = b.item[:0]
	for e := range w.All() {
		b.item = append(b.item, e.ID[:]...)
		b.item = append(b.item, e.Content[:]...)
		b.item = binary.LittleEndian.AppendUint64(b.item, e.First)
		b.item = binary.LittleEndian.AppendUint64(b.item, uint64(e.Time))
		b.item = binary.LittleEndian.AppendUint32(b.item, e.Count)
		b.item = binary.LittleEndian.AppendUint64(b.item, uint64(e.Ahead))
		if n++; n == windowBlock {
			b.record(tagWindow)
			n, b.item = 0, b.item[:0]
		}
	}
	if n > 0 {
		b.record(tagWindow)
	}
}

// record writes item under a tag.
func (b *bodyWriter) record(tag byte) {
	b.buf = binary.AppendUvarint(append(b.buf, tag), uint64(len(b.item)))
	b.buf = append(b.buf, b.item...)
	if len(b.buf) >= bodyBuffer {
		b.flush()
	}
}

func (b *bodyWriter) flush() {
	if b.err != nil {
		b.buf = b.buf[:0]
		return
	}
	n, err := b.w.Write(b.buf)
	b.n, b.err = b.n+int64(n), err
	b.buf = b.buf[:0]
}
