package cases_test

import (
	"encoding/json"
	"fmt"
	"math/big"
	"strings"

	"github.com/moneyprinter/holdfast/position"
)

// How figures of the sources, which are texts, are compared with exact ones.

func rat(d position.Decimal) *big.Rat {
	r, _ := new(big.Rat).SetString(d.String())
	return r
}

// text is a JSON string's content, or the JSON itself; null is empty.
func text(v json.RawMessage) string {
	var s string
	if json.Unmarshal(v, &s) == nil {
		return s
	}
	return string(v)
}

func same(have string, want json.RawMessage) error {
	if have != text(want) {
		return fmt.Errorf("have %s, want %s", have, text(want))
	}
	return nil
}

type precision int

const (
	exact precision = iota
	float           // 10⁻⁹ of the value, or equal in at least eight stated places
)

// number compares with "1.5", "2/3" or {value, tol}.
func number(have *big.Rat, want json.RawMessage, p precision) error {
	value, tol := text(want), new(big.Rat)
	var m struct{ Value, Tol string }
	if json.Unmarshal(want, &m) == nil && m.Value != "" {
		value = m.Value
		tol.SetString(m.Tol)
	}
	w, ok := new(big.Rat).SetString(value)
	if !ok {
		return fmt.Errorf("%q is no number", value)
	}
	if p == float {
		tol.Mul(new(big.Rat).Abs(w), big.NewRat(1, 1_000_000_000))
		if _, frac, _ := strings.Cut(value, "."); len(frac) >= 8 && rounded(have, value) == nil {
			return nil
		}
	}
	if diff := new(big.Rat).Sub(have, w); diff.Abs(diff).Cmp(tol) > 0 {
		return fmt.Errorf("have %s, want %s", have.FloatString(20), value)
	}
	return nil
}

// rounded compares at the precision of the wanted text.
func rounded(have *big.Rat, want string) error {
	w, ok := new(big.Rat).SetString(want)
	if !ok {
		return fmt.Errorf("%q is no number", want)
	}
	_, frac, _ := strings.Cut(want, ".")
	half := big.NewRat(1, 2)
	half.Quo(half, new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(len(frac))), nil)))
	if diff := new(big.Rat).Sub(have, w); diff.Abs(diff).Cmp(half) > 0 {
		return fmt.Errorf("have %s, want %s", have.FloatString(20), want)
	}
	return nil
}
