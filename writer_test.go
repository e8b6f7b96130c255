package holdfast_test

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/position"
)

// oneFill is the n-th of many fills of one key.
func oneFill(n int) position.Mutation {
	return position.Fill{
		Meta: position.Meta{Ident: fmt.Sprintf("w%d", n)}, Key: position.Key{Account: "A", Instrument: "I"},
		Side: position.Buy, Qty: *dec("1"), Price: *dec("10"),
	}
}

// within waits for what has to come; the bound only ends a test that has failed.
func within[T any](t *testing.T, c <-chan T, what string) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(20 * time.Second):
		require.Fail(t, "waited in vain", what)
	}
}

// MARK follows the journal whatever a snapshot takes: what is acknowledged meanwhile
// and lost must not pass for a torn tail.
func TestMarkDoesNotWaitForASnapshot(t *testing.T) {
	began, goOn, marked := make(chan struct{}), make(chan struct{}), make(chan struct{}, 1)
	var first sync.Once
	o := quiet()
	o.SnapshotEvery = 1
	o.Phase = func(name string, begin bool) {
		switch {
		case name == "snapshot" && begin:
			first.Do(func() { close(began) })
			<-goOn
		case name == "mark" && !begin:
			select {
			case marked <- struct{}{}:
			default:
			}
		}
	}
	l := open(t, t.TempDir(), o)
	release := sync.OnceFunc(func() { close(goOn) })
	t.Cleanup(release) // before that of open, which waits for the snapshot
	_, err := l.Apply(t.Context(), oneFill(1))
	require.NoError(t, err)
	within(t, began, "the snapshot begins")
	select {
	case <-marked: // of before
	default:
	}
	_, err = l.Apply(t.Context(), oneFill(2))
	require.NoError(t, err)
	within(t, marked, "MARK is saved while the snapshot is written")
	_, err = l.Apply(t.Context(), oneFill(3))
	require.NoError(t, err)
	within(t, marked, "again, after whatever was under way")
	release()
	require.NoError(t, l.Close())
}

// Close breaks off a verification, whoever asked for it and with whatever context.
func TestCloseEndsAVerification(t *testing.T) {
	o := quiet()
	l := open(t, t.TempDir(), o)
	applyAll(t, l, randomFills(3, 9000))
	entered, proceed, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	release := sync.OnceFunc(func() { close(proceed) })
	t.Cleanup(release)
	var once sync.Once
	go func() {
		_, err := l.Verify(testContext(), holdfast.VerifyOptions{Deep: true, Progress: func(uint64, uint64) {
			once.Do(func() { close(entered) })
			<-proceed
		}})
		done <- err
	}()
	within(t, entered, "the verification is at work")
	closed := make(chan error, 1)
	go func() { closed <- l.Close() }()
	for {
		if _, err := l.Apply(t.Context(), oneFill(1)); err != nil {
			require.ErrorIs(t, err, holdfast.ErrClosed)
			break
		}
	}
	release()
	require.NoError(t, <-closed)
	require.ErrorIs(t, <-done, holdfast.ErrClosed)
}

// What a ledger stands on is taken away under it: it says so, and what kind it is,
// and takes nothing more.
func TestFilesThatAreTakenAway(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(dir string) error
		want  error
		kind  string
	}{
		"LOCK": {func(dir string) error { return os.Remove(filepath.Join(dir, "LOCK")) }, holdfast.ErrLockLost, "lock_lost"},
		"the newest segment": {func(dir string) error {
			names, _ := filepath.Glob(filepath.Join(dir, "journal", "*"))
			return os.Remove(names[len(names)-1])
		}, holdfast.ErrDamaged, "damage"},
		"a sealed segment": {func(dir string) error {
			names, _ := filepath.Glob(filepath.Join(dir, "journal", "*"))
			return os.Remove(names[0])
		}, holdfast.ErrDamaged, "damage"},
		"the directory": {func(dir string) error { return os.Rename(dir, dir+"-moved") }, holdfast.ErrMoved, "moved"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "ledger")
			o := quiet()
			o.SegmentSize = 8 << 10
			l := open(t, dir, o)
			applyAll(t, l, randomFills(5, 200))
			require.Greater(t, len(segmentsOf(t, dir)), 2)
			require.NoError(t, c.spoil(dir))
			within(t, l.Failed(), "it is noticed without an append")
			require.ErrorIs(t, l.Err(), c.want)
			require.Equal(t, c.kind, holdfast.FaultKind(l.Err()))
			_, err := l.Apply(t.Context(), oneFill(1))
			require.ErrorIs(t, err, holdfast.ErrFailed)
			_, err = l.Snapshot(t.Context())
			require.ErrorIs(t, err, holdfast.ErrFailed)
			require.NoError(t, l.Close())
			if name == "the directory" {
				require.NoDirExists(t, dir, "it is not made anew")
			}
		})
	}
}
