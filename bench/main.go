// Command bench measures durable appends through Holdfast beside other stores
// that make a record durable before they acknowledge it, in one run, on one
// disk, and writes a Markdown table. The README says how to read it.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
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
	warm    time.Duration // what a row appends for first, uncounted
	callers []int
	only    []string
	scan    int64
	seed    uint64
	binary  string // of the command, whose own measurements are added; "" leaves them out

	sizes
}

// The rows that the others are held against, and that is held against them.
const (
	rawRow    = "raw file"
	ledgerRow = "Holdfast ledger"
)

func main() {
	var c config
	var callers, only string
	var to outputs
	cpus := 0
	flag.StringVar(&c.dir, "dir", ".", "directory on the disk to measure; a scratch directory is made in it and removed")
	flag.IntVar(&c.rounds, "rounds", 10, "rounds, in each of which every row is measured once")
	flag.DurationVar(&c.length, "length", 400*time.Millisecond, "length of one measurement")
	flag.DurationVar(&c.warm, "warm", 100*time.Millisecond, "how long a row appends before each measurement; files, heaps and pools have their sizes then")
	flag.StringVar(&callers, "callers", "1,8,64,256", "numbers of callers")
	flag.StringVar(&only, "only", "", "rows to measure besides the raw file, comma-separated; empty: all")
	flag.Int64Var(&c.scan, "scan", 1024, "MiB of the log that is verified; 0 leaves that out")
	flag.Uint64Var(&c.seed, "seed", uint64(time.Now().UnixNano()), "seed of the order of the rows")
	flag.IntVar(&cpus, "cpus", 0, "processors to run on; 0: all that there are")
	flag.StringVar(&c.binary, "holdfast", "", "the command, whose bench --all is run as well")
	flag.StringVar(&to.markdown, "out", "", "file for the result; empty: standard output")
	flag.StringVar(&to.results, "results", "", "Markdown file in which the section about as many cores is replaced by the result")
	flag.StringVar(&to.json, "json", "", "file for the result as JSON")
	flag.Parse()
	if only != "" {
		c.only = strings.Split(only, ",")
	}
	err := pin(cpus)
	if err == nil {
		err = c.parse(callers)
	}
	if err == nil {
		err = c.run(&to)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// outputs are files for the result, "" for none.
type outputs struct{ markdown, results, json string }

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

func (c *config) run(to *outputs) (err error) {
	if c.dir, err = os.MkdirTemp(c.dir, "holdfast-bench-"); err != nil {
		return err
	}
	defer os.RemoveAll(c.dir)
	var kept bytes.Buffer
	w := io.Writer(os.Stdout) // a table at a time, so that an interrupted run leaves something
	if to.markdown != "" {
		f, err := os.Create(to.markdown)
		if err != nil {
			return err
		}
		defer f.Close()
		w = f
	}
	sum, err := c.all(io.MultiWriter(w, &kept))
	if err == nil && to.results != "" {
		err = keep(to.results, kept.String())
	}
	if err == nil && to.json != "" {
		err = sum.write(to.json)
	}
	return err
}

// command is the command line without the files that it names.
func command() string {
	words := []string{"bench"}
	flag.Visit(func(f *flag.Flag) {
		switch f.Name {
		case "dir", "out", "results", "json", "holdfast":
		default:
			words = append(words, "-"+f.Name+" "+f.Value.String())
		}
	})
	return strings.Join(words, " ")
}

// all measures everything that was asked for.
func (c *config) all(w io.Writer) (*summary, error) {
	var err error
	if c.sizes, err = measure(c, sizesOf); err != nil {
		return nil, err
	}
	m, err := machine(c.dir)
	if err != nil {
		return nil, err
	}
	sum := &summary{
		Machine: m, Commit: commit(), Processors: runtime.NumCPU(), GOMAXPROCS: runtime.GOMAXPROCS(0), Command: command(),
		Payload: c.payload, Record: c.record, Rounds: c.rounds, Length: c.length.String(), Seed: c.seed,
	}
	fmt.Fprintf(w, "%s.\n\nCommit %s; `%s`. Payload %d bytes, a record of the ledger %d bytes; %d rounds of %v per row, in a drawn order; seed %d.\n",
		m, sum.Commit, sum.Command, c.payload, c.record, c.rounds, c.length, c.seed)
	rows := c.rows()
	for _, n := range c.callers {
		t, err := c.compare(rows, n)
		if err != nil {
			return nil, err
		}
		t.print(w)
		sum.Tables, sum.Targets = append(sum.Tables, *t), append(sum.Targets, t.targets()...)
	}
	printTargets(w, sum.Targets)
	if err = c.verb(w); err != nil {
		return nil, err
	}
	if err = c.costs(w); err != nil {
		return nil, err
	}
	if c.scan > 0 {
		err = c.scans(w)
	}
	return sum, err
}

// rows are what is measured. The first is what the others are divided by.
func (c *config) rows() []peer {
	raw := peer{rawRow, "append to a file that grows, fdatasync", func(dir string, _ int) (store, error) {
		return yardstick.OpenRaw(filepath.Join(dir, "raw"), c.record, 0)
	}}
	rows := []peer{
		raw,
		{"raw file sized in advance", "overwrites 64 MiB of zeros, fdatasync", func(dir string, _ int) (store, error) {
			return yardstick.OpenRaw(filepath.Join(dir, "raw"), c.record, 64<<20)
		}},
		{"Holdfast journal", "Batch.Append and Commit per group", openJournal},
		{ledgerRow, "Apply of a fill", openLedger},
		{"Holdfast ledger encrypted", "the same, AES-256-GCM", openSealed},
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
func (c *config) compare(rows []peer, n int) (*table, error) {
	results := make([]series, len(rows))
	for round := range c.rounds {
		order := rand.New(rand.NewPCG(c.seed, uint64(n)<<32|uint64(round))).Perm(len(rows))
		for _, i := range order {
			c.progress(fmt.Sprintf("%d callers, round %d of %d: %s", n, round+1, c.rounds, rows[i].name))
			f, err := measure(c, func(dir string) (yardstick.Figures, error) { return c.one(dir, &rows[i], n) })
			if err != nil {
				return nil, fmt.Errorf("%s: %w", rows[i].name, err)
			}
			results[i] = append(results[i], f)
		}
	}
	c.progress("")
	t := &table{Callers: n}
	for i := range rows {
		t.Rows = append(t.Rows, rowOf(&rows[i], results[i], results[0]))
	}
	return t, nil
}

// progress shows what is measured, on a terminal.
func (c *config) progress(what string) {
	if _, err := unix.IoctlGetTermios(int(os.Stderr.Fd()), unix.TCGETS); err == nil {
		fmt.Fprintf(os.Stderr, "\r%-70s\r", what)
	}
}

func (c *config) one(dir string, p *peer, callers int) (yardstick.Figures, error) {
	s, err := p.open(dir, c.payload)
	if err != nil {
		return yardstick.Figures{}, err
	}
	f, err := c.drive(dir, s, callers)
	if closeErr := s.Close(); err == nil {
		err = closeErr
	}
	return f, err
}

func (c *config) drive(dir string, s store, callers int) (yardstick.Figures, error) {
	if _, err := yardstick.Drive(callers, c.warm, s.Append); err != nil {
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
	return yardstick.Drive(callers, c.length, s.Append)
}
