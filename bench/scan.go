package main

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/moneyprinter/holdfast/journal"
)

// scans compares the verification of a whole log with reading the same files
// and computing one CRC-32C over each, both on all processors, from the page
// cache.
func (c *config) scans(w io.Writer) error {
	_, err := measure(c, func(dir string) (struct{}, error) {
		return struct{}{}, c.scansIn(w, dir)
	})
	return err
}

func (c *config) scansIn(w io.Writer, dir string) error {
	fmt.Fprintf(os.Stderr, "a log of %d MiB\n", c.scan)
	bytes, records, err := makeLog(dir, c.sizes, c.scan<<20)
	if err != nil {
		return err
	}
	rows := []struct {
		name string
		do   func() error
	}{
		{"read and CRC-32C", func() error { return readPlain(dir) }},
		{"journal.Check: every checksum, seq, epoch, time and chain value", func() error {
			rep, err := journal.Check(dir)
			if err == nil && (len(rep.Damages) > 0 || rep.Records != records) {
				err = errors.New("the log is damaged")
			}
			return err
		}},
		{"Reader.Records: the same, and the records in order", func() error { return readRecords(dir, records) }},
	}
	results := make([][]float64, len(rows))
	for round := range c.rounds {
		for _, i := range rand.New(rand.NewPCG(c.seed, uint64(round))).Perm(len(rows)) {
			began := time.Now()
			if err := rows[i].do(); err != nil {
				return err
			}
			results[i] = append(results[i], time.Since(began).Seconds())
		}
	}
	base := slices.Clone(results[0])
	fmt.Fprintf(w, "\n### Verifying a log of %d MiB\n\n%d records, from the page cache, all processors.\n\n| what | GB/s | M records/s | / plain | min-max |\n|---|---:|---:|---:|---:|\n",
		c.scan, records)
	for i, r := range rows {
		var part []float64
		for k, t := range results[i] {
			part = append(part, base[k]/t)
		}
		slices.Sort(part)
		slices.Sort(results[i])
		t, n := results[i][len(results[i])/2], len(part)
		fmt.Fprintf(w, "| %s | %.2f | %.2f | %.2f | %.2f-%.2f |\n", r.name,
			float64(bytes)/t/1e9, float64(records)/t/1e6, part[n/2], part[0], part[n-1])
	}
	return nil
}

func makeLog(dir string, size sizes, limit int64) (bytes int64, records uint64, err error) {
	j, err := journal.Open(dir, journal.Options{Logger: discard()})
	if err != nil {
		return 0, 0, err
	}
	b, record := j.NewBatch(), payload(size.payload)
	for bytes < limit {
		b.Append(record, 0, 1)
		bytes += int64(size.record)
		if records++; b.Len() == 2*4096 || bytes >= limit {
			if err = j.Commit(b); err != nil {
				return 0, 0, errors.Join(err, j.Close())
			}
			b = j.NewBatch()
		}
	}
	return bytes, records, j.Close()
}

func readRecords(dir string, records uint64) error {
	r, err := journal.OpenReader(dir)
	if err != nil {
		return err
	}
	n := uint64(0)
	for _, err := range r.Records(0) {
		if err != nil {
			return err
		}
		n++
	}
	if n != records {
		return fmt.Errorf("%d records instead of %d", n, records)
	}
	return nil
}

func readPlain(dir string) error {
	paths, err := filepath.Glob(filepath.Join(dir, "journal", "*"))
	if err != nil {
		return err
	}
	var (
		wg   sync.WaitGroup
		next = make(chan string)
		errs = make([]error, runtime.GOMAXPROCS(0))
	)
	for i := range errs {
		wg.Go(func() {
			table, buf := crc32.MakeTable(crc32.Castagnoli), make([]byte, 512<<10)
			for path := range next {
				if err := sum(path, table, buf); err != nil {
					errs[i] = err
				}
			}
		})
	}
	for _, path := range paths {
		next <- path
	}
	close(next)
	wg.Wait()
	return errors.Join(errs...)
}

func sum(path string, table *crc32.Table, buf []byte) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	for crc := uint32(0); ; {
		n, err := f.Read(buf)
		crc = crc32.Update(crc, table, buf[:n])
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
