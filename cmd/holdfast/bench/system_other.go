//go:build !linux

package bench

import (
	"time"

	"github.com/moneyprinter/holdfast/internal/yardstick"
)

// threadCPU is the processor time of the whole process: threads are not told apart.
func threadCPU() time.Duration { return yardstick.CPU() }

func beginPeak() int64 { return 0 }

func peakSince(int64) int64 { return 0 }
