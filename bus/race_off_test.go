//go:build !race

package bus_test

// racing says that the race detector is on.
const racing = false
