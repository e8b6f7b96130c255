package position

import (
	"maps"
	"slices"
	"unicode"
	"unicode/utf8"

	"github.com/moneyprinter/holdfast/internal/form"
)

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

func checkMeta(name, value string) error {
	if err := checkName("metadata", name, false); err != nil {
		return err
	}
	if len(value) > MaxValue {
		return invalid("metadata", "value of %q is %d bytes long, at most %d are allowed", name, len(value), MaxValue)
	}
	if !utf8.ValidString(value) {
		return invalid("metadata", "value of %q is not valid UTF-8", name)
	}
	return nil
}

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
