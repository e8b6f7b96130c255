package render

import "fmt"

// Noun is a noun for a number of things.
func Noun(n int, one string) string {
	if n == 1 {
		return one
	}
	return one + "s"
}

// Counted is a number with its noun.
func Counted(n int, of string) string {
	return fmt.Sprintf("%d %s", n, Noun(n, of))
}

// Bytes shows a size for people.
func Bytes(n int64) string {
	for _, u := range []struct {
		size int64
		name string
	}{{1 << 30, "GiB"}, {1 << 20, "MiB"}, {1 << 10, "KiB"}} {
		if n >= u.size {
			return fmt.Sprintf("%d.%d %s", n/u.size, n%u.size*10/u.size, u.name)
		}
	}
	return fmt.Sprintf("%d B", n)
}
