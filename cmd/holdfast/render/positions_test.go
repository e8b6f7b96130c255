package render_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/cmd/holdfast/render"
	"github.com/moneyprinter/holdfast/internal/sample"
	"github.com/moneyprinter/holdfast/position"
)

// TestPositionColumns draws positions by the list that package position has of
// their columns: a file has all of them, and no cell but a number differs between
// a file and a table.
func TestPositionColumns(t *testing.T) {
	file := render.PositionFile()
	require.Len(t, file, len(position.Columns()))
	raw := position.AppendPositionJSON(nil, sample.FullPosition())
	var row render.PositionRow
	require.NoError(t, row.UnmarshalJSON(raw))
	var schema struct{ Properties map[string]any }
	require.NoError(t, json.Unmarshal(position.PositionSchema(), &schema))
	exact := map[string]string{}
	for i, c := range file {
		require.Equal(t, position.Columns()[i].Name, c.Title)
		require.Contains(t, schema.Properties, c.Title, "a column is a member of the JSON form")
		exact[c.Title] = c.Cell(&row)
	}
	for _, cols := range [][]render.PositionColumn{render.PositionTable(), render.CycleTable()} {
		for _, c := range cols {
			require.Contains(t, exact, c.Title)
			if !c.Right {
				require.Equal(t, exact[c.Title], c.Cell(&row), c.Title)
			}
		}
	}
	var out bytes.Buffer
	s := render.NewSheet(render.AsCSV, &out, render.PositionTable(), file)
	require.NoError(t, s.Add(raw))
	require.NoError(t, s.End(""))
	require.Equal(t, 2, bytes.Count(out.Bytes(), []byte("\n")))
	require.Equal(t, render.Text("0"), render.Flat().Text("qty"))
	require.Empty(t, render.Flat().Text("avg_entry"))
}
