package wire_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/internal/sample"
	"github.com/moneyprinter/holdfast/internal/wire"
	"github.com/moneyprinter/holdfast/position"
)

// TestEveryMemberIsEncoded changes each member of a position and looks for it behind
// the encoding, in what we read and in what a stranger reads by position.proto: who
// adds one and forgets either is told here.
func TestEveryMemberIsEncoded(t *testing.T) {
	file := compileProto(t)
	n := 0
	for path, p := range sample.Changed(sample.WholePosition()) {
		switch path {
		case "Seq": // the projector sets it
			continue
		case "Lots.Count": // the list of open lots says it
			continue
		case "HasMark":
			p.Mark = position.Decimal{}
		case "Conditions.HasStop":
			p.Conditions.Stop = position.Decimal{}
		}
		b := wire.AppendPosition(nil, p)
		var d wire.Decoder
		got, err := d.Position(b)
		require.NoError(t, err, path)
		got.Seq = p.Seq
		require.Equal(t, p, got, path)
		positionFields(p, nil)(decodeAs(t, file, "Position", b))
		n++
	}
	require.Greater(t, n, 50)
	require.Equal(t, wire.AppendPosition(nil, &position.Position{Seq: 1}), wire.AppendPosition(nil, new(position.Position)))
}
