package tabular

import (
	"strings"

	"github.com/moneyprinter/holdfast/position"
)

// ParseSide reads the side of a trade as venues write it.
func ParseSide(s string) (position.Side, error) {
	switch strings.ToLower(s) {
	case "buy", "b":
		return position.Buy, nil
	case "sell", "s":
		return position.Sell, nil
	}
	return 0, Bad("side", "%s is neither buy nor sell", Clip(s))
}
