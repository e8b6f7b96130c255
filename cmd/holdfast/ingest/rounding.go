package ingest

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/moneyprinter/holdfast/cmd/holdfast/feed"
	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/projector"
)

// hyperliquidDigits is how many digits after the point a price and a size of a
// perpetual have together on Hyperliquid.
const hyperliquidDigits = 6

// Rounding defines the instruments of a Hyperliquid export with the venue's
// rounding, before their first fill. For a perpetual it cuts the average entry
// price down to 6 − n places wherever it computes a profit, n being the places of
// the coin's sizes; the export does not name n, the finest size in it does. On
// spot the cost of what is sold is cut down to 6 places, so that the profit is
// rounded up.
type Rounding struct {
	places map[string]int
	// plain are the definitions that the files imply, by instrument.
	plain map[string]position.DefineInstrument
	// known returns what the ledger holds already; nil: nothing can be asked.
	known func(name string) (position.Instrument, bool)
}

// NewRounding reads the files once, for the sizes in them.
func NewRounding(in *Input) (*Rounding, error) {
	v := &Rounding{places: make(map[string]int), plain: make(map[string]position.DefineInstrument)}
	for _, s := range in.Sources {
		if err := v.scan(s.Name, in); err != nil {
			return nil, err
		}
	}
	return v, nil
}

// scan notes the most places of any size of each coin. Bad lines are passed over:
// the run itself reports them.
func (v *Rounding) scan(name string, in *Input) (err error) {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // opened for reading
	f, err := feed.Open(name, file, in.Format, in.Mapping)
	if err != nil {
		return err
	}
	for {
		e, err := f.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if _, bad := errors.AsType[*feed.LineError](err); bad {
			continue
		}
		if err != nil {
			return err
		}
		switch m := e.Mutation.(type) {
		case position.Fill:
			_, places, _ := strings.Cut(m.Qty.String(), ".")
			v.places[m.Instrument] = max(v.places[m.Instrument], len(places))
		case position.DefineInstrument:
			v.plain[m.Instrument] = m
		}
	}
}

// apply returns the definition of a perpetual with the profile, anything else as
// it is. Its id names the profile: the plain definition is another one.
func (v *Rounding) apply(m position.Mutation) position.Mutation {
	d, ok := m.(position.DefineInstrument)
	if v == nil || !ok {
		return m
	}
	if d.Terms.Kind == position.Spot {
		d.Terms.Rounding.Realized = position.Round{Mode: position.Ceiling, Digits: hyperliquidDigits}
		d.Ident = uuid.NewSHA1(uuid.NameSpaceURL, fmt.Appendf(nil, "%s/realized/%d ceiling", d.Ident, hyperliquidDigits)).String()
		return d
	}
	digits := max(hyperliquidDigits-v.places[d.Instrument], 0)
	if v.known != nil {
		// An earlier file may have shown finer sizes than this one.
		if in, held := v.known(d.Instrument); held && in.Terms.Rounding.Average.Mode == position.Floor {
			digits = min(digits, int(in.Terms.Rounding.Average.Digits))
		}
	}
	d.Terms.Rounding.Average = position.Round{Mode: position.Floor, Digits: uint8(digits)}
	d.Ident = uuid.NewSHA1(uuid.NameSpaceURL, fmt.Appendf(nil, "%s/average/%d floor", d.Ident, digits)).String()
	return d
}

// Check refuses, before anything is written, what redefinitions would fail at
// later: the positions of a coin that is defined otherwise are open.
func (v *Rounding) Check(view *projector.View) error {
	open := make(map[string]bool)
	for p := range view.Positions() {
		if !p.Qty.IsZero() {
			open[p.Key.Instrument] = true
		}
	}
	w := Rounding{places: v.places, known: view.Instrument}
	var without, coarser []string
	for _, name := range slices.Sorted(maps.Keys(v.plain)) {
		held, ok := view.Instrument(name)
		if !ok || !open[name] {
			continue
		}
		d, ok := w.apply(v.plain[name]).(position.DefineInstrument)
		switch {
		case !ok || d.Terms.Rounding == held.Terms.Rounding:
		case held.Terms.Rounding == position.Rounding{}:
			without = append(without, name)
		default:
			coarser = append(coarser, name)
		}
	}
	if len(without)+len(coarser) > 0 {
		return &RoundingError{Without: without, Coarser: coarser}
	}
	return nil
}

// RoundingError says that instruments would have to be defined with another
// rounding while positions of them are open. Nothing was written.
type RoundingError struct {
	Without []string // the ledger has them without any rounding
	Coarser []string // the ledger has them with one of coarser sizes
}

func (e *RoundingError) Error() string {
	return "positions are open of instruments that would be rounded otherwise: " + strings.Join(slices.Concat(e.Without, e.Coarser), ", ")
}
