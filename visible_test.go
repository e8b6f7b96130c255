package holdfast_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/internal/ledgertest"
	"github.com/moneyprinter/holdfast/position"
)

// hooked are options that call f when the journal begins to append, which is
// when the group is not durable yet, once *l is set.
func hooked(l *atomic.Pointer[holdfast.Ledger], f func(*holdfast.Ledger)) holdfast.Options {
	o := ledgertest.Quiet()
	o.Phase = func(name string, begin bool) {
		if l := l.Load(); l != nil && name == "append" && begin {
			f(l)
		}
	}
	return o
}

func TestReadersSeeOnlyWhatIsDurable(t *testing.T) {
	var ptr atomic.Pointer[holdfast.Ledger]
	var acked, asked atomic.Uint64
	l := ledgertest.Open(t, t.TempDir(), hooked(&ptr, func(l *holdfast.Ledger) {
		asked.Add(1)
		if seen := l.View().Seq(); seen != acked.Load() {
			t.Errorf("readers see seq %d while only %d is durable", seen, acked.Load())
		}
		p, _ := l.Position(position.Key{Account: "A", Instrument: "I"})
		if want := position.FromInt(int64(asked.Load()) - 1); p.Qty.Cmp(want) != 0 {
			t.Errorf("readers see %s while only %s is durable", p.Qty, want)
		}
	}))
	ptr.Store(l)
	for i := range 20 {
		r, err := l.Apply(t.Context(), ledgertest.Fill(strconv.Itoa(i), "A", "I", position.Buy, "1", "1"))
		require.NoError(t, err)
		acked.Store(r.Last)
	}
	require.EqualValues(t, 20, asked.Load())
}

// A duplicate is told so when what it repeats is durable, not before.
func TestDuplicateWaitsForWhatItRepeats(t *testing.T) {
	const before = 8 // so many groups, while each of which the next request comes: then syncing and staging go on side by side
	fill := func(i int) position.Fill {
		return ledgertest.Fill(strconv.Itoa(i), "A", "I", position.Buy, "1", "1")
	}
	var ptr atomic.Pointer[holdfast.Ledger]
	groups, repeated := 0, make(chan *holdfast.Future, 1)
	l := ledgertest.Open(t, t.TempDir(), hooked(&ptr, func(l *holdfast.Ledger) {
		if groups++; groups > before+1 {
			return
		}
		f, err := l.ApplyAsync(context.Background(), fill(min(groups, before)))
		if err != nil {
			t.Error(err)
		}
		if groups <= before {
			return
		}
		defer func() { repeated <- f }()
		for range 100_000 { // it must not be answered, however long it has
			select {
			case <-f.Done():
				t.Error("answered before what it repeats is durable")
				return
			default:
				runtime.Gosched()
			}
		}
	}))
	ptr.Store(l)
	_, err := l.Apply(t.Context(), fill(0))
	require.NoError(t, err)
	again, err := (<-repeated).Wait(t.Context())
	require.NoError(t, err)
	require.True(t, again.Duplicate)
	require.Equal(t, l.View().Seq(), again.First)
}

// The relay sleeps while there is nothing new. What wakes it must come when it
// can find something, or the last record waits for the next one.
func TestRelayIsWokenWhenItIsDurable(t *testing.T) {
	var ptr atomic.Pointer[holdfast.Ledger]
	l := ledgertest.Open(t, t.TempDir(), hooked(&ptr, func(l *holdfast.Ledger) {
		for l.Nudged() { // the waiter takes what was sent too early
			runtime.Gosched()
		}
	}))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second) // only when it fails
	defer cancel()
	ptr.Store(l)
	// A waiter that was woken too early may still look late enough to find the
	// record: it gets more than one chance to miss it.
	for i := range 30 {
		done := make(chan error, 1)
		after := l.View().Seq()
		go func() { done <- l.WaitDurable(ctx, after) }()
		_, err := l.Apply(t.Context(), ledgertest.Fill(strconv.Itoa(i), "A", "I", position.Buy, "1", "1"))
		require.NoError(t, err)
		require.NoError(t, <-done)
	}
}

// Records that stand in the journal's file and are not durable are shown to
// nobody: not by a moment in the past, not on the bus.
func TestNothingButDurableIsShown(t *testing.T) {
	dir := t.TempDir()
	l := ledgertest.Open(t, dir, ledgertest.Quiet())
	ledgertest.ApplyAll(t, l, ledgertest.RandomFills(41, 30))
	last, want := l.View().Seq(), ledgertest.Digest(l)
	segment := ledgertest.Segments(t, dir)[0]
	before, err := os.ReadFile(segment)
	require.NoError(t, err)
	before = bytes.TrimRight(before, "\x00") // which stand ahead of the records that are to come

	// A copy of the ledger goes on; its next records are written behind ours.
	other := ledgertest.Copy(t, dir)
	o := ledgertest.Quiet()
	c := ledgertest.Open(t, other, o)
	ledgertest.ApplyAll(t, c, []position.Mutation{ledgertest.Fill("more", "A0", "I0", position.Buy, "1", "1")})
	require.NoError(t, c.Close())
	after, err := os.ReadFile(ledgertest.Segments(t, other)[0])
	require.NoError(t, err)
	require.Equal(t, before, after[:len(before)])
	require.Greater(t, len(after), len(before))
	require.NoError(t, os.WriteFile(segment, after, 0o600))
	r, err := holdfast.OpenReader(dir)
	require.NoError(t, err)
	beside, err := r.AsOf(t.Context(), holdfast.Moment{})
	require.NoError(t, err)
	require.Equal(t, last+2, beside.Seq(), "without the writer they can be seen")

	v, err := l.AsOf(t.Context(), holdfast.Moment{})
	require.NoError(t, err)
	require.Equal(t, last, v.Seq())
	require.Equal(t, want, v.Digest())
	_, err = l.AsOf(t.Context(), holdfast.Moment{Seq: last + 1})
	require.ErrorIs(t, err, holdfast.ErrInvalid)
	seq := uint64(0)
	for e, err := range l.Events(t.Context(), 1) {
		require.NoError(t, err)
		seq++
		require.Equal(t, seq, e.Seq)
	}
	require.Equal(t, last, seq)
	require.NoError(t, os.WriteFile(segment, before, 0o600))
}

func TestLostIdentityIsNotMadeUp(t *testing.T) {
	dir := t.TempDir()
	l := ledgertest.Open(t, dir, ledgertest.Quiet())
	ledgertest.ApplyAll(t, l, ledgertest.RandomFills(42, 3))
	require.NoError(t, l.Close())
	require.NoError(t, os.Remove(filepath.Join(dir, "ledger.json")))
	_, err := holdfast.Open(t.Context(), dir, ledgertest.Quiet())
	require.ErrorIs(t, err, holdfast.ErrDamaged)
	require.NoFileExists(t, filepath.Join(dir, "ledger.json"))
}
