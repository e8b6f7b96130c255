package main

import (
	"fmt"
	"strings"
)

// chance is a splitmix64 generator: short, and the same for ever.
type chance struct{ state uint64 }

func (c *chance) next() uint64 {
	c.state += 0x9e3779b97f4a7c15
	z := c.state
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// below returns a number from 0 to n − 1.
func (c *chance) below(n int64) int64 { return int64(c.next() % uint64(n)) }

// between returns a number from low to high.
func (c *chance) between(low, high int64) int64 { return low + c.below(high-low+1) }

// percent is true so often.
func (c *chance) percent(p int64) bool { return c.below(100) < p }

// hex returns n hexadecimal digits.
func (c *chance) hex(n int) string {
	var b strings.Builder
	for b.Len() < n {
		fmt.Fprintf(&b, "%016x", c.next())
	}
	return b.String()[:n]
}
