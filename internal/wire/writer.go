package wire

import (
	"encoding/binary"
	"math/bits"
	"slices"

	"github.com/moneyprinter/holdfast/position"
)

// writer is a buffer whose length was made large enough beforehand by one of the
// bound functions, so that the fields need no growth checks. Each method writes
// at n and returns where it ended; the position travels in a register.
type writer []byte

// Upper bounds of what one field takes, tag and length included. slack is what
// a decimal may touch, but not use, past its end.
const (
	numberBound  = 12 // tag of 2, varint of 10
	decimalBound = 19 // tag of 2, length, 16 bytes
	headBound    = 7  // tag of 2, length of 5
	slack        = 24
)

// roomFor returns dst with its spare capacity as a buffer, and where to begin.
func roomFor(dst []byte, bound int) (w writer, n int) {
	n = len(dst)
	dst = slices.Grow(dst, bound+slack)
	return dst[:cap(dst)], n
}

// tag writes a tag of a field below 2048.
func (w writer) tag(n int, field, kind uint) int {
	t := field<<3 | kind
	if t < 0x80 {
		w[n] = byte(t)
		return n + 1
	}
	w[n+1] = byte(t >> 7)
	w[n] = byte(t) | 0x80
	return n + 2
}

func (w writer) varint(n int, v uint64) int {
	for v >= 0x80 {
		w[n] = byte(v) | 0x80
		n++
		v >>= 7
	}
	w[n] = byte(v)
	return n + 1
}

func (w writer) number(n int, field uint, v uint64) int {
	if v == 0 {
		return n
	}
	return w.varint(w.tag(n, field, varintType), v)
}

func (w writer) flag(n int, field uint, v bool) int {
	if !v {
		return n
	}
	return w.number(n, field, 1)
}

func (w writer) time(n int, field uint, t position.Time) int {
	if t == 0 {
		return n
	}
	return w.anyTime(n, field, t)
}

// anyTime writes a time even when it is zero.
func (w writer) anyTime(n int, field uint, t position.Time) int {
	n = w.tag(n, field, fixed64Type)
	binary.LittleEndian.PutUint64(w[n:], uint64(t))
	return n + 8
}

func (w writer) text(n int, field uint, s string) int {
	if s == "" {
		return n
	}
	return w.element(n, field, s)
}

// element writes a string even when it is empty, as a member of a list.
func (w writer) element(n int, field uint, s string) int {
	n = w.varint(w.tag(n, field, bytesType), uint64(len(s)))
	return n + copy(w[n:], s)
}

func (w writer) decimal(n int, field uint, d position.Decimal) int {
	if d == (position.Decimal{}) {
		return n
	}
	return w.present(n, field, d)
}

// optional writes a decimal, even zero, unless there is none.
func (w writer) optional(n int, field uint, d *position.Decimal) int {
	if d == nil {
		return n
	}
	return w.present(n, field, *d)
}

// present writes a decimal even when it is zero. It stores 16 bytes and keeps
// those that count.
func (w writer) present(n int, field uint, d position.Decimal) int {
	n = w.tag(n, field, bytesType)
	hi, lo := d.Words()
	size := wordsLen(hi, lo)
	b := w[n : n+17]
	b[0] = byte(size)
	binary.LittleEndian.PutUint64(b[1:9], lo)
	binary.LittleEndian.PutUint64(b[9:17], uint64(hi))
	return n + 1 + size
}

// wordsLen returns the bytes of the shortest two's complement form of two words, 0
// for zero.
func wordsLen(hi int64, lo uint64) int {
	if hi == int64(lo)>>63 {
		if lo == 0 {
			return 0
		}
		return bits.Len64(lo^uint64(hi))/8 + 1
	}
	return 8 + bits.Len64(uint64(hi^hi>>63))/8 + 1
}

// sixteen writes a salt or digest.
func (w writer) sixteen(n int, field uint, b *[16]byte) int {
	if *b == [16]byte{} {
		return n
	}
	n = w.tag(n, field, bytesType)
	w[n] = byte(len(b))
	return n + 1 + copy(w[n+1:], b[:])
}

// open starts a nested record whose length is expected to take size bytes, and
// returns where its fields begin; close writes the length, and moves the fields
// if it takes more bytes or fewer.
func (w writer) open(n int, field uint, size int) int {
	return w.tag(n, field, bytesType) + size
}

func (w writer) close(start, n, size int) int {
	length := n - start
	if size == 1 && length < 0x80 {
		w[start-1] = byte(length)
		return n
	}
	if need := (bits.Len(uint(length)|1) + 6) / 7; need != size {
		copy(w[start-size+need:], w[start:n])
		n += need - size
	}
	w.varint(start-size, uint64(length))
	return n
}
