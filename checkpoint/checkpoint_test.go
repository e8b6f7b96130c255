package checkpoint_test

import (
	"bytes"
	"crypto/rand"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/note"

	"github.com/moneyprinter/holdfast/checkpoint"
)

// go test ./checkpoint -run TestGolden -update writes testdata/v1 anew, with a new
// key. That is right only before the first release of the form: what users keep
// elsewhere is never rewritten.
var update = flag.Bool("update", false, "write the golden checkpoint anew")

func filled(b byte) (h [32]byte) {
	for i := range h {
		h[i] = b + byte(i)
	}
	return h
}

func sample() checkpoint.Checkpoint {
	return checkpoint.Checkpoint{
		Ledger: uuid.MustParse("6f1c0e3a-3f55-4b8e-9d0c-0b1f5c1e2a77"), Name: "main",
		Point: checkpoint.Point{Seq: 1234, Chain: filled(0x9d)}, Epoch: 3,
		Time:  time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC).UnixNano(),
		State: filled(0xab),
		Earlier: []checkpoint.Point{
			{Seq: 1, Chain: filled(1)}, {Seq: 617, Chain: filled(2)}, {Seq: 1233, Chain: filled(3)},
		},
	}
}

func keys(tb testing.TB) (note.Signer, string) {
	tb.Helper()
	private, public, err := note.GenerateKey(rand.Reader, "desk")
	require.NoError(tb, err)
	s, err := note.NewSigner(private)
	require.NoError(tb, err)
	return s, public
}

func verifiers(tb testing.TB, public string) note.Verifiers {
	tb.Helper()
	v, err := note.NewVerifier(strings.TrimSpace(public))
	require.NoError(tb, err)
	return note.VerifierList(v)
}

func TestGolden(t *testing.T) {
	file, key := filepath.Join("testdata", "v1.note"), filepath.Join("testdata", "v1.pub")
	c := sample()
	if *update {
		by, public := keys(t)
		n, err := c.Sign(by)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(file, n.Raw, 0o600))
		require.NoError(t, os.WriteFile(key, []byte(public+"\n"), 0o600))
	}
	raw, err := os.ReadFile(file)
	require.NoError(t, err)
	public, err := os.ReadFile(key)
	require.NoError(t, err)
	n, err := checkpoint.Open(raw, verifiers(t, string(public)))
	require.NoError(t, err)
	require.True(t, n.Verified)
	require.Equal(t, c, n.Checkpoint)
	text, err := c.Text()
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(string(raw), text+"\n— desk "))
}

// There is one spelling of a text, and every other one is refused.
func TestParseIsStrict(t *testing.T) {
	c := sample()
	good, err := c.Text()
	require.NoError(t, err)
	got, err := checkpoint.Parse(good)
	require.NoError(t, err)
	require.Equal(t, c, got)

	lines := strings.SplitAfter(good, "\n")
	lines = lines[:len(lines)-1]
	for i := range lines { // a line missing, twice, cut
		without := slices.Concat(lines[:i], lines[i+1:])
		if i < 6 {
			refused(t, strings.Join(without, ""))
		}
		refused(t, strings.Join(slices.Concat(lines[:i], lines[i:i+1], lines[i:]), ""))
	}
	for i := range len(good) {
		if i > 0 && good[i-1] == '\n' && i > strings.Index(good, "state ") {
			continue // whole lines less: what is left says less
		}
		if good[:i] == strings.Join(lines[:6], "") {
			continue
		}
		refused(t, good[:i])
	}
	for _, change := range [][2]string{
		{"holdfast/6f1c", "holdfast/6F1C"},
		{"holdfast/6f1c0e3a-", "holdfast/6f1c0e3a"},
		{"holdfast/", "Holdfast/"},
		{"holdfast/6f1c0e3a-3f55-4b8e-9d0c-0b1f5c1e2a77", "holdfast/{6f1c0e3a-3f55-4b8e-9d0c-0b1f5c1e2a77}"},
		{"\n1234\n", "\n01234\n"},
		{"\n1234\n", "\n+1234\n"},
		{"\n1234\n", "\n0\n"},
		{"\n1234\n", "\n18446744073709551616\n"},
		{"\n1234\n", "\n1233\n"}, // an earlier point is not earlier
		{"name main", "name "},
		{"name main", "name ma in"},
		{"name main", "name " + strings.Repeat("x", 33)},
		{"epoch 3", "epoch 03"},
		{"time 2026-01-02T03:04:05.000000006Z", "time 2026-01-02T03:04:05.0000000060Z"},
		{"time 2026-01-02T03:04:05.000000006Z", "time 2026-01-02T04:04:05.000000006+01:00"},
		{"time 2026", "time 3026"},
		{"at 617 ", "at 1 "},
		{"at 617 ", "at 0617 "},
		{"at 617 ", "at 617  "},
		{"at 1233 ", "at 1234 "},
		{"at 1 ", "extra 1 "},
		{"state ", "state  "},
		{"=\n", "\n"},
		{"=\n", "==\n"},
		{"\n", "\r\n"},
	} {
		bad := strings.Replace(good, change[0], change[1], 1)
		require.NotEqual(t, good, bad, change[0])
		refused(t, bad)
	}
	refused(t, good+"\n")
	refused(t, good+"at 1234567 "+strings.Repeat("A", 43)+"=\n")
	c.Earlier = nil
	for i := range checkpoint.MaxEarlier + 1 {
		c.Earlier = append(c.Earlier, checkpoint.Point{Seq: uint64(i) + 1})
	}
	_, err = c.Text()
	require.ErrorIs(t, err, checkpoint.ErrMalformed)
	c.Earlier = c.Earlier[1:]
	text, err := c.Text()
	require.NoError(t, err)
	require.Less(t, len(text)*2, checkpoint.MaxNote)
	// The last bits of a hash that base64 has no use for.
	refused(t, strings.Replace(good, "nZ6foKGio6SlpqeoqaqrrK2ur7CxsrO0tba3uLm6u7w=", "nZ6foKGio6SlpqeoqaqrrK2ur7CxsrO0tba3uLm6u7x=", 1))
	require.Contains(t, good, "nZ6foKGio6SlpqeoqaqrrK2ur7CxsrO0tba3uLm6u7w=")
}

func refused(t *testing.T, text string) {
	t.Helper()
	_, err := checkpoint.Parse(text)
	require.ErrorIs(t, err, checkpoint.ErrMalformed, "%q", text)
}

func TestOpen(t *testing.T) {
	by, public := keys(t)
	other, otherPublic := keys(t)
	c := sample()
	n, err := c.Sign(by)
	require.NoError(t, err)
	known, unknown := verifiers(t, public), verifiers(t, otherPublic)

	got, err := checkpoint.Open(n.Raw, nil)
	require.NoError(t, err)
	require.False(t, got.Verified)
	require.Equal(t, n.Keys, got.Keys)
	_, err = checkpoint.Open(n.Raw, unknown)
	require.ErrorIs(t, err, checkpoint.ErrSignature)
	require.True(t, n.SignedBy(by))
	require.False(t, n.SignedBy(other))
	for i := range n.Raw { // no changed bit is taken with the key
		bad := bytes.Clone(n.Raw)
		bad[i] ^= 1
		_, err = checkpoint.Open(bad, known)
		require.Error(t, err, "byte %d", i)
	}

	text, err := c.Text()
	require.NoError(t, err)
	both, err := note.Sign(&note.Note{Text: text}, other, by)
	require.NoError(t, err)
	for _, v := range []note.Verifiers{known, unknown} {
		got, err = checkpoint.Open(both, v)
		require.NoError(t, err)
		require.True(t, got.Verified)
		require.Len(t, got.Keys, 1)
		require.False(t, got.SignedBy(by), "somebody else has signed as well")
	}
	foreign, err := note.Sign(&note.Note{Text: "go.sum database tree\n1\nx\n"}, by)
	require.NoError(t, err)
	_, err = checkpoint.Open(foreign, known)
	require.ErrorIs(t, err, checkpoint.ErrMalformed)
	_, err = checkpoint.Open(make([]byte, 1<<20), nil)
	require.ErrorIs(t, err, checkpoint.ErrMalformed)
}

func TestSplit(t *testing.T) {
	by, _ := keys(t)
	var notes [][]byte
	for i := range 3 {
		c := sample()
		c.Seq += uint64(i)
		n, err := c.Sign(by)
		require.NoError(t, err)
		notes = append(notes, n.Raw)
	}
	require.Equal(t, notes, checkpoint.Split(slices.Concat(notes...)))
	require.Equal(t, notes, checkpoint.Split(slices.Concat([]byte("\n"), notes[0], []byte("\n\n"), notes[1], []byte("\n"), notes[2], []byte("\n"))))
	require.Empty(t, checkpoint.Split(nil))
	require.Empty(t, checkpoint.Split([]byte("\n\n")))
	require.Len(t, checkpoint.Split(slices.Concat(notes[0], []byte("x"))), 2)
}

// All of a short history, and the newer part of a long one more densely; never more
// than the limit.
func TestSpacing(t *testing.T) {
	require.Empty(t, checkpoint.Spaced(5, 5))
	require.Equal(t, []uint64{3, 4, 5}, checkpoint.Spaced(3, 6))
	for _, span := range []uint64{1, 63, 64, 65, 66, 100, 1000, 1 << 20, 1<<40 + 7, math.MaxUint64 - 1} {
		got := checkpoint.Spaced(1, span+1)
		require.LessOrEqual(t, len(got), checkpoint.MaxEarlier)
		if span <= checkpoint.MaxEarlier {
			require.Len(t, got, int(span))
		} else {
			require.Greater(t, len(got), checkpoint.MaxEarlier/2, "span %d", span)
		}
		require.Equal(t, span, got[len(got)-1], "the one before")
		require.True(t, slices.IsSorted(got))
		for i := 2; i < len(got); i++ {
			require.LessOrEqual(t, got[i]-got[i-1], got[i-1]-got[i-2])
		}
		again := checkpoint.Thin(got, func(s uint64) uint64 { return s }, span+1, checkpoint.MaxEarlier)
		require.Equal(t, got, again)
	}
	// A history that grows by steps of its own keeps old points.
	var points []uint64
	for head := uint64(1371); head < 1_000_000; head += 1370 {
		points = checkpoint.Thin(append(points, checkpoint.Spaced(head-1370+1, head)...), func(s uint64) uint64 { return s }, head, checkpoint.MaxEarlier)
		require.LessOrEqual(t, len(points), checkpoint.MaxEarlier)
		points = append(points, head)
	}
	require.Less(t, points[0], uint64(1370))
	for i := 1; i < len(points)-1; i++ { // nowhere is a gap larger than a half of what follows it
		require.LessOrEqual(t, points[i]-points[i-1], 1_000_000-points[i], fmt.Sprint(points))
	}
}

func FuzzOpen(f *testing.F) {
	raw, err := os.ReadFile(filepath.Join("testdata", "v1.note"))
	require.NoError(f, err)
	f.Add(raw)
	f.Add(append(bytes.Clone(raw), raw...))
	f.Add([]byte("holdfast/\n\n— x AAAAAAA=\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		total := 0
		for _, part := range checkpoint.Split(b) {
			total += len(part)
			n, err := checkpoint.Open(part, nil)
			if err != nil {
				continue
			}
			text, err := n.Text()
			require.NoError(t, err)
			require.True(t, bytes.HasPrefix(part, []byte(text)))
			again, err := checkpoint.Parse(text)
			require.NoError(t, err)
			require.Equal(t, n.Checkpoint, again)
			require.LessOrEqual(t, len(n.Earlier), checkpoint.MaxEarlier)
		}
		require.LessOrEqual(t, total, len(b))
	})
}
