package durable

import "strings"

// Litter reports whether name is what file systems, editors and tools that copy or
// synchronise leave in any directory: lost+found, whatever begins with a dot, and
// what ends in ~, .swp or .bak. It is never a file of ours, and nothing of ours is
// looked for in it: a listing passes over it, and a directory that holds nothing else
// is empty. This is the one rule for every directory of a ledger.
func Litter(name string) bool {
	if name == "lost+found" || strings.HasPrefix(name, ".") {
		return true
	}
	for _, end := range []string{"~", ".swp", ".bak"} {
		if strings.HasSuffix(name, end) {
			return true
		}
	}
	return false
}
