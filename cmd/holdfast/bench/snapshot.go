package bench

import (
	"context"
	"time"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/internal/yardstick"
	"github.com/moneyprinter/holdfast/snapshotter"
)

// besideCallers append while a snapshot is made.
const besideCallers = 8

// snapshot measures the opening from a snapshot and the appends beside one.
func (b *bench) snapshot(ctx context.Context) (err error) {
	b.Note("bench: a ledger of %d positions and its snapshot", b.Snapshot)
	const name = "snapshot"
	rep := &SnapshotReport{Callers: besideCallers, Pairs: b.Pairs}
	made, err := b.withSnapshot(ctx, name)
	if err != nil {
		return err
	}
	rep.Positions, rep.Bytes = made.Positions, made.Size
	open, cpu, err := b.openings(ctx, name)
	if err != nil {
		return err
	}
	rep.Open = open
	b.rep.Rows[rowOpen].size, b.rep.Rows[rowSnapshot].size = b.Snapshot, b.Snapshot
	b.rep.measured(rowOpen, each(cpu, func(ns *int64) thousandths { return thousandths(*ns / int64(time.Millisecond)) }))

	l, err := b.open(ctx, name)
	if err != nil {
		return err
	}
	defer closing(l, &err)
	if err = b.fills.Apply(ctx, l, yardstick.Positions); err != nil { // those of the appends are open
		return err
	}
	if err = b.beside(ctx, l, rep); err != nil {
		return err
	}
	b.rep.Snapshot = rep
	return nil
}

// withSnapshot makes a ledger that has all its positions in a snapshot.
func (b *bench) withSnapshot(ctx context.Context, name string) (made snapshotter.Snapshot, err error) {
	l, err := b.open(ctx, name)
	if err != nil {
		return made, err
	}
	defer closing(l, &err)
	if err = yardstick.Hold(ctx, l, b.Snapshot); err != nil {
		return made, err
	}
	return l.Snapshot(ctx)
}

// longestWithout bounds the appends without a snapshot: one that makes way for appends
// takes long.
const longestWithout = 10 * time.Second

// beside compares appends while a snapshot is made with appends without one, which
// go on for as long as the snapshot before took.
func (b *bench) beside(ctx context.Context, l *holdfast.Ledger, rep *SnapshotReport) error {
	apply := func() error {
		_, err := l.Apply(ctx, b.fills.Next())
		return err
	}
	var ratios []thousandths
	var beside, without []yardstick.Figures
	var took []int64
	length := b.Length
	for round := range b.Pairs {
		b.Note("bench: appends beside a snapshot of %d positions, pair %d of %d", rep.Positions, round+1, b.Pairs)
		err := b.turns(
			func() error {
				made := make(chan error, 1)
				began := time.Now()
				go func() {
					_, err := l.Snapshot(ctx)
					took = append(took, int64(time.Since(began)))
					made <- err
				}()
				f, err := yardstick.DriveUntil(besideCallers, made, apply)
				beside, length = append(beside, f), min(max(b.Length, time.Since(began)), longestWithout)
				return err
			},
			func() error {
				f, err := yardstick.Drive(besideCallers, length, apply)
				without = append(without, f)
				return err
			})
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		ratios = append(ratios, ratio(int64(beside[round].P999), int64(without[round].P999)))
	}
	rep.NS, rep.Beside, rep.Without = median(took), sideOf(beside), sideOf(without)
	b.rep.measured(rowSnapshot, ratios)
	return nil
}
