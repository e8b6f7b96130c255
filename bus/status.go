package bus

import (
	"context"
	"log/slog"
)

// Status returns what the relay is doing now.
func (r *Relay) Status() Status {
	_, newest := r.bounds()
	sent, dropped := r.ops.counts()
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.status
	if newest > s.Last {
		s.Lag = newest - s.Last
	}
	s.OpsSent, s.OpsDropped = sent, dropped
	if r.linked != nil {
		s.Reconnects += r.linked.Stats().Reconnects
	}
	return s
}

// noteLink records a new connection.
func (r *Relay) noteLink(l *link) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.linked = l.nc
	if r.links > 0 {
		r.status.Reconnects++
	}
	r.links++
	r.ops.wake()
}

// noteStream records what a look at the stream found. An error stands until
// something is published or nothing is left to publish: a look is no cure.
func (r *Relay) noteStream(first, last uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status.First, r.status.Last = first, last
	r.status.Resyncs++
	r.status.StopSeq = 0
	r.ops.wake() // the connection works, announcements may go out
}

// noteTrim records that the stream begins at first now.
func (r *Relay) noteTrim(first, last uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status.First, r.status.Last = first, last
}

// notePublished records an acknowledgement.
func (r *Relay) notePublished(last uint64, count, batches int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status.Last = last
	r.status.Err = ""
	r.status.Published += uint64(count)
	r.status.Batches += uint64(batches)
}

func (r *Relay) noteState(state string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status.State = state
	if state == StateLive {
		r.status.Err = ""
	}
}

// noteFailure records why the next step has to wait. A new reason is a warning,
// the same one again is detail.
func (r *Relay) noteFailure(ctx context.Context, err error, failures int) {
	text := err.Error()
	r.mu.Lock()
	known := failures > 1 && r.status.Err == text
	r.status.State, r.status.Err = StateRetrying, text
	last := r.status.Last
	r.mu.Unlock()
	level := slog.LevelWarn
	if known {
		level = slog.LevelDebug
	}
	r.o.Logger.Log(ctx, level, "bus: relay interrupted",
		"stream", r.stream, "last_seq", last, "failures", failures, "error", err)
}

// progressed says whether anything was published since it was last asked.
func (r *Relay) progressed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	moved := r.status.Published != r.seen
	r.seen = r.status.Published
	return moved
}
