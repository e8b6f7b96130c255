package venue

import (
	"fmt"
	"slices"
	"strings"

	"github.com/moneyprinter/holdfast/cmd/holdfast/feed/internal/tabular"
)

// venue reads the named columns of a venue's file.
type venue struct {
	table   *tabular.Table
	at      []int  // place of each column, in the order of the names
	members string // which member each column gives, separated by spaces, "-" for none
	account string
	// strategy is the same for all lines; the files name none.
	strategy string
}

// newVenue finds the columns. The account is fallback unless the labels name
// one.
func newVenue(t *tabular.Table, labels map[string]string, names []string, members, fallback string) (venue, error) {
	v := venue{table: t, members: members, account: fallback}
	for _, name := range names {
		i := t.Index(name)
		if i < 0 {
			return v, fmt.Errorf("there is no column %q; the columns are %s", name, t.Listed())
		}
		v.at = append(v.at, i)
	}
	if name, given := labels["account"]; given {
		v.account = name
	}
	v.strategy = labels["strategy"]
	return v, nil
}

// Whole reports whether the file has no columns but those that are read and some
// others.
func (v *venue) Whole(others ...string) bool {
	for i, c := range v.table.Columns {
		if c != "" && !slices.Contains(v.at, i) && !slices.Contains(others, c) {
			return false
		}
	}
	return true
}

// row splits a line; get returns a column by its place among the names.
func (v *venue) row(l *tabular.Record) (get func(i int) string, err error) {
	row, err := v.table.Row(l)
	return func(i int) string { return strings.TrimSpace(row[v.at[i]]) }, err
}

// Column returns the column that gives a member, where it has another name.
func (v *venue) Column(member string) string {
	for i, name := range strings.Fields(v.members) {
		if name == member && v.table.Columns[v.at[i]] != member {
			return v.table.Columns[v.at[i]]
		}
	}
	return ""
}
