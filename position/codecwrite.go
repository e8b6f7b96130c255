package position

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

// writer fills a buffer whose capacity was made large enough beforehand by one
// of the bound functions, so that the fields need no growth checks. b is the
// caller's slice up to its capacity, n the bytes written.
type writer struct {
	b []byte
	n int
}

// Upper bounds of what one field takes, tag and length included. slack is what
// a decimal may touch, but not use, past its end.
const (
	numberBound  = 12 // tag of 2, varint of 10
	decimalBound = 19 // tag of 2, length, 16 bytes
	headBound    = 7  // tag of 2, length of 5
	slack        = 24
)

func newWriter(dst []byte, bound int) writer {
	n := len(dst)
	dst = slices.Grow(dst, bound+slack)
	return writer{b: dst[:cap(dst)], n: n}
}

func (w *writer) bytes() []byte { return w.b[:w.n] }

// tag writes a tag of a field below 2048.
func (w *writer) tag(field, kind uint) {
	t := field<<3 | kind
	if t < 0x80 {
		w.b[w.n] = byte(t)
		w.n++
		return
	}
	w.b[w.n+1] = byte(t >> 7)
	w.b[w.n] = byte(t) | 0x80
	w.n += 2
}

func (w *writer) varint(v uint64) {
	for v >= 0x80 {
		w.b[w.n] = byte(v) | 0x80
		w.n++
		v >>= 7
	}
	w.b[w.n] = byte(v)
	w.n++
}

func (w *writer) number(field uint, v uint64) {
	if v == 0 {
		return
	}
	w.tag(field, varintType)
	w.varint(v)
}

func (w *writer) flag(field uint, v bool) {
	if v {
		w.number(field, 1)
	}
}

func (w *writer) time(field uint, t Time) {
	if t == 0 {
		return
	}
	w.tag(field, fixed64Type)
	binary.LittleEndian.PutUint64(w.b[w.n:], uint64(t))
	w.n += 8
}

func (w *writer) text(field uint, s string) {
	if s != "" {
		w.element(field, s)
	}
}

// element writes a string even when it is empty, as a member of a list.
func (w *writer) element(field uint, s string) {
	w.tag(field, bytesType)
	w.varint(uint64(len(s)))
	w.n += copy(w.b[w.n:], s)
}

func (w *writer) decimal(field uint, d Decimal) {
	if d != (Decimal{}) {
		w.present(field, d)
	}
}

// present writes a decimal even when it is zero. It stores 16 bytes and keeps
// those that count.
func (w *writer) present(field uint, d Decimal) {
	w.tag(field, bytesType)
	size := decimalLen(d)
	b := w.b[w.n : w.n+17]
	b[0] = byte(size)
	binary.LittleEndian.PutUint64(b[1:9], d.lo)
	binary.LittleEndian.PutUint64(b[9:17], uint64(d.hi))
	w.n += 1 + size
}

// decimalLen returns the bytes of the shortest two's complement form, 0 for
// zero.
func decimalLen(d Decimal) int {
	if d.hi == int64(d.lo)>>63 {
		if d.lo == 0 {
			return 0
		}
		return bits.Len64(d.lo^uint64(d.hi))/8 + 1
	}
	return 8 + bits.Len64(uint64(d.hi^d.hi>>63))/8 + 1
}

// open starts a nested record of up to 127 bytes; close makes room for a
// longer length when it turns out to need one.
func (w *writer) open(field uint) int {
	w.tag(field, bytesType)
	w.n++
	return w.n
}

func (w *writer) close(start int) {
	size := w.n - start
	if size < 0x80 {
		w.b[start-1] = byte(size)
		return
	}
	extra := (bits.Len(uint(size))+6)/7 - 1
	copy(w.b[start+extra:], w.b[start:w.n])
	end := w.n + extra
	w.n = start - 1
	w.varint(uint64(size))
	w.n = end
}

// openLong and closeLong are the same for a record that usually has a length
// of two bytes.
func (w *writer) openLong(field uint) int {
	w.tag(field, bytesType)
	w.n += 2
	return w.n
}

func (w *writer) closeLong(start int) {
	size := w.n - start
	if size >= 0x80 && size < 1<<14 {
		w.b[start-2] = byte(size) | 0x80
		w.b[start-1] = byte(size >> 7)
		return
	}
	copy(w.b[start-1:], w.b[start:w.n])
	w.n--
	w.close(start - 1)
}
