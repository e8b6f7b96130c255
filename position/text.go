package position

import (
	"maps"
	"slices"
	"unicode"
	"unicode/utf8"

	"github.com/moneyprinter/holdfast/internal/form"
)

// checkName refuses what could not be stored, shown or published.
func checkName(field, s string, mayBeEmpty bool) error {
	switch {
	case s == "" && !mayBeEmpty:
		return invalid(field, "is required")
	case len(s) > MaxName:
		return invalid(field, "is %d bytes long, at most %d are allowed", len(s), MaxName)
	case !utf8.ValidString(s):
		return invalid(field, "is not valid UTF-8")
	}
	for _, r := range s {
		if !unicode.IsPrint(r) {
			return invalid(field, "contains the unprintable character %U", r)
		}
	}
	return nil
}

// clip shortens hostile input for an error text.
func clip(s string) string { return form.Clip(s) }

// metaNames appends the sorted names.
func metaNames(dst []string, m map[string]string) []string {
	for name := range m {
		dst = append(dst, name)
	}
	slices.Sort(dst)
	return dst
}

func sortedNames(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }

// checkText accepts printable UTF-8 without line breaks.
func checkText(field, s string) error {
	if !utf8.ValidString(s) {
		return invalid(field, "is not valid UTF-8")
	}
	for _, r := range s {
		if !unicode.IsPrint(r) {
			return invalid(field, "holds the unprintable character %U", r)
		}
	}
	return nil
}

// MaxReason is the longest text of a reason, in bytes.
const MaxReason = 1024

// checkReason accepts text of one line.
func checkReason(s string, empty bool) error {
	switch {
	case s == "" && !empty:
		return invalid("reason", "is required")
	case len(s) > MaxReason:
		return invalid("reason", "is %d bytes long, at most %d are allowed", len(s), MaxReason)
	}
	return checkText("reason", s)
}
