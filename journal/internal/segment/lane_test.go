package segment_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/journal/internal/segment"
	"github.com/moneyprinter/holdfast/keyring"
)

// TestLaneKeepsWhatItHandedOn: a lane that meets a record for which there is no key
// ends there. The scan goes on, and reads into other memory than the records have that
// were handed on.
func TestLaneKeepsWhatItHandedOn(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, segment.Path(1))
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	const plain = 10
	var b []byte
	var prev segment.Head
	for seq := uint64(1); len(b) < 4*segment.BlockSize; seq++ {
		r := segment.Record{Seq: seq, Epoch: 1, Payload: bytes.Repeat(binary.AppendUvarint(nil, seq), 3000)}
		if seq > plain {
			r.Flags = segment.Encrypted
		}
		frame := segment.AppendFrame(nil, &r, &prev.Chain)
		b = append(binary.AppendUvarint(b, uint64(len(frame))), frame...)
		prev = r.Head()
	}
	require.NoError(t, os.WriteFile(path, b, 0o600))
	require.NoError(t, segment.WriteMark(dir, &segment.Mark{First: 1, Tail: 1, Epoch: 1}))
	var lane *segment.Lane
	s, err := segment.Look(context.Background(), dir, segment.Testimony{}, false, func(segs []segment.File, _ *segment.Mark) []*segment.Lane {
		lane = segment.NewLane(&segs[0], 1, segment.Opener{}, nil)
		return []*segment.Lane{lane}
	})
	require.NoError(t, err)
	require.Equal(t, prev, s.Last, "the scan does not end with the lane")
	block := <-lane.Blocks()
	require.ErrorIs(t, block.Err, keyring.ErrNoKey)
	require.Len(t, block.Recs, plain)
	var last segment.Head
	for i := range block.Recs {
		require.True(t, block.Recs[i].Follows(last.Chain))
		last = block.Recs[i].Head()
	}
	_, more := <-lane.Blocks()
	require.False(t, more)
}
