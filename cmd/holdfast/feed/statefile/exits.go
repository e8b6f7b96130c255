package statefile

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/moneyprinter/holdfast/position"
)

// readExits reads the parts that were sold. The profit that stands beside them
// is of many units, so it is computed anew.
func (h *holding) readExits() error {
	v, _ := h.get("partialExits", "partial_exits")
	list, _ := v.([]any)
	for i, e := range list {
		o, ok := e.(map[string]any)
		if !ok {
			return fmt.Errorf("partialExits: number %d is no object", i+1)
		}
		x, err := readExit(o)
		if err != nil {
			return fmt.Errorf("partialExits: number %d: %w", i+1, err)
		}
		h.exits = append(h.exits, x)
		h.extend(&x.price)
	}
	return h.readLastExit()
}

// readLastExit takes what a closed position tells about its end.
func (h *holding) readLastExit() error {
	price, err := h.number("exitPrice", "exit_price")
	if err != nil {
		return err
	}
	at, err := h.moment("closedAt", "closed_at")
	if err != nil || price == nil || !h.closed {
		return err
	}
	rest := position.FromInt(1)
	for _, x := range h.exits {
		if rest, err = rest.Sub(x.portion); err != nil {
			return err
		}
	}
	if rest.Cmp(position.MustParse("0.000000000001")) > 0 {
		h.exits = append(h.exits, exit{portion: rest, price: *price, at: at})
		h.extend(price)
	}
	return nil
}

func readExit(o map[string]any) (x exit, err error) {
	for _, n := range []struct {
		to    *position.Decimal
		names []string
	}{{&x.portion, []string{"portion"}}, {&x.price, []string{"exitPrice", "exit_price", "price"}}} {
		v, ok := first(o, n.names...)
		if !ok {
			return x, fmt.Errorf("%s is missing", n.names[0])
		}
		if *n.to, err = numberOf(v); err != nil {
			return x, fmt.Errorf("%s %w", n.names[0], err)
		}
	}
	if x.portion.Sign() <= 0 {
		return x, errors.New("portion must be positive")
	}
	if v, ok := first(o, "timestamp", "time"); ok {
		if x.at, err = parseMoment(v); err != nil {
			return x, fmt.Errorf("timestamp %w", err)
		}
	}
	return x, nil
}

// readNotes keeps what people look at and nothing else says.
func (h *holding) readNotes() error {
	h.notes = map[string]string{}
	for _, name := range []string{"symbol", "maxUpside", "maxDrawdown"} {
		v, ok := h.get(name)
		if !ok {
			continue
		}
		switch v := v.(type) {
		case string:
			h.notes[name] = v
		case json.Number:
			h.notes[name] = v.String()
		}
	}
	// Told by what was read already, in units that differ.
	for _, name := range []string{"profitLoss", "pnl", "pnlPercent", "pnlUSD", "holdTime", "profitHistory"} {
		h.get(name)
	}
	return nil
}
