package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/bus"
	"github.com/moneyprinter/holdfast/bus/embedded"
	"github.com/moneyprinter/holdfast/cmd/holdfast/daemon"
	"github.com/moneyprinter/holdfast/internal/wire"
	"github.com/moneyprinter/holdfast/internal/yardstick"
	"github.com/moneyprinter/holdfast/journal"
	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/projector"
)

// stepCost is what one step of a change takes on its own.
type stepCost struct {
	Step  string `json:"step"`
	NS    int64  `json:"ns_per_change"`
	Bytes int64  `json:"bytes_per_change"`
	What  string `json:"what"`
}

// stepGroup is how many changes share a sync when the steps are measured.
const stepGroup = 64

// steps measures each step with direct loops over the packages.
func (b *bench) steps(ctx context.Context, n int) ([]stepCost, error) {
	b.app.notef("bench: steps, %d changes", n)
	changes, stage, err := b.stage(n)
	if err != nil {
		return nil, err
	}
	encoded, encode := b.encode(changes)
	write, sync, err := b.journal(encoded)
	if err != nil {
		return nil, err
	}
	publish, err := b.publish(ctx, min(n, 50_000))
	if err != nil {
		return nil, err
	}
	var event []byte
	for i := range changes {
		event = position.AppendChangeJSON(event[:0], position.Stamp{Seq: uint64(i + 1), Epoch: 1, Time: 1}, &changes[i])
		publish.Bytes += int64(len(event))
	}
	publish.Bytes /= int64(max(len(changes), 1))
	return []stepCost{stage, encode, write, sync, publish}, nil
}

func perChange(began time.Time, n int) int64 { return int64(time.Since(began)) / int64(max(n, 1)) }

// stage folds n fills on a book that has all its positions open already.
func (b *bench) stage(n int) ([]position.Change, stepCost, error) {
	book := projector.New(projector.Options{})
	fills := make([]position.Mutation, n+yardstick.Positions)
	for i := range fills {
		fills[i] = b.fills.Next()
	}
	changes := make([]position.Change, 0, n+n/2)
	var began time.Time
	for i := range fills {
		if i == len(fills)-n {
			changes, began = changes[:0], time.Now()
		}
		s, err := book.Stage(position.Time(i+1), fills[i:i+1], false)
		if err != nil {
			return nil, stepCost{}, err
		}
		book.Accept(s)
		book.Publish(s)
		changes = append(changes, s.Changes...)
	}
	return changes, stepCost{Step: "stage", NS: perChange(began, len(changes)), What: "duplicates, versions, arithmetic, new state"}, nil
}

func (b *bench) encode(changes []position.Change) ([][]byte, stepCost) {
	encoded, total := make([][]byte, len(changes)), 0
	buf := make([]byte, 0, 1<<16)
	began := time.Now()
	for i := range changes {
		buf = wire.AppendChange(buf[:0], &changes[i])
		total += len(buf)
	}
	cost := stepCost{Step: "encode", NS: perChange(began, len(changes)), Bytes: int64(total / max(len(changes), 1)), What: "binary form of the change"}
	for i := range changes {
		encoded[i] = wire.AppendChange(nil, &changes[i])
	}
	return encoded, cost
}

// journal measures the framing of a record and the group's write and sync.
func (b *bench) journal(encoded [][]byte) (write, sync stepCost, err error) {
	dir := filepath.Join(b.dir, "journal")
	j, err := journal.Open(dir, journal.Options{Logger: b.app.log})
	if err != nil {
		return write, sync, err
	}
	defer closing(j, &err)
	var framing, syncing time.Duration
	for i := 0; i < len(encoded); i += stepGroup {
		began := time.Now()
		batch := j.NewBatch()
		for _, p := range encoded[i:min(i+stepGroup, len(encoded))] {
			batch.Append(p, 0, int64(i+1))
		}
		framed := time.Now()
		if err := j.Commit(batch); err != nil {
			return write, sync, err
		}
		framing += framed.Sub(began)
		syncing += time.Since(framed)
	}
	n, size := int64(max(len(encoded), 1)), daemon.JournalBytes(dir)
	write = stepCost{Step: "write", NS: int64(framing) / n, Bytes: size / n, What: "frame, checksum, chain"}
	sync = stepCost{Step: "sync", NS: int64(syncing) / n, Bytes: size / n, What: fmt.Sprintf("write and fsync, a group of %d", stepGroup)}
	return write, sync, nil
}

// publish measures how fast a relay brings a journal to an empty stream of an
// embedded server.
func (b *bench) publish(ctx context.Context, n int) (cost stepCost, err error) {
	dir := filepath.Join(b.dir, "published")
	if err = b.fillLedger(ctx, dir, n); err != nil {
		return cost, err
	}
	s, err := embedded.Start(embedded.Options{Dir: filepath.Join(b.dir, "nats"), Listen: embedded.NoListen, Ledger: "main"})
	if err != nil {
		return cost, err
	}
	defer closing(s, &err)
	o := b.scratchOptions()
	o.Bus = &holdfast.BusOptions{Connect: s.Connect}
	l, err := holdfast.Open(ctx, dir, o)
	if err != nil {
		return cost, err
	}
	defer closing(l, &err)
	began := time.Now()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		st := l.Relay().Status()
		if st.State == bus.StateLive && st.Lag == 0 {
			return stepCost{Step: "publish", NS: perChange(began, n), What: "relay to the embedded server, JSON included"}, nil
		}
		if st.State == bus.StateStopped {
			return cost, errors.New("holdfast: bench: " + st.Err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return cost, ctx.Err()
		}
	}
}

// fillLedger makes a ledger of n fills.
func (b *bench) fillLedger(ctx context.Context, dir string, n int) (err error) {
	l, err := holdfast.Open(ctx, dir, b.scratchOptions())
	if err != nil {
		return err
	}
	defer closing(l, &err)
	return b.fills.Apply(ctx, l, n)
}

// recoverReport is how fast a ledger opens from its journal alone.
type recoverReport struct {
	Changes uint64 `json:"changes"`
	NS      int64  `json:"ns"`
	Rate    int64  `json:"per_second"`
}

func (b *bench) recovery(ctx context.Context, n int) (*recoverReport, error) {
	b.app.notef("bench: recovery of %d changes", n)
	dir := filepath.Join(b.dir, "recovered")
	if err := b.fillLedger(ctx, dir, n); err != nil {
		return nil, err
	}
	began := time.Now()
	l, err := holdfast.Open(ctx, dir, b.scratchOptions())
	if err != nil {
		return nil, err
	}
	took := int64(time.Since(began))
	last := l.View().Seq()
	return &recoverReport{Changes: last, NS: took, Rate: int64(last) * int64(time.Second) / max(took, 1)}, l.Close()
}
