package house

import (
	"go/parser"
	"go/token"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A sentence of a comment has a noun for its subject. One that begins with "who" or
// "what" has a clause for it, and is read twice.
func TestCommentsBeginWithANoun(t *testing.T) {
	files := 0
	sources(t, func(rel string, text []byte) {
		files++
		found, err := clauses(text)
		require.NoError(t, err)
		for _, sentence := range found {
			t.Errorf("%s: %q begins with a clause: say who or what it is", rel, sentence)
		}
	})
	require.Greater(t, files, 300)
}

var clause = regexp.MustCompile(`(?:^|[.!?)] )((?:Who|Whoever|What|Whatever|Whose) [^.?]*)([.?]?)`)

// clauses returns the sentences of comments that have a clause for their subject. A
// heading and a question may.
func clauses(text []byte) (found []string, err error) {
	f, err := parser.ParseFile(token.NewFileSet(), "", text, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	for _, group := range f.Comments {
		for paragraph := range strings.SplitSeq(group.Text(), "\n\n") {
			if strings.HasPrefix(paragraph, "# ") || strings.HasPrefix(paragraph, "\t") {
				continue
			}
			for _, m := range clause.FindAllStringSubmatch(strings.Join(strings.Fields(paragraph), " "), -1) {
				if m[2] != "?" {
					found = append(found, m[1])
				}
			}
		}
	}
	return found, nil
}

func TestClausesInCommentsAreFound(t *testing.T) {
	found, err := clauses([]byte(`// Package p is one. What it holds is
// kept.
//
// # What it does not
//
// Anything. What is that? Nothing of what is there.
package p

// Whoever calls f waits.
func f() {}
`))
	require.NoError(t, err)
	require.Equal(t, []string{"What it holds is kept", "Whoever calls f waits"}, found)
}
