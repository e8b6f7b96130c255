package snapshotter_test

import (
	"context"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/snapshotter"
)

// BenchmarkSnapshot writes, reads back and opens 64 MiB of records that compress
// about as positions do. The rate is that of the body before compression.
func BenchmarkSnapshot(b *testing.B) {
	const size, chunk = 64 << 20, 64 << 10
	rng := rand.New(rand.NewPCG(1, 2))
	body := make([]byte, size)
	for i := 0; i < size; i += 64 {
		copy(body[i:], "account-7/BTC-PERP/trend")
		binary.LittleEndian.PutUint64(body[i+32:], rng.Uint64N(1<<40))
		binary.LittleEndian.PutUint64(body[i+48:], rng.Uint64N(1<<20))
	}
	s := snapshotter.New(b.TempDir(), snapshotter.Options{})
	write := func(w io.Writer) error {
		for i := 0; i < size; i += chunk {
			if _, err := w.Write(body[i : i+chunk]); err != nil {
				return err
			}
		}
		return nil
	}
	last, err := s.Write(context.Background(), metaOf(1), write)
	require.NoError(b, err)
	b.Run("write", func(b *testing.B) {
		b.SetBytes(size)
		for b.Loop() {
			_, err := s.Write(context.Background(), metaOf(0), write)
			require.NoError(b, err)
			_, err = s.Prune(snapshotter.Beyond(2))
			require.NoError(b, err)
		}
	})
	b.Run("open", func(b *testing.B) {
		b.SetBytes(size)
		for b.Loop() {
			r, err := s.Open(last.Name)
			require.NoError(b, err)
			_, err = io.Copy(io.Discard, struct{ io.Reader }{r})
			require.NoError(b, err)
			require.NoError(b, r.Close())
		}
		b.ReportMetric(float64(last.Size)/size, "stored/plain")
	})
}
