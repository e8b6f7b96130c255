package main

import (
	"context"
	"path/filepath"
	"strconv"
	"sync/atomic"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/journal"
	"github.com/moneyprinter/holdfast/position"
)

func ctx() context.Context { return context.Background() }

// The book of the measurements: so many accounts hold so many instruments.
const accounts, instruments = 100, 100

// headerSize is what the journal adds to a change: a frame's header and a
// length of two bytes.
const headerSize = 72 + 2

type journalStore struct {
	j *journal.Journal
	b []byte
}

func openJournal(dir string, size int) (store, error) {
	j, err := journal.Open(filepath.Join(dir, "ledger"), journal.Options{Logger: discard()})
	if err != nil {
		return nil, err
	}
	return gather(&journalStore{j: j, b: payload(size)}), nil
}

func (s *journalStore) commit(n int) error {
	b := s.j.NewBatch()
	for range n {
		b.Append(s.b, 0, 1)
	}
	return s.j.Commit(b)
}

func (s *journalStore) Close() error { return s.j.Close() }

// ledgerStore is the whole ledger: form, duplicates, arithmetic, encoding,
// chain, journal, publication of the new state to readers.
type ledgerStore struct {
	l   *holdfast.Ledger
	ids atomic.Int64
}

// ledgerOptions are those of a ledger without snapshots of its own.
func ledgerOptions() holdfast.Options {
	return holdfast.Options{Verb: "bench", Logger: discard(), SnapshotInterval: -1, SnapshotEvery: 1 << 62}
}

func openLedger(dir string, _ int) (store, error) {
	l, err := holdfast.Open(ctx(), filepath.Join(dir, "ledger"), ledgerOptions())
	if err != nil {
		return nil, err
	}
	s := &ledgerStore{l: l}
	return s, s.warmUp()
}

// warmUp opens every position, which is not what is measured.
func (s *ledgerStore) warmUp() error {
	var futures []*holdfast.Future
	for range accounts * instruments {
		f, err := s.l.ApplyAsync(ctx(), s.fill())
		if err != nil {
			return err
		}
		futures = append(futures, f)
	}
	for _, f := range futures {
		if _, err := f.Wait(ctx()); err != nil {
			return err
		}
	}
	return nil
}

// fill returns the next fill: two increases for each reduction.
func (s *ledgerStore) fill() position.Fill {
	i := s.ids.Add(1)
	side := position.Buy
	if i%3 == 1 {
		side = position.Sell
	}
	return position.Fill{
		Meta: position.Meta{Ident: "bench-" + strconv.FormatInt(i, 10), Time: position.Time(1_700_000_000_000_000_000 + i)},
		Key: position.Key{
			Account:    "account-" + strconv.FormatInt(i%accounts, 10),
			Instrument: "instrument-" + strconv.FormatInt(i/accounts%instruments, 10),
		},
		Side: side, Qty: position.FromInt(1 + i%7), Price: position.FromInt(100 + i%11), Fee: position.MustParse("0.0125"),
	}
}

func (s *ledgerStore) append() error {
	_, err := s.l.Apply(ctx(), s.fill())
	return err
}

func (s *ledgerStore) Close() error { return s.l.Close() }

// changeSize returns the bytes of an encoded change, as the journal takes them.
func changeSize(dir string) (int, error) {
	s, err := openLedger(dir, 0)
	if err != nil {
		return 0, err
	}
	for range 2 { // the positions of the measurements are open
		if err = s.(*ledgerStore).warmUp(); err != nil {
			return 0, err
		}
	}
	if err = s.Close(); err != nil {
		return 0, err
	}
	rep, err := journal.Check(filepath.Join(dir, "ledger"))
	if err != nil {
		return 0, err
	}
	return int(rep.Bytes)/int(rep.Records) - headerSize, nil
}
