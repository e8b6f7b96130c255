//go:build race

package embedded_test

// racing says that the race detector is on.
const racing = true
