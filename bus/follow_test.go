package bus_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/bus"
)

// client connects over TCP as a user, by what is in its credentials file, and
// finds the server again wherever it listens.
func (h *house) client(user string) *nats.Conn {
	h.t.Helper()
	var c struct{ URL, User, Password string }
	b, err := os.ReadFile(filepath.Join(h.dir, user+".json"))
	require.NoError(h.t, err)
	require.NoError(h.t, json.Unmarshal(b, &c))
	nc, err := nats.Connect(c.URL, nats.UserInfo(c.User, c.Password), nats.SetCustomDialer(h), nats.Timeout(patience), nats.MaxReconnects(-1), nats.ReconnectWait(20*time.Millisecond))
	require.NoError(h.t, err)
	h.t.Cleanup(nc.Close)
	return nc
}

// same fails unless an event is the journal's record of its sequence.
func same(t *testing.T, src *memSource, ev bus.Event) {
	t.Helper()
	want, ok := src.get(ev.Seq)
	require.True(t, ok, "seq %d", ev.Seq)
	want.Body, ev.Body = append([]byte(nil), want.Body...), append([]byte(nil), ev.Body...)
	require.Equal(t, want, ev)
}

// follow runs Follow in the background and hands over what it yields.
func follow(t *testing.T, nc *nats.Conn, from uint64) (events <-chan bus.Event, end <-chan error, stop context.CancelFunc) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	out, errs := make(chan bus.Event), make(chan error, 1)
	go func() {
		for ev, err := range bus.Follow(ctx, nc, testLedger, from) {
			if err != nil {
				errs <- err
				return
			}
			select {
			case out <- ev:
			case <-ctx.Done():
			}
		}
	}()
	t.Cleanup(cancel)
	return out, errs, cancel
}

func next(t *testing.T, events <-chan bus.Event, end <-chan error) bus.Event {
	t.Helper()
	select {
	case ev := <-events:
		return ev
	case err := <-end:
		require.NoError(t, err)
	case <-time.After(patience):
		require.Fail(t, "nothing follows")
	}
	return bus.Event{}
}

func TestFollow(t *testing.T) {
	t.Parallel()
	for _, user := range []string{"core", "reader"} {
		h, src := newHouse(t), newSource(1)
		src.add(2000, 80)
		src.trim(101)
		r, _ := run(t, src, h.quick())
		live(t, r, src)
		nc := h.core()
		if user != "core" {
			nc = h.client(user)
		}
		for from, first := range map[uint64]uint64{0: 101, 101: 101, 1999: 1999, 2001: 2001} {
			src.add(3, 80)
			_, last := src.Bounds()
			events, end, stop := follow(t, nc, from)
			for seq := first; seq <= last; seq++ {
				ev := next(t, events, end)
				require.Equal(t, seq, ev.Seq)
				same(t, src, ev)
			}
			src.add(1, 80) // and what comes later
			same(t, src, next(t, events, end))
			stop()
			require.ErrorIs(t, <-end, context.Canceled)
		}
	}
}

func TestFollowBeforeThereIsAnything(t *testing.T) {
	t.Parallel()
	h, src := newHouse(t), newSource(1)
	events, end, _ := follow(t, h.core(), 0) // not even a stream
	run(t, src, h.quick())
	src.add(2, 80)
	require.EqualValues(t, 1, next(t, events, end).Seq)
	require.EqualValues(t, 2, next(t, events, end).Seq)
}

func TestFollowFromTheFuture(t *testing.T) {
	t.Parallel()
	h, src := newHouse(t), newSource(1)
	src.add(10, 80)
	r, _ := run(t, src, h.quick())
	live(t, r, src)
	events, end, _ := follow(t, h.core(), 16)
	src.add(10, 80)
	require.EqualValues(t, 16, next(t, events, end).Seq)
}

func TestFollowTrimmed(t *testing.T) {
	t.Parallel()
	h, src := newHouse(t), newSource(1)
	src.add(100, 80)
	src.trim(51)
	r, _ := run(t, src, h.quick())
	live(t, r, src)
	events, end, _ := follow(t, h.core(), 50)
	var err error
	select {
	case err = <-end:
	case ev := <-events:
		require.Fail(t, "skipped", "%d", ev.Seq)
	}
	var gap *bus.GapError
	require.ErrorAs(t, err, &gap)
	require.ErrorIs(t, err, bus.ErrGap)
	require.Equal(t, bus.GapError{Stream: bus.StreamName(testLedger), Want: 50, First: 51}, *gap)
}

// The stream is deleted, rebuilt, rolled back; the consumer sees each change
// once.
func TestFollowThroughRebuilds(t *testing.T) {
	t.Parallel()
	h, src := newHouse(t), newSource(1)
	src.add(500, 80)
	r, _ := run(t, src, h.hasty())
	events, end, _ := follow(t, h.core(), 1)
	want := uint64(1)
	upTo := func(last uint64) {
		t.Helper()
		for ; want <= last; want++ {
			ev := next(t, events, end)
			require.Equal(t, want, ev.Seq)
			same(t, src, ev)
		}
	}
	upTo(300)
	require.NoError(t, r.Rebuild(t.Context()))
	upTo(400)
	require.NoError(t, h.js().DeleteStream(t.Context(), bus.StreamName(testLedger)))
	src.add(300, 80)
	upTo(800)
	require.NoError(t, r.Rebuild(t.Context()))
	live(t, r, src)
	src.add(1, 80)
	upTo(801)
}

// A stream that is made anew and still empty is followed from its beginning; what
// was yielded before is not yielded again.
func TestFollowOntoEmptyStream(t *testing.T) {
	t.Parallel()
	h, src := newHouse(t), newSource(1)
	src.add(300, 80)
	r, stop := run(t, src, h.quick())
	live(t, r, src)
	events, end, _ := follow(t, h.core(), 1)
	for want := uint64(1); want <= 300; want++ {
		require.Equal(t, want, next(t, events, end).Seq)
	}
	stop()
	js := h.js()
	config := h.stream().CachedInfo().Config
	require.NoError(t, js.DeleteStream(t.Context(), config.Name))
	h.recreate(js, config)
	require.Eventually(t, func() bool {
		in, err := h.stream().Info(t.Context())
		return err == nil && in.State.Consumers > 0
	}, patience, 10*time.Millisecond)
	src.add(5, 80)
	run(t, src, h.quick())
	for want := uint64(301); want <= 305; want++ {
		ev := next(t, events, end)
		require.Equal(t, want, ev.Seq)
		same(t, src, ev)
	}
}

// The server restarts under a reader on TCP.
func TestFollowThroughRestarts(t *testing.T) {
	t.Parallel()
	h, src := newHouse(t), newSource(1)
	src.add(300, 80)
	r, _ := run(t, src, h.quick())
	live(t, r, src)
	events, end, _ := follow(t, h.client("reader"), 1)
	want := uint64(1)
	for round := range 3 {
		_, last := src.Bounds()
		for ; want <= last-uint64(round*50); want++ {
			require.Equal(t, want, next(t, events, end).Seq)
		}
		h.down()
		if round == 2 {
			h.loseStore()
		}
		src.add(200, 80)
		h.up()
	}
	_, last := src.Bounds()
	for ; want <= last; want++ {
		ev := next(t, events, end)
		require.Equal(t, want, ev.Seq)
		same(t, src, ev)
	}
}

func TestFollowForeign(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(m *nats.Msg){
		"no headers": func(m *nats.Msg) { m.Header = nil },
		"seq":        func(m *nats.Msg) { m.Header.Set("Holdfast-Seq", "9") },
		"epoch":      func(m *nats.Msg) { m.Header.Set("Holdfast-Epoch", "x") },
		"chain":      func(m *nats.Msg) { m.Header.Set("Holdfast-Chain", "00") },
		"chain hex":  func(m *nats.Msg) { m.Header.Set("Holdfast-Chain", fmt.Sprintf("%064s", "g")) },
		"id":         func(m *nats.Msg) { m.Header.Set("Holdfast-Id", "x:4") },
		"lineage":    func(m *nats.Msg) { m.Header.Set("Holdfast-Id", "x:5") },
	} {
		h := newHouse(t)
		js := h.js()
		_, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: bus.StreamName(testLedger), Subjects: []string{bus.EventFilter(testLedger)}})
		require.NoError(t, err)
		feedRecords(1, 6, func(seq uint64, m *nats.Msg) {
			if seq == 5 {
				change(m)
			}
		})(t, js, nil)
		n := 0
		for ev, err := range bus.Follow(t.Context(), h.core(), testLedger, 1) {
			if err != nil {
				require.ErrorIs(t, err, bus.ErrForeign, name)
				require.ErrorContains(t, err, "seq 5", name)
				break
			}
			n++
			require.EqualValues(t, n, ev.Seq)
		}
		require.Equal(t, 4, n, name)
	}
}

func TestFollowEnds(t *testing.T) {
	t.Parallel()
	h, src := newHouse(t), newSource(1)
	src.add(5, 80)
	r, _ := run(t, src, h.quick())
	live(t, r, src)
	for _, err := range bus.Follow(t.Context(), h.core(), testLedger, 1) {
		require.NoError(t, err)
		break // the caller may leave at any time
	}
	nc := h.core()
	events, end, _ := follow(t, nc, 5)
	require.EqualValues(t, 5, next(t, events, end).Seq)
	nc.Close()
	require.ErrorIs(t, <-end, bus.ErrClosed)
}
