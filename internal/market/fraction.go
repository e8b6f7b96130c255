package main

import (
	"math/big"
	"strings"
)

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
