package segment_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/journal/internal/journaltest"
	"github.com/moneyprinter/holdfast/journal/internal/segment"
)

var errUnreadable = errors.New("this part cannot be read")

// unreadable is a file of which nothing can be read from an offset on.
type unreadable struct {
	io.ReaderAt
	from int64
}

func (u unreadable) ReadAt(b []byte, off int64) (int, error) {
	if off+int64(len(b)) > u.from {
		return 0, errUnreadable
	}
	return u.ReaderAt.ReadAt(b, off)
}

// Bytes that cannot be read are an error, and never the end of a segment or a
// torn record: what follows from those is a cut.
func TestWhatCannotBeReadIsNoFlaw(t *testing.T) {
	l := journaltest.NewLedger(t, 32)
	_, es := journaltest.LastSegment(t, l.Clean)
	b, err := os.ReadFile(journaltest.Segments(t, l.Clean)[2])
	require.NoError(t, err)
	end := int64(es[len(es)-1].End)
	const block = 512 << 10 // what is read at once
	b = append(b[:end], make([]byte, 3*block)...)
	for name, from := range map[string]int64{"the records": 0, "the zeros behind them": 2 * block} {
		_, _, reason, err := journaltest.ScanReader(unreadable{bytes.NewReader(b), from}, int64(len(b)), l.Third)
		require.ErrorIs(t, err, errUnreadable, name)
		require.Empty(t, reason, name)
	}
}

// A file that is shorter than it was when the scan began ends inside a record.
func TestScanOfAFileThatWasCut(t *testing.T) {
	l := journaltest.NewLedger(t, 32)
	_, es := journaltest.LastSegment(t, l.Clean)
	b, err := os.ReadFile(journaltest.Segments(t, l.Clean)[2])
	require.NoError(t, err)
	last := es[len(es)-1]
	for size, end := range map[int]int{last.End: last.End, last.End - 1: last.At, last.Frame: last.At} {
		_, at, reason, err := journaltest.ScanReader(bytes.NewReader(b[:size]), int64(len(b)+1), l.Third)
		require.NoError(t, err)
		require.Equal(t, "the file ends inside a record", reason)
		require.EqualValues(t, end, at)
	}
}

// A record that is written over zeros, after they were read together with the records
// before it, is read at once: it is neither the end nor a flaw, which a look at the
// file would have to tell apart.
func TestZerosThatWereReadAheadAreReadAgain(t *testing.T) {
	l := journaltest.NewLedger(t, 32)
	path, es := journaltest.LastSegment(t, l.Clean)
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	last := es[len(es)-1]
	file := append(bytes.Clone(whole[:last.At]), make([]byte, last.End-last.At+64<<10)...)
	s := segment.NewScanner(bytes.NewReader(file), int64(len(file)), es[0].Rec.Seq)
	s.Open = true
	var rec segment.Record
	for range es[:len(es)-1] {
		require.NoError(t, s.Next(&rec))
	}
	copy(file[last.At:], whole[last.At:last.End])
	require.NoError(t, s.Next(&rec))
	require.Equal(t, last.Rec.Seq, rec.Seq)
	require.ErrorIs(t, s.Next(&rec), io.EOF)
}
