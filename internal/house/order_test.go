package house

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestArrowsThatRunBackUpAreFound(t *testing.T) {
	set := func(names ...string) map[string]bool {
		m := map[string]bool{}
		for _, n := range names {
			m[n] = true
		}
		return m
	}
	require.Empty(t, backward(map[string]map[string]bool{"a": set("b", "c"), "b": set("c"), "c": set()}))
	require.Equal(t, []string{"c -> a"}, backward(map[string]map[string]bool{"a": set("b", "c"), "b": set("c"), "c": set("a")}))
}
