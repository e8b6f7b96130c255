package journal_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/internal/yardstick"
	"github.com/moneyprinter/holdfast/journal"
	"github.com/moneyprinter/holdfast/journal/internal/journaltest"
	"github.com/moneyprinter/holdfast/keyring"
)

const benchPayload = 256

// BenchmarkCommit commits groups and, in turns on the same disk, appends the
// same number of bytes to a plain file with fdatasync. ns/op is the commit
// alone, raw-ns/op the plain file, and the ratio is raw divided by commit, of
// the medians: 1 is as fast as the disk allows.
func BenchmarkCommit(b *testing.B) {
	for _, size := range []int{1, 64, 256} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			dir := b.TempDir()
			j := journaltest.Open(b, filepath.Join(dir, "ledger"), journal.Options{})
			f, err := os.Create(filepath.Join(dir, "raw"))
			require.NoError(b, err)
			b.Cleanup(func() { _ = f.Close() })
			data := bytes.Repeat([]byte("0123456789abcdef"), benchPayload/16)
			var ours, raw, encode []time.Duration
			b.ReportAllocs()
			for b.Loop() {
				began := time.Now()
				batch := j.NewBatch()
				for range size {
					batch.Append(data, 0, 1)
				}
				n := batch.Size()
				encoded := time.Now()
				require.NoError(b, j.Commit(batch))
				encode = append(encode, encoded.Sub(began))
				ours = append(ours, time.Since(encoded))
				b.StopTimer()
				plain := make([]byte, n)
				began = time.Now()
				_, err = f.Write(plain)
				require.NoError(b, err)
				require.NoError(b, yardstick.Datasync(f))
				raw = append(raw, time.Since(began))
				b.StartTimer()
			}
			report(b, size, ours, raw, encode)
		})
	}
}

func report(b *testing.B, size int, ours, raw, encode []time.Duration) {
	b.Helper()
	at := func(d []time.Duration, permille int) float64 {
		slices.Sort(d)
		return float64(d[(len(d)-1)*permille/1000])
	}
	b.ReportMetric(at(encode, 500)/float64(size), "encode-ns/record")
	b.ReportMetric(at(ours, 500), "p50-ns")
	b.ReportMetric(at(ours, 990), "p99-ns")
	b.ReportMetric(at(raw, 500), "raw-p50-ns")
	b.ReportMetric(at(raw, 990), "raw-p99-ns")
	b.ReportMetric(at(raw, 500)/at(ours, 500), "ratio-p50")
	sum := func(d []time.Duration) (t time.Duration) {
		for _, x := range d {
			t += x
		}
		return t
	}
	b.ReportMetric(float64(sum(raw))/float64(sum(ours)), "ratio-mean")
}

// BenchmarkEncode fills batches; the commits are not part of it.
func BenchmarkEncode(b *testing.B) {
	fillBatches(b, journaltest.Open(b, journaltest.FastDir(b), journal.Options{}), benchPayload, 1000)
}

// fillBatches appends payloads to batches of so many records each.
func fillBatches(b *testing.B, j *journal.Journal, payload, records int) {
	b.Helper()
	data := make([]byte, payload)
	batch := j.NewBatch()
	b.ReportAllocs()
	b.SetBytes(int64(payload + journaltest.HeaderSize))
	for b.Loop() {
		batch.Append(data, 0, 1)
		if batch.Len() == records {
			b.StopTimer()
			require.NoError(b, j.Commit(batch))
			batch = j.NewBatch()
			b.StartTimer()
		}
	}
	require.NoError(b, j.Commit(batch))
}

// BenchmarkScan reads a ledger of 200,000 records: as Open verifies it, through
// Records, and through a cursor. The figure is nanoseconds per record.
func BenchmarkScan(b *testing.B) {
	const records = 200_000
	dir := filepath.Join(journaltest.FastDir(b), "ledger")
	j := journaltest.Open(b, dir, journal.Options{})
	data := make([]byte, benchPayload)
	for range records / 1000 {
		batch := j.NewBatch()
		for range 1000 {
			batch.Append(data, 0, 1)
		}
		require.NoError(b, j.Commit(batch))
	}
	require.NoError(b, j.Close())
	r, err := journal.OpenReader(dir)
	require.NoError(b, err)
	per := func(b *testing.B, f func(b *testing.B)) {
		b.Helper()
		b.ReportAllocs()
		for b.Loop() {
			f(b)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/records, "ns/record")
	}
	b.Run("check", func(b *testing.B) {
		per(b, func(b *testing.B) {
			b.Helper()
			rep, err := journal.Check(dir)
			require.NoError(b, err)
			require.Empty(b, rep.Damages)
		})
	})
	b.Run("records", func(b *testing.B) {
		per(b, func(b *testing.B) {
			b.Helper()
			n := 0
			for _, err := range r.Records(0) {
				if err != nil {
					b.Fatal(err)
				}
				n++
			}
			require.Equal(b, records, n)
		})
	})
	b.Run("replay", func(b *testing.B) {
		j := journaltest.Open(b, dir, journal.Options{})
		per(b, func(b *testing.B) {
			b.Helper()
			n := 0
			for _, err := range j.Records(0) {
				if err != nil {
					b.Fatal(err)
				}
				n++
			}
			require.Equal(b, records, n)
		})
		require.NoError(b, j.Close())
	})
	b.Run("cursor", func(b *testing.B) {
		per(b, func(b *testing.B) {
			b.Helper()
			c := r.Cursor(0)
			n := 0
			for {
				if _, err := c.Next(records); err != nil {
					break
				}
				n++
			}
			require.NoError(b, c.Close())
			require.Equal(b, records, n)
		})
	})
}

// BenchmarkAppend encodes records of 353 bytes as they are stored, header
// included, which is what a fill comes to, plain and encrypted.
func BenchmarkAppend(b *testing.B) {
	for _, c := range []struct {
		name string
		keys *keyring.Ring
	}{{"Plain", nil}, {"Encrypted", keyring.New(key(b, 1))}} {
		b.Run(c.name, func(b *testing.B) {
			j := journaltest.Open(b, filepath.Join(journaltest.FastDir(b), "ledger"), journal.Options{Keys: c.keys})
			fillBatches(b, j, 353-journaltest.HeaderSize, 4000)
		})
	}
}

// BenchmarkRecordsEncrypted reads 200,000 encrypted records; compare with
// BenchmarkScan.
func BenchmarkRecordsEncrypted(b *testing.B) {
	const records = 200_000
	dir := filepath.Join(journaltest.FastDir(b), "ledger")
	keys := keyring.New(key(b, 1))
	j := journaltest.Open(b, dir, journal.Options{Keys: keys})
	data := make([]byte, benchPayload)
	for range records / 1000 {
		batch := j.NewBatch()
		for range 1000 {
			batch.Append(data, 0, 1)
		}
		require.NoError(b, j.Commit(batch))
	}
	require.NoError(b, j.Close())
	r, err := journal.OpenReader(dir)
	require.NoError(b, err)
	r = r.WithKeys(keys)
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		for _, err := range r.Records(0) {
			if err != nil {
				b.Fatal(err)
			}
			n++
		}
		require.Equal(b, records, n)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/records, "ns/record")
}
