package tabular

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // zones mean the same on every machine

	"github.com/moneyprinter/holdfast/position"
)

// ParseLayout checks the value of time_format.
func ParseLayout(s string) (string, error) {
	if s == "rfc3339" {
		return time.RFC3339, nil
	}
	if _, ok := unixUnit(s); ok || strings.Contains(s, "06") && !strings.HasPrefix(s, "unix") {
		return s, nil
	}
	return "", fmt.Errorf("time_format %s is none of rfc3339, unix, unix_ms, unix_us, unix_ns, and no layout such as 2006-01-02 15:04:05", Clip(s))
}

// unixUnit returns how many nanoseconds one of a layout's counts stands for.
func unixUnit(layout string) (int64, bool) {
	switch layout {
	case "unix":
		return int64(time.Second), true
	case "unix_ms":
		return int64(time.Millisecond), true
	case "unix_us":
		return int64(time.Microsecond), true
	case "unix_ns":
		return 1, true
	}
	return 0, false
}

var errNoInstant = errors.New("is 1970-01-01T00:00:00Z, which stands for no time at all")

// Clock reads the times of a file.
type Clock struct {
	Layout string         // "" is RFC 3339
	Zone   *time.Location // of times that name none, or a name only; nil: none is stated
	// fold says which of two equal wall times is meant, the 1st or the 2nd; 0
	// refuses them.
	Fold int
}

// Parse reads an instant.
func (c Clock) Parse(text string) (position.Time, error) {
	if text == "" {
		return 0, errors.New("is empty")
	}
	if c.Layout == "" || c.Layout == time.RFC3339 {
		if c.Zone != nil {
			if wall, ok := wallTime(text); ok {
				return c.resolve(wall, "")
			}
		}
		at, err := position.ParseTime(text)
		return at, Reason(err)
	}
	if unit, ok := unixUnit(c.Layout); ok {
		const first = 1990 // a year before that is a count of something larger
		at, err := ParseUnix(text, unit)
		if year := at.Std().Year(); err == nil && unit < int64(time.Second) && year < first {
			return 0, fmt.Errorf("%s as %s is in %d: say the unit of these counts, such as time_format=unix", Clip(text), c.Layout, year)
		}
		return at, err
	}
	t, err := time.ParseInLocation(c.Layout, text, time.UTC)
	if err != nil {
		return 0, fmt.Errorf("%s is not of the form %s", Clip(text), c.Layout)
	}
	name, _ := t.Zone()
	switch {
	case strings.Contains(c.Layout, "07"):
		return instant(t)
	case !strings.Contains(c.Layout, "MST"):
		return c.resolve(t, "")
	}
	// The name of a zone says nothing by itself: time.Parse takes any for UTC, also
	// one that tells its offset, such as GMT+2.
	wall := t.UTC()
	if zone, err := ParseZone(name); err == nil {
		return Clock{Zone: zone}.resolve(wall, "")
	}
	return c.resolve(wall, name)
}

// wallTime reads what the ISO form looks like without a zone.
func wallTime(text string) (time.Time, bool) {
	for _, layout := range []string{"2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

func instant(t time.Time) (position.Time, error) {
	at, err := position.At(t)
	if err == nil && at == 0 {
		err = errNoInstant
	}
	return at, err
}

// resolve returns the instant at which clocks in the zone show a wall time, under
// the zone's abbreviation if the text names one.
func (c Clock) resolve(wall time.Time, name string) (position.Time, error) {
	switch {
	case c.Zone != nil:
	case name != "":
		return 0, fmt.Errorf("names the zone %s, which many places mean differently: say which with time_zone=America/New_York or the like", Clip(name))
	default:
		return instant(wall)
	}
	var found []time.Time
	for _, t := range readings(wall, c.Zone) {
		if short, _ := t.Zone(); name == "" || short == name {
			found = append(found, t)
		}
	}
	shown := wall.Format("2006-01-02 15:04:05")
	switch {
	case len(found) == 1:
		return instant(found[0])
	case len(found) == 2 && c.Fold > 0:
		return instant(found[c.Fold-1])
	case len(found) == 2:
		return 0, fmt.Errorf("%s happened twice in %s, when clocks were put back: time_fold=first or time_fold=second says which", shown, c.Zone)
	case name != "":
		return 0, fmt.Errorf("%s was not %s in %s: the file's zone is another", shown, name, c.Zone)
	}
	return 0, fmt.Errorf("%s did not happen in %s, when clocks were put forward", shown, c.Zone)
}

// readings returns the instants, in order, at which a zone's clocks show a wall
// time: one, none or two.
func readings(wall time.Time, zone *time.Location) []time.Time {
	y, mo, d := wall.Date()
	h, mi, s := wall.Clock()
	guess := time.Date(y, mo, d, h, mi, s, wall.Nanosecond(), zone)
	var out []time.Time
	for _, near := range []time.Duration{-24 * time.Hour, 24 * time.Hour} {
		_, offset := guess.Add(near).Zone()
		t := wall.Add(-time.Duration(offset) * time.Second).In(zone)
		if t.Format(time.DateTime) != wall.Format(time.DateTime) || len(out) == 1 && out[0].Equal(t) {
			continue
		}
		out = append(out, t)
	}
	return out
}

// ParseZone reads the value of time_zone.
func ParseZone(name string) (*time.Location, error) {
	offset := strings.TrimPrefix(strings.TrimPrefix(name, "UTC"), "GMT")
	switch {
	case name == "UTC" || name == "GMT" || name == "Z":
		return time.UTC, nil
	case strings.HasPrefix(offset, "+") || strings.HasPrefix(offset, "-"):
		if zone, ok := parseOffset(offset); ok {
			return zone, nil
		}
	}
	if strings.Contains(name, "/") {
		if zone, err := time.LoadLocation(name); err == nil {
			return zone, nil
		}
	}
	return nil, fmt.Errorf("%s is no zone such as America/New_York, UTC or +08:00", Clip(name))
}

// parseOffset reads +08:00, -0500, +8 or +5:30.
func parseOffset(text string) (*time.Location, bool) {
	full := text
	if len(text) == 2 || len(text) == 5 && text[2] == ':' {
		full = text[:1] + "0" + text[1:]
	}
	for _, layout := range []string{"-07:00", "-0700", "-07"} {
		if t, err := time.Parse(layout, full); err == nil {
			_, offset := t.Zone()
			return time.FixedZone("UTC"+text, offset), true
		}
	}
	return nil, false
}

// ParseUnix reads a count, perhaps with a fraction, of units since 1970.
func ParseUnix(text string, unit int64) (position.Time, error) {
	d, err := position.Parse(text)
	if err != nil {
		return 0, err
	}
	if d, err = d.Mul(position.FromInt(unit)); err != nil {
		return 0, err
	}
	ns, err := strconv.ParseInt(d.String(), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%s is no whole number of nanoseconds between 1970 and 2262", Clip(text))
	}
	return instant(time.Unix(0, ns))
}

// ParseTime reads an instant. An empty layout is RFC 3339.
func ParseTime(text, layout string) (position.Time, error) { return Clock{Layout: layout}.Parse(text) }
