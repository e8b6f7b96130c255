package bus_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/moneyprinter/holdfast/bus"
)

func TestRelayCatchesUpAndStaysLive(t *testing.T) {
	for _, first := range []uint64{1, 5001} {
		for _, n := range []int{0, 1, 149, 150, 1001, 4000, 4001, 8001} {
			t.Run(fmt.Sprintf("first=%d/n=%d", first, n), func(t *testing.T) {
				t.Parallel()
				h, src := newHouse(t), newSource(first)
				src.add(n, 100)
				r, stop := run(t, src, h.quick())
				live(t, r, src)
				require.Equal(t, n > 1, r.Status().Batches > 0)
				h.complete(src)
				for range 5 {
					src.add(3, 100)
					live(t, r, src)
				}
				require.EqualValues(t, n+15, r.Status().Published)
				stop()
				h.complete(src)
			})
		}
	}
}

// Not parallel: nothing else may run here.
func TestNothingIsLeftRunning(t *testing.T) {
	before := goleak.IgnoreCurrent()
	h, src := newHouse(t), newSource(1)
	src.add(9000, 100)
	r, stop := run(t, src, h.quick())
	live(t, r, src)
	n := 0
	nc := h.core()
	for _, err := range bus.Follow(t.Context(), nc, testLedger, 1) {
		require.NoError(t, err)
		if n++; n == 9000 {
			break
		}
	}
	nc.Close()
	stop()
	h.down()
	goleak.VerifyNone(t, before)
}

// Changes reach plain subscribers, too.
func TestPlainSubscriber(t *testing.T) {
	t.Parallel()
	h, src := newHouse(t), newSource(1)
	sub, err := h.core().SubscribeSync(bus.EventFilter(testLedger))
	require.NoError(t, err)
	src.add(400, 50)
	run(t, src, h.quick())
	for seq := uint64(1); seq <= 400; seq++ {
		m, err := sub.NextMsg(patience)
		require.NoError(t, err)
		require.Equal(t, fmt.Sprint(seq), m.Header.Get("Holdfast-Seq"))
	}
}

func TestStreamConfiguration(t *testing.T) {
	t.Parallel()
	h, src := newHouse(t), newSource(7)
	src.add(1, 50)
	o := h.quick()
	o.MaxAge, o.MaxBytes = time.Hour, 1<<20
	r, _ := run(t, src, o)
	live(t, r, src)
	c := h.stream().CachedInfo().Config
	require.Equal(t, []string{"holdfast.evt.v1.main.>"}, c.Subjects)
	require.EqualValues(t, 7, c.FirstSeq)
	require.True(t, c.DenyDelete)
	require.True(t, c.AllowAtomicPublish)
	require.Equal(t, testLineage, c.Metadata["holdfast-lineage"])
	require.Equal(t, jetstream.FileStorage, c.Storage)
	require.Equal(t, time.Hour, c.MaxAge)
	require.EqualValues(t, 1<<20, c.MaxBytes)
}

func TestServerRestarts(t *testing.T) {
	t.Parallel()
	h, src := newHouse(t), newSource(1)
	src.add(700, 80)
	r, _ := run(t, src, h.quick())
	live(t, r, src)
	for i := range 3 {
		h.down()
		src.add(10+i*300, 80) // journal and Announce do not notice
		until(t, r, "retrying", func(s bus.Status) bool { return s.State == bus.StateRetrying && s.Err != "" && s.Lag > 0 })
		h.up()
		live(t, r, src)
		h.complete(src)
	}
	require.NotZero(t, r.Status().Reconnects)
}

// The server goes away in the middle of what it is fed, again and again.
func TestServerRestartsUnderLoad(t *testing.T) {
	t.Parallel()
	h, src := newHouse(t), newSource(1)
	src.add(500, 300)
	r, _ := run(t, src, h.quick())
	for range 6 {
		src.add(6000, 300)
		_, last := src.Bounds()
		until(t, r, "at work", func(s bus.Status) bool { return s.Last > last-5500 })
		h.down()
		h.up()
	}
	live(t, r, src)
	h.complete(src)
}

func TestStreamDeletedWhileRunning(t *testing.T) {
	t.Parallel()
	h, src := newHouse(t), newSource(1)
	src.add(200, 80)
	r, _ := run(t, src, h.hasty())
	live(t, r, src)
	js := h.js()
	require.NoError(t, js.DeleteStream(t.Context(), bus.StreamName(testLedger)))
	until(t, r, "fed again though nothing new came", func(s bus.Status) bool { return s.Published == 400 })
	live(t, r, src)
	h.complete(src)

	require.NoError(t, js.DeleteStream(t.Context(), bus.StreamName(testLedger)))
	src.add(1, 80) // finds it missing
	live(t, r, src)
	h.complete(src)
}

func TestPurgedStream(t *testing.T) {
	for name, purge := range map[string]func(jetstream.Stream) error{
		"all":   func(s jetstream.Stream) error { return s.Purge(context.Background()) },
		"begin": func(s jetstream.Stream) error { return s.Purge(context.Background(), jetstream.WithPurgeSequence(51)) },
	} {
		for _, running := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s/running=%t", name, running), func(t *testing.T) {
				t.Parallel()
				h, src := newHouse(t), newSource(1)
				src.add(200, 80)
				r, stop := run(t, src, h.quick())
				live(t, r, src)
				if !running {
					stop()
				}
				require.NoError(t, purge(h.stream()))
				if !running {
					r, _ = run(t, src, h.quick())
				}
				seq := uint64(201)
				if name == "begin" {
					seq = 51
				}
				stopped(t, r, seq, "purged", "from seq 1 on")

				// It stands still: new records are not published, the server may come
				// and go, nothing is repaired unasked.
				src.add(50, 80)
				h.down()
				h.up()
				stopped(t, r, seq)
				require.EqualValues(t, 200, h.stream().CachedInfo().State.LastSeq)

				require.NoError(t, r.Rebuild(t.Context()))
				live(t, r, src)
				h.complete(src)
				require.Zero(t, r.Status().StopSeq)
			})
		}
	}
}

// foreign makes a stream that a relay must not touch.
type foreign struct {
	name   string
	config func(c *jetstream.StreamConfig)
	feed   func(t *testing.T, js jetstream.JetStream, src *memSource)
	seq    uint64
	words  []string
}

func TestForeignStreams(t *testing.T) {
	own := func(*jetstream.StreamConfig) {}
	table := []foreign{
		{"no lineage", func(c *jetstream.StreamConfig) { c.Metadata = nil }, feedRecords(1, 10, nil), 1, []string{"lineage"}},
		{"other lineage", func(c *jetstream.StreamConfig) { c.Metadata["holdfast-lineage"] = "other" }, feedRecords(1, 10, nil), 1, []string{"lineage", "other"}},
		{"other lineage, empty", func(c *jetstream.StreamConfig) { c.Metadata["holdfast-lineage"] = "other" }, feedRecords(1, 0, nil), 0, []string{"lineage"}},
		{"begins later", func(c *jetstream.StreamConfig) { c.FirstSeq = 3 }, feedRecords(3, 10, nil), 3, []string{"from seq 1 on"}},
		{"begins later, empty", func(c *jetstream.StreamConfig) { c.FirstSeq = 3 }, feedRecords(3, 2, nil), 3, []string{"from seq 1 on"}},
		{"ahead", own, feedRecords(1, 25, nil), 21, []string{"ends at seq 25 but the journal at 20"}},
		{"other chain", own, feedRecords(1, 10, func(seq uint64, m *nats.Msg) {
			if seq == 10 {
				m.Header.Set("Holdfast-Chain", "00")
			}
		}), 10, []string{"Holdfast-Chain"}},
		{"other epoch", own, feedRecords(1, 10, func(_ uint64, m *nats.Msg) { m.Header.Set("Holdfast-Epoch", "2") }), 10, []string{"Holdfast-Epoch"}},
		{"other seq", own, feedRecords(1, 10, func(_ uint64, m *nats.Msg) { m.Header.Set("Holdfast-Seq", "4") }), 10, []string{"Holdfast-Seq"}},
		{"other lineage in message", own, feedRecords(1, 10, func(seq uint64, m *nats.Msg) { m.Header.Set("Holdfast-Id", fmt.Sprintf("x:%d", seq)) }), 10, []string{"Holdfast-Id"}},
		{"no headers", own, feedRecords(1, 10, func(_ uint64, m *nats.Msg) { m.Header = nil }), 10, []string{"Holdfast-Id"}},
		{"hole", own, feedHole(4), 4, []string{"1 messages are missing inside"}},
		{"last removed", own, feedHole(10), 10, []string{"missing"}},
	}
	for _, f := range table {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			h, src := newHouse(t), newSource(1)
			src.add(20, 80)
			c := jetstream.StreamConfig{
				Name: bus.StreamName(testLedger), Subjects: []string{bus.EventFilter(testLedger)},
				Metadata: map[string]string{"holdfast-lineage": testLineage}, AllowAtomicPublish: true,
			}
			f.config(&c)
			js := h.js()
			_, err := js.CreateStream(t.Context(), c)
			require.NoError(t, err)
			f.feed(t, js, src)
			before, err := h.stream().Info(t.Context())
			require.NoError(t, err)
			r, _ := run(t, src, h.quick())
			stopped(t, r, f.seq, f.words...)
			after, err := h.stream().Info(t.Context())
			require.NoError(t, err)
			require.Equal(t, before.State, after.State, "it is left as it is")
			require.NoError(t, r.Rebuild(t.Context()))
			live(t, r, src)
			h.complete(src)
		})
	}
}

func feedRecords(from, to uint64, change func(uint64, *nats.Msg)) func(*testing.T, jetstream.JetStream, *memSource) {
	return func(t *testing.T, js jetstream.JetStream, _ *memSource) {
		t.Helper()
		for seq := from; seq <= to; seq++ {
			ev := makeEvent(testLedger, seq, 1, 80)
			m := &nats.Msg{Subject: ev.Subject, Data: ev.Body, Header: nats.Header{
				"Holdfast-Seq":   {fmt.Sprint(seq)},
				"Holdfast-Epoch": {"1"},
				"Holdfast-Chain": {fmt.Sprintf("%x", ev.Chain)},
				"Holdfast-Id":    {fmt.Sprintf("%s:%d", testLineage, seq)},
				"Content-Type":   {"application/json"},
			}}
			if change != nil {
				change(seq, m)
			}
			_, err := js.PublishMsg(t.Context(), m)
			require.NoError(t, err)
		}
	}
}

func feedHole(at uint64) func(*testing.T, jetstream.JetStream, *memSource) {
	return func(t *testing.T, js jetstream.JetStream, src *memSource) {
		t.Helper()
		feedRecords(1, 10, nil)(t, js, src)
		s, err := js.Stream(t.Context(), bus.StreamName(testLedger))
		require.NoError(t, err)
		require.NoError(t, s.DeleteMsg(t.Context(), at))
	}
}

// A stream that ends earlier than it did, as after a power cut of a server that
// does not sync: what it lost is fed again, with the same sequences.
func TestRolledBackStream(t *testing.T) {
	t.Parallel()
	for _, kept := range []uint64{0, 1, 7, 200} {
		h, src := newHouse(t), newSource(1)
		src.add(300, 80)
		r, stop := run(t, src, h.quick())
		live(t, r, src)
		stop()
		js := h.js()
		config := h.stream().CachedInfo().Config
		require.NoError(t, js.DeleteStream(t.Context(), config.Name))
		h.recreate(js, config)
		feedRecords(1, kept, nil)(t, js, src)
		r, _ = run(t, src, h.quick())
		live(t, r, src)
		require.Equal(t, 300-kept, r.Status().Published)
		h.complete(src)
	}
}

// An operator's own stream: without atomic batches, with limits.
func TestAdoptedStream(t *testing.T) {
	t.Parallel()
	h, src := newHouse(t), newSource(1)
	src.add(600, 80)
	_, err := h.js().CreateStream(t.Context(), jetstream.StreamConfig{
		Name: bus.StreamName(testLedger), Subjects: []string{"holdfast.evt.>"}, MaxMsgs: 100, DenyDelete: true,
		Metadata: map[string]string{"holdfast-lineage": testLineage},
	})
	require.NoError(t, err)
	r, stop := run(t, src, h.quick())
	live(t, r, src)
	require.Zero(t, r.Status().Batches)
	require.EqualValues(t, 501, h.stream().CachedInfo().State.FirstSeq)
	stop()
	src.add(10, 80)
	r, _ = run(t, src, h.quick()) // what the limit threw away is no purge
	live(t, r, src)
	require.EqualValues(t, 610, h.stream().CachedInfo().State.LastSeq)
}

// Somebody else owns the subjects: nothing can be created, and nothing is
// deleted.
func TestSubjectsTaken(t *testing.T) {
	t.Parallel()
	h, src := newHouse(t), newSource(1)
	src.add(3, 80)
	js := h.js()
	_, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "OTHER", Subjects: []string{"holdfast.>"}})
	require.NoError(t, err)
	r, _ := run(t, src, h.quick())
	until(t, r, "retrying", func(s bus.Status) bool { return s.State == bus.StateRetrying })
	require.Contains(t, r.Status().Err, "overlap")
	require.NoError(t, js.DeleteStream(t.Context(), "OTHER"))
	live(t, r, src)
	h.complete(src)
}
