package snapshotter

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

const (
	prefix     = "positions_"
	suffix     = ".snap"
	tempSuffix = ".tmp"
	stampForm  = "20060102_150405"
)

// fileName returns the name of a snapshot of seq written at t.
func fileName(t time.Time, seq uint64) string {
	return prefix + t.UTC().Format(stampForm) + "_" + strconv.FormatUint(seq, 10) + suffix
}

// parseName is the reverse of fileName. It accepts exactly what fileName makes,
// so a name that passes has no separator, no NUL and no second spelling.
func parseName(name string) (time.Time, uint64, bool) {
	rest, ok := strings.CutPrefix(name, prefix)
	if !ok || len(rest) <= len(stampForm) {
		return time.Time{}, 0, false
	}
	stamp, rest := rest[:len(stampForm)], rest[len(stampForm):]
	t, err := time.Parse(stampForm, stamp)
	if err != nil {
		return time.Time{}, 0, false
	}
	number, ok := strings.CutSuffix(rest, suffix)
	if !ok || number == "" {
		return time.Time{}, 0, false
	}
	seq, err := strconv.ParseUint(number[1:], 10, 64)
	if err != nil || fileName(t, seq) != name {
		return time.Time{}, 0, false
	}
	return t, seq, true
}

// isTemp reports whether name is what a Write works on, or left behind.
func isTemp(name string) bool {
	final, ok := strings.CutSuffix(name, tempSuffix)
	if !ok {
		return false
	}
	_, _, ok = parseName(final)
	return ok
}

// badName refuses a name given by a person; hostile text is quoted and clipped.
func badName(name string) error {
	const limit = 80
	if len(name) > limit {
		name = name[:limit] + "…"
	}
	return fmt.Errorf("%w: %q (want positions_YYYYMMDD_HHMMSS_<seq>.snap, without a path)", ErrName, name)
}
