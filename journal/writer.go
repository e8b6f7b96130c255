package journal

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/moneyprinter/holdfast/journal/internal/segment"
)

// appender is what the journal needs of its log; tests put a failing one in. The
// first error is the last call but Close.
type appender interface {
	// Write writes the frames of a portion behind the last record.
	Write(p *portion) error
	Sync() error
	Close() error
}

// writer appends to the newest segment, in the form of tidwall/wal to the byte and
// with its rule for the end of a segment: the entry that makes it at least limit bytes
// long is its last one, and is synced before the next segment has a name.
//
// Unlike the library it keeps no copy of the segment, and what it writes is what the
// batch has encoded.
type writer struct {
	dir   string // of the segments
	limit int
	f     *os.File // the newest segment, at the end of its records
	size  int      // of its records
	spare *spare
	ahead *ahead
}

// openWriter opens the segment that begins with first and has so many bytes, all of
// them records.
func openWriter(dir string, limit int, first uint64, size int, logger *slog.Logger) (*writer, error) {
	path := filepath.Join(dir, segment.Name(first))
	f, err := segment.OpenRegular(path, os.O_RDWR)
	if err != nil {
		return nil, err
	}
	end, err := f.Seek(0, io.SeekEnd)
	if err == nil && end != int64(size) {
		err = fmt.Errorf("%s has %d bytes, its records have %d", path, end, size)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &writer{
		dir: dir, limit: limit, f: f, size: size,
		spare: &spare{dir: dir, size: limit, logger: logger},
		ahead: &ahead{path: path, limit: limit, logger: logger},
	}, nil
}

// Write implements [appender]. A portion begins one segment at most, unless the
// segment was full before it.
func (w *writer) Write(p *portion) error {
	if w.size > w.limit { // as it can be after an Open with a smaller limit
		if err := w.turn(p.entries[0].head.Seq); err != nil {
			return err
		}
	}
	from, to := 0, 0
	for i := range p.entries {
		e := &p.entries[i]
		to += e.size
		if w.size += e.size; w.size < w.limit {
			continue
		}
		if _, err := w.f.Write(p.buf[from:to]); err != nil {
			return err
		}
		from = to
		if err := w.turn(e.head.Seq + 1); err != nil {
			return err
		}
	}
	if from == to {
		return nil
	}
	_, err := w.f.Write(p.buf[from:to])
	return err
}

// turn leaves the newest segment, whose records are durable then, for one that begins
// with first. The name of that is the commit's to make durable.
func (w *writer) turn(first uint64) error {
	if err := w.f.Sync(); err != nil {
		return err
	}
	if err := w.f.Close(); err != nil {
		return err
	}
	path := filepath.Join(w.dir, segment.Name(first))
	sized := w.limit
	f := w.spare.take(path)
	if f == nil {
		var err error
		if f, err = os.OpenFile(path, os.O_CREATE|os.O_RDWR|os.O_TRUNC, segment.FilePerm); err != nil {
			return err
		}
		sized = 0
	}
	w.f, w.size = f, 0
	w.ahead.turn(path, sized)
	return nil
}

// room makes room behind the records, and the next segment ready, before they are
// needed. An error here is none of the log, which grows instead.
func (w *writer) room() {
	w.ahead.extend(w.size)
	w.spare.make(w.size)
}

// Sync implements [appender].
func (w *writer) Sync() error { return w.f.Sync() }

// errBeyond says that the newest segment is not what it should be.
var errBeyond = errors.New("something that was not committed stands behind the last record")

// Close implements [appender]: it takes away what was sized in advance, syncs and
// lets go.
func (w *writer) Close() error {
	w.spare.end()
	w.ahead.drop()
	err := w.cut()
	if err == nil {
		err = w.f.Sync()
	}
	if closeErr := w.f.Close(); err == nil {
		err = closeErr
	}
	return err
}

// drop lets go without touching the disk any more.
func (w *writer) drop() {
	w.spare.drop()
	w.ahead.drop()
}

// cut takes away the zeros behind the records.
func (w *writer) cut() error {
	info, err := w.f.Stat()
	if err != nil || info.Size() == int64(w.size) {
		return err
	}
	only, err := segment.OnlyZeros(w.f, int64(w.size), info.Size())
	if err != nil {
		return err
	}
	if !only || info.Size() < int64(w.size) {
		return errBeyond
	}
	return w.f.Truncate(int64(w.size))
}
