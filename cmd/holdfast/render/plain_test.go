package render

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPlain(t *testing.T) {
	for text, want := range map[string]string{
		"holdfast: feed: x":                            "x",
		"x.csv:3: position: qty is bad":                "x.csv:3: qty is bad",
		"bus: a: journal: b: c":                        "a: b: c",
		"holdfast: a; and holdfast: b\nsnapshotter: c": "a; and b\nc",
		"unknown position: A/Y":                        "unknown position: A/Y",
		"position 2 (\"M\"): projector: z":             "position 2 (\"M\"): z",
		"the feed: x":                                  "the feed: x",
	} {
		require.Equal(t, want, Plain(text))
	}
}
