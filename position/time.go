package position

import (
	"strconv"
	"time"

	"github.com/moneyprinter/holdfast/internal/form"
)

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

// outside says on which side of the accepted range t is, or "" within it.
func (t Time) outside() string {
	switch {
	case t < 0:
		return "is before 1970"
	case t >= endOfTime*1e9:
		return "is after 2261"
	}
	return ""
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

// AheadOf returns by how much an event time is ahead of a record time.
func (t Time) AheadOf(record Time) time.Duration { return time.Duration(max(t-record, 0)) }

// timePattern is what ParseTime takes, but for the days of a month.
const timePattern = `^(19[7-9][0-9]|2[01][0-9]{2}|22[0-5][0-9]|226[01])-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])` +
	`T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$`

// ParseTime reads RFC 3339 in upper case, with up to nine digits behind the point:
// the one form of times in mutations, requests and flags. It does not go through
// [time.Parse], which takes a comma for the point, an hour of one digit and
// minutes of a zone beyond 59, and drops digits past the nanosecond. An error is a
// [*FieldError] of the member time.
func ParseTime(s string) (Time, error) {
	const example = "2006-01-02T15:04:05Z"
	p := timeText{s: s}
	year, month, day := p.number(4, '-', "a year"), p.number(2, '-', "a month"), p.number(2, 'T', "a day")
	hour, minute, second := p.number(2, ':', "an hour"), p.number(2, ':', "a minute"), p.number(2, 0, "a second")
	nanos := p.fraction()
	offset := p.zone()
	if p.bad == "" && p.s != "" {
		p.bad = "something follows the zone"
	}
	if p.bad != "" {
		return 0, invalid("time", "%q is no RFC 3339 time such as %q: %s", form.Clip(s), example, p.bad)
	}
	t := time.Date(year, time.Month(month), day, hour, minute, second, nanos, time.UTC)
	if t.Month() != time.Month(month) || t.Day() != day || minute > 59 || second > 59 {
		return 0, invalid("time", "%q names a day or an hour that does not exist", form.Clip(s))
	}
	at, err := At(t.Add(-offset))
	if err == nil && at == 0 {
		return 0, invalid("time", "is 1970-01-01T00:00:00Z, which stands for no time")
	}
	return at, err
}

// timeText is consumed from the left.
type timeText struct {
	s   string
	bad string // what was wrong first, "" while nothing is
}

func (p *timeText) refuse(reason string) {
	if p.bad == "" {
		p.bad = reason
	}
}

// number takes digits, and the byte after them unless it is 0.
func (p *timeText) number(digits int, after byte, what string) int {
	n, i := 0, 0
	for ; i < digits && i < len(p.s) && p.s[i] >= '0' && p.s[i] <= '9'; i++ {
		n = 10*n + int(p.s[i]-'0')
	}
	if i < digits {
		p.refuse(what + " has " + strconv.Itoa(digits) + " digits")
		return 0
	}
	if after != 0 {
		if i == len(p.s) || p.s[i] != after {
			p.refuse(what + " is followed by " + string(rune(after)))
			return 0
		}
		i++
	}
	p.s = p.s[i:]
	return n
}

func (p *timeText) fraction() int {
	if p.s != "" && p.s[0] == ',' {
		p.refuse("a fraction begins with a point")
	}
	if p.s == "" || p.s[0] != '.' {
		return 0
	}
	p.s = p.s[1:]
	n, digits := 0, 0
	for ; digits < len(p.s) && p.s[digits] >= '0' && p.s[digits] <= '9'; digits++ {
		if digits == 9 {
			p.refuse("a fraction has 9 digits at most")
			return 0
		}
		n = 10*n + int(p.s[digits]-'0')
	}
	if digits == 0 {
		p.refuse("no digit follows the point")
	}
	p.s = p.s[digits:]
	for ; digits < 9; digits++ {
		n *= 10
	}
	return n
}

func (p *timeText) zone() time.Duration {
	if p.s == "Z" {
		p.s = ""
		return 0
	}
	if p.s == "" || p.s[0] != '+' && p.s[0] != '-' {
		p.refuse("the zone is Z or an offset such as +01:00")
		return 0
	}
	minus := p.s[0] == '-'
	p.s = p.s[1:]
	hours, minutes := p.number(2, ':', "the hour of a zone"), p.number(2, 0, "the minute of a zone")
	if hours > 23 || minutes > 59 {
		p.refuse("a zone is less than 24:00 and its minutes are below 60")
	}
	offset := time.Duration(hours)*time.Hour + time.Duration(minutes)*time.Minute
	if minus {
		return -offset
	}
	return offset
}
