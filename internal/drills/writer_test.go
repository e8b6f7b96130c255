package drills_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/audit"
	"github.com/moneyprinter/holdfast/internal/ledgertest"
	"github.com/moneyprinter/holdfast/journal"
	"github.com/moneyprinter/holdfast/keyring"
	"github.com/moneyprinter/holdfast/position"
)

// oneFill is the n-th of many fills of one key.
func oneFill(n int) position.Mutation {
	return position.Fill{
		Meta: position.Meta{Ident: fmt.Sprintf("w%d", n)}, Key: position.Key{Account: "A", Instrument: "I"},
		Side: position.Buy, Qty: position.FromInt(int64(n)), Price: *dec("10"),
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

// MARK follows the journal however long a snapshot takes, so that records that are
// acknowledged meanwhile and then lost do not pass for a torn tail.
func TestMarkDoesNotWaitForASnapshot(t *testing.T) {
	began, goOn, marked := make(chan struct{}), make(chan struct{}), make(chan struct{}, 1)
	var first sync.Once
	o := ledgertest.Quiet()
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
	l := ledgertest.Open(t, t.TempDir(), o)
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
	o := ledgertest.Quiet()
	l := ledgertest.Open(t, t.TempDir(), o)
	ledgertest.ApplyAll(t, l, ledgertest.RandomFills(3, 9000))
	entered, proceed, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	release := sync.OnceFunc(func() { close(proceed) })
	t.Cleanup(release)
	var once sync.Once
	go func() {
		_, err := l.Verify(context.WithoutCancel(t.Context()), audit.Options{Deep: true, Progress: func(uint64, uint64) {
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

// A ledger whose files are taken away says so, names the kind of fault, and takes
// nothing more.
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
			o := ledgertest.Quiet()
			o.SegmentSize = 8 << 10
			l := ledgertest.Open(t, dir, o)
			ledgertest.ApplyAll(t, l, ledgertest.RandomFills(5, 200))
			require.Greater(t, len(ledgertest.Segments(t, dir)), 2)
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

// A snapshot of the same ledger and seq, but of another history, does not stand for
// the state: an older image went on beside newer backups.
func TestSameSeqOfAnotherHistoryIsNoSnapshotOfOurs(t *testing.T) {
	one, other := filepath.Join(t.TempDir(), "one"), filepath.Join(t.TempDir(), "other")
	l := ledgertest.Open(t, one, ledgertest.Quiet())
	ledgertest.ApplyAll(t, l, ledgertest.RandomFills(7, 10))
	require.NoError(t, l.Close())
	require.NoError(t, os.CopyFS(other, os.DirFS(one)))
	snapshot := func(dir string, fill int) (*holdfast.Ledger, string) {
		again := ledgertest.Open(t, dir, ledgertest.Quiet())
		_, err := again.Apply(t.Context(), oneFill(fill))
		require.NoError(t, err)
		s, err := again.Snapshot(t.Context())
		require.NoError(t, err)
		return again, s.Name
	}
	l, name := snapshot(one, 1)
	digest := l.View().Digest()
	require.NoError(t, l.Close())
	l = ledgertest.Open(t, other, ledgertest.Quiet())
	_, err := l.Apply(t.Context(), oneFill(2))
	require.NoError(t, err)
	require.NoError(t, os.CopyFS(filepath.Join(other, "backups"), os.DirFS(filepath.Join(one, "backups"))))
	s, err := l.Snapshot(t.Context())
	require.NoError(t, err)
	require.NotEqual(t, name, s.Name, "that one is of the other history")
	require.NotEqual(t, digest, s.Digest)
	require.Equal(t, l.View().Digest(), s.Digest)
	require.NoError(t, l.Prune())
	require.FileExists(t, filepath.Join(other, "backups", name), "nor is it removed")
}

// A ledger that was created with keys takes nothing without one, even before its
// first record.
func TestEncryptedFromCreation(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ledger")
	o := ledgertest.Quiet()
	o.Keys = keyring.New(ledgertest.MasterKey(t, 1))
	l := ledgertest.Open(t, dir, o)
	require.NoError(t, l.Close())
	require.True(t, l.Identity().Encrypted)
	_, err := holdfast.Open(t.Context(), dir, ledgertest.Quiet())
	require.ErrorIs(t, err, holdfast.ErrNoKey)
	require.ErrorContains(t, err, "created to be encrypted")
	_, rehearsal := holdfast.Rehearse(t.Context(), dir, ledgertest.Quiet())
	require.EqualError(t, rehearsal, err.Error())
	r, err := holdfast.OpenReader(dir)
	require.NoError(t, err)
	require.ErrorIs(t, r.CheckKeys(), holdfast.ErrNoKey)
	l = ledgertest.Open(t, dir, o)
	ledgertest.ApplyAll(t, l, ledgertest.RandomFills(1, 5))
	to := filepath.Join(t.TempDir(), "restored")
	_, err = l.Restore(t.Context(), holdfast.Moment{}, to, "", ledgertest.Quiet())
	require.NoError(t, err)
	require.NoError(t, l.Close())
	_, err = holdfast.Open(t.Context(), to, ledgertest.Quiet())
	require.ErrorIs(t, err, holdfast.ErrNoKey)
	require.NoError(t, ledgertest.Open(t, to, o).Close())

	plain := filepath.Join(t.TempDir(), "plain") // as those of earlier builds: it says nothing
	require.NoError(t, ledgertest.Open(t, plain, ledgertest.Quiet()).Close())
	text, err := os.ReadFile(filepath.Join(plain, "ledger.json"))
	require.NoError(t, err)
	require.NotContains(t, string(text), "encrypted")
	require.NoError(t, ledgertest.Open(t, plain, o).Close())
	require.NoError(t, ledgertest.Open(t, plain, ledgertest.Quiet()).Close())
}

// Of two restores into one directory one is made, and the other is told by whom.
func TestRestoresIntoOneDirectory(t *testing.T) {
	dir := t.TempDir()
	l := ledgertest.Open(t, dir, ledgertest.Quiet())
	ledgertest.ApplyAll(t, l, ledgertest.RandomFills(2, 50))
	for range 20 {
		to := filepath.Join(t.TempDir(), "restored")
		var won atomic.Int32
		var both sync.WaitGroup
		for _, at := range []uint64{20, 40} {
			both.Go(func() {
				_, err := l.Restore(t.Context(), holdfast.Moment{Seq: at}, to, "", ledgertest.Quiet())
				switch {
				case err == nil:
					won.Add(1)
				case !errors.Is(err, holdfast.ErrInUse) && !errors.Is(err, holdfast.ErrInvalid):
					t.Errorf("an error of another kind: %v", err)
				}
			})
		}
		both.Wait()
		require.EqualValues(t, 1, won.Load())
		restored := ledgertest.Open(t, to, ledgertest.Quiet())
		require.Contains(t, []uint64{20, 40}, restored.View().Seq())
		require.NoError(t, restored.Close())
	}
	// While one is under way, the other says who it is; one that fails leaves nothing.
	to := filepath.Join(t.TempDir(), "restored")
	held, err := journal.Reserve(to, journal.Holder{Verb: "restore"})
	require.NoError(t, err)
	_, err = l.Restore(t.Context(), holdfast.Moment{}, to, "", ledgertest.Quiet())
	require.ErrorIs(t, err, holdfast.ErrInUse)
	require.ErrorContains(t, err, "by restore (pid")
	require.NoError(t, held.Abandon())
	require.NoDirExists(t, to)
	_, err = l.Restore(t.Context(), holdfast.Moment{Seq: 9999}, to, "", ledgertest.Quiet())
	require.ErrorIs(t, err, holdfast.ErrInvalid)
	require.NoDirExists(t, to)
}

// Readers beside a writer that trims with every snapshot, at full speed: whatever
// vanishes under them is never damage. HOLDFAST_TRIM_SNAPSHOTS=n sets how long.
func TestReadersBesideTrims(t *testing.T) {
	snapshots := 60
	if text := os.Getenv("HOLDFAST_TRIM_SNAPSHOTS"); text != "" {
		n, err := strconv.Atoi(text)
		require.NoError(t, err)
		snapshots = n
	}
	dir := t.TempDir()
	o := ledgertest.Quiet()
	o.SegmentSize, o.SnapshotEvery, o.SnapshotKeep, o.Retain = 8<<10, 150, 2, -1
	l := ledgertest.Open(t, dir, o)
	ledgertest.ApplyAll(t, l, ledgertest.RandomFills(1, 400))
	ctx, cancel := context.WithCancel(t.Context())
	var readers sync.WaitGroup
	t.Cleanup(func() { cancel(); readers.Wait() })
	var reads, outrun atomic.Int64
	judge := func(what string, err error) {
		reads.Add(1)
		switch {
		case err == nil || ctx.Err() != nil:
		case errors.Is(err, holdfast.ErrDamaged):
			t.Errorf("%s calls a healthy ledger damaged: %v", what, err)
		case errors.Is(err, holdfast.ErrTrimmed), errors.Is(err, fs.ErrNotExist):
			outrun.Add(1)
		default:
			t.Errorf("%s: %v", what, err)
		}
	}
	scratch := t.TempDir()
	for what, read := range map[string]func(r *holdfast.Reader, n int) error{
		"verify":      func(r *holdfast.Reader, _ int) error { return soundBeside(ctx, r, false) },
		"deep verify": func(r *holdfast.Reader, _ int) error { return soundBeside(ctx, r, true) },
		"as of": func(r *holdfast.Reader, _ int) error {
			_, err := r.AsOf(ctx, holdfast.Moment{})
			return err
		},
		"restore": func(r *holdfast.Reader, n int) error {
			_, err := r.Restore(ctx, holdfast.Moment{}, filepath.Join(scratch, "r"+strconv.Itoa(n)), "", ledgertest.Quiet().Reading())
			return err
		},
		"restore of a snapshot": func(r *holdfast.Reader, n int) error {
			list, err := r.Snapshots()
			if err != nil || len(list) == 0 {
				return err
			}
			_, err = r.RestoreSnapshot(ctx, list[len(list)-1].Name, filepath.Join(scratch, "s"+strconv.Itoa(n)), "", ledgertest.Quiet().Reading())
			return err
		},
		"history": func(r *holdfast.Reader, _ int) error {
			for _, err := range r.History(ctx, holdfast.Filter{}) {
				if err != nil {
					return err
				}
			}
			return nil
		},
	} {
		readers.Go(func() {
			r, err := holdfast.OpenReader(dir)
			if err != nil {
				t.Error(err)
				return
			}
			for n := 0; ctx.Err() == nil; n++ {
				judge(what, read(r, n))
			}
		})
	}
	for n := 1; l.Faults().Snapshots == 0; n++ {
		ledgertest.ApplyAll(t, l, manyFills(n*1000, 200))
		list, err := l.Snapshots()
		require.NoError(t, err)
		require.NoError(t, l.Err())
		if len(list) > 0 && list[0].Seq > uint64(snapshots)*150 {
			break
		}
	}
	cancel()
	readers.Wait()
	require.Greater(t, l.View().Seq(), uint64(400))
	t.Logf("%d readings, %d of them outrun by trims", reads.Load(), outrun.Load())
}

func manyFills(from, n int) []position.Mutation {
	out := make([]position.Mutation, n)
	for i := range out {
		out[i] = oneFill(from + i)
	}
	return out
}

// soundBeside is a verification whose findings are errors.
func soundBeside(ctx context.Context, r *holdfast.Reader, deep bool) error {
	rep, err := audit.Verify(ctx, r, audit.Options{Deep: deep})
	if err == nil && !rep.OK() && ctx.Err() == nil {
		return fmt.Errorf("%w: %+v", holdfast.ErrDamaged, rep.Findings)
	}
	return err
}

// A ledger is made, and restored, at the root of a new volume.
func TestVolumeRoot(t *testing.T) {
	root := func() string {
		dir := t.TempDir()
		require.NoError(t, os.Mkdir(filepath.Join(dir, "lost+found"), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(dir, ".DS_Store"), nil, 0o600))
		return dir
	}
	l := ledgertest.Open(t, root(), ledgertest.Quiet())
	ledgertest.ApplyAll(t, l, ledgertest.RandomFills(1, 5))
	to := root()
	_, err := l.Restore(t.Context(), holdfast.Moment{}, to, "", ledgertest.Quiet())
	require.NoError(t, err)
	for _, sub := range []string{"", "backups", "checkpoints"} {
		require.NoError(t, os.MkdirAll(filepath.Join(to, sub), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(to, sub, "x.bak"), nil, 0o600))
	}
	l = ledgertest.Open(t, to, ledgertest.Quiet())
	ledgertest.ApplyAll(t, l, manyFills(1, 5))
	_, err = l.Snapshot(t.Context())
	require.NoError(t, err)
	rep, err := l.Verify(t.Context(), audit.Options{Deep: true})
	require.NoError(t, err)
	require.True(t, rep.OK())
	_, err = holdfast.Exists(filepath.Dir(filepath.Join(to, "journal")))
	require.NoError(t, err)
	other := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(other, "letter.txt"), nil, 0o600))
	_, err = holdfast.Open(t.Context(), other, ledgertest.Quiet())
	require.ErrorIs(t, err, holdfast.ErrNotLedger)
}
