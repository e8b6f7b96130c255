// Command bench measures durable appends through Holdfast beside other stores
// that make a record durable before they acknowledge it, in one run, on one
// disk, and writes a Markdown table. The README says how to read it.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/moneyprinter/holdfast/internal/yardstick"
)

type config struct {
	dir     string
	rounds  int
	length  time.Duration
	callers []int
	only    []string
	scan    int64
	seed    uint64
}

func main() {
	var c config
	var callers, only, out string
	flag.StringVar(&c.dir, "dir", ".", "directory on the disk to measure; a scratch directory is made in it and removed")
	flag.IntVar(&c.rounds, "rounds", 5, "rounds, in each of which every row is measured once")
	flag.DurationVar(&c.length, "length", 500*time.Millisecond, "length of one measurement")
	flag.StringVar(&callers, "callers", "1,8,64,256", "numbers of callers")
	flag.StringVar(&only, "only", "", "rows to measure besides the raw file, comma-separated; empty: all")
	flag.Int64Var(&c.scan, "scan", 1024, "MiB of the log that is verified; 0 leaves that out")
	flag.Uint64Var(&c.seed, "seed", uint64(time.Now().UnixNano()), "seed of the order of the rows")
	flag.StringVar(&out, "out", "", "file for the result; empty: standard output")
	flag.Parse()
	if only != "" {
		c.only = strings.Split(only, ",")
	}
	err := c.parse(callers)
	if err == nil {
		err = c.run(out)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func (c *config) parse(callers string) error {
	for s := range strings.SplitSeq(callers, ",") {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 {
			return fmt.Errorf("%q is no number of callers", s)
		}
		c.callers = append(c.callers, n)
	}
	if c.rounds < 1 {
		return fmt.Errorf("%d rounds", c.rounds)
	}
	return nil
}

func (c *config) run(out string) (err error) {
	if c.dir, err = os.MkdirTemp(c.dir, "holdfast-bench-"); err != nil {
		return err
	}
	defer os.RemoveAll(c.dir)
	size, err := measure(c, changeSize)
	if err != nil {
		return err
	}
	m, err := machine(c.dir)
	if err != nil {
		return err
	}
	w := os.Stdout // a table at a time, so that an interrupted run leaves something
	if out != "" {
		if w, err = os.Create(out); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, w.Close()) }()
	}
	fmt.Fprintf(w, "%s\n\nPayload %d bytes, a record of the ledger %d bytes; %d rounds of %v per row; seed %d.\n",
		m, size, size+headerSize, c.rounds, c.length, c.seed)
	rows := c.rows()
	for _, n := range c.callers {
		if err = c.compare(w, rows, n, size); err != nil {
			return err
		}
	}
	if err = c.costs(w, size); err != nil {
		return err
	}
	if c.scan > 0 {
		if err = c.scans(w, size); err != nil {
			return err
		}
	}
	return nil
}

// rows are what is measured. The first is what the others are divided by.
func (c *config) rows() []peer {
	raw := peer{"raw file", "append and fdatasync", func(dir string, size int) (store, error) {
		return yardstick.OpenRaw(filepath.Join(dir, "raw"), size+headerSize, 0)
	}}
	rows := []peer{
		raw,
		{"raw file, sized in advance", "overwrites 64 MiB of zeros, fdatasync", func(dir string, size int) (store, error) {
			return yardstick.OpenRaw(filepath.Join(dir, "raw"), size+headerSize, 64<<20)
		}},
		{"Holdfast journal", "Batch.Append and Commit per group", openJournal},
		{"Holdfast ledger", "Apply of a fill", openLedger},
		{"Holdfast ledger, encrypted", "the same, AES-256-GCM", openSealed},
	}
	rows = append(rows, peers()...)
	if c.only != nil {
		rows = slices.DeleteFunc(rows, func(p peer) bool { return p.name != raw.name && !slices.Contains(c.only, p.name) })
	}
	return rows
}

// measure runs f in a directory of its own.
func measure[T any](c *config, f func(dir string) (T, error)) (out T, err error) {
	dir, err := os.MkdirTemp(c.dir, "run-")
	if err != nil {
		return out, err
	}
	defer os.RemoveAll(dir)
	return f(dir)
}

// store is one way to make records durable: Append returns when its record is,
// and is called by many goroutines.
type store interface {
	Append() error
	Close() error
}

// compare measures the rows with n callers, every round in another order.
func (c *config) compare(w io.Writer, rows []peer, n, size int) error {
	results := make([]series, len(rows))
	for round := range c.rounds {
		order := rand.New(rand.NewPCG(c.seed, uint64(n)<<32|uint64(round))).Perm(len(rows))
		for _, i := range order {
			c.progress(fmt.Sprintf("%d callers, round %d of %d: %s", n, round+1, c.rounds, rows[i].name))
			f, err := measure(c, func(dir string) (yardstick.Figures, error) { return c.one(dir, &rows[i], n, size) })
			if err != nil {
				return fmt.Errorf("%s: %w", rows[i].name, err)
			}
			results[i] = append(results[i], f)
		}
	}
	c.progress("")
	return table(w, n, rows, results)
}

// progress shows what is measured, on a terminal.
func (c *config) progress(what string) {
	if _, err := unix.IoctlGetTermios(int(os.Stderr.Fd()), unix.TCGETS); err == nil {
		fmt.Fprintf(os.Stderr, "\r%-70s\r", what)
	}
}

func (c *config) one(dir string, p *peer, callers, size int) (yardstick.Figures, error) {
	s, err := p.open(dir, size)
	if err != nil {
		return yardstick.Figures{}, err
	}
	// Writes that opening it and the row before have left over shall not be in the way.
	d, err := os.Open(dir)
	if err != nil {
		return yardstick.Figures{}, err
	}
	err = unix.Syncfs(int(d.Fd()))
	_ = d.Close()
	if err != nil {
		return yardstick.Figures{}, err
	}
	f, err := yardstick.Drive(callers, c.length, s.Append)
	if closeErr := s.Close(); err == nil {
		err = closeErr
	}
	return f, err
}
