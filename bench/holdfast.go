package main

import (
	"context"
	"crypto/rand"
	"path/filepath"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/internal/yardstick"
	"github.com/moneyprinter/holdfast/journal"
	"github.com/moneyprinter/holdfast/keyring"
)

func ctx() context.Context { return context.Background() }

type journalStore struct {
	j *journal.Journal
	b []byte
}

func openJournal(dir string, size int) (store, error) {
	j, err := journal.Open(filepath.Join(dir, "ledger"), journal.Options{Logger: discard()})
	if err != nil {
		return nil, err
	}
	return yardstick.Gather(&journalStore{j: j, b: payload(size)}), nil
}

func (s *journalStore) Commit(n int) error {
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
	l     *holdfast.Ledger
	fills yardstick.Fills
}

// ledgerOptions are those of a ledger without snapshots of its own.
func ledgerOptions() holdfast.Options {
	return holdfast.Options{Verb: "bench", Logger: discard(), SnapshotInterval: -1, SnapshotEvery: 1 << 62}
}

func openLedger(dir string, _ int) (store, error) { return openLedgerWith(dir, ledgerOptions()) }

// openSealed opens a ledger that is encrypted.
func openSealed(dir string, _ int) (store, error) {
	key, err := keyring.Generate(rand.Reader)
	if err != nil {
		return nil, err
	}
	o := ledgerOptions()
	o.Keys = keyring.New(key)
	return openLedgerWith(dir, o)
}

func openLedgerWith(dir string, o holdfast.Options) (store, error) {
	l, err := holdfast.Open(ctx(), filepath.Join(dir, "ledger"), o)
	if err != nil {
		return nil, err
	}
	s := &ledgerStore{l: l}
	return s, s.fills.Apply(ctx(), l, yardstick.Positions) // opens every position, which is not what is measured
}

func (s *ledgerStore) Append() error {
	_, err := s.l.Apply(ctx(), s.fills.Next())
	return err
}

func (s *ledgerStore) Close() error { return s.l.Close() }

// sizes are the bytes of an encoded change, as the journal takes them, and of its
// record in the journal.
type sizes struct{ payload, record int }

func sizesOf(dir string) (out sizes, err error) {
	s, err := openLedger(dir, 0)
	if err != nil {
		return out, err
	}
	mine := s.(*ledgerStore)
	if err = mine.fills.Apply(ctx(), mine.l, 2*yardstick.Positions); err != nil { // those of the measurements are open
		return out, err
	}
	if err = s.Close(); err != nil {
		return out, err
	}
	dir = filepath.Join(dir, "ledger")
	rep, err := journal.Check(dir)
	if err != nil {
		return out, err
	}
	r, err := journal.OpenReader(dir)
	if err != nil {
		return out, err
	}
	payload := 0
	for rec, err := range r.Records(0) {
		if err != nil {
			return out, err
		}
		payload += len(rec.Payload)
	}
	return sizes{payload: payload / int(rep.Records), record: int(rep.Bytes) / int(rep.Records)}, nil
}
