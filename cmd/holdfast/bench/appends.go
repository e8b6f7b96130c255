package bench

import (
	"context"
	"path/filepath"
	"slices"
	"time"

	"github.com/moneyprinter/holdfast/internal/yardstick"
	"github.com/moneyprinter/holdfast/journal"
)

// most is the number of callers of the targets about many of them.
const most = 256

// pair is one run of the ledger and the one of the raw file beside it.
type pair struct{ ledger, raw yardstick.Figures }

// appends compares durable fills with a raw append of the same bytes, and tells what a
// fill costs.
func (b *bench) appends(ctx context.Context) (err error) {
	const name = "ledger"
	l, err := b.open(ctx, name)
	if err != nil {
		return err
	}
	defer closing(l, &err)
	apply := func() error {
		_, aerr := l.Apply(ctx, b.fills.Next())
		return aerr
	}
	// Every position is opened, which is not what is measured, and the size of a
	// record becomes known.
	if err = b.fills.Apply(ctx, l, 3*yardstick.Positions); err != nil {
		return err
	}
	rep, err := journal.Check(filepath.Join(b.Dir, name)) // the size of the files is more, see journal.Report
	if err != nil {
		return err
	}
	b.rep.Bytes = rep.Bytes / int64(max(rep.Records, 1))
	raw, err := yardstick.OpenRaw(filepath.Join(b.Dir, "raw"), int(b.rep.Bytes), 0)
	if err != nil {
		return err
	}
	defer closing(raw, &err)
	pairs := make([][]pair, len(b.Callers))
	for round := range b.Pairs {
		b.Note("bench: %v callers beside a raw file, round %d of %d", b.Callers, round+1, b.Pairs)
		for _, i := range b.draw.Perm(len(b.Callers)) {
			var p pair
			err = b.turns(
				func() (e error) { p.ledger, e = yardstick.Drive(b.Callers[i], b.Length, apply); return e },
				func() (e error) { p.raw, e = yardstick.Drive(b.Callers[i], b.Length, raw.Append); return e })
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				return err
			}
			pairs[i] = append(pairs[i], p)
		}
	}
	for i, n := range b.Callers {
		b.noteCallers(n, pairs[i])
	}
	if err = b.harness(); err != nil {
		return err
	}
	return b.parts(apply)
}

// noteCallers puts the pairs of a number of callers into the report.
func (b *bench) noteCallers(callers int, pairs []pair) {
	ratios := each(pairs, func(p *pair) thousandths { return ratio(p.ledger.Rate, p.raw.Rate) })
	tails := each(pairs, func(p *pair) thousandths { return ratio(int64(p.ledger.P99), int64(p.raw.P99)) })
	r, tail := spreadOf(ratios), spreadOf(tails)
	b.rep.Apply = append(b.rep.Apply, CallersRow{
		Callers: callers, Pairs: len(pairs),
		Ledger: sideOf(each(pairs, func(p *pair) yardstick.Figures { return p.ledger })),
		Raw:    sideOf(each(pairs, func(p *pair) yardstick.Figures { return p.raw })),
		Ratio:  r.mid.number(), Low: r.low.number(), High: r.high.number(), P99: tail.mid.number(),
	})
	rows := map[int]int{1: rowRaw1, 8: rowRaw8, 64: rowRaw64, most: rowRaw256}
	if row, ok := rows[callers]; ok {
		b.rep.measured(row, ratios)
	}
	if callers == most {
		b.rep.measured(rowP99, tails)
		b.rep.measured(rowCPU, each(pairs, func(p *pair) thousandths { return thousandths(p.ledger.Used.CPU) })) // ns are thousandths of a µs
	}
}

// harness measures what making the calls costs by itself.
func (b *bench) harness() error {
	f, err := yardstick.Drive(slices.Max(b.Callers), min(b.Length, 200*time.Millisecond), func() error {
		_ = b.fills.Next()
		return nil
	})
	b.rep.Harness = &Harness{CPU: int64(f.Used.CPU), Allocated: f.Used.Allocated}
	return err
}
