package main

import (
	"fmt"
	"math/big"
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

// num reads a constant.
func num(s string) *big.Rat {
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		panic("market: bad constant " + s)
	}
	return r
}

func add(a, b *big.Rat) *big.Rat { return new(big.Rat).Add(a, b) }
func sub(a, b *big.Rat) *big.Rat { return new(big.Rat).Sub(a, b) }
func mul(a, b *big.Rat) *big.Rat { return new(big.Rat).Mul(a, b) }
func quo(a, b *big.Rat) *big.Rat { return new(big.Rat).Quo(a, b) }
func neg(a *big.Rat) *big.Rat    { return new(big.Rat).Neg(a) }
func abs(a *big.Rat) *big.Rat    { return new(big.Rat).Abs(a) }

// places rounds to n decimal places, half away from zero, as venues round money.
func places(a *big.Rat, n int) *big.Rat { return num(a.FloatString(n)) }

// halfEven rounds to 18 decimal places, a tie to the even one, as a ledger does.
func halfEven(a *big.Rat) *big.Rat {
	scale := new(big.Int).Exp(big.NewInt(10), big.NewInt(18), nil)
	count := new(big.Int).Mul(a.Num(), scale)
	whole, rest := new(big.Int).DivMod(count, a.Denom(), new(big.Int)) // rest ≥ 0
	switch rest.Lsh(rest, 1).Cmp(a.Denom()) {
	case 1:
		whole.Add(whole, big.NewInt(1))
	case 0:
		whole.Add(whole, big.NewInt(int64(whole.Bit(0))))
	}
	return new(big.Rat).SetFrac(whole, scale)
}

// text writes a number that has at most 18 decimal places, without zeros at its
// end.
func text(a *big.Rat) string {
	s := a.FloatString(18)
	if num(s).Cmp(a) != 0 {
		panic("market: " + a.String() + " is not a decimal")
	}
	s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	if s == "-0" || s == "" {
		return "0"
	}
	return s
}
