package bench

import (
	"bytes"
	"runtime/pprof"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPartsOfAStack(t *testing.T) {
	const own = "github.com/moneyprinter/holdfast"
	require.Equal(t, partValidate, partOf([]string{own + "/internal/wire.sipHash", own + "/internal/wire.FingerprintOf", own + "/internal/committer.(*Committer).Apply"}, rules()))
	for want, frames := range map[string][]string{
		partWrite:    {"internal/runtime/syscall/linux.Syscall6", "syscall.RawSyscall6", "golang.org/x/sys/unix.Fdatasync", own + "/journal.(*Journal).Commit"},
		partChain:    {"runtime.memmove", "crypto/sha256.Sum256", own + "/journal/internal/segment.Append", own + "/internal/committer.(*encoder).run"},
		partValidate: {"unicode/utf8.ValidString", own + "/position.validName", own + "/position.Fill.Validate", own + "/internal/committer.(*Committer).Apply"},
		partStage:    {own + "/position.(*Position).Apply", own + "/projector.(*Book).Stage", own + "/internal/committer.(*stager).stage"},
		partEncode:   {own + "/internal/wire.appendPosition", own + "/position.Decimal.AppendText", own + "/internal/wire.AppendChange", own + "/internal/committer.(*encoder).run"},
		partPublish:  {"runtime.mapassign_faststr", own + "/projector.(*Book).Publish", own + "/internal/committer.(*Committer).finish"},
		partQueue:    {"runtime.duffcopy", own + "/internal/committer.(*stager).run"},
		partWake:     {"runtime.futex", "runtime.futexsleep", "runtime.notesleep", "runtime.mcall"},
		partGC:       {"runtime.mallocgcSmallScanNoHeader", "runtime.mallocgc", own + "/projector.(*Book).Stage"},
		partHarness:  {"strconv.FormatInt", own + "/internal/yardstick.(*Fills).Next"},
		partOther:    {"main.main"},
	} {
		require.Equal(t, want, partOf(frames, rules()), "%v", frames)
	}
	for _, p := range partNames() {
		require.NotEmpty(t, p.What)
	}
}

// Both sides come first, and a seed draws the same order again.
func TestOrderIsDrawn(t *testing.T) {
	order := func(seed uint64) (calls string) {
		b := newBench(Options{Seed: seed})
		for range 40 {
			require.NoError(t, b.turns(
				func() error { calls += "a"; return nil },
				func() error { calls += "b"; return nil }))
		}
		return calls
	}
	one := order(1)
	require.Contains(t, one, "abba")
	require.Contains(t, one, "baab")
	require.Equal(t, one, order(1))
	require.NotEqual(t, one, order(2))
}

// A profile that was written is read back, and what is broken is refused.
func TestProfileIsRead(t *testing.T) {
	var raw bytes.Buffer
	require.NoError(t, pprof.StartCPUProfile(&raw))
	for range 300 {
		_ = spin()
	}
	pprof.StopCPUProfile() // nobody writes to raw any more
	stacks, err := readProfile(raw.Bytes())
	require.NoError(t, err)
	if len(stacks) == 0 {
		t.Skip("no sample was taken")
	}
	require.True(t, slices.ContainsFunc(stacks, func(s sampled) bool {
		return s.ns > 0 && slices.ContainsFunc(s.frames, func(f string) bool { return strings.HasSuffix(f, "bench.spin") })
	}), "%v", stacks)

	_, err = readProfile([]byte("no profile"))
	require.Error(t, err)
	for _, broken := range [][]byte{{0x12}, {0x12, 0x05, 0x01}, {0x0d, 1, 2, 3, 4}, {0x12, 0x02, 0x0a, 0xff}} {
		p := profile{locations: map[uint64][]uint64{}, functions: map[uint64]uint64{}}
		require.ErrorIs(t, fields(broken, p.add), errProfile, "%x", broken)
	}
}

//go:noinline
func spin() int {
	n := 0
	for i := range 1_000_000 {
		n += i & 1
	}
	return n
}
