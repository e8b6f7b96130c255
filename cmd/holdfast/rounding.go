package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/google/uuid"

	"github.com/moneyprinter/holdfast/cmd/holdfast/feed"
	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/projector"
)

// hyperliquidDigits is how many digits after the point a price and a size of a
// perpetual have together on Hyperliquid.
const hyperliquidDigits = 6

// venueRounding defines the instruments of a Hyperliquid export with the venue's
// rounding, before their first fill. For a perpetual it cuts the average entry
// price down to 6 − n places wherever it computes a profit, n being the places of
// the coin's sizes; the export does not name n, the finest size in it does. On
// spot the cost of what is sold is cut down to 6 places, so that the profit is
// rounded up.
type venueRounding struct {
	places map[string]int
	// plain are the definitions that the files imply, by instrument.
	plain map[string]position.DefineInstrument
	// known returns what the ledger holds already; nil: nothing can be asked.
	known func(name string) (position.Instrument, bool)
}

// newVenueRounding reads the files once, for the sizes in them.
func newVenueRounding(name string, in *input) (*venueRounding, error) {
	switch name {
	case "":
		return nil, nil //nolint:nilnil // no profile is what was asked for
	case feed.Hyperliquid.String():
	default:
		return nil, usagef("--rounding %q: hyperliquid is the only profile by name; an instrument line takes any other, see 'holdfast schema mutation'", name)
	}
	v := &venueRounding{places: make(map[string]int), plain: make(map[string]position.DefineInstrument)}
	for _, s := range in.sources {
		if s.c == nil {
			return nil, usagef("--rounding reads the input twice: give a file instead of -")
		}
		if f := s.feed.Format(); f != feed.Hyperliquid {
			return nil, usagef("--rounding hyperliquid is for the venue's own export; %s is read as %s", s.name, f)
		}
		if err := v.scan(s.name, in); err != nil {
			return nil, err
		}
	}
	return v, nil
}

// scan notes the most places of any size of each coin. Bad lines are passed over:
// the run itself reports them.
func (v *venueRounding) scan(name string, in *input) (err error) {
	file, err := os.Open(name)
	if err != nil {
		return fmt.Errorf("holdfast: %w", err)
	}
	defer func() { _ = file.Close() }() // opened for reading
	f, err := feed.Open(name, file, in.format, in.mapping)
	if err != nil {
		return fmt.Errorf("holdfast: %w", err)
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
			return fmt.Errorf("holdfast: %w", err)
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
func (v *venueRounding) apply(m position.Mutation) position.Mutation {
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

// check refuses, before anything is written, what redefinitions would fail at
// later: the positions of a coin that is defined otherwise are open.
func (v *venueRounding) check(view *projector.View) error {
	open := make(map[string]bool)
	for p := range view.Positions() {
		if !p.Qty.IsZero() {
			open[p.Key.Instrument] = true
		}
	}
	w := venueRounding{places: v.places, known: view.Instrument}
	var without, coarser []string
	for _, name := range sortedNames(v.plain) {
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
	if len(without) > 0 {
		return fmt.Errorf("holdfast: the ledger was filled without --rounding hyperliquid, and positions of %s that would be redefined are open: %s; "+
			"nothing was written: begin a new ledger with another --dir", counted(len(without), "coin"), someOf(without))
	}
	if len(coarser) > 0 {
		return fmt.Errorf("holdfast: the ledger has another rounding of %s, made from coarser sizes than these files show, and positions are open: %s; "+
			"nothing was written: close them first, or begin a new ledger with another --dir", counted(len(coarser), "coin"), someOf(coarser))
	}
	return nil
}

// someOf lists the first of some names.
func someOf(names []string) string {
	const most = 10
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}
