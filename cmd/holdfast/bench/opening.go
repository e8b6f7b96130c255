package bench

import (
	"context"
	"runtime/debug"
	"time"

	"github.com/moneyprinter/holdfast/internal/yardstick"
)

// mostOpenings bounds how often a ledger is opened to measure it.
const mostOpenings = 10

// recovery measures how a ledger opens from its journal alone.
func (b *bench) recovery(ctx context.Context) error {
	b.Note("bench: recovery of %d changes", b.Recover)
	const name = "recovered"
	if err := b.fill(ctx, name, &b.fills, b.Recover); err != nil {
		return err
	}
	o, cpu, err := b.openings(ctx, name)
	if err != nil {
		return err
	}
	b.rep.Recover = o
	b.rep.measured(rowRecover, each(cpu, func(ns *int64) thousandths { return thousandths(*ns / int64(max(o.Changes, 1))) })) //nolint:gosec // a number of changes
	return nil
}

// openings opens a ledger several times. It returns the processor time of each.
func (b *bench) openings(ctx context.Context, name string) (*Opening, []int64, error) {
	o := &Opening{Opened: min(b.Pairs, mostOpenings)}
	var cpu, took, peak []int64
	for range o.Opened {
		debug.FreeOSMemory()
		before := beginPeak()
		began, used := time.Now(), yardstick.CPU()
		l, err := b.open(ctx, name)
		if err != nil {
			return nil, nil, err
		}
		took = append(took, int64(time.Since(began)))
		cpu = append(cpu, int64(yardstick.CPU()-used))
		peak = append(peak, peakSince(before))
		seq, counts := l.Counts()
		o.Changes, o.Positions = seq, counts.Positions
		if err = l.Close(); err != nil {
			return nil, nil, err
		}
	}
	o.NS, o.CPU, o.Peak = median(took), median(cpu), median(peak)
	o.Rate = int64(o.Changes) * int64(time.Second) / max(o.NS, 1) //nolint:gosec // a number of changes
	return o, cpu, nil
}
