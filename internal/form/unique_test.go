package form_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/internal/form"
)

func TestUnique(t *testing.T) {
	for text, want := range map[string]string{
		`{"a":1,"a":2}`:                           "a is given twice",
		`{"a":1,"\u0061":2}`:                      "a is given twice",
		`[{"a":1},{"a":[{"b":1,"c":{},"b":2}]}]`:  "[1].a[0].b is given twice",
		`{"a":{"b":1},"b":{"b":1},"c":["b","b"]}`: "",
		`{"a":"a","b":"a"}`:                       "",
		`{"a":1,"A":2}`:                           "",
		`[1,[],{},[{}],"x"]`:                      "",
		`{"a":1,`:                                 "",
		`x`:                                       "",
		``:                                        "",
		`{"` + strings.Repeat("n", 100) + `":1,"` + strings.Repeat("n", 100) + `":1}`: strings.Repeat("n", 64) + "… is given twice",
	} {
		err := form.Unique([]byte(text))
		if want == "" {
			require.NoError(t, err, text)
		} else {
			require.ErrorContains(t, err, want, text)
		}
	}
	require.ErrorContains(t, form.UniqueFold([]byte(`{"a":1,"A":2}`)), "A is given twice")
	deep := strings.Repeat(`{"a":[`, 1000)
	require.NoError(t, form.Unique([]byte(deep)))
}
