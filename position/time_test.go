package position_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/position"
)

// TestParseTime holds instants against package time, whatever their zone and the
// length of their fraction, and names what is wrong with the others.
func TestParseTime(t *testing.T) {
	t.Parallel()
	rnd := seeded(t)
	for range 5000 {
		at := time.Unix(1+rnd.Int64N(9_214_646_398), rnd.Int64N(1_000_000_000)).Truncate(
			[]time.Duration{1, time.Microsecond, time.Millisecond, 100 * time.Millisecond, time.Second}[rnd.IntN(5)])
		zone := time.FixedZone("", 60*(rnd.IntN(2*1439+1)-1439))
		if at.In(zone).Year() < 1970 || at.In(zone).Year() > 2261 {
			continue
		}
		text := at.In(zone).Format(time.RFC3339Nano)
		got, err := position.ParseTime(text)
		require.NoError(t, err, text)
		require.Equal(t, position.Time(at.UnixNano()), got, text)
	}
	for text, want := range map[string]string{
		"2026-01-02T12:60:00Z":          "names a day or an hour that does not exist",
		"2026-01-02T12:00:60Z":          "names a day or an hour that does not exist",
		"2026-01-02T25:00:00Z":          "names a day or an hour that does not exist",
		"2026-00-02T00:00:00Z":          "names a day or an hour that does not exist",
		"2026-01-00T00:00:00Z":          "names a day or an hour that does not exist",
		"2026-01-02T12:00:00+01:00 ":    "something follows the zone",
		"2026-01-02T12:00:00Z ":         "the zone is Z or an offset such as +01:00",
		"1970-01-01T01:00:00+01:00":     "is 1970-01-01T00:00:00Z, which stands for no time",
		"1970-01-01T00:00:00+00:01":     "1969-12-31T23:59:00Z is outside 1970 to 2261",
		"2261-12-31T23:59:59-00:01":     "2262-01-01T00:00:59Z is outside 1970 to 2261",
		"2026-01-02T03:04:05.Z":         "no digit follows the point",
		"2026-01-02T03:04:05+0100":      "the hour of a zone is followed by :",
		"2026-01-02T03:04:05-1:00":      "the hour of a zone has 2 digits",
		"2026-1-2":                      "a month has 2 digits",
		"":                              "a year has 4 digits",
		"２０２６-01-02T03:04:05Z":          "a year has 4 digits",
		"2026-01-02T03:04:05.123456789": "the zone is Z or an offset such as +01:00",
	} {
		_, err := position.ParseTime(text)
		require.ErrorContains(t, err, want, text)
		var field *position.FieldError
		require.ErrorAs(t, err, &field, text)
		require.Equal(t, "time", field.Field)
	}
}

func TestATimeBeyond2261IsRefusedWhereverItStands(t *testing.T) {
	const late = position.Time(1<<63 - 1)
	of := position.Key{Account: "A", Instrument: "X"}
	one := position.MustParse("1")
	fill := position.Fill{Key: of, Side: position.Buy, Qty: one, Price: one}
	require.NoError(t, fill.Validate())
	fill.Time = late
	for _, m := range []position.Mutation{
		fill,
		position.Adopt{Key: of, Qty: one, Price: &one, Opened: late},
		position.Adopt{Key: of, Qty: one, Lots: []position.AdoptedLot{{Qty: one, Price: &one, Opened: late}}},
	} {
		err := m.Validate()
		require.ErrorIs(t, err, position.ErrInvalid)
		require.ErrorContains(t, err, "is after 2261")
	}
}
