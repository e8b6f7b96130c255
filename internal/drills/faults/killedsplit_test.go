package faults_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/audit"
	"github.com/moneyprinter/holdfast/internal/ledgertest"
	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/projector"
)

// openPositions is how many positions of one instrument are split and settled;
// HOLDFAST_POSITIONS sets another number.
func openPositions(t *testing.T) int {
	t.Helper()
	text, given := os.LookupEnv("HOLDFAST_POSITIONS")
	if !given {
		return 60_000
	}
	n, err := strconv.Atoi(text)
	require.NoError(t, err)
	return n
}

func manyOptions() holdfast.Options {
	o := ledgertest.Quiet()
	o.SegmentSize, o.Window = 1<<20, 1<<16
	return o
}

// opened opens n positions of one instrument.
func opened(t *testing.T, l *holdfast.Ledger, n int) {
	t.Helper()
	for i := 0; i < n; i += holdfast.MaxBatch {
		var batch []position.Mutation
		for j := i; j < min(i+holdfast.MaxBatch, n); j++ {
			f := ledgertest.Fill(fmt.Sprintf("o-%d", j), fmt.Sprintf("account-%07d", j), "X", position.Buy, "1.5", "99.25")
			f.Time += position.Time(j)
			batch = append(batch, f)
		}
		_, err := l.ApplyBatch(t.Context(), batch)
		require.NoError(t, err)
	}
}

func splitOfX() position.Split {
	return position.Split{
		Meta: position.Meta{Ident: "split", Time: 1_800_000_000_000_000_000}, Instrument: "X", Ratio: position.MustParse("3"),
	}
}

// quantities counts the positions by what they hold.
func quantities(v *projector.View) map[string]int {
	out := make(map[string]int)
	for p := range v.Positions() {
		out[p.Qty.String()]++
	}
	return out
}

// A split and a settlement change each open position of their instrument, however
// many there are: in one batch that is larger than a caller's may be, and that
// every way of reading shows whole.
func TestSplitAndSettlementOfManyPositions(t *testing.T) {
	n := openPositions(t)
	dir := t.TempDir()
	l := ledgertest.Open(t, dir, manyOptions())
	opened(t, l, n)
	r, err := l.Apply(t.Context(), splitOfX())
	require.NoError(t, err)
	require.EqualValues(t, n, r.Last-r.First, "one record of the instrument, one of each position")
	require.Equal(t, map[string]int{"4.5": n}, quantities(l.View()))
	for seq, want := range map[uint64]string{r.Last - 1: "1.5", r.Last: "4.5"} {
		v, verr := l.AsOf(t.Context(), holdfast.Moment{Seq: seq})
		require.NoError(t, verr)
		require.Equal(t, map[string]int{want: n}, quantities(v), "as of %d", seq)
	}
	_, err = l.Snapshot(t.Context())
	require.NoError(t, err)
	settle := position.Settle{
		Meta: position.Meta{Ident: "settle", Time: 1_800_000_000_000_000_001}, Instrument: "X", Price: position.MustParse("40"),
	}
	_, err = l.Apply(t.Context(), settle)
	require.NoError(t, err)
	require.Equal(t, map[string]int{"0": n}, quantities(l.View()))
	v, _, err := l.AsOfEvent(t.Context(), settle.Time, holdfast.Moment{})
	require.NoError(t, err)
	require.Equal(t, map[string]int{"0": n}, quantities(v))
	rep, err := l.Verify(t.Context(), audit.Options{Deep: true})
	require.NoError(t, err)
	require.True(t, rep.OK(), "%+v", rep.Findings)
	want := ledgertest.Digest(l)
	require.NoError(t, l.Close())
	again := ledgertest.Open(t, dir, manyOptions())
	require.Equal(t, want, ledgertest.Digest(again))
	dup, err := again.Apply(t.Context(), splitOfX())
	require.NoError(t, err)
	require.Equal(t, [2]uint64{r.First, r.Last}, [2]uint64{dup.First, dup.Last})
	require.True(t, dup.Duplicate)
}

// A caller's batch keeps its bound, also where only its last mutation is large.
func TestABatchWithASplitOfManyIsBounded(t *testing.T) {
	l := ledgertest.Open(t, t.TempDir(), manyOptions())
	opened(t, l, 60_000)
	seq := l.View().Seq()
	_, err := l.ApplyBatch(t.Context(), []position.Mutation{ledgertest.Mark("m", "X", "100"), splitOfX()})
	require.ErrorIs(t, err, holdfast.ErrTooMany)
	require.Equal(t, seq, l.View().Seq())
	_, err = l.ApplyBatch(t.Context(), []position.Mutation{splitOfX()})
	require.NoError(t, err, "one mutation is no more than itself")
}

// splitEnv makes the test binary split the ledger in the directory that it names.
const splitEnv = "HOLDFAST_TEST_SPLIT"

func splitChild() int {
	l, err := holdfast.Open(context.Background(), os.Getenv(splitEnv), holdfast.Options{SnapshotInterval: -1, SegmentSize: 1 << 20})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	if _, err = l.Apply(context.Background(), splitOfX()); err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

// A split of many positions whose process is killed while its records are written
// is there whole or not at all, and can be applied again.
func TestSplitOfManyPositionsIsWholeAfterAKill(t *testing.T) {
	n := openPositions(t)
	dir := t.TempDir()
	l := ledgertest.Open(t, dir, manyOptions())
	opened(t, l, n)
	require.NoError(t, l.Close())
	segments := func(dir string) int {
		names, err := filepath.Glob(filepath.Join(dir, "journal", "*"))
		require.NoError(t, err)
		return len(names)
	}
	exe, err := os.Executable()
	require.NoError(t, err)
	kills := []int{4}
	if _, long := os.LookupEnv("HOLDFAST_POSITIONS"); long {
		kills = []int{1, 4, 9, 16}
	}
	for _, after := range kills {
		copied := filepath.Join(t.TempDir(), "ledger")
		require.NoError(t, os.CopyFS(copied, os.DirFS(dir)))
		before := segments(copied)
		cmd := exec.CommandContext(t.Context(), exe)
		cmd.Env = append(os.Environ(), splitEnv+"="+copied)
		require.NoError(t, cmd.Start())
		done := make(chan struct{})
		go func() {
			defer close(done)
			_ = cmd.Wait() // it is killed
		}()
		for running := true; running && segments(copied) < before+after; {
			select {
			case <-done:
				running = false
			default:
				runtime.Gosched()
			}
		}
		_ = cmd.Process.Kill() // it may have ended
		<-done
		l := ledgertest.Open(t, copied, manyOptions())
		held := quantities(l.View())
		t.Logf("killed %d segments in: %v", after, held)
		require.Len(t, held, 1, "half of a split")
		r, err := l.Apply(t.Context(), splitOfX())
		require.NoError(t, err)
		require.Equal(t, held["4.5"] == n, r.Duplicate)
		require.Equal(t, map[string]int{"4.5": n}, quantities(l.View()))
		require.NoError(t, l.Close())
	}
}
