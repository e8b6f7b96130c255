package bench

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/moneyprinter/holdfast/internal/wire"
	"github.com/moneyprinter/holdfast/internal/yardstick"
	"github.com/moneyprinter/holdfast/journal"
	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/projector"
)

// group is how many changes share a sync where the steps are measured.
const group = 64

// spent adds up what a step takes.
type spent struct {
	took time.Duration
	cpu  time.Duration
}

// during runs a step.
func (s *spent) during(do func() error) error {
	began, used := time.Now(), yardstick.CPU()
	err := do()
	s.cpu += yardstick.CPU() - used
	s.took += time.Since(began)
	return err
}

// step is the share of each of n changes.
func (s *spent) step(name, what string, n int, size int64) Step {
	each := int64(max(n, 1))
	return Step{Step: name, NS: int64(s.took) / each, CPU: int64(s.cpu) / each, Bytes: size / each, What: what}
}

// steps measures each step of a change with loops over the packages.
func (b *bench) steps(_ context.Context) error {
	b.Note("bench: single steps, %d changes", b.Steps)
	changes, err := b.stage()
	if err != nil {
		return err
	}
	if err = b.frame(b.encode(changes)); err != nil {
		return err
	}
	var event []byte
	var size int64
	var s spent
	_ = s.during(func() error {
		for i := range changes {
			event = position.AppendChangeJSON(event[:0], position.Stamp{Seq: uint64(i + 1), Epoch: 1, Time: 1}, &changes[i]) //nolint:gosec // not negative
			size += int64(len(event))
		}
		return nil
	})
	b.noteStep(s.step("event", "JSON of the change, as the relay publishes it", len(changes), size))
	return nil
}

func (b *bench) noteStep(s Step) { b.rep.Steps = append(b.rep.Steps, s) }

// stage folds fills on a book that has all its positions open already.
func (b *bench) stage() ([]position.Change, error) {
	book := projector.New(projector.Options{})
	fills := make([]position.Mutation, b.Steps+yardstick.Positions)
	for i := range fills {
		fills[i] = b.fills.Next()
	}
	changes := make([]position.Change, 0, b.Steps+b.Steps/2)
	one := func(i int) error {
		s, err := book.Stage(position.Time(i+1), fills[i:i+1], false)
		if err != nil {
			return err
		}
		changes = append(changes, s.Changes...)
		book.Accept(s)
		book.Publish(s)
		return nil
	}
	for i := range yardstick.Positions {
		if err := one(i); err != nil {
			return nil, err
		}
	}
	changes = changes[:0]
	var s spent
	err := s.during(func() error {
		for i := yardstick.Positions; i < len(fills); i++ {
			if err := one(i); err != nil {
				return err
			}
		}
		return nil
	})
	b.noteStep(s.step("stage", "fingerprint, duplicates, versions, arithmetic, new state", len(changes), 0))
	return changes, err
}

func (b *bench) encode(changes []position.Change) [][]byte {
	var s spent
	var size int64
	buf := make([]byte, 0, 1<<16)
	_ = s.during(func() error {
		for i := range changes {
			buf = wire.AppendChange(buf[:0], &changes[i])
			size += int64(len(buf))
		}
		return nil
	})
	b.noteStep(s.step("encode", "binary form of the change", len(changes), size))
	encoded := make([][]byte, len(changes))
	for i := range changes {
		encoded[i] = wire.AppendChange(nil, &changes[i])
	}
	return encoded
}

// frame measures the framing of a record and the group's write and sync.
func (b *bench) frame(encoded [][]byte) (err error) {
	j, err := journal.Open(filepath.Join(b.Dir, "journal"), journal.Options{Logger: b.Logger})
	if err != nil {
		return err
	}
	defer closing(j, &err)
	var framing, syncing spent
	var size int64
	for i := 0; i < len(encoded); i += group {
		batch := j.NewBatch()
		_ = framing.during(func() error {
			for _, p := range encoded[i:min(i+group, len(encoded))] {
				batch.Append(p, 0, int64(i+1))
			}
			return nil
		})
		size += int64(batch.Size())
		if err = syncing.during(func() error { return j.Commit(batch) }); err != nil {
			return err
		}
	}
	b.noteStep(framing.step("frame", "header, checksum, chain", len(encoded), size))
	b.noteStep(syncing.step("commit", fmt.Sprintf("write and sync, a group of %d", group), len(encoded), size))
	return nil
}
