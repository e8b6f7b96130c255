package statefile

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/moneyprinter/holdfast/cmd/holdfast/feed/internal/tabular"
	"github.com/moneyprinter/holdfast/position"
)

func entryPriceNames() []string { return []string{"entryPrice", "entry_price"} }

// holding is one position of a file.
type holding struct {
	im   *importer
	raw  map[string]any
	used map[string]bool // members that were looked at and are there
	side string          // "long", "short" or, if it is not known yet, ""

	instrument string
	entry      position.Decimal // price
	size       position.Decimal // as it stands there
	quote      bool             // size counts money
	remaining  position.Decimal // fraction of size
	qty        position.Decimal // that was bought, unsigned
	cost       position.Decimal // of qty, unsigned; in quote exactly the size
	current    *position.Decimal
	high, low  *position.Decimal
	opened     position.Time // 0: not known
	updated    position.Time // 0: not known
	exits      []exit
	closed     bool
	own        []position.Mutation // what Write added, nil elsewhere
	notes      map[string]string
}

// exit is a part that was sold.
type exit struct {
	portion position.Decimal // of the original size
	price   position.Decimal
	at      position.Time
}

// first returns the first of some members that is there and not null.
func first(o map[string]any, names ...string) (any, bool) {
	for _, name := range names {
		if v, ok := o[name]; ok && v != nil {
			return v, true
		}
	}
	return nil, false
}

// get is first, and notes what was looked at.
func (h *holding) get(names ...string) (any, bool) {
	for _, name := range names {
		if _, ok := h.raw[name]; ok {
			h.used[name] = true
		}
	}
	return first(h.raw, names...)
}

// number reads a member; nil if it is not there.
func (h *holding) number(names ...string) (*position.Decimal, error) {
	v, ok := h.get(names...)
	if !ok {
		return nil, nil
	}
	d, err := numberOf(v)
	if err != nil {
		return nil, fmt.Errorf("%s %w", names[0], err)
	}
	return &d, nil
}

// numberOf reads a JSON number, or a decimal in a string.
func numberOf(v any) (position.Decimal, error) {
	switch v := v.(type) {
	case json.Number:
		return tabular.ParseDouble(v.String())
	case string:
		if v != "" && strings.Trim(v, "0123456789.eE+-") == "" {
			return tabular.ParseDouble(v)
		}
		return position.Decimal{}, fmt.Errorf("%s is not a number", tabular.Clip(v))
	}
	return position.Decimal{}, errors.New("is not a number")
}

// parseMoment reads what JavaScript keeps of a date: milliseconds, or ISO text.
// Small numbers are seconds.
func parseMoment(v any) (position.Time, error) {
	switch v := v.(type) {
	case string:
		t, err := tabular.ParseTime(v, "")
		return t, tabular.Reason(err)
	case json.Number:
		d, err := tabular.ParseDouble(v.String())
		if err != nil {
			return 0, err
		}
		const smallest = 100_000_000_000 // as milliseconds in 1973, as seconds in 5138
		unit := int64(time.Millisecond)
		if d.Cmp(position.FromInt(smallest)) < 0 {
			unit = int64(time.Second)
		}
		if d, err = (position.Round{Mode: position.Down, Digits: 3}).Of(d); err != nil {
			return 0, err
		}
		t, err := tabular.ParseUnix(d.String(), unit)
		return t, tabular.Reason(err)
	}
	return 0, errors.New("is no time")
}

func (h *holding) moment(names ...string) (position.Time, error) {
	v, ok := h.get(names...)
	if !ok {
		return 0, nil
	}
	t, err := parseMoment(v)
	if err != nil {
		return 0, fmt.Errorf("%s %w", names[0], err)
	}
	return t, nil
}

func (h *holding) text(names ...string) string {
	v, _ := h.get(names...)
	s, _ := v.(string)
	return s
}

// read takes the members in. name is the one under which the position stood in
// an object of positions.
func (h *holding) read(name string) error {
	if h.instrument = h.text("mint", "token", "tokenAddress", "instrument"); h.instrument == "" {
		if h.instrument = name; name == "" {
			h.instrument = h.text("symbol", "id")
		}
	}
	if h.instrument == "" {
		return errors.New("it has no mint, token or symbol")
	}
	whole, err := h.readOwn()
	if err != nil || whole {
		return err
	}
	for _, step := range []func() error{h.readSide, h.readPrices, h.readTimes, h.readSize, h.readExits, h.readNotes} {
		if err = step(); err != nil {
			return err
		}
	}
	return nil
}

func (h *holding) readSide() error {
	switch side := strings.ToLower(h.text("side", "direction", "positionSide")); side {
	case "":
	case "long", "buy":
		h.side = "long"
	case "short", "sell":
		h.side = "short"
	default:
		return fmt.Errorf("side %s is neither long nor short", tabular.Clip(side))
	}
	state := strings.ToLower(h.text("state", "status"))
	h.closed = state == "closed"
	if open, ok := h.get("isOpen", "is_open"); ok && open == false {
		h.closed = true
	}
	if state == "pending" {
		return errors.New("it is pending: it was not bought yet")
	}
	return nil
}

// readPrices reads the entry, the mark and the extremes, which stand under many
// names, and in the histories.
func (h *holding) readPrices() error {
	entry, err := h.number(entryPriceNames()...)
	switch {
	case err != nil:
		return err
	case entry == nil:
		return errors.New("entryPrice is missing")
	case entry.Sign() <= 0:
		return errors.New("entryPrice must be positive")
	}
	h.entry, h.high, h.low = *entry, entry, entry
	if h.current, err = h.number("currentPrice", "current_price"); err != nil {
		return err
	}
	for _, name := range []string{"highPrice", "high_price", "highestPrice", "highest_price", "lowestPrice", "lowest_price"} {
		v, numberErr := h.number(name)
		if numberErr != nil {
			return numberErr
		}
		h.extend(v)
	}
	h.extend(h.current)
	history, _ := h.get("priceHistory", "price_history")
	prices, _ := history.([]any)
	candles, _ := h.get("candleHistory", "candle_history")
	list, _ := candles.([]any)
	for _, c := range list {
		if o, ok := c.(map[string]any); ok {
			prices = append(prices, o["high"], o["low"])
		}
	}
	for _, v := range prices {
		if o, ok := v.(map[string]any); ok {
			v = o["price"]
		}
		if d, numberErr := numberOf(v); numberErr == nil {
			h.extend(&d)
		}
	}
	return nil
}

// extend moves the extremes. A value that is not positive is no price here.
func (h *holding) extend(v *position.Decimal) {
	if v == nil || v.Sign() <= 0 {
		return
	}
	if v.Cmp(*h.high) > 0 {
		h.high = v
	}
	if v.Cmp(*h.low) < 0 {
		h.low = v
	}
}

func (h *holding) readTimes() (err error) {
	if h.opened, err = h.moment("entryTime", "entry_time", "openTime", "openedAt", "opened_at", "timestamp"); err != nil {
		return err
	}
	if h.updated, err = h.moment("lastUpdate", "lastUpdateTime", "last_update", "updated_at"); err != nil {
		return err
	}
	if h.updated == 0 {
		h.updated = h.im.saved
	}
	return nil
}

// documented tells the layout of the bot's documentation, which counts what
// remains in the unit of size.
func (h *holding) documented() bool {
	_, open := h.raw["isOpen"]
	_, at := h.raw["openTime"]
	_, id := h.raw["id"]
	return open || at || id && h.raw["mint"] == nil
}

// counted tells layouts whose size is a quantity.
func (h *holding) counted() bool {
	for _, name := range []string{"pnlUSD", "pnlPercent", "quantity", "qty", "amount"} {
		if _, ok := h.raw[name]; ok {
			return true
		}
	}
	return h.documented() || h.raw["mint"] == nil
}

func (h *holding) readSize() error {
	size, err := h.number("size", "quantity", "qty", "amount")
	switch {
	case err != nil:
		return err
	case size == nil:
		return errors.New("size is missing")
	case size.Sign() == 0:
		return errors.New("size is zero")
	case size.Sign() < 0 && h.side == "":
		h.side = "short"
	}
	h.size = size.Abs()
	h.quote = h.im.countsMoney(h)
	h.qty, h.cost = h.size, h.size
	if h.quote {
		h.qty, err = h.size.Quo(h.entry)
	} else {
		h.cost, err = h.size.Mul(h.entry)
	}
	if err != nil {
		return fmt.Errorf("size %w", err)
	}
	if h.qty.IsZero() {
		return errors.New("size is too small: it comes to no quantity")
	}
	return h.readRemaining()
}

// readRemaining makes what remains a fraction of size. Doubles leave dust at
// both ends.
func (h *holding) readRemaining() error {
	one := position.FromInt(1)
	h.remaining = one
	left, err := h.number("remainingSize", "remaining_size")
	if err != nil {
		return err
	}
	if left != nil {
		absolute := h.im.o.Remaining == RemainingAbsolute || h.documented() && !h.im.asked
		if h.remaining = *left; absolute {
			if h.remaining, err = left.Quo(h.size); err != nil {
				return fmt.Errorf("remainingSize %w", err)
			}
		}
	}
	switch dust := position.MustParse("0.000000000001"); {
	case h.remaining.Abs().Cmp(dust) < 0:
		h.remaining = position.Decimal{}
	case h.remaining.Sign() < 0:
		return fmt.Errorf("remainingSize %s is negative", left)
	case h.remaining.Cmp(position.MustParse("1.000000001")) > 0:
		return fmt.Errorf("remainingSize %s is more than size %s", left, h.size)
	case h.remaining.Cmp(one) > 0:
		h.remaining = one
	}
	if h.closed {
		h.remaining = position.Decimal{}
	}
	return nil
}
