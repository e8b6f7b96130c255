package journal

import (
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/moneyprinter/holdfast/journal/internal/segment"
)

const (
	// sparePiece is how many zeros of a spare segment are written at once: a commit beside
	// it waits for as many, and the fewer pieces there are, the fewer commits do.
	sparePiece = 1 << 20
	// spareShare is how many segments a disk must have room for: the last of it belongs
	// to what cannot wait.
	spareShare = 8
)

// spare is the next segment, made while the newest one is filled: a file of zeros, as
// long as a segment and durable, so that the commit that turns to it gives it its name
// and no commit after that changes its size or its blocks. It grows with the newest one,
// so that the sync of a commit never waits for many zeros, and a journal that hardly
// appends hardly pays.
//
// Until it has its name it is no part of the journal: its own name is one that readers
// and recovery pass over and Open removes, so a crash or an error here costs nothing.
// After an error no other one is tried.
type spare struct {
	dir    string // of the segments
	size   int
	logger *slog.Logger

	begun   bool // one was asked for since the last was taken; the writer's
	making  atomic.Bool
	upTo    atomic.Int64  // how far it may have come by now
	more    chan struct{} // tells that upTo has moved; capacity 1
	working sync.WaitGroup
	stopped atomic.Bool
	ready   atomic.Pointer[os.File] // of the finished one
	failed  atomic.Bool
}

func (s *spare) path() string { return filepath.Join(s.dir, segment.SpareName) }

// make has one made in the background as the newest segment, which has so many bytes
// now, is filled: from an eighth of that on, and a quarter faster.
func (s *spare) make(newest int) {
	if s.failed.Load() || newest < s.size/8 {
		return
	}
	s.upTo.Store(int64(newest-s.size/8)*5/4 + 1)
	select {
	case s.more <- struct{}{}:
	default:
	}
	if s.begun {
		return
	}
	s.begun = true
	if scarce(s.dir, s.size) {
		return
	}
	s.making.Store(true)
	s.working.Go(func() {
		defer s.making.Store(false)
		f, err := s.fill()
		if err == nil {
			s.ready.Store(f)
			return
		}
		s.failed.Store(true)
		if f != nil {
			_ = f.Close()
		}
		if s.stopped.Load() {
			return // the directory may be another writer's by now
		}
		if f != nil {
			_ = os.Remove(s.path()) // what stays is removed by the next Open
		}
		s.logger.Warn("the next journal segment cannot be made in advance", "err", err)
	})
}

// scarce reports whether the disk has no room for a segment that nobody needs yet.
func scarce(dir string, size int) bool {
	var st unix.Statfs_t
	if unix.Statfs(dir, &st) != nil {
		return false
	}
	return uint64(st.Bavail)*uint64(st.Bsize) < spareShare*uint64(size) //nolint:gosec,unconvert // signs and widths differ between systems
}

// fill writes the file.
func (s *spare) fill() (f *os.File, err error) {
	f, err = os.OpenFile(s.path(), os.O_CREATE|os.O_EXCL|os.O_RDWR, segment.FilePerm)
	if err != nil {
		return nil, err
	}
	zeros := make([]byte, min(sparePiece, s.size))
	for at := 0; at < s.size; at += len(zeros) {
		for s.upTo.Load() <= int64(at) && !s.stopped.Load() {
			<-s.more
		}
		if s.stopped.Load() {
			return f, os.ErrClosed // of the journal
		}
		n := min(len(zeros), s.size-at)
		if _, err = f.Write(zeros[:n]); err != nil {
			return f, err
		}
		startWriting(f, int64(at), int64(n))
	}
	if err = f.Sync(); err != nil {
		return f, err
	}
	_, err = f.Seek(0, io.SeekStart)
	return f, err
}

// take gives the finished segment a name and returns it, nil where there is none yet.
func (s *spare) take(path string) *os.File {
	making := s.making.Load() // before ready is asked: it is stored before
	f := s.ready.Swap(nil)
	if f == nil {
		s.begun = making
		return nil
	}
	s.begun = false
	if err := os.Rename(s.path(), path); err != nil {
		_ = f.Close()
		s.failed.Store(true)
		s.logger.Warn("the journal segment that was made in advance cannot be used", "err", err)
		return nil
	}
	return f
}

// drop ends the making without waiting for the disk; the file stays for the next Open
// to remove.
func (s *spare) drop() {
	s.stopped.Store(true)
	select {
	case s.more <- struct{}{}:
	default:
	}
}

// end is drop where the disk is in order: it waits, and nothing is left.
func (s *spare) end() {
	s.drop()
	s.working.Wait()
	if f := s.ready.Swap(nil); f != nil {
		_ = f.Close()
	}
	if s.begun {
		_ = os.Remove(s.path()) // what stays is removed by the next Open
	}
}
