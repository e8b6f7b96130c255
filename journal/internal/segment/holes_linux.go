package segment

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// NextContent returns the first offset from off on that may hold something
// else than the zeros of a hole, so that a sparse file of a terabyte is looked
// through in no time. Without an answer it is off.
func NextContent(r io.ReaderAt, off, size int64) int64 {
	f, ok := r.(*os.File)
	if !ok {
		return off
	}
	at, err := f.Seek(off, unix.SEEK_DATA)
	switch {
	case errors.Is(err, unix.ENXIO):
		return size
	case err != nil || at < off:
		return off
	}
	return min(at, size)
}
