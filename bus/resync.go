package bus

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
)

// metaLineage is the member of a stream's metadata that says whose it is.
const metaLineage = "holdfast-lineage"

// streamConfig returns the configuration of a stream that starts at first.
func (r *Relay) streamConfig(first uint64) *streamConfig {
	return &streamConfig{
		Name:        r.stream,
		Description: "Holdfast ledger " + Token(r.o.Ledger) + ": stream sequence = journal sequence",
		Subjects:    []string{EventFilter(r.o.Ledger)},
		Retention:   "limits", Storage: "file", Discard: "old",
		Replicas: r.o.Replicas,
		MaxMsgs:  -1, MaxPerSubj: -1, MaxBytes: orUnlimited(r.o.MaxBytes), MaxAge: r.o.MaxAge,
		FirstSeq: first, DenyDelete: true, Atomic: true, Fast: true,
		Metadata: map[string]string{metaLineage: r.o.Lineage},
	}
}

func orUnlimited(n int64) int64 {
	if n <= 0 {
		return -1
	}
	return n
}

// resync asks the stream what it has and returns the next sequence to publish.
// It is the only place that decides where to go on, and it trusts nothing but
// the stream's leader and the journal:
//
//   - no stream: one is created, beginning with the oldest kept record;
//   - another lineage, a beginning that is not ours, a hole, an end beyond the
//     journal's, or a last message that is not the journal's record of that
//     sequence: *StopError;
//   - otherwise the stream is a prefix of the journal, and publishing goes on
//     after it. Only the last message need be compared: everything was
//     published under the expectation of its predecessor, and its chain header
//     covers all records before it.
func (r *Relay) resync(ctx context.Context, l *link) (next uint64, err error) {
	first, _ := r.bounds()
	answer, err := l.api.info(ctx)
	if isCode(err, codeNoStream) {
		answer, err = r.create(ctx, l, first)
	}
	if err != nil {
		return 0, err
	}
	l.atomic = answer.Config.Atomic
	// Copies on other servers take atomic batches faster.
	l.fast = answer.Config.Fast && answer.Config.Replicas <= 1 && !l.noFast
	state := answer.State
	if err = r.judge(ctx, l, answer); err != nil {
		return 0, err
	}
	l.first = state.First
	r.noteStream(state.First, state.Last)
	return state.Last + 1, nil
}

// judge compares the stream with the journal. Bounds are read after the
// stream's state was: the journal only grows at one end and is trimmed at the
// other, so a stream that is a prefix of it cannot seem to be ahead of it, or to
// begin after it.
func (r *Relay) judge(ctx context.Context, l *link, answer *streamAnswer) error {
	state := &answer.State
	oldest, newest := r.bounds()
	switch lineage := answer.Config.Metadata[metaLineage]; {
	case lineage != r.o.Lineage:
		return r.stop(state.First, "it belongs to lineage %q, this ledger is %q", lineage, r.o.Lineage)
	case state.First > oldest && !answer.Config.discards():
		return r.stop(state.First, "it begins there but the journal keeps records from seq %d on: the messages between were purged", oldest)
	case state.Last > newest:
		return r.stop(newest+1, "it ends at seq %d but the journal at %d", state.Last, newest)
	case state.NumDeleted > 0 && !answer.Config.discards():
		return r.stopAtHole(ctx, l, state)
	case state.Messages == 0 || state.Last < oldest:
		return nil // nothing on it that the journal still has
	}
	return r.compare(ctx, l, state.Last)
}

func (r *Relay) stopAtHole(ctx context.Context, l *link, state *streamState) error {
	missing, err := l.api.holes(ctx)
	if err != nil {
		return err
	}
	at := state.First
	if len(missing) > 0 {
		at = missing[0]
	}
	return r.stop(at, "%d messages are missing inside it, this is the first of them", state.NumDeleted)
}

// compare checks that a message of the stream is the journal's record of the
// same sequence.
func (r *Relay) compare(ctx context.Context, l *link, seq uint64) error {
	epoch, chain, err := r.src.At(seq)
	if err != nil {
		if first, _ := r.bounds(); seq < first {
			return nil // trimmed meanwhile
		}
		return fmt.Errorf("journal at %d: %w", seq, err)
	}
	m, err := l.api.message(ctx, seq)
	if isCode(err, codeNoMessage) {
		// Purged or expired since the state was read; the next look will tell.
		return err
	}
	if err != nil {
		return err
	}
	want := [...]struct{ header, value string }{
		{HeaderID, r.o.Lineage + ":" + strconv.FormatUint(seq, 10)},
		{HeaderSeq, strconv.FormatUint(seq, 10)},
		{HeaderEpoch, strconv.FormatUint(epoch, 10)},
		{HeaderChain, hex.EncodeToString(chain[:])},
	}
	for _, w := range want {
		if got := m.Header.Get(w.header); got != w.value {
			return r.stop(seq, "its message says %s %q, the journal's record says %q", w.header, shorten(got), w.value)
		}
	}
	return nil
}

// shorten keeps a foreign header from filling the log.
func shorten(s string) string {
	if len(s) > 80 {
		return s[:80] + "…"
	}
	return s
}

func (r *Relay) stop(seq uint64, format string, args ...any) error {
	return &StopError{Stream: r.stream, Seq: seq, Reason: fmt.Sprintf(format, args...)}
}

func isCode(err error, code int) bool {
	var failed *apiError
	return errors.As(err, &failed) && failed.ErrCode == code
}

// bounds is Source.Bounds with an empty journal written as 1, 0.
func (r *Relay) bounds() (first, last uint64) {
	if r.src == nil {
		return 1, 0
	}
	first, last = r.src.Bounds()
	return max(first, 1), last
}
