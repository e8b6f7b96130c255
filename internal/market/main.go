// Command market makes the files of testdata: a few weeks of trading of invented
// accounts in invented markets, and what their positions come to.
//
//	go run ./internal/market -seed 1 -out testdata
//
// The same seed gives the same bytes, on any machine and on any day: there is no
// clock, no float and no map order in it. It knows nothing of the packages that
// it tests. It has its own arithmetic, in exact fractions of math/big, so that a
// mistake there and a mistake here are not the same mistake.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	seed := flag.Uint64("seed", 1, "what the market's chances are drawn from")
	out := flag.String("out", "testdata", "directory for the three files")
	flag.Parse()
	if err := run(*seed, *out); err != nil {
		fmt.Fprintln(os.Stderr, "market:", err)
		os.Exit(1)
	}
}

func run(seed uint64, dir string) error {
	w := newWorld(seed)
	w.run()
	golden, err := w.golden()
	if err != nil {
		return err
	}
	for _, f := range []struct {
		name string
		text []byte
	}{
		{"market.ndjson", w.lines.Bytes()},
		{"market_hyperliquid.csv", w.export()},
		{"market_positions.json", golden},
	} {
		if err = os.WriteFile(filepath.Join(dir, f.name), f.text, 0o644); err != nil {
			return err
		}
	}
	fmt.Printf("seed %d: %d lines, %d fills, %d of them on the venue, %d positions\n",
		seed, w.count, w.fills, len(w.rows), len(w.book.positions))
	return nil
}
