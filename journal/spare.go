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
	// sparePiece is how many zeros of a spare segment are written together: a commit beside
	// it waits for as many, and the fewer pieces there are, the fewer commits do.
	sparePiece = 1 << 20
	// spareZeros is how many zeros there are to write from: few enough to leave what is
	// staged in the processor's cache.
	spareZeros = 64 << 10
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

	// making says whose the fields below are: the background's, or else the writer's.
	making  atomic.Bool
	f       *os.File // nil: there is none yet
	at      int      // how far it has come
	whole   bool     // and it is durable
	zeros   []byte   // kept from the first time on
	failed  bool
	working sync.WaitGroup
	stopped atomic.Bool
}

func (s *spare) path() string { return filepath.Join(s.dir, segment.SpareName) }

// make has it grow in the background as the newest segment, which has so many bytes
// now, is filled: from an eighth of that on, and a quarter faster.
func (s *spare) make(newest int) {
	upTo := (newest-s.size/8)*5/4 + 1
	if upTo <= 0 || s.making.Load() || s.failed || s.whole || upTo <= s.at || s.f == nil && scarce(s.dir, s.size) {
		return
	}
	if s.f == nil && !s.begin() {
		return
	}
	s.making.Store(true)
	s.working.Go(func() {
		defer s.making.Store(false)
		if err := s.fill(min(upTo, s.size)); err != nil {
			s.fail(err)
		}
	})
}

// begin makes the file, before it is filled in the background: nothing that goes on when
// the journal is closed makes or takes away a name.
func (s *spare) begin() bool {
	f, err := os.OpenFile(s.path(), os.O_CREATE|os.O_EXCL|os.O_RDWR, segment.FilePerm)
	if err != nil {
		s.fail(err)
		return false
	}
	s.f, s.at = f, 0
	return true
}

// fail gives up. Another writer may have the directory by the time that a stopped one
// notices, and a file of its own there, so that nothing is removed then.
func (s *spare) fail(err error) {
	s.failed = true
	if s.f != nil {
		_ = s.f.Close()
	}
	if s.stopped.Load() {
		return
	}
	if s.f != nil {
		_ = os.Remove(s.path()) // what stays is removed by the next Open
	}
	s.f = nil
	s.logger.Warn("the next journal segment cannot be made in advance", "err", err)
}

// scarce reports whether the disk has no room for a segment that nobody needs yet.
func scarce(dir string, size int) bool {
	var st unix.Statfs_t
	if unix.Statfs(dir, &st) != nil {
		return false
	}
	return uint64(st.Bavail)*uint64(st.Bsize) < spareShare*uint64(size) //nolint:gosec,unconvert // signs and widths differ between systems
}

// fill makes the file at least so long, and durable when that is all of it.
func (s *spare) fill(upTo int) error {
	if s.zeros == nil {
		s.zeros = make([]byte, min(spareZeros, s.size))
	}
	for s.at < upTo {
		if s.stopped.Load() {
			return os.ErrClosed // of the journal
		}
		from := s.at
		for end := min(from+sparePiece, s.size); s.at < end; {
			n, err := s.f.Write(s.zeros[:min(len(s.zeros), end-s.at)])
			if err != nil {
				return err
			}
			s.at += n
		}
		startWriting(s.f, int64(from), int64(s.at-from))
	}
	if s.at < s.size {
		return nil
	}
	if err := s.f.Sync(); err != nil {
		return err
	}
	s.whole = true
	_, err := s.f.Seek(0, io.SeekStart)
	return err
}

// take gives the whole segment a name and returns it, nil where there is none yet.
func (s *spare) take(path string) *os.File {
	if s.making.Load() || !s.whole {
		return nil
	}
	f := s.f
	s.f, s.at, s.whole = nil, 0, false
	if err := os.Rename(s.path(), path); err != nil {
		_ = f.Close()
		s.failed = true
		s.logger.Warn("the journal segment that was made in advance cannot be used", "err", err)
		return nil
	}
	return f
}

// drop ends the making without waiting for the disk; the file stays for the next Open
// to remove.
func (s *spare) drop() { s.stopped.Store(true) }

// end is drop where the disk is in order: it waits, and nothing is left.
func (s *spare) end() {
	s.drop()
	s.working.Wait()
	if s.f != nil {
		_ = s.f.Close()
		_ = os.Remove(s.path()) // what stays is removed by the next Open
	}
}
