package statefile

import (
	"fmt"

	"github.com/moneyprinter/holdfast/cmd/holdfast/feed/internal/tabular"
	"github.com/moneyprinter/holdfast/position"
)

// evidence is what one position shows of how remainingSize is meant.
type evidence struct {
	unit   RemainingUnit // RemainingAuto: nothing
	reason string
}

// decide settles for the whole file what remainingSize counts, and says how the
// file is read. A file that shows both is refused: no reading is right for it. The
// documented layout says it by itself and so tells nothing of the others.
func (im *importer) decide() error {
	var first [RemainingAbsolute + 1]string // the evidence for each unit, with its place
	stated, documented, quote, base := 0, 0, 0, 0
	for i, f := range im.pending {
		h := holding{im: im, raw: f.o, used: map[string]bool{}}
		if _, own := f.o["holdfast"]; own {
			continue // it says the exact position itself
		}
		if im.countsMoney(&h) {
			quote++
		} else {
			base++
		}
		e, ok := h.remainingEvidence()
		if !ok {
			continue
		}
		if im.o.Remaining == RemainingAuto && h.documented() {
			documented++
			continue
		}
		stated++
		if e.unit != RemainingAuto && first[e.unit] == "" {
			first[e.unit] = fmt.Sprintf("position %d (%s): %s", i+1, tabular.Clip(nameOf(&h, f.name)), e.reason)
		}
	}
	im.out.Reading = sizeReading(quote, base)
	if documented > 0 {
		im.out.Reading += fmt.Sprintf("; remainingSize as %s in %s of the documented layout", RemainingAbsolute, countOf(documented))
	}
	if stated == 0 {
		return nil
	}
	why := "as it was asked for"
	if im.o.Remaining == RemainingAuto {
		fraction, absolute := first[RemainingFraction], first[RemainingAbsolute]
		switch {
		case fraction != "" && absolute != "":
			return fmt.Errorf("%w: remainingSize is a fraction in %s, and absolute in %s: it can be read one way only; say which, or part the file", tabular.ErrFormat, fraction, absolute)
		case absolute != "":
			im.o.Remaining, why = RemainingAbsolute, absolute
		case fraction != "":
			im.o.Remaining, why = RemainingFraction, fraction
		default:
			im.o.Remaining, why = RemainingFraction, "nothing in the file shows it"
		}
	}
	im.out.Reading += fmt.Sprintf("; remainingSize as %s (%s)", im.o.Remaining, why)
	return nil
}

// String says what is counted.
func (u RemainingUnit) String() string {
	switch u {
	case RemainingFraction:
		return "a fraction of size"
	case RemainingAbsolute:
		return "what is left of size, in its unit"
	case RemainingAuto:
	}
	return "told by the file"
}

func countOf(n int) string {
	if n == 1 {
		return "1 position"
	}
	return fmt.Sprintf("%d positions", n)
}

func sizeReading(quote, base int) string {
	switch {
	case quote == 0 && base == 0:
		return ""
	case base == 0:
		return "size is read as the money that was paid"
	case quote == 0:
		return "size is read as the quantity that was bought"
	}
	return fmt.Sprintf("size is read as the money that was paid in %s, as the quantity that was bought in %s", countOf(quote), countOf(base))
}

func nameOf(h *holding, name string) string {
	if n := h.text("mint", "token", "tokenAddress", "instrument"); n != "" {
		return n
	}
	if name != "" {
		return name
	}
	return h.text("symbol", "id")
}

// countsMoney reports whether size is money.
func (im *importer) countsMoney(h *holding) bool {
	return im.o.Size == SizeQuote || im.o.Size == SizeAuto && !h.counted()
}

// remainingEvidence looks at the numbers of one position; false where it states
// no remainingSize. A number that cannot be read shows nothing: reading it says so.
func (h *holding) remainingEvidence() (evidence, bool) {
	left, err := h.number("remainingSize", "remaining_size")
	if err != nil || left == nil {
		return evidence{}, false
	}
	size, err := h.number("size", "quantity", "qty", "amount")
	if err != nil || size == nil || size.Sign() == 0 || left.Sign() <= 0 {
		return evidence{}, true
	}
	one, whole := position.FromInt(1), size.Abs()
	sold, exits := h.soldPortions()
	switch {
	case near(whole, one):
		return evidence{}, true // both say the same
	case exceeds(*left, one) && exceeds(*left, whole):
		return evidence{}, true // it is neither, and is refused when it is read
	case exceeds(*left, one):
		return evidence{RemainingAbsolute, fmt.Sprintf("%s is more than a fraction can be", left)}, true
	case exceeds(*left, whole):
		return evidence{RemainingFraction, fmt.Sprintf("%s is more than its size %s", left, whole)}, true
	case near(*left, whole):
		return evidence{RemainingAbsolute, fmt.Sprintf("%s is its size", left)}, true
	case !exits && near(*left, one):
		return evidence{RemainingFraction, "1 is all of it, and it has no exits"}, true
	case !exits:
		return evidence{}, true
	}
	if total, err := left.Add(sold); err == nil && near(total, one) {
		return evidence{RemainingFraction, fmt.Sprintf("%s and its exits add up to 1", left)}, true
	}
	if share, err := left.Quo(whole); err == nil {
		if total, err := share.Add(sold); err == nil && near(total, one) {
			return evidence{RemainingAbsolute, fmt.Sprintf("%s of %s and its exits add up to 1", left, whole)}, true
		}
	}
	return evidence{}, true
}

// soldPortions adds up the portions of the exits.
func (h *holding) soldPortions() (sold position.Decimal, some bool) {
	v, _ := h.get("partialExits", "partial_exits")
	list, _ := v.([]any)
	for _, e := range list {
		o, _ := e.(map[string]any)
		x, err := readExit(o)
		if err != nil {
			return position.Decimal{}, false
		}
		if sold, err = sold.Add(x.portion); err != nil {
			return position.Decimal{}, false
		}
	}
	return sold, len(list) > 0
}

// Doubles leave dust: two numbers this close are meant to be one.
func near(a, b position.Decimal) bool {
	d, err := a.Sub(b)
	return err == nil && d.Abs().Cmp(position.MustParse("0.000000001")) <= 0
}

func exceeds(a, b position.Decimal) bool { return a.Cmp(b) > 0 && !near(a, b) }
