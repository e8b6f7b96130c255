package segment

import (
	"bytes"
	"io"
)

// OnlyZeros reports whether nothing but zeros stands from off on. Holes are
// passed over; more than SearchLimit bytes of written zeros are not ours.
func OnlyZeros(r io.ReaderAt, off, size int64) (bool, error) {
	var buf []byte
	for left := int64(SearchLimit); ; {
		if off = NextContent(r, off, size); off >= size {
			return true, nil
		}
		if buf == nil {
			buf = make([]byte, min(64<<10, size-off))
		}
		n, err := ReadFull(r, buf[:min(int64(len(buf)), size-off)], off)
		if err != nil || n == 0 {
			return err == nil, err
		}
		if buf[0] != 0 || !bytes.Equal(buf[1:n], buf[:n-1]) {
			return false, nil
		}
		if left -= int64(n); left < 0 {
			return false, nil
		}
		off += int64(n)
	}
}

// contentEnd returns the offset behind the last byte from off on that is not a
// zero, or size when more than SearchLimit bytes would have to be read.
func contentEnd(r io.ReaderAt, off, size int64) (int64, error) {
	buf := make([]byte, min(64<<10, size-off))
	for end := size; end > off && size-end < SearchLimit; {
		at := max(off, end-int64(len(buf)))
		n, err := ReadFull(r, buf[:end-at], at)
		if err != nil {
			return size, err
		}
		if n = len(bytes.TrimRight(buf[:n], "\x00")); n > 0 {
			return at + int64(n), nil
		}
		if end = at; end == off {
			return off, nil
		}
	}
	return size, nil
}

// sectorSize is what a disk writes whole or not at all.
const sectorSize = 512

// lonely reports whether byte at of the entry that begins at off, the start of
// b, can be the part of it that an interrupted write left out: the entry's only
// byte in its sector, which still holds the zeros that were there before.
func lonely(b []byte, off int64, at int) bool {
	place := off + int64(at)
	if at == 0 {
		return b[0] == 0 && (place+1)%sectorSize == 0
	}
	n, length, bad := prefixLength(b[:min(MaxPrefix, len(b))])
	if bad != "" || at != n+length-1 || place%sectorSize != 0 {
		return false
	}
	return len(bytes.TrimRight(b[at:min(at+sectorSize, len(b))], "\x00")) == 0
}
