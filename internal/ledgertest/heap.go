package ledgertest

import "runtime"

// Heap returns how many bytes are in use after a collection.
func Heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
