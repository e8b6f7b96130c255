package statefile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/moneyprinter/holdfast/cmd/holdfast/feed/internal/tabular"
	"github.com/moneyprinter/holdfast/internal/form"
	"github.com/moneyprinter/holdfast/position"
)

// MaxPositions is the largest file of positions that is read, in bytes.
const MaxPositions = 256 << 20

// ErrEncrypted is returned by [Read] for a file in the encrypted envelope.
var ErrEncrypted = errors.New("the positions are encrypted: decrypt them first")

// SizeUnit is what the member size of a position counts.
type SizeUnit uint8

// The units. The bots whose files these are were not of one mind.
const (
	SizeAuto  SizeUnit = iota // told by the layout: quote where a mint was bought with SOL
	SizeQuote                 // the money that was spent
	SizeBase                  // the quantity that was bought
)

// RemainingUnit is what the member remainingSize counts.
type RemainingUnit uint8

// The units.
const (
	RemainingAuto     RemainingUnit = iota // told by the file as a whole; see [Read]
	RemainingFraction                      // of size, 0 to 1
	RemainingAbsolute                      // in the unit of size
)

// Options are what a file of positions does not say. The zero value
// works.
type Options struct {
	Account    string // "": main
	Strategy   string // "": none
	Settlement string // currency of prices and money; "": SOL
	Size       SizeUnit
	Remaining  RemainingUnit
}

// Imported is what a file of positions came to.
type Imported struct {
	// Entries are in the order in which they have to be applied; Line is the
	// number of the position in the file, from 1. Implied marks the definitions of
	// instruments: leave them out where an instrument is defined already.
	Entries   []tabular.Entry
	Positions int      // in the file
	Unknown   int      // members that were passed over
	Warnings  []string // what was not as it should be, and what was done about it
	Reading   string   // how size and remainingSize were read, and why; "" where none stood
}

// PositionError says which position of a file is bad. It matches [ErrLine].
type PositionError struct {
	Number int    // from 1
	Name   string // of its instrument, as far as it is known
	Err    error
}

func (e *PositionError) Error() string {
	reason := e.Err.Error()
	return fmt.Sprintf("position %d (%s): %s", e.Number, tabular.Clip(e.Name), reason)
}

// Unwrap returns ErrLine and the reason.
func (e *PositionError) Unwrap() []error { return []error{tabular.ErrLine, e.Err} }

// Read reads a file of positions as trading bots keep them: an object with
// a list positions, a bare list, or objects by name, perhaps within active,
// closed, long_positions or short_positions. It is all or nothing: a position
// that cannot be read is an error.
//
// A position whose fills are known (no exit, or exits that add up with what
// remains) becomes those fills; any other becomes an adoption of what remains,
// with the profit that its exits came to, and a warning. A mark, and an amendment
// with the symbol and other notes, follow. Ids are made of what happened, so that
// reading the same file again changes nothing, and a later state of it adds what
// is new.
//
// The member remainingSize counts one thing in the whole file, except in positions of
// the documented layout, where it is absolute. A value above 1, one that is the size
// itself, or exits that add up with it show that it is absolute; a value above its
// size, 1 beside another size and no exits, or exits that add up with it, that it is
// a fraction. Where nothing shows it, it is a fraction; where both are shown, the
// file is refused.
//
// Numbers are taken as their decimal text, not as doubles. A file that
// [Write] wrote gives back the positions that it was given with the same
// quantity, cost, lots, totals, extremes and notes; what was entered and left
// before, and how often, becomes an adoption.
func Read(r io.Reader, o Options) (*Imported, error) {
	b, err := io.ReadAll(io.LimitReader(r, MaxPositions+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read positions: %w", err)
	case len(b) > MaxPositions:
		return nil, fmt.Errorf("%w: more than %d bytes of positions", tabular.ErrFormat, MaxPositions)
	}
	if what := tabular.Binary(b); what != "" {
		return nil, fmt.Errorf("%w: it %s", tabular.ErrFormat, what)
	}
	b = bytes.TrimSpace(bytes.TrimPrefix(b, []byte("\ufeff")))
	if len(b) == 0 {
		return nil, tabular.ErrEmpty
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var doc any
	if err = d.Decode(&doc); err == nil && d.InputOffset() != int64(len(b)) {
		err = errors.New("there is more after the first value")
	}
	if err != nil {
		return nil, fmt.Errorf("%w: no JSON, perhaps cut off: %w", tabular.ErrFormat, err)
	}
	if err = form.Unique(b); err != nil {
		return nil, fmt.Errorf("%w: %w", tabular.ErrFormat, err)
	}
	im := importer{o: o.filled(), asked: o.Remaining != RemainingAuto, out: &Imported{}, defined: map[string]bool{}, seen: map[string]int{}}
	if err = im.document(doc); err == nil {
		err = im.read()
	}
	if err != nil {
		return nil, err
	}
	return im.out, nil
}

func (o Options) filled() Options {
	if o.Account == "" {
		o.Account = "main"
	}
	if o.Settlement == "" {
		o.Settlement = "SOL"
	}
	return o
}

// importer makes one file's positions into mutations.
type importer struct {
	o       Options
	out     *Imported
	saved   position.Time // when the file was written, 0 if it does not say
	asked   bool          // what remainingSize counts was said
	pending []found
	defined map[string]bool
	seen    map[string]int // the position that gave a fill or an adoption of this id
}

// found is a position of the file that is not read yet.
type found struct {
	name, side string
	o          map[string]any
}

// document recognises the layout and finds the positions.
func (im *importer) document(doc any) error {
	switch v := doc.(type) {
	case []any:
		return im.list(v)
	case map[string]any:
		return im.object(v)
	}
	return fmt.Errorf("%w: the positions are neither an object nor a list", tabular.ErrFormat)
}

func (im *importer) object(v map[string]any) error {
	if encrypted(v) || encryptedMember(v) {
		return ErrEncrypted
	}
	if at, ok := first(v, "lastSaved", "last_saved", "last_updated", "lastUpdated"); ok {
		t, err := parseMoment(at)
		if err != nil {
			return fmt.Errorf("%w: lastSaved %w", tabular.ErrFormat, err)
		}
		im.saved = t
	}
	switch inner := v["positions"].(type) {
	case []any:
		return im.list(inner)
	case map[string]any:
		return im.byName(inner, "")
	case nil:
	default:
		return fmt.Errorf("%w: positions is neither a list nor an object", tabular.ErrFormat)
	}
	found := false
	for _, part := range []struct{ name, side string }{{"active", ""}, {"closed", ""}, {"long_positions", "long"}, {"short_positions", "short"}} {
		inner, ok := v[part.name].(map[string]any)
		if !ok {
			continue
		}
		found = true
		if err := im.byName(inner, part.side); err != nil {
			return err
		}
	}
	if found {
		return nil
	}
	for _, one := range v {
		if o, ok := one.(map[string]any); ok && isPosition(o) {
			return im.byName(v, "")
		}
	}
	return fmt.Errorf("%w: there is no list of positions in it, and nothing that looks like a position", tabular.ErrFormat)
}

// encrypted recognises {iv, data, tag}.
func encrypted(v map[string]any) bool {
	for _, name := range []string{"iv", "data", "tag"} {
		if _, ok := v[name].(string); !ok {
			return false
		}
	}
	return true
}

// encryptedMember recognises the envelope in the place of the state.
func encryptedMember(v map[string]any) bool {
	for _, name := range []string{"data", "positions", "state"} {
		if o, ok := v[name].(map[string]any); ok && encrypted(o) {
			return true
		}
	}
	return false
}

func isPosition(o map[string]any) bool {
	_, ok := first(o, entryPriceNames()...)
	return ok
}

func (im *importer) list(list []any) error {
	for _, v := range list {
		o, ok := v.(map[string]any)
		if !ok {
			return &PositionError{Number: len(im.pending) + 1, Err: errors.New("it is no object")}
		}
		if err := im.position("", "", o); err != nil {
			return err
		}
	}
	return nil
}

// byName reads an object of positions in the order of their names. A name may
// carry the side: BTCUSDT:LONG.
func (im *importer) byName(m map[string]any, side string) error {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		o, ok := m[name].(map[string]any)
		if !ok || !isPosition(o) {
			im.out.Unknown++
			continue
		}
		given := side
		symbol, suffix, _ := strings.Cut(name, ":")
		if s := strings.ToLower(suffix); s == "long" || s == "short" {
			name, given = symbol, s
		}
		if err := im.position(name, given, o); err != nil {
			return err
		}
	}
	return nil
}

func (im *importer) refuse(name string, err error) error {
	return &PositionError{Number: im.out.Positions + 1, Name: name, Err: err}
}

// position notes one object, to be read when all are found.
func (im *importer) position(name, side string, o map[string]any) error {
	if encrypted(o) || encryptedMember(o) {
		return ErrEncrypted
	}
	im.pending = append(im.pending, found{name, side, o})
	return nil
}

// read reads what was found.
func (im *importer) read() error {
	if err := im.decide(); err != nil {
		return err
	}
	for _, f := range im.pending {
		if err := im.one(f.name, f.side, f.o); err != nil {
			return err
		}
	}
	return nil
}

// one reads one object and adds what it gives.
func (im *importer) one(name, side string, o map[string]any) error {
	h := holding{im: im, raw: o, used: map[string]bool{}, side: side}
	if err := h.read(name); err != nil {
		return im.refuse(h.instrument, err)
	}
	ms, err := h.mutations()
	if err != nil {
		return im.refuse(h.instrument, err)
	}
	if earlier := im.repeats(ms); earlier != 0 {
		return im.refuse(h.instrument, fmt.Errorf("it repeats position %d: both would be counted as one", earlier))
	}
	im.out.Positions++
	for _, m := range ms {
		m = position.Stated(m)
		if err = m.Validate(); err != nil {
			im.out.Positions--
			return im.refuse(h.instrument, err)
		}
		_, implied := m.(position.DefineInstrument)
		im.out.Entries = append(im.out.Entries, tabular.Entry{Line: im.out.Positions, Mutation: m, Implied: implied})
	}
	im.out.Unknown += len(o) - len(h.used)
	return nil
}

// repeats returns the number of the earlier position that gave the same fill or
// adoption, 0 if there is none, and notes what this one gives.
func (im *importer) repeats(ms []position.Mutation) int {
	for _, m := range ms {
		switch m.(type) {
		case position.Fill, position.Adopt:
		default:
			continue
		}
		if earlier := im.seen[m.ID()]; earlier != 0 {
			return earlier
		}
	}
	for _, m := range ms {
		im.seen[m.ID()] = im.out.Positions + 1
	}
	return 0
}

// warn notes something about a position.
func (h *holding) warn(what string) {
	h.im.out.Warnings = append(h.im.out.Warnings, fmt.Sprintf("position %d (%s): %s", h.im.out.Positions+1, tabular.Clip(h.instrument), what))
}
