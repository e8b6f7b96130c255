package journal

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/moneyprinter/holdfast/journal/internal/segment"
)

const (
	// maxAhead is how far the newest segment is sized in advance. A commit that
	// writes so many zeros takes a few milliseconds; of groups of 256 records
	// it is every twelfth one.
	maxAhead = 1 << 20
	// minAhead is how far the first time, doubled from then on: who appends
	// once and closes shall not pay for more.
	minAhead = 4 << 10
)

// ahead writes zeros behind the records of the newest segment, so that the
// commits that follow overwrite blocks that are allocated and a size that is
// durable: the sync of such a commit has data to write and no metadata.
//
// It appends through a descriptor of its own, opened with O_APPEND, so that no
// error of its bookkeeping can overwrite a record. It never goes beyond limit,
// the size from which on a segment is full: a segment that is left has been
// filled up to there, and holds no zeros behind its last record.
type ahead struct {
	dir    string
	limit  int
	logger *slog.Logger
	f      *os.File // of the segment; nil before the first time
	first  uint64   // of the segment
	size   int      // of its file, as far as records do not reach beyond it
	step   int
	zeros  []byte
	told   bool // that it does not work was logged
}

// extend is called when the log stands at t and has written, but not synced,
// what was committed: the sync that follows makes the zeros durable, too. When
// they cannot be written, the segment grows with its records instead.
func (a *ahead) extend(t *tail) {
	if a.f == nil || a.first != t.first {
		a.drop()
		f, err := segment.OpenRegular(filepath.Join(a.dir, segment.Name(t.first)), os.O_RDWR|os.O_APPEND)
		if err != nil {
			a.tell(err)
			return
		}
		a.f, a.first, a.size = f, t.first, 0
	}
	if t.bytes < a.size {
		return
	}
	a.size = t.bytes
	a.step = min(max(2*a.step, minAhead), maxAhead)
	room := min(a.limit-t.bytes, a.step)
	if room <= 0 {
		return
	}
	if len(a.zeros) < room {
		a.zeros = make([]byte, room)
	}
	n, err := a.f.Write(a.zeros[:room])
	a.size += n
	if err != nil {
		a.tell(err)
	}
}

func (a *ahead) tell(err error) {
	if !a.told {
		a.logger.Warn("journal segment cannot be sized in advance", "err", err)
	}
	a.told = true
}

// errBeyond says that the newest segment is not what it should be.
var errBeyond = errors.New("something that was not committed stands behind the last record")

// cut takes away what extend has written beyond t. The log's last sync, which
// follows, makes that durable.
func (a *ahead) cut(t *tail) error {
	if a.f == nil || a.first != t.first {
		return nil
	}
	info, err := a.f.Stat()
	if err != nil || info.Size() == int64(t.bytes) {
		return err
	}
	only, err := segment.OnlyZeros(a.f, int64(t.bytes), info.Size())
	if err != nil {
		return err
	}
	if !only || info.Size() < int64(t.bytes) {
		return errBeyond
	}
	return a.f.Truncate(int64(t.bytes))
}

// drop lets go of the segment.
func (a *ahead) drop() {
	if a.f != nil {
		_ = a.f.Close() // what was written through it is synced by the log
	}
	a.f = nil
}
