package wire

import (
	"encoding/binary"
	"fmt"
	"unicode/utf8"

	"github.com/moneyprinter/holdfast/position"
)

// reader walks the fields of one record, nested records included. Because the
// order of fields is fixed, a decoder asks for one field after the other, and
// what it did not ask for when it leaves a record is out of order or unknown.
// The first error stays; it also ends the input, so that a decoder needs no
// error paths.
type reader struct {
	b    []byte
	i    int
	end  int    // of the current record
	last uint32 // number of the field that was read last in it
	err  *FormatError
}

// newReader returns a reader of a whole record of at most limit bytes.
func newReader(b []byte, limit int) reader {
	r := reader{b: b, end: len(b)}
	if len(b) > limit {
		r.fail(0, "is %d bytes long, at most %d are allowed", len(b), limit)
	}
	return r
}

// result ends a public decoder.
func result[T any](r *reader, name string, v T) (T, error) {
	r.finish(name)
	if r.err == nil {
		return v, nil
	}
	var none T
	return none, r.err
}

// at reports whether a field with a tag of one byte is next, and steps over the
// tag.
func (r *reader) at(tag byte) bool {
	if r.i >= r.end || r.b[r.i] != tag {
		return false
	}
	r.i++
	r.last = uint32(tag >> 3)
	return true
}

// at2 is at for a tag of two bytes, a field from 16 on.
func (r *reader) at2(tag uint) bool {
	if r.i+1 >= r.end || r.b[r.i] != byte(tag)|0x80 || r.b[r.i+1] != byte(tag>>7) {
		return false
	}
	r.i += 2
	r.last = uint32(tag >> 3)
	return true
}

// enter steps into the nested record that is the value of the field just met
// and returns where the outer one ends.
func (r *reader) enter() (outer int) {
	size := r.size(MaxPosition)
	outer = r.end
	r.end, r.last = r.i+size, 0
	return outer
}

// leave steps out again. name and field say what the nested record was.
func (r *reader) leave(outer int, field uint32, name string) {
	r.finish(name)
	if r.err == nil {
		r.end, r.last = outer, field
	}
}

// leaveSome is leave for a record that is left out when it is empty.
func (r *reader) leaveSome(outer, start int, field uint32, name string) {
	r.leave(outer, field, name)
	if r.i == start {
		r.fail(field, "is empty, and would have been left out")
	}
}

// finish checks that the current record was read to its end, and adds its name
// to the path of an error.
func (r *reader) finish(name string) {
	if r.err == nil {
		if r.i == r.end {
			return
		}
		r.refuse()
	}
	if r.err.Record != "" {
		name += "." + r.err.Record
	}
	r.err.Record = name
}

// refuse says what is wrong with a field that nobody asked for.
func (r *reader) refuse() {
	last := r.last
	tag := r.varint()
	switch number := tag >> 3; {
	case r.err != nil:
	case number == 0 || number > 1<<29-1:
		r.fail(last, "is followed by the field number %d, which is out of range", number)
	case number <= uint64(last):
		r.fail(uint32(number), "is out of order")
	default:
		r.fail(uint32(number), "of wire type %d is not known to this version", tag&7)
	}
}

func (r *reader) fail(number uint32, format string, args ...any) {
	if r.err == nil {
		r.err = &FormatError{Field: number, Reason: fmt.Sprintf(format, args...)}
		r.i, r.end = 0, 0
	}
}

func (r *reader) failHere(format string, args ...any) { r.fail(r.last, format, args...) }

// varint reads a varint of minimal length.
func (r *reader) varint() uint64 {
	var v uint64
	for shift := uint(0); shift < 70 && r.i < r.end; shift += 7 {
		c := r.b[r.i]
		r.i++
		v |= uint64(c&0x7f) << shift
		if c < 0x80 {
			if c == 0 && shift > 0 || shift == 63 && c > 1 {
				break
			}
			return v
		}
	}
	r.failHere("holds or is followed by a number that is cut off, too large or not of minimal length")
	return 0
}

// number reads the value of a varint field, which is never zero.
func (r *reader) number(limit uint64) uint64 {
	v := r.varint()
	if r.err == nil && (v == 0 || v > limit) {
		r.failHere("has the value %d, which is not between 1 and %d", v, limit)
		return 0
	}
	return v
}

// flag reads the value of a flag, which is left out when it is not set.
func (r *reader) flag() bool { return r.number(1) == 1 }

// side reads a side that is not the first, for which nothing is written.
func (r *reader) side(tag byte) position.Side {
	if r.at(tag) && r.flag() {
		return position.Sell
	}
	return position.Buy
}

func (r *reader) time() position.Time { return r.timeNot(0) }

// timeNot reads a time that differs from the one for which nothing is written.
func (r *reader) timeNot(usual position.Time) position.Time {
	if r.end-r.i < 8 {
		r.failHere("is cut off")
		return 0
	}
	t := position.Time(binary.LittleEndian.Uint64(r.b[r.i:]))
	r.i += 8
	if t == usual {
		r.failHere("is the time %d, which is left out", t)
	}
	return t
}

// sixteen reads a salt or digest.
func (r *reader) sixteen(to *[16]byte) {
	b := r.some(len(to))
	if copy(to[:], b); len(b) != len(to) || *to == [16]byte{} {
		r.failHere("is not 16 bytes that are not all zero")
	}
}

// size reads the length of a value that ends within the record and has at most
// limit bytes.
func (r *reader) size(limit int) int {
	var size uint64
	if r.i < r.end && r.b[r.i] < 0x80 {
		size = uint64(r.b[r.i])
		r.i++
	} else if size = r.varint(); r.err != nil {
		return 0
	}
	if left := r.end - r.i; size > uint64(left) {
		r.failHere("is cut off: %d bytes announced, %d left", size, left)
		return 0
	}
	if size > uint64(limit) {
		r.failHere("is %d bytes long, at most %d are allowed", size, limit)
		return 0
	}
	return int(size)
}

// bytes returns a part of the input.
func (r *reader) bytes(limit int) []byte {
	size := r.size(limit)
	b := r.b[r.i : r.i+size]
	r.i += size
	return b
}

// some is bytes for a value that is left out when empty.
func (r *reader) some(limit int) []byte {
	b := r.bytes(limit)
	if len(b) == 0 {
		r.failHere("is empty, and would have been left out")
	}
	return b
}

// decimal reads a field with a tag of one byte, if it is next: a decimal that
// is not zero. Most lie well within the input: 16 bytes are loaded, and those that
// belong to what follows dropped. All others take the long way.
func (r *reader) decimal(tag byte, d *position.Decimal) {
	i := r.i
	if i >= r.end || r.b[i] != tag {
		return
	}
	r.last = uint32(tag >> 3)
	if i+18 > len(r.b) {
		r.i++
		r.readDecimal(d)
		return
	}
	b := r.b[i+1 : i+18]
	size := int(b[0])
	if uint(size)-1 < 16 && i+2+size <= r.end {
		hi, lo := wordsFrom(binary.LittleEndian.Uint64(b[1:]), binary.LittleEndian.Uint64(b[9:]), size)
		if v, ok := position.FromWords(hi, lo); ok && wordsLen(hi, lo) == size {
			*d, r.i = v, i+2+size
			return
		}
	}
	r.i++
	r.readDecimal(d)
}

// optional reads a decimal that may be zero, if it is next.
func (r *reader) optional(tag byte) *position.Decimal {
	if !r.at(tag) {
		return nil
	}
	d := r.present()
	return &d
}

func (r *reader) readDecimal(d *position.Decimal) {
	if *d = r.present(); *d == (position.Decimal{}) {
		r.failHere("is a zero decimal, which is left out")
	}
}

// present reads a decimal that may be zero.
func (r *reader) present() position.Decimal {
	var room [16]byte
	size := copy(room[:], r.bytes(16))
	hi, lo := wordsFrom(binary.LittleEndian.Uint64(room[:]), binary.LittleEndian.Uint64(room[8:]), size)
	d, ok := position.FromWords(hi, lo)
	if !ok || wordsLen(hi, lo) != size {
		r.failHere("is no decimal of minimal length within the range")
		return position.Decimal{}
	}
	return d
}

// wordsFrom returns the words of the decimal that the first size of 16 bytes stand
// for, if it is one of minimal length.
func wordsFrom(lo, hi uint64, size int) (int64, uint64) {
	if size <= 8 {
		shift := 64 - 8*uint(size)
		low := int64(lo<<shift) >> shift
		return low >> 63, uint64(low)
	}
	shift := 128 - 8*uint(size)
	return int64(hi<<shift) >> shift, lo
}

// string copies a string that is not empty.
func (r *reader) string(limit int) string { return r.checked(r.some(limit)) }

func (r *reader) checked(b []byte) string {
	if !r.check(b) {
		return ""
	}
	return string(b)
}

func (r *reader) check(b []byte) bool {
	if !utf8.Valid(b) {
		r.failHere("is not valid UTF-8")
		return false
	}
	return true
}
