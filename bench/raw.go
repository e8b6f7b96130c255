package main

import (
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// rawLog appends to a plain file and calls fdatasync.
type rawLog struct {
	f      *os.File
	record []byte
	buf    []byte
	// room is the size of a file that was filled with zeros beforehand, which
	// is overwritten from the beginning again at its end; 0: the file grows.
	room, at int64
}

const rawRoom = 64 << 20

func openRaw(dir string, size int, room int64) (store, error) {
	f, err := os.OpenFile(filepath.Join(dir, "raw"), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	r := &rawLog{f: f, record: payload(size), room: room}
	zeros := make([]byte, 1<<20)
	for n := int64(0); n < room; n += int64(len(zeros)) {
		if _, err = f.WriteAt(zeros, n); err != nil {
			return nil, err
		}
	}
	if err = f.Sync(); err != nil {
		return nil, err
	}
	return gather(r), nil
}

func (r *rawLog) commit(n int) error {
	r.buf = r.buf[:0]
	for range n {
		r.buf = append(r.buf, r.record...)
	}
	if r.room > 0 && r.at+int64(len(r.buf)) > r.room {
		r.at = 0
	}
	if _, err := r.f.WriteAt(r.buf, r.at); err != nil {
		return err
	}
	r.at += int64(len(r.buf))
	return unix.Fdatasync(int(r.f.Fd()))
}

func (r *rawLog) Close() error { return r.f.Close() }
