package position

import "time"

// Time is an instant in nanoseconds since 1970-01-01 UTC. Zero means unset. The
// range of accepted event times is 1970 to 2261, the whole years that 63 bits hold.
type Time int64

// endOfTime is 2262-01-01 in seconds; 63 bits of nanoseconds end in that year.
const endOfTime = 9_214_646_400

// At converts a [time.Time]. An instant before 1970 or after 2261 gives an
// error that matches [ErrInvalid].
func At(t time.Time) (Time, error) {
	if s := t.Unix(); s < 0 || s >= endOfTime {
		return 0, invalid("time", "%s is outside 1970 to 2261", t.UTC().Format(time.RFC3339))
	}
	return Time(t.UnixNano()), nil
}

// Std returns t as a [time.Time] in UTC.
func (t Time) Std() time.Time { return time.Unix(0, int64(t)).UTC() }

// String returns RFC 3339 with nanoseconds, or "" when unset.
func (t Time) String() string {
	if t == 0 {
		return ""
	}
	return t.Std().Format(time.RFC3339Nano)
}
