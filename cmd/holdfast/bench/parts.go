package bench

import (
	"bytes"
	"cmp"
	"fmt"
	"runtime/pprof"
	"slices"
	"strings"
	"time"

	"github.com/moneyprinter/holdfast/internal/yardstick"
)

// The parts of a fill.
const (
	partValidate = "validate"
	partQueue    = "queue"
	partStage    = "stage"
	partEncode   = "encode"
	partChain    = "chain"
	partWrite    = "write"
	partPublish  = "publish"
	partWake     = "wake"
	partGC       = "gc"
	partHarness  = "harness"
	partOther    = "other"
)

// partNames are the parts in the order of a fill's life.
func partNames() []Part {
	return []Part{
		{Part: partValidate, What: "form, id and fingerprint, on the caller's goroutine"},
		{Part: partQueue, What: "the commit loop: queue, groups, answers"},
		{Part: partStage, What: "duplicates, versions, arithmetic, new state"},
		{Part: partEncode, What: "binary form of the change"},
		{Part: partChain, What: "frame, chain, checksum, segments"},
		{Part: partWrite, What: "write and fdatasync, in the system"},
		{Part: partPublish, What: "new state to readers"},
		{Part: partWake, What: "goroutines and threads that wait and are woken"},
		{Part: partGC, What: "allocation and garbage collection"},
		{Part: partHarness, What: "the callers of the measurement"},
		{Part: partOther, What: "what fits nowhere above"},
	}
}

// rule puts functions whose names begin so into a part.
type rule struct{ prefix, part string }

// rules are asked in this order about each function of a stack, the innermost first;
// the first answer counts. Copying and comparing belong to whoever calls them.
func rules() []rule {
	const own = "github.com/moneyprinter/holdfast"
	out := []rule{
		{"internal/runtime/syscall.Epoll", partWake},
		{"internal/runtime/syscall/linux.Epoll", partWake},
		{"syscall.", partWrite},
		{"internal/poll.", partWrite},
		{"os.(*File)", partWrite},
		{"golang.org/x/sys/unix.", partWrite},
		{own + "/internal/wire.AppendChange", partEncode},
		{own + "/internal/wire.FingerprintOf", partValidate},
		{own + "/projector.(*Book).Publish", partPublish},
		{own + "/projector.(*Book).Reuse", partPublish},
		{own + "/projector.", partStage},
		{own + "/journal", partChain},
		{"github.com/tidwall/wal.", partChain},
		{own + "/internal/committer.", partQueue},
		{own + "/internal/yardstick.", partHarness},
		{own + ".", partValidate},
	}
	for _, f := range []string{"malloc", "gc", "bgsweep", "sweep", "bgscavenge", "scan", "greyobject", "mark", "wbBuf", "(*mheap)", "(*mcache)", "(*mspan)", "newobject", "deductSweepCredit"} {
		out = append(out, rule{"runtime." + f, partGC})
	}
	for _, f := range []string{
		"schedule", "findRunnable", "mcall", "park_m", "gopark", "goready", "ready", "chansend", "chanrecv", "closechan", "selectgo", "selectnbrecv", "selectnbsend",
		"futex", "notesleep", "notewakeup", "notetsleep", "sysmon", "mstart", "sem", "gosched", "Gosched", "gopreempt", "wakep", "startm", "stopm", "stealWork", "sellock", "selunlock",
	} {
		out = append(out, rule{"runtime." + f, partWake})
	}
	return append(out, rule{"sync.", partWake}, rule{"internal/sync.", partWake})
}

// partOf says which part a stack belongs to.
func partOf(frames []string, rules []rule) string {
	for _, f := range frames {
		for _, r := range rules {
			if strings.HasPrefix(f, r.prefix) {
				return r.part
			}
		}
		// A mutation's form is checked by the caller; the rest of the domain is called
		// by who stages or encodes.
		if strings.HasPrefix(f, "github.com/moneyprinter/holdfast/position.") && strings.HasSuffix(f, ".Validate") {
			return partValidate
		}
	}
	return partOther
}

// profileLengths is how many runs long the profile is: it takes a hundred samples a
// second of each processor.
const profileLengths = 8

// parts profiles the most callers that were measured.
func (b *bench) parts(apply func() error) error {
	callers := slices.Max(b.Callers)
	b.Note("bench: processor time by part, %d callers", callers)
	var raw bytes.Buffer
	if err := pprof.StartCPUProfile(&raw); err != nil {
		return fmt.Errorf("profile: %w", err)
	}
	f, err := yardstick.Drive(callers, min(profileLengths*b.Length, 10*time.Second), apply)
	pprof.StopCPUProfile()
	if err != nil {
		return err
	}
	stacks, err := readProfile(raw.Bytes())
	if err != nil {
		return err
	}
	sum, total, known := map[string]int64{}, int64(0), rules()
	for _, s := range stacks {
		sum[partOf(s.frames, known)] += s.ns
		total += s.ns
	}
	out := &Parts{Callers: callers, CPU: int64(f.Used.CPU), Samples: total / int64(time.Millisecond), Parts: partNames()}
	for i := range out.Parts {
		p := &out.Parts[i]
		p.CPU = sum[p.Part] * out.CPU / cmp.Or(total, 1)
	}
	b.rep.Parts = out
	return nil
}
