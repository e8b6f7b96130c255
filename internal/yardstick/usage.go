package yardstick

import (
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
