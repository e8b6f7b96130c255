package archive

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/projector"
)

// UnknownNameError tells that a selection names what the ledger has never seen. It
// matches [ErrUnknownName].
type UnknownNameError struct {
	What    string   // account, instrument, strategy or leg
	Name    string   // as it was asked for
	Nearest []string // known names that look like it, the likeliest first; at most three
}

// Error names what is unknown and what may have been meant.
func (e *UnknownNameError) Error() string {
	text := e.What + " " + shown(e.Name) + " is not known here"
	if len(e.Nearest) == 0 {
		return text
	}
	names := make([]string, len(e.Nearest))
	for i, name := range e.Nearest {
		names[i] = shown(name)
	}
	return text + "; nearest: " + strings.Join(names, ", ")
}

// Is makes it match [ErrUnknownName].
func (e *UnknownNameError) Is(target error) bool { return target == ErrUnknownName }

// shown is a name as people read it: quoted where a blank or a byte in it would not
// be seen, and cut where no name is that long.
func shown(name string) string {
	cut := ""
	if len(name) > position.MaxName {
		name, cut = strings.ToValidUTF8(name[:position.MaxName], ""), "…"
	}
	if quoted := strconv.Quote(name); quoted != `"`+name+`"` || strings.ContainsAny(name, " ,;:") || name == "" {
		name = quoted
	}
	return name + cut
}

// Known returns an [UnknownNameError] when a filter selects by a name that a view
// knows nothing of, so that a misspelt name is told from one that is flat. A name that
// has had a position, open or closed, is known; so are an account with a charge, and an
// instrument that was defined or marked. Names never go, so the newest view answers for
// every moment before it.
//
// It looks at every key of the view when a name is unknown or late among them: ask
// it when a selection came out empty.
func Known(v *projector.View, f Filter) error {
	var asked []*nameSearch
	add := func(what, name string, of func(*position.Key) string) {
		if name != "" {
			asked = append(asked, &nameSearch{what: what, name: name, of: of})
		}
	}
	if _, ok := v.Account(f.Account); !ok {
		add("account", f.Account, func(k *position.Key) string { return k.Account })
	}
	if _, ok := v.Instrument(f.Instrument); !ok {
		add("instrument", f.Instrument, func(k *position.Key) string { return k.Instrument })
	}
	add("strategy", f.Strategy, func(k *position.Key) string { return k.Strategy })
	add("leg", f.Leg, func(k *position.Key) string { return k.Leg })
	missing := len(asked)
	for k := range v.Keys() {
		if missing == 0 {
			return nil
		}
		for _, s := range asked {
			if !s.found && s.of(k) == s.name {
				s.found = true
				missing--
			}
		}
	}
	for _, s := range asked {
		if !s.found {
			return &UnknownNameError{What: s.what, Name: s.name, Nearest: s.nearest(v)}
		}
	}
	return nil
}

// nameSearch looks for one name of a filter.
type nameSearch struct {
	what, name string
	of         func(*position.Key) string
	found      bool
}

// maxNearest is how many names are offered for one that is unknown.
const maxNearest = 3

// nearest returns the known names that look like the one asked for.
func (s *nameSearch) nearest(v *projector.View) []string {
	if len(s.name) > position.MaxName { // no name is that long, so that nothing is like it
		return nil
	}
	n := newNearness(s.name)
	switch s.what {
	case "account":
		for a := range v.Accounts() {
			n.consider(a.Name)
		}
	case "instrument":
		for in := range v.Instruments() {
			n.consider(in.Name)
		}
	}
	last := ""
	for k := range v.Keys() {
		if name := s.of(k); name != last {
			n.consider(name)
			last = name
		}
	}
	return n.names()
}

// nearness keeps the names that are nearest to one: the fewest letters are to be
// inserted, removed or replaced, whatever their case. A name that begins like it, or
// that it begins like, comes after those.
type nearness struct {
	name  []rune // folded
	limit int    // letters that may differ
	best  []near
	row   []int // of the table of distances
}

type near struct {
	name     string
	distance int
}

func newNearness(name string) *nearness {
	folded := []rune(strings.ToLower(name))
	return &nearness{name: folded, limit: min(len(folded)/3, 3), row: make([]int, len(folded)+1)}
}

// prefixLength is how many letters a common beginning has at least.
const prefixLength = 3

func (n *nearness) consider(name string) {
	if name == "" || slices.ContainsFunc(n.best, func(b near) bool { return b.name == name }) {
		return
	}
	folded := []rune(strings.ToLower(name))
	d, ok := n.distance(folded)
	if !ok {
		short := min(len(folded), len(n.name))
		if short < prefixLength || !slices.Equal(folded[:short], n.name[:short]) {
			return
		}
		d = n.limit + 1
	}
	n.best = append(n.best, near{name, d})
	slices.SortFunc(n.best, func(a, b near) int {
		return cmp.Or(cmp.Compare(a.distance, b.distance), strings.Compare(a.name, b.name))
	})
	n.best = n.best[:min(len(n.best), maxNearest)]
}

// distance returns how many letters differ, and false when more than the limit do.
func (n *nearness) distance(other []rune) (int, bool) {
	if len(other)-len(n.name) > n.limit || len(n.name)-len(other) > n.limit {
		return 0, false
	}
	for i := range n.row {
		n.row[i] = i
	}
	for i, r := range other {
		diagonal, least := n.row[0], i+1
		n.row[0] = i + 1
		for j, q := range n.name {
			replaced := diagonal
			if q != r {
				replaced++
			}
			diagonal = n.row[j+1]
			n.row[j+1] = min(replaced, n.row[j+1]+1, n.row[j]+1)
			least = min(least, n.row[j+1])
		}
		if least > n.limit {
			return 0, false
		}
	}
	d := n.row[len(n.name)]
	return d, d <= n.limit
}

func (n *nearness) names() []string {
	var out []string
	for _, b := range n.best {
		if b.distance > 0 && n.best[0].distance == 0 { // but for its case it is there: nothing else was meant
			break
		}
		out = append(out, b.name)
	}
	return out
}
