package feed

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/moneyprinter/holdfast/position"
)

// parseLayout checks the value of time_format.
func parseLayout(s string) (string, error) {
	if s == "rfc3339" {
		return time.RFC3339, nil
	}
	if _, ok := unixUnit(s); ok || strings.Contains(s, "06") && !strings.HasPrefix(s, "unix") {
		return s, nil
	}
	return "", fmt.Errorf("time_format %s is none of rfc3339, unix, unix_ms, unix_us, unix_ns, and no layout such as 2006-01-02 15:04:05", clip(s))
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

// parseTime reads an instant. An empty layout is RFC 3339, read as in NDJSON.
func parseTime(text, layout string) (position.Time, error) {
	if text == "" {
		return 0, errors.New("is empty")
	}
	if layout == "" || layout == time.RFC3339 {
		at, err := position.ParseTime(text)
		if refused, ok := errors.AsType[*position.FieldError](err); ok {
			err = &reasonError{refused}
		}
		return at, err
	}
	if unit, ok := unixUnit(layout); ok {
		return parseUnix(text, unit)
	}
	t, err := time.Parse(layout, text)
	if err != nil {
		return 0, fmt.Errorf("%s is not of the form %s", clip(text), layout)
	}
	at, err := position.At(t)
	if err == nil && at == 0 {
		err = errNoInstant
	}
	return at, err
}

// parseUnix reads a count, perhaps with a fraction, of units since 1970.
func parseUnix(text string, unit int64) (position.Time, error) {
	d, err := position.Parse(text)
	if err != nil {
		return 0, err
	}
	if d, err = d.Mul(position.FromInt(unit)); err != nil {
		return 0, err
	}
	ns, err := strconv.ParseInt(d.String(), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%s is no whole number of nanoseconds between 1970 and 2262", clip(text))
	}
	at, err := position.At(time.Unix(0, ns))
	if err == nil && at == 0 {
		err = errNoInstant
	}
	return at, err
}
