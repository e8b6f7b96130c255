package yardstick

import (
	"runtime/metrics"
	"time"

	"golang.org/x/sys/unix"
)

// CPU is the processor time that the process has used, the kernel's part included; 0
// where the system does not tell.
func CPU() time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// Usage is what a process used: the time of its processors, see [CPU], and the bytes
// that it allocated on the heap.
type Usage struct {
	CPU       time.Duration
	Allocated int64
}

// Used returns what this process used since it began.
func Used() Usage {
	s := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(s)
	return Usage{CPU: CPU(), Allocated: int64(s[0].Value.Uint64())} //nolint:gosec // bytes of memory
}

// Since returns what was used since an earlier look.
func (u Usage) Since(before Usage) Usage {
	return Usage{CPU: u.CPU - before.CPU, Allocated: u.Allocated - before.Allocated}
}

// Per returns the share of one of n.
func (u Usage) Per(n int64) Usage {
	n = max(n, 1)
	return Usage{CPU: u.CPU / time.Duration(n), Allocated: u.Allocated / n}
}
