package main

import (
	"context"
	"path/filepath"
	"slices"
	"time"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/internal/yardstick"
	"github.com/moneyprinter/holdfast/journal"
)

// bench runs the measurements in a scratch directory.
type bench struct {
	app    *app
	dir    string
	length time.Duration
	bytes  int64 // of one record in the journal, frame included
	fills  yardstick.Fills
}

// scratchOptions are those of a ledger without snapshots of its own.
func (b *bench) scratchOptions() holdfast.Options {
	return holdfast.Options{Verb: "bench", Logger: b.app.log, SnapshotInterval: -1, SnapshotEvery: 1 << 62}
}

// compare measures both sides for each number of callers.
func (b *bench) compare(ctx context.Context, callers []int, pairs int) (rows []callersRow, err error) {
	dir := filepath.Join(b.dir, "ledger")
	l, err := holdfast.Open(ctx, dir, b.scratchOptions())
	if err != nil {
		return nil, err
	}
	defer closing(l, &err)
	apply := func() error {
		_, aerr := l.Apply(ctx, b.fills.Next())
		return aerr
	}
	// Every position is opened, which is not what is measured, and the size of a
	// record becomes known.
	if err = b.fills.Apply(ctx, l, 3*yardstick.Positions); err != nil {
		return nil, err
	}
	rep, err := journal.Check(dir) // the size of the files is more, see journal.Report
	if err != nil {
		return nil, err
	}
	b.bytes = rep.Bytes / int64(max(rep.Records, 1))
	raw, err := yardstick.OpenRaw(filepath.Join(b.dir, "raw"), int(b.bytes), 0)
	if err != nil {
		return nil, err
	}
	defer closing(raw, &err)
	for _, n := range callers {
		row, err := b.pairs(ctx, n, pairs, apply, raw.Append)
		if err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// pairs runs the two sides in turns, in alternating order.
func (b *bench) pairs(ctx context.Context, callers, pairs int, ledger, raw func() error) (callersRow, error) {
	var mine, theirs []yardstick.Figures
	var ratios []int64
	for i := range pairs {
		b.app.notef("bench: %d callers, pair %d of %d", callers, i+1, pairs)
		first, second := ledger, raw
		if i%2 == 1 {
			first, second = raw, ledger
		}
		x, err := yardstick.Drive(callers, b.length, first)
		if err != nil {
			return callersRow{}, err
		}
		y, err := yardstick.Drive(callers, b.length, second)
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return callersRow{}, err
		}
		if i%2 == 1 {
			x, y = y, x
		}
		mine, theirs = append(mine, x), append(theirs, y)
		ratios = append(ratios, x.Rate*1000/max(y.Rate, 1))
	}
	slices.Sort(ratios)
	return callersRow{
		Callers: callers, Pairs: pairs, Ledger: sideOf(mine), Raw: sideOf(theirs),
		Ratio: thousands(middle(ratios)).number(), Low: thousands(ratios[0]).number(), High: thousands(ratios[len(ratios)-1]).number(),
	}, nil
}

func sideOf(runs []yardstick.Figures) side {
	pick := func(get func(yardstick.Figures) int64) []int64 {
		out := make([]int64, len(runs))
		for i, f := range runs {
			out[i] = get(f)
		}
		slices.Sort(out)
		return out
	}
	rates := pick(func(f yardstick.Figures) int64 { return f.Rate })
	return side{
		Rate: middle(rates), Min: rates[0], Max: rates[len(rates)-1],
		P50:  middle(pick(func(f yardstick.Figures) int64 { return int64(f.P50) })),
		P99:  middle(pick(func(f yardstick.Figures) int64 { return int64(f.P99) })),
		P999: middle(pick(func(f yardstick.Figures) int64 { return int64(f.P999) })),
	}
}

// middle is the median of a sorted list.
func middle(sorted []int64) int64 {
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
