package mapping

import (
	"slices"
	"strconv"
	"strings"
)

// choice says which cells stand for a value.
type choice struct {
	value string
	words []string
}

// choose returns the value that a text stands for.
func choose(choices []choice, text string) (string, bool) {
	for _, c := range choices {
		for _, w := range c.words {
			if stars, ok := match(strings.TrimSpace(w), text); ok {
				return replace(c.value, stars), true
			}
		}
	}
	return "", false
}

// match holds a text against a pattern in which * stands for any text, as short as
// possible, and returns what the stars stand for.
func match(pattern, text string) (stars []string, ok bool) {
	parts := strings.Split(pattern, "*")
	if !strings.HasPrefix(text, parts[0]) {
		return nil, false
	}
	text = text[len(parts[0]):]
	if len(parts) == 1 {
		return nil, text == ""
	}
	for _, p := range parts[1 : len(parts)-1] {
		before, after, found := strings.Cut(text, p)
		if !found {
			return nil, false
		}
		stars, text = append(stars, before), after
	}
	before, found := strings.CutSuffix(text, parts[len(parts)-1])
	return append(stars, before), found
}

// replace puts what stars stand for in place of *, or of *1, *2 and so on.
func replace(value string, stars []string) string {
	if len(stars) == 0 {
		return value
	}
	var pairs []string
	for i, star := range slices.Backward(stars) { // *10 before *1
		pairs = append(pairs, "*"+strconv.Itoa(i+1), star)
	}
	return strings.NewReplacer(append(pairs, "*", stars[0])...).Replace(value)
}
