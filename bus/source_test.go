package bus_test

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"sync"
	"sync/atomic"
	"time"

	"github.com/moneyprinter/holdfast/bus"
)

const (
	testLedger  = "main"
	testLineage = "0191a0b0-0000-7000-8000-000000000001"
)

// memSource is a journal in memory: dense, chained, growing, trimmed.
type memSource struct {
	ledger string

	mu     sync.Mutex
	first  uint64
	events []bus.Event
	grown  chan struct{} // closed and replaced when something is appended
	fail   func(seq uint64) error
	asked  chan uint64 // gets the sequence each Wait is for, when not nil; Wait waits for the receiver

	linger     time.Duration // how long a reading that is broken off goes on
	reading    atomic.Int32
	overlapped atomic.Bool // two readings at a time
}

func newSource(first uint64) *memSource {
	return &memSource{ledger: testLedger, first: first, grown: make(chan struct{})}
}

// add appends n events with bodies of the given size.
func (s *memSource) add(n, size int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for range n {
		seq := s.first + uint64(len(s.events))
		s.events = append(s.events, makeEvent(s.ledger, seq, 1, size))
	}
	close(s.grown)
	s.grown = make(chan struct{})
}

// makeEvent is a pure function of its arguments, so that a test can tell what
// must be on the stream.
func makeEvent(ledger string, seq, epoch uint64, size int) bus.Event {
	var b [16]byte
	binary.LittleEndian.PutUint64(b[:], seq)
	binary.LittleEndian.PutUint64(b[8:], epoch)
	ev := bus.Event{
		Seq: seq, Epoch: epoch, Chain: sha256.Sum256(b[:]),
		Subject: bus.EventSubject(ledger, "increased", fmt.Sprintf("acc%d", seq%3), fmt.Sprintf("INS%d", seq%5)),
	}
	body := make([]byte, 0, max(size, 32))
	body = fmt.Appendf(body, `{"seq":%d,"pad":"`, seq)
	for len(body) < size-2 {
		body = append(body, 'a'+byte((seq+uint64(len(body)))%26))
	}
	ev.Body = append(body, `"}`...)
	return ev
}

func (s *memSource) trim(first uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = s.events[first-s.first:]
	s.first = first
}

func (s *memSource) Bounds() (first, last uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.first, s.first + uint64(len(s.events)) - 1
}

func (s *memSource) get(seq uint64) (bus.Event, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if seq < s.first || seq >= s.first+uint64(len(s.events)) {
		return bus.Event{}, false
	}
	return s.events[seq-s.first], true
}

func (s *memSource) Events(ctx context.Context, from uint64) iter.Seq2[bus.Event, error] {
	return func(yield func(bus.Event, error) bool) {
		if s.reading.Add(1) > 1 {
			s.overlapped.Store(true)
		}
		defer func() {
			if ctx.Err() != nil {
				time.Sleep(s.linger)
			}
			s.reading.Add(-1)
		}()
		var body []byte
		for seq := from; ; seq++ {
			if err := ctx.Err(); err != nil {
				yield(bus.Event{}, err)
				return
			}
			if s.fail != nil {
				if err := s.fail(seq); err != nil {
					yield(bus.Event{}, err)
					return
				}
			}
			first, last := s.Bounds()
			if seq > last {
				return
			}
			ev, ok := s.get(seq)
			if !ok {
				yield(bus.Event{}, fmt.Errorf("trimmed: %d before %d", seq, first))
				return
			}
			// The same memory for each body: the contract allows it.
			body = append(body[:0], ev.Body...)
			ev.Body = body
			if !yield(ev, nil) {
				return
			}
		}
	}
}

func (s *memSource) At(seq uint64) (uint64, [32]byte, error) {
	ev, ok := s.get(seq)
	if !ok {
		return 0, [32]byte{}, errors.New("not kept")
	}
	return ev.Epoch, ev.Chain, nil
}

func (s *memSource) Wait(ctx context.Context, after uint64) error {
	for {
		s.mu.Lock()
		last, grown := s.first+uint64(len(s.events))-1, s.grown
		s.mu.Unlock()
		if s.asked != nil {
			select {
			case s.asked <- after:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if last > after {
			return nil
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
