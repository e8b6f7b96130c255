package feed_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/cmd/holdfast/feed"
	"github.com/moneyprinter/holdfast/cmd/holdfast/feed/statefile"
	"github.com/moneyprinter/holdfast/position"
)

// left is a position of which so much remains, perhaps after an exit.
func left(n int, size, remaining, portion string) string {
	exits := ""
	if portion != "" {
		exits = `,"partialExits":[{"portion":` + portion + `,"exitPrice":3}]`
	}
	return fmt.Sprintf(`{"mint":"M%d","entryPrice":2,"size":%s,"remainingSize":%s,"pnlPercent":0%s}`, n, size, remaining, exits)
}

// TestRemainingIsOneThing reads remainingSize one way for the whole file, says
// which, and refuses a file that shows both.
func TestRemainingIsOneThing(t *testing.T) {
	const fraction, absolute, refused = "a fraction of size", "what is left of size", ""
	for name, c := range map[string]struct {
		positions []string
		reading   string
		qty       []string
	}{
		"above one":               {[]string{left(1, "200", "1.5", ""), left(2, "200", "0.5", "")}, absolute, []string{"1.5", "0.5"}},
		"above one, last":         {[]string{left(1, "200", "0.5", ""), left(2, "200", "1.5", "")}, absolute, []string{"0.5", "1.5"}},
		"nothing shows it":        {[]string{left(1, "200", "0.5", ""), left(2, "200", "0.25", "")}, fraction, []string{"100", "50"}},
		"whole":                   {[]string{left(1, "200", "1", ""), left(2, "200", "0.5", "")}, fraction, []string{"200", "100"}},
		"the size itself":         {[]string{left(1, "0.5", "0.5", ""), left(2, "0.8", "0.2", "")}, absolute, []string{"0.5", "0.2"}},
		"above the size":          {[]string{left(1, "0.5", "0.6", ""), left(2, "0.8", "0.5", "")}, fraction, []string{"0.3", "0.4"}},
		"exits, of a fraction":    {[]string{left(1, "0.5", "0.4", "0.6"), left(2, "0.8", "0.5", "")}, fraction, []string{"0.2", "0.4"}},
		"exits, absolute":         {[]string{left(1, "0.5", "0.2", "0.6"), left(2, "0.8", "0.5", "")}, absolute, []string{"0.2", "0.5"}},
		"both":                    {[]string{left(1, "200", "1.5", ""), left(2, "200", "1", "")}, refused, nil},
		"both, by exits":          {[]string{left(1, "200", "0.4", "0.6"), left(2, "200", "80", "0.6")}, refused, nil},
		"both, size and fraction": {[]string{left(1, "0.5", "0.5", ""), left(2, "0.5", "0.6", "")}, refused, nil},
		"gone says nothing":       {[]string{left(1, "200", "0", "1"), left(2, "200", "20", "0.9")}, absolute, []string{"0", "20"}},
	} {
		t.Run(name, func(t *testing.T) {
			im, err := statefile.Read(strings.NewReader("["+strings.Join(c.positions, ",")+"]"), statefile.Options{})
			if c.reading == refused {
				require.ErrorIs(t, err, feed.ErrFormat)
				require.ErrorContains(t, err, "position 1 (")
				require.ErrorContains(t, err, "position 2 (")
				require.ErrorContains(t, err, "it can be read one way only")
				return
			}
			require.NoError(t, err)
			require.Contains(t, im.Reading, "remainingSize as "+c.reading)
			require.Contains(t, im.Reading, "size is read as the quantity that was bought")
			s := folded(t, im)
			for i, want := range c.qty {
				p := s.positions[position.Key{Account: "main", Instrument: fmt.Sprintf("M%d", i+1)}]
				require.Equal(t, want, p.Qty.String(), "position %d", i+1)
			}
		})
	}
}

// TestPositionsTwice refuses a member that is given twice, wherever it stands.
func TestPositionsTwice(t *testing.T) {
	for text, want := range map[string]string{
		`[{"mint":"a","mint":"b","entryPrice":1,"size":2}]`:                                   "[0].mint is given twice",
		`[{"mint":"a","entryPrice":1,"entryPrice":7,"size":2}]`:                               "[0].entryPrice is given twice",
		`{"positions":[],"positions":[{"mint":"a","entryPrice":1,"size":2}]}`:                 "positions is given twice",
		`{"active":{"X":{"qty":1,"entryPrice":3},"X":{"qty":2,"entryPrice":3}}}`:              "active.X is given twice",
		`[{"mint":"a","entryPrice":1,"size":2,"partialExits":[{"portion":1,"portion":0.5}]}]`: "[0].partialExits[0].portion is given twice",
	} {
		_, err := statefile.Read(strings.NewReader(text), statefile.Options{})
		require.ErrorIs(t, err, feed.ErrFormat)
		require.ErrorContains(t, err, want)
	}
	for text, want := range map[string]string{"\x1f\x8bxx": "gzip", "\xff\xfe[\x00]\x00": "UTF-16"} {
		_, err := statefile.Read(strings.NewReader(text), statefile.Options{})
		require.ErrorContains(t, err, want)
	}
	_, err := statefile.Read(strings.NewReader(`[{"mint":"a","entryPrice":1,"size":2,"entryTime":"1969-01-01T00:00:00Z"}]`), statefile.Options{})
	require.ErrorContains(t, err, "entryTime ")
	require.NotContains(t, err.Error(), "position: time")
}
