package journal_test

import (
	"bytes"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/journal"
	"github.com/moneyprinter/holdfast/journal/internal/journaltest"
)

func TestTwoProcesses(t *testing.T) {
	dir := t.TempDir()
	_, held := journal.ReadHolder(dir)
	require.False(t, held)
	require.NoFileExists(t, filepath.Join(dir, "LOCK"), "asking must not create anything")

	cmd, out := start(t, "hold", dir)
	require.Equal(t, "ready", line(t, out))
	began := time.Now()
	_, err := journal.Open(dir, journal.Options{})
	require.Less(t, time.Since(began), time.Second)
	require.ErrorIs(t, err, journal.ErrInUse)
	var used *journal.InUseError
	require.ErrorAs(t, err, &used)
	require.Equal(t, cmd.Process.Pid, used.Holder.PID)
	require.Equal(t, "hold", used.Holder.Verb)
	require.Equal(t, "nats://127.0.0.1:4222", used.Holder.Reach)
	require.Contains(t, err.Error(), "nats://127.0.0.1:4222")
	h, held := journal.ReadHolder(dir)
	require.True(t, held)
	require.Equal(t, used.Holder, h)

	// A lock file that was left behind is no obstacle.
	require.NoError(t, cmd.Process.Signal(syscall.SIGKILL))
	_ = cmd.Wait()
	_, held = journal.ReadHolder(dir)
	require.False(t, held)
	j := journaltest.Open(t, dir, journal.Options{Holder: journal.Holder{PID: 7, Verb: "serve", Since: time.Unix(5, 0).UTC()}})
	h, held = journal.ReadHolder(dir)
	require.True(t, held)
	require.Equal(t, journal.Holder{PID: 7, Verb: "serve", Since: time.Unix(5, 0).UTC()}, h, "a shorter text replaces a longer one")
	text, err := os.ReadFile(filepath.Join(dir, "LOCK"))
	require.NoError(t, err)
	require.Equal(t, len(text)-1, bytes.IndexByte(text, '\n'), "all of it")
	_, err = journal.Open(dir, journal.Options{})
	require.ErrorIs(t, err, journal.ErrInUse, "the same process is no exception")
	require.NoError(t, j.Close())
	_, held = journal.ReadHolder(dir)
	require.False(t, held)
}

// A link in the place of LOCK could lead two processes to two locks.
func TestLockIsARegularFile(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Symlink("elsewhere", filepath.Join(dir, "LOCK")))
	_, err := journal.Open(dir, journal.Options{})
	var bad *journal.DamageError
	require.ErrorAs(t, err, &bad)
	require.Equal(t, "LOCK", bad.File)
	require.NoFileExists(t, filepath.Join(dir, "elsewhere"))
}

// Those who only ask must never make an Open fail.
func TestReadHolderDoesNotDisturbOpen(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, journaltest.Open(t, dir, journal.Options{}).Close())
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
				journal.ReadHolder(dir)
			}
		}
	}()
	for range 50 {
		j, err := journal.Open(dir, journal.Options{})
		require.NoError(t, err)
		require.NoError(t, j.Close())
	}
	close(stop)
	<-done
}

// A child appends and prints what was acknowledged; it is killed at a random
// moment, over and over, in the same ledger. HOLDFAST_KILLS sets how often.
func TestKill(t *testing.T) {
	kills := 10
	if s := os.Getenv("HOLDFAST_KILLS"); s != "" {
		var err error
		kills, err = strconv.Atoi(s)
		require.NoError(t, err)
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	dir := t.TempDir()
	var acked, cuts uint64
	for range kills {
		cmd, out := start(t, "append", dir)
		for range 1 + rnd.IntN(60) {
			acked = number(t, line(t, out), "ack")
		}
		// The last acks are still in the pipe when the child goes.
		time.AfterFunc(time.Duration(rnd.IntN(3_000))*time.Microsecond, func() { _ = cmd.Process.Kill() })
		for out.Scan() {
			acked = number(t, out.Text(), "ack")
		}
		_ = cmd.Wait()

		rep, err := journal.Check(dir)
		require.NoError(t, err)
		require.Empty(t, rep.Damages)
		j, err := journal.Open(dir, journal.Options{SegmentSize: 8 << 10})
		require.NoError(t, err)
		require.GreaterOrEqual(t, j.Durable(), acked)
		require.LessOrEqual(t, j.Durable(), acked+40, "at most the group in flight")
		require.False(t, j.Recovery().Clean)
		cuts += j.Recovery().CutFrom
		recs := journaltest.Read(t, dir, j.First())
		require.Equal(t, j.Durable(), recs[len(recs)-1].Seq)
		require.NoError(t, j.Close())
	}
	t.Logf("%d kills, %d records, tail cut: %v", kills, acked, cuts > 0)
}

func TestFileSizeLimit(t *testing.T) {
	dir := t.TempDir()
	cmd, out := start(t, "limit", dir)
	var acked, reopened uint64
	for out.Scan() {
		if text := out.Text(); text[:3] == "ack" {
			acked = number(t, text, "ack")
		} else {
			reopened = number(t, text, "reopened")
		}
	}
	require.NoError(t, cmd.Wait())
	require.Positive(t, acked)
	require.GreaterOrEqual(t, reopened, acked)
	require.Less(t, reopened, acked+5, "the short write must not count")
	require.Len(t, journaltest.Read(t, dir, 0), int(reopened))
	rep, err := journal.Check(dir)
	require.NoError(t, err)
	require.True(t, rep.Clean)
}

func TestOddDirectories(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for _, dir := range []string{file, filepath.Join(file, "below")} {
		_, err := journal.Open(dir, journal.Options{})
		require.Error(t, err)
		require.NotErrorIs(t, err, journal.ErrDamaged)
	}
	none := filepath.Join(t.TempDir(), "none")
	_, err := journal.OpenReader(none)
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = journal.Check(none)
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.NoDirExists(t, none)
	linked := t.TempDir()
	require.NoError(t, os.Symlink(file, filepath.Join(linked, "LOCK")))
	_, err = journal.Open(linked, journal.Options{})
	require.Error(t, err)
}
