package projector_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/projector"
)

// TestRestingView counts: sorting the keys and making the digest could have rested, and
// neither digest nor body is another for it.
func TestRestingView(t *testing.T) {
	const keys = 20_000
	book := func() *projector.Book {
		l := newScribe(projector.Options{})
		for i := range keys {
			l.apply(t, fill(fmt.Sprint(i), key(fmt.Sprint(i*7919%keys), "X"), position.Buy, "1", "10", position.Time(i+1)))
		}
		return l.book
	}
	plain := book().View()
	b := book()
	steps := 0
	v := b.View().Resting(func() { steps++ })
	require.Equal(t, plain.Digest(), v.Digest())
	sorting := steps
	steps = 0
	require.Equal(t, plain.Digest(), v.Digest())
	require.Zero(t, steps, "it is made once")
	require.Equal(t, plain.Digest(), b.View().Resting(func() { steps++ }).Digest())
	require.Greater(t, steps, 50*keys/(80<<10), "the digest is of at least 50 bytes for each")
	require.Greater(t, sorting-steps, 10*keys/1024, "sorting takes more than ten comparisons for each")
	var want, got bytes.Buffer
	_, err := plain.WriteTo(&want)
	require.NoError(t, err)
	_, err = v.WriteTo(&got)
	require.NoError(t, err)
	require.Equal(t, want.Bytes(), got.Bytes())
	require.Equal(t, plain.Digest(), b.View().Digest())
	require.Equal(t, projector.New(projector.Options{}).View().Digest(), new(projector.View).Resting(func() {}).Digest())
}
