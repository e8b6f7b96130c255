package feed

import (
	"strings"

	"github.com/moneyprinter/holdfast/position"
)

func parseSide(s string) (position.Side, error) {
	switch strings.ToLower(s) {
	case "buy", "b":
		return position.Buy, nil
	case "sell", "s":
		return position.Sell, nil
	}
	return 0, bad("side", "%s is neither buy nor sell", clip(s))
}
