package wire

import "encoding/binary"

// KeyOf returns the binary form of the key of the position that an encoded change
// leads to, a part of b. It is nil where there is no such position, and of what
// is no change it may be anything: it looks no further than it must, so that
// records can be sorted by key before they are decoded.
func KeyOf(b []byte) []byte {
	w := walk{b: b}
	for w.tag < 5<<3|bytesType && w.next() { // kind, parts, prev
	}
	if w.tag != 5<<3|bytesType {
		return nil
	}
	outer := w
	mutation := walk{b: w.value}
	if !mutation.next() {
		return nil
	}
	key := walk{b: mutation.value}.find(3<<3 | bytesType)
	switch mutation.tag >> 3 {
	case fillMember, amendMember, adjustMember, adoptMember, bustMember, correctMember:
		return key
	case chargeMember: // of an account: its key names no instrument
		if (walk{b: key}).find(2<<3|bytesType) == nil {
			return nil
		}
		return key
	case splitMember, settleMember, transferMember: // the image may name another key
		if image := outer.find(10<<3 | bytesType); image != nil {
			if own := (walk{b: image}).find(16<<3 | bytesType); own != nil {
				return own
			}
		}
		return key
	}
	return nil
}

// walk goes through the fields of a record.
type walk struct {
	b     []byte // what is left
	tag   uint64
	value []byte // of a field of bytesType
}

// find returns the value of a field, nil if there is none or it comes too late.
func (w walk) find(tag uint64) []byte {
	for w.next() && w.tag <= tag {
		if w.tag == tag {
			return w.value
		}
	}
	return nil
}

// next steps over a field; false is the end, or something that is none.
func (w *walk) next() bool {
	var n int
	if len(w.b) > 0 && w.b[0] < 0x80 {
		w.tag, n = uint64(w.b[0]), 1
	} else if w.tag, n = binary.Uvarint(w.b); n <= 0 {
		return false
	}
	w.b = w.b[n:]
	switch w.tag & 7 {
	case varintType:
		if _, n = binary.Uvarint(w.b); n <= 0 {
			return false
		}
	case fixed64Type:
		n = 8
	case bytesType:
		size, head := binary.Uvarint(w.b)
		if head <= 0 || size > uint64(len(w.b)-head) {
			return false
		}
		w.b = w.b[head:]
		w.value, n = w.b[:size], int(size)
	default:
		return false
	}
	if n > len(w.b) {
		return false
	}
	w.b = w.b[n:]
	return true
}
