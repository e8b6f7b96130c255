package main

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
	"testing"

	"github.com/moneyprinter/holdfast/journal"
)

// costs measures what one record costs the processor, one core, no disk: the
// rounds of the rows alternate, as those of the stores do.
func (c *config) costs(w io.Writer) error {
	record := payload(c.record) // about as much is hashed: the chain value before, the header, the payload
	out := make([]byte, 0, 2*len(record))
	block, err := aes.NewCipher(make([]byte, 32))
	if err != nil {
		return err
	}
	seal, err := cipher.NewGCM(block)
	if err != nil {
		return err
	}
	nonce, table := make([]byte, seal.NonceSize()), crc32.MakeTable(crc32.Castagnoli)
	rows := []struct {
		name string
		do   func(b *testing.B)
	}{
		{"frame: header, chain, checksum, copy into the batch (Batch.Append)", c.frame(c.payload)},
		{"of that, chain: SHA-256", func(b *testing.B) {
			for b.Loop() {
				_ = sha256.Sum256(record)
			}
		}},
		{"of that, checksum: CRC-32C", func(b *testing.B) {
			for b.Loop() {
				_ = crc32.Checksum(record, table)
			}
		}},
		{"encryption would add: AES-256-GCM, without the key's derivation", func(b *testing.B) {
			for b.Loop() {
				out = seal.Seal(out[:0], nonce, record[c.record-c.payload:], record[:c.record-c.payload])
			}
		}},
	}
	results := make([][]float64, len(rows))
	for range c.rounds {
		for i, r := range rows {
			t := testing.Benchmark(r.do)
			results[i] = append(results[i], float64(t.T.Nanoseconds())/float64(t.N))
		}
	}
	fmt.Fprintf(w, "\n### Cost of a record\n\nOne core, a payload of %d bytes, no disk.\n\n| what | ns | min-max |\n|---|---:|---:|\n", c.payload)
	for i, r := range rows {
		slices.Sort(results[i])
		n := len(results[i])
		fmt.Fprintf(w, "| %s | %.0f | %.0f-%.0f |\n", r.name, results[i][n/2], results[i][0], results[i][n-1])
	}
	return nil
}

// frame appends to batches that are committed outside the measured time.
func (c *config) frame(size int) func(b *testing.B) {
	return func(b *testing.B) {
		record := payload(size)
		_, err := measure(c, func(dir string) (struct{}, error) {
			j, err := journal.Open(dir, journal.Options{Logger: discard()})
			if err != nil {
				return struct{}{}, err
			}
			batch := j.NewBatch()
			b.ResetTimer()
			for range b.N {
				batch.Append(record, 0, 1)
				if batch.Len() < 4096 {
					continue
				}
				b.StopTimer()
				if err = j.Commit(batch); err != nil {
					return struct{}{}, err
				}
				batch = j.NewBatch()
				b.StartTimer()
			}
			b.StopTimer()
			return struct{}{}, j.Close()
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}
