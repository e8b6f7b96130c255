package bench

import (
	"bytes"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// threadCPU is the processor time that the calling thread has used. Getrusage
// would tell it as of the thread's last tick only.
func threadCPU() time.Duration {
	var t unix.Timespec
	if unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t) != nil {
		return 0
	}
	return time.Duration(t.Nano())
}

// beginPeak begins to look for the most memory that this process takes, and returns
// what it has now, 0 if the system does not tell.
func beginPeak() int64 {
	if os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) != nil {
		return 0
	}
	return memory("VmRSS:")
}

// peakSince returns by how much the memory grew at most.
func peakSince(before int64) int64 {
	if before == 0 {
		return 0
	}
	return max(memory("VmHWM:")-before, 0)
}

// memory returns a figure of this process in bytes.
func memory(name string) int64 {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range bytes.Lines(b) {
		if words := bytes.Fields(line); len(words) > 1 && string(words[0]) == name {
			n, _ := strconv.ParseInt(string(words[1]), 10, 64) // 0 is none
			return n << 10
		}
	}
	return 0
}
