package bus

import (
	"context"
	"iter"
)

// Bounds of what is rendered ahead of the publishing: so many portions, each of so many
// events or bytes, and one event more where it is larger.
const (
	portions      = 4
	portionEvents = 128
	portionBytes  = 128 << 10
	worthAhead    = 256 // events below which nothing is rendered ahead
)

// portion is a run of events whose bodies lie in its memory.
type portion struct {
	events []Event
	memory []byte
	err    error // what ended the source behind them
}

func (p *portion) add(ev *Event) {
	at := len(p.memory)
	p.memory = append(p.memory, ev.Body...)
	e := *ev
	e.Body = p.memory[at:]
	p.events = append(p.events, e)
}

func (p *portion) full() bool {
	return len(p.events) >= portionEvents || len(p.memory) >= portionBytes
}

func (p *portion) reset() { p.events, p.memory, p.err = p.events[:0], p.memory[:0], nil }

// room is the memory of what is rendered ahead, for one reading after the other.
type room [portions]portion

// ahead yields the events of a source from a sequence up to another, while a goroutine
// of its own reads and renders those that follow. The goroutine has ended when the
// range over them has: what it holds then is dropped, and who goes on asks the source
// again.
func (r *room) ahead(ctx context.Context, src Source, from, last uint64) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		if last-from < worthAhead {
			upTo(src.Events(ctx, from), last)(yield)
			return
		}
		reading, stop := context.WithCancel(ctx)
		full, empty := make(chan *portion, portions), make(chan *portion, portions)
		for i := range r {
			r[i].reset()
			empty <- &r[i]
		}
		go func() {
			defer close(full)
			render(reading, upTo(src.Events(reading, from), last), full, empty)
		}()
		defer func() {
			stop()
			for range full { // the goroutine has ended when there is no more
			}
		}()
		for p := range full {
			for i := range p.events {
				if !yield(p.events[i], nil) {
					return
				}
			}
			if p.err != nil {
				yield(Event{}, p.err)
				return
			}
			p.reset()
			empty <- p
		}
	}
}

// render fills portions until the events end or ctx does.
func render(ctx context.Context, events iter.Seq2[Event, error], full chan<- *portion, empty <-chan *portion) {
	var p *portion
	for ev, err := range events {
		if p == nil {
			select {
			case p = <-empty:
			case <-ctx.Done():
				return
			}
		}
		if p.err = err; err == nil {
			p.add(&ev)
		}
		if err != nil || p.full() {
			full <- p // there are no more portions than places
			p = nil
		}
	}
	if p != nil {
		full <- p
	}
}

// upTo ends a range of events with one, so that the source stands behind it.
func upTo(events iter.Seq2[Event, error], last uint64) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		for ev, err := range events {
			if !yield(ev, err) || err != nil || ev.Seq >= last {
				return
			}
		}
	}
}
