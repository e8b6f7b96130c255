package projector_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/internal/wire"
	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/projector"
)

// history is what a scribe's book looked like after each batch.
type history struct {
	scribe *scribe
	ends   []projector.Record // the last record of each batch
	bodies [][]byte           // after it; bodies[0] is that of the empty book
	digest [][32]byte
}

func record(t *testing.T, o projector.Options, n int) *history {
	t.Helper()
	h := &history{scribe: newScribe(o)}
	empty := projector.New(o)
	h.bodies = [][]byte{body(t, empty), body(t, h.scribe.book)}
	h.digest = [][32]byte{empty.View().Digest(), h.scribe.book.View().Digest()}
	h.ends = slices.Clone(h.scribe.records)
	seen := len(h.ends)
	refused, duplicates := 0, 0
	note := func(_ []position.Mutation, s *projector.Staged, err error) {
		if err != nil {
			refused++
		} else if len(s.Changes) == 0 {
			duplicates++
		}
		// An epoch may have begun before the batch.
		for i, r := range h.scribe.records[seen:] {
			if !r.More && seen+i+1 < len(h.scribe.records) {
				h.ends = append(h.ends, r)
				h.bodies = append(h.bodies, nil)
				h.digest = append(h.digest, [32]byte{})
			}
		}
		if len(h.scribe.records) > seen {
			seen = len(h.scribe.records)
			h.ends = append(h.ends, h.scribe.records[seen-1])
			h.bodies = append(h.bodies, body(t, h.scribe.book))
			h.digest = append(h.digest, h.scribe.book.View().Digest())
		}
	}
	for r := newRand(t); refused == 0 || duplicates == 0; { // a short draw may have none
		h.scribe.work(r, n, note)
	}
	t.Logf("%d records, %d batches, %d refused, %d duplicates", seen, len(h.ends), refused, duplicates)
	return h
}

// upTo returns the index of the last body that a limit includes.
func (h *history) upTo(within func(end projector.Record) bool) int {
	n := 0
	for n < len(h.ends) && within(h.ends[n]) {
		n++
	}
	return n
}

func (h *history) require(t *testing.T, i int, b *projector.Book) {
	t.Helper()
	if h.bodies[i] == nil {
		return
	}
	if !bytes.Equal(h.bodies[i], body(t, b)) {
		require.Failf(t, "bodies differ", "after batch %d, head %d", i, b.Head())
	}
	require.Equal(t, h.digest[i], b.View().Digest())
}

func TestReplayEqualsStagingAtEveryPrefix(t *testing.T) {
	o := projector.Options{Window: 60}
	h := record(t, o, 150)
	records := h.scribe.records
	for n := range len(records) + 1 {
		b := projector.New(o)
		require.NoError(t, b.Replay(stream(records[:n]), projector.Until{}))
		i := h.upTo(func(end projector.Record) bool { return end.Seq <= uint64(n) })
		h.require(t, i, b)

		limited := projector.New(o)
		require.NoError(t, limited.Replay(stream(records), projector.Until{Seq: uint64(n)}))
		if n == 0 {
			i = len(h.ends) // no limit
		}
		h.require(t, i, limited)
		if i > 0 {
			require.Equal(t, h.ends[i-1].Seq, limited.Head())
		}
	}
}

func TestReplayUntilTime(t *testing.T) {
	o := projector.Options{Window: 60}
	h := record(t, o, 80)
	for _, r := range h.ends {
		for _, at := range []position.Time{r.Time - 1, r.Time, r.Time + 1} {
			b := projector.New(o)
			require.NoError(t, b.Replay(stream(h.scribe.records), projector.Until{Time: at}))
			h.require(t, h.upTo(func(end projector.Record) bool { return end.Time <= at }), b)
		}
	}
}

func TestSnapshotPlusRestEqualsWhole(t *testing.T) {
	o := projector.Options{Window: 60}
	h := record(t, o, 200)
	last := len(h.bodies) - 1
	for i, raw := range h.bodies {
		if raw == nil {
			continue
		}
		b, err := projector.Load(bytes.NewReader(raw), o)
		require.NoError(t, err)
		h.require(t, i, b)
		var from uint64
		if i > 0 {
			from = h.ends[i-1].Seq
		}
		require.Equal(t, from, b.Head())
		require.NoError(t, b.Replay(stream(h.scribe.records[from:]), projector.Until{}))
		h.require(t, last, b)

		// In two steps: the second replay finds images that readers hold.
		b, err = projector.Load(bytes.NewReader(raw), o)
		require.NoError(t, err)
		middle := h.ends[min((i+last)/2, last-1)].Seq
		require.NoError(t, b.Replay(stream(h.scribe.records[from:]), projector.Until{Seq: middle}))
		held := b.View()
		before := held.Digest()
		require.NoError(t, b.Replay(stream(h.scribe.records[b.Head():]), projector.Until{}))
		h.require(t, last, b)
		var again bytes.Buffer
		_, err = held.WriteTo(&again)
		require.NoError(t, err)
		copied, err := projector.Load(&again, o)
		require.NoError(t, err)
		require.Equal(t, before, copied.View().Digest(), "a view never changes")
	}
}

// TestLoadedBookGoesOn stages on a loaded and on a replayed book what the first
// one stages, and they must agree on every refusal, outcome and byte.
func TestLoadedBookGoesOn(t *testing.T) {
	o := projector.Options{Window: 40}
	h := record(t, o, 150)
	o = h.scribe.options(o)
	loaded, err := projector.Load(bytes.NewReader(body(t, h.scribe.book)), o)
	require.NoError(t, err)
	replayed := projector.New(o)
	require.NoError(t, replayed.Replay(stream(h.scribe.records), projector.Until{}))
	others := []*scribe{
		{book: loaded, epoch: h.scribe.epoch, clock: h.scribe.clock},
		{book: replayed, epoch: h.scribe.epoch, clock: h.scribe.clock},
	}
	x := &trader{rnd: newRand(t), n: len(h.scribe.records)}
	for range 150 {
		ms := x.batch()
		want, wantErr := h.scribe.try(ms, false)
		for _, l := range others {
			got, err := l.try(ms, false)
			if wantErr != nil {
				require.EqualError(t, err, wantErr.Error())
				continue
			}
			require.NoError(t, err)
			require.Equal(t, want.Outcomes, got.Outcomes)
			require.Equal(t, want.Changes, got.Changes)
		}
	}
	for _, l := range others {
		require.Equal(t, body(t, h.scribe.book), body(t, l.book))
	}
}

func TestReplayRefusesDisorder(t *testing.T) {
	o := projector.Options{}
	l := newScribe(o)
	k := key("A", "X")
	l.apply(t, fill("1", k, position.Buy, "1", "10", 1))
	l.apply(t, fill("2", k, position.Sell, "3", "10", 2)) // flips: records 3 and 4
	l.apply(t, fill("3", k, position.Buy, "1", "10", 3), fill("4", k, position.Buy, "1", "10", 4))
	require.Len(t, l.records, 6)

	cases := map[string]struct {
		bend func(rs []projector.Record) []projector.Record
		seq  uint64
	}{
		"gap":            {func(rs []projector.Record) []projector.Record { return slices.Delete(rs, 2, 4) }, 3},
		"late start":     {func(rs []projector.Record) []projector.Record { return rs[1:] }, 1},
		"repeated":       {func(rs []projector.Record) []projector.Record { return slices.Insert(rs, 2, rs[1]) }, 3},
		"split mutation": {func(rs []projector.Record) []projector.Record { rs[2].More = false; return rs }, 3},
		"lone half": {func(rs []projector.Record) []projector.Record {
			c, err := new(wire.Decoder).Change(rs[2].Payload)
			require.NoError(t, err)
			c.Parts = 1
			rs[2].Payload, rs[2].More = wire.AppendChange(nil, &c), false
			return rs
		}, 4},
		"two first halves": {func(rs []projector.Record) []projector.Record { rs[3].Payload = rs[2].Payload; return rs }, 4},
		"garbage":          {func(rs []projector.Record) []projector.Record { rs[4].Payload = []byte{0xff}; return rs }, 5},
		"empty":            {func(rs []projector.Record) []projector.Record { rs[5].Payload = nil; return rs }, 6},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			b := projector.New(o)
			err := b.Replay(stream(c.bend(slices.Clone(l.records))), projector.Until{})
			require.ErrorIs(t, err, projector.ErrRecord)
			var at *projector.RecordError
			require.ErrorAs(t, err, &at)
			require.Equal(t, c.seq, at.Seq, err)
			require.Zero(t, b.View().Seq(), "nothing is shown of a replay that failed")

			b = projector.New(o)
			require.Error(t, b.Recompute(stream(c.bend(slices.Clone(l.records)))))
			require.Zero(t, b.View().Seq())
		})
	}
}

// TestReplayKeepsNoPayload: when it has returned, the payloads are the caller's again.
func TestReplayKeepsNoPayload(t *testing.T) {
	o := projector.Options{Window: 60}
	h := record(t, o, 200)
	records := slices.Clone(h.scribe.records)
	for i := range records {
		records[i].Payload = slices.Clone(records[i].Payload)
	}
	b := projector.New(o)
	require.NoError(t, b.Replay(stream(records), projector.Until{}))
	want := body(t, b)
	for i := range records {
		clear(records[i].Payload)
	}
	require.Equal(t, want, body(t, b))
}

func TestReplayPassesOnTheIteratorsError(t *testing.T) {
	l := newScribe(projector.Options{})
	l.work(newRand(t), 50, nil)
	broken := errors.New("disk on fire")
	b := projector.New(projector.Options{})
	err := b.Replay(func(yield func(projector.Record, error) bool) {
		for r, err := range stream(l.records) {
			if !yield(r, err) {
				return
			}
		}
		yield(projector.Record{}, broken)
	}, projector.Until{})
	require.ErrorIs(t, err, broken)
	require.Zero(t, b.View().Seq())
}

// TestReplayLeavesNobodyBehind breaks off in every way; goleak counts the
// goroutines at the end of all tests.
func TestReplayLeavesNobodyBehind(t *testing.T) {
	l := newScribe(projector.Options{})
	k := key("A", "X")
	for i := range 3000 {
		l.apply(t, fill(string(rune('a'+i%26))+l.clock.String(), k, position.Buy, "1", "10", l.clock))
	}
	bad := slices.Clone(l.records)
	bad[10].Payload = []byte{1}
	require.Error(t, projector.New(projector.Options{}).Replay(stream(bad), projector.Until{}))
	require.Panics(t, func() {
		err := projector.New(projector.Options{}).Replay(func(yield func(projector.Record, error) bool) {
			for i, r := range l.records {
				if i == 2000 {
					panic("the iterator's own")
				}
				if !yield(r, nil) {
					return
				}
			}
		}, projector.Until{})
		t.Error("unreachable", err)
	})
}
