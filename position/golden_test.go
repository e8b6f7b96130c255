package position_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/internal/sample"
	"github.com/moneyprinter/holdfast/position"
)

// The golden files under testdata/v1 are format version 1, for ever: whatever was
// written once is read, to the same value, and written again to the same bytes.
// They are made by
//
//	go test ./position -run Golden -update
//
// which is right after adding a sample, and never to make a failing test pass.
var update = flag.Bool("update", false, "rewrite the golden files under testdata")

const goldenDir = "testdata/v1"

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join(goldenDir, name)
	if *update {
		require.NoError(t, os.MkdirAll(goldenDir, 0o755))
		require.NoError(t, os.WriteFile(path, got, 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), string(got), "%s differs", path)
}

func indented(t *testing.T, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, json.Indent(&out, b, "", "  "))
	out.WriteByte('\n')
	return out.Bytes()
}

func TestGoldenJSON(t *testing.T) {
	stamp := position.Stamp{Seq: 42, Epoch: 3, Time: sample.Time + 1_000_000}
	for name, c := range sample.Changes() {
		golden(t, name+".change.json", indented(t, position.AppendChangeJSON(nil, stamp, &c)))
		if c.Cause == nil {
			continue
		}
		line, err := position.MarshalMutation(c.Cause)
		require.NoError(t, err)
		golden(t, name+".mutation.json", append(line, '\n'))
	}
}

// Every golden file is one that the test above knows, so that a sample that is
// taken away does not take its promise along.
func TestGoldenFilesAreAllRead(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(goldenDir, "*.change.json"))
	require.NoError(t, err)
	require.Len(t, files, len(sample.Changes()))
}

// TestGoldenSchemas: what the schemas of format 1 promise still holds. A schema
// may describe more members than they did, none of which is required, more words
// of a list, and in other words.
func TestGoldenSchemas(t *testing.T) {
	for name, now := range map[string][]byte{
		"mutation.schema.json": position.MutationSchema(), "change.schema.json": position.ChangeSchema(), "position.schema.json": position.PositionSchema(),
	} {
		text, err := os.ReadFile(filepath.Join(goldenDir, name))
		require.NoError(t, err)
		var was, is any
		require.NoError(t, json.Unmarshal(text, &was))
		require.NoError(t, json.Unmarshal(now, &is))
		extends(t, name, was, is)
	}
}

// extends checks that a part of a schema says no less than it did, and nothing
// else of what there was.
func extends(t *testing.T, at string, was, is any) {
	t.Helper()
	before, ok := was.(map[string]any)
	if !ok {
		require.Equal(t, was, is, at)
		return
	}
	after, ok := is.(map[string]any)
	require.True(t, ok, at)
	for name, part := range before {
		require.Contains(t, after, name, at)
		switch name {
		case "description":
		case "enum", "allOf": // the rules about members that were added come last
			require.Subset(t, after[name], part, at)
		case "oneOf":
			choices, _ := part.([]any)
			now, _ := after[name].([]any)
			require.GreaterOrEqual(t, len(now), len(choices), at)
			for i := range choices {
				extends(t, at+"/"+name, choices[i], now[i])
			}
		case "properties", "$defs":
			members, _ := after[name].(map[string]any)
			known, _ := part.(map[string]any)
			for member, of := range known {
				require.Contains(t, members, member, at)
				extends(t, at+"/"+member, of, members[member])
			}
		default:
			extends(t, at+"/"+name, part, after[name])
		}
	}
	for name := range after {
		if name == "allOf" {
			continue
		}
		require.Contains(t, before, name, "%s: a constraint that was not there", at)
	}
}
