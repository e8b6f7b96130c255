package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/cmd/holdfast/feed"
	"github.com/moneyprinter/holdfast/cmd/holdfast/feed/mapping"
	"github.com/moneyprinter/holdfast/position"
)

// TestTimesAreReadAlike gives one text to every place that takes a time: the
// verdict, the instant and the reason are the same.
func TestTimesAreReadAlike(t *testing.T) {
	line := func(name, text, said string) (position.Time, error) {
		m, err := mapping.Parse(said)
		require.NoError(t, err)
		format, err := feed.ParseFormat("auto")
		require.NoError(t, err)
		f, err := feed.Open(name, strings.NewReader(text), format, m)
		require.NoError(t, err)
		e, err := f.Next()
		if err != nil {
			return 0, err
		}
		return e.Mutation.EventTime(), nil
	}
	const columns = "account,instrument,side,qty,price,id,time\n"
	places := map[string]func(text string) (position.Time, error){
		"parse": position.ParseTime,
		"ndjson": func(s string) (position.Time, error) {
			return line("a.ndjson", fmt.Sprintf(`{"type":"mark","id":"m","instrument":"X","price":"1","time":%q}`+"\n", s), "")
		},
		"csv": func(s string) (position.Time, error) {
			return line("a.csv", columns+fmt.Sprintf("A,X,buy,1,2,e,%q\n", s), "")
		},
		"csv of other types": func(s string) (position.Time, error) {
			return line("a.csv", "type,instrument,price,id,time\n"+fmt.Sprintf("mark,X,2,e,%q\n", s), "")
		},
		"csv, rfc3339": func(s string) (position.Time, error) {
			return line("a.csv", columns+fmt.Sprintf("A,X,buy,1,2,e,%q\n", s), "time_format=rfc3339")
		},
		"moment": func(s string) (position.Time, error) {
			m, err := holdfast.ParseMoment(s)
			return m.Time, err
		},
		"--as-of": func(s string) (position.Time, error) {
			m, err := moment("as-of", s)
			return m.Time, err
		},
		"--as-of-event": eventTime,
	}
	for _, row := range []struct{ text, want string }{
		{"2026-01-02T03:04:05Z", ""},
		{"2026-01-02T03:04:05.000000006Z", ""},
		{"2026-01-02T03:04:05.5+05:30", ""},
		{"2261-12-31T23:59:59.999999999Z", ""},
		{"2026-01-02T3:04:05Z", "an hour has 2 digits"},
		{"2026-01-02T03:04:05,5Z", "a fraction begins with a point"},
		{"2026-01-02T03:04:05+01:60", "its minutes are below 60"},
		{"2026-01-02T03:04:05+24:00", "a zone is less than 24:00"},
		{"2026-01-02T03:04:05.0000000061Z", "a fraction has 9 digits at most"},
		{"2026-01-02T03:04:05", "the zone is Z or an offset"},
		{"2026-01-02 03:04:05Z", "a day is followed by T"},
		{"2026-01-02t03:04:05z", "a day is followed by T"},
		{"2026-02-30T03:04:05Z", "names a day or an hour that does not exist"},
		{"2026-01-02T24:00:00Z", "names a day or an hour that does not exist"},
		{"9999-12-31T23:59:59Z", "9999-12-31T23:59:59Z is outside 1970 to 2261"},
		{"1969-12-31T23:59:59Z", "1969-12-31T23:59:59Z is outside 1970 to 2261"},
		{"1970-01-01T00:00:00Z", "which stands for no time"},
	} {
		text := row.text
		for name, parse := range places {
			at, err := parse(text)
			want, werr := position.ParseTime(text)
			if row.want == "" {
				require.NoError(t, werr, row.text)
				require.NoError(t, err, "%s: %s", name, row.text)
				require.Equal(t, want, at, "%s: %s", name, row.text)
				continue
			}
			require.ErrorContains(t, err, row.want, "%s: %s", name, row.text)
		}
	}
}
