package journal

import (
	"log/slog"
	"os"

	"github.com/moneyprinter/holdfast/journal/internal/segment"
)

const (
	// maxAhead is how far the newest segment is sized in advance, if it was not made
	// ready as a whole; see spare.
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
// error of its bookkeeping can overwrite a record, and never while a record is
// written. It never goes beyond limit, the size from which on a segment is full: a
// segment that is left has been filled up to there, and holds no zeros behind its last
// record.
type ahead struct {
	path   string // of the segment
	limit  int
	logger *slog.Logger
	f      *os.File // of it; nil before the first time
	size   int      // of its file, as far as records do not reach beyond it
	step   int
	zeros  []byte
	told   bool // that it does not work was logged
}

// turn goes on to another segment, whose file has so many bytes.
func (a *ahead) turn(path string, size int) {
	a.drop()
	a.path, a.size = path, size
}

// extend makes room behind so many bytes of records, when little is left: half of
// what was made last.
func (a *ahead) extend(records int) {
	if a.size = max(a.size, records); a.size-records > a.step/2 || a.size >= a.limit {
		return
	}
	if a.f == nil {
		f, err := segment.OpenRegular(a.path, os.O_RDWR|os.O_APPEND)
		if err != nil {
			a.tell(err)
			return
		}
		a.f = f
	}
	a.step = min(max(2*a.step, minAhead), maxAhead)
	room := min(a.limit-a.size, a.step)
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

// drop lets go of the segment.
func (a *ahead) drop() {
	if a.f != nil {
		_ = a.f.Close() // what was written through it is synced by the log
	}
	a.f = nil
}
