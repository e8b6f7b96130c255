package mapping

import (
	"fmt"
	"slices"
	"strings"

	"github.com/moneyprinter/holdfast/cmd/holdfast/feed/internal/tabular"
)

// filter is a list of conditions that a row has to meet.
type filter []condition

// condition is met by the rows whose cell is one of some words.
type condition struct {
	column string
	words  []string
}

// parseCondition reads Column:word|word.
func parseCondition(text string) (condition, error) {
	column, words, found := strings.Cut(text, ":")
	if !found || strings.TrimSpace(column) == "" {
		return condition{}, fmt.Errorf("%s is not of the form Column:word|word", tabular.Clip(text))
	}
	return condition{strings.TrimSpace(column), strings.Split(words, "|")}, nil
}

// test is a condition with its column's place.
type test struct {
	column int
	words  []string
}

// bindFilter finds the columns of conditions.
func bindFilter(t *tabular.Table, f filter) ([]test, error) {
	var out []test
	for _, c := range f {
		i, err := t.Place(c.column, "a filter")
		if err != nil {
			return nil, err
		}
		out = append(out, test{i, c.words})
	}
	return out, nil
}

// met reports whether all conditions hold, and the word that the first is met by:
// the cell, or what of it a word with stars fixes.
func met(tests []test, cells []string) (word string, ok bool) {
	for k, t := range tests {
		cell := strings.TrimSpace(cells[t.column])
		i := slices.IndexFunc(t.words, func(w string) bool { _, found := match(strings.TrimSpace(w), cell); return found })
		if i < 0 {
			return "", false
		}
		if k == 0 {
			if word = strings.Trim(strings.TrimSpace(t.words[i]), "* "); word == "" {
				word = cell
			}
		}
	}
	return word, true
}
