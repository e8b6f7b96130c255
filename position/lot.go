package position

// MaxLots is how many lots one position may hold. A fill that would open one more
// is refused with [ErrTooManyLots].
const MaxLots = 10_000

// Lot is an open quantity that was bought or sold together.
type Lot struct {
	ID     uint64  // 1, 2, … over the life of the key
	Qty    Decimal // signed like the position
	Cost   Decimal // signed like the position's
	Opened Time    // event time of the fill; kept in a transfer
	Label  string  // of the fill, else the fill's id; kept in a transfer
}

// LotUse is what a change took from a lot.
type LotUse struct {
	ID   uint64
	Qty  Decimal // signed like the lot; all of its quantity where the lot is gone
	Cost Decimal // that left with it
}

// Lots are the open lots of a position, immutable. Where a change is decoded, Open
// is nil: [Lots.After] makes it from the lots before.
type Lots struct {
	Open  []Lot    // sorted by time of opening, then by number
	Count int      // of Open
	Next  uint64   // number of the next lot
	Sum   [16]byte // digest of Open, whatever its order; see lotsum.go
}

// LotRef selects lots. An empty member selects by nothing; all others must fit.
type LotRef struct {
	Label  string   // of the lot
	Price  *Decimal // entry price of the lot
	Opened string   // date (2006-01-02, UTC) or exact time of opening, RFC 3339
}

func (r *LotRef) validate() error {
	if r == nil {
		return nil
	}
	if r.Label == "" && r.Price == nil && r.Opened == "" {
		return invalid("lot", "selects nothing: a label, price or opened is required")
	}
	if _, _, err := r.span(); err != nil {
		return err
	}
	return checkName("lot", r.Label, true)
}

// span returns the first and last instant that Opened covers, zeros for all.
func (r *LotRef) span() (from, to Time, err error) {
	const day = 24 * 60 * 60 * 1_000_000_000
	switch {
	case r.Opened == "":
		return 0, 0, nil
	case len(r.Opened) == len("2006-01-02"):
		from, err = ParseTime(r.Opened + "T00:00:00Z")
		to = from + day - 1
	default:
		from, err = ParseTime(r.Opened)
		to = from
	}
	if err != nil {
		return 0, 0, invalid("lot", "opened %q is neither a date nor an RFC 3339 time", clip(r.Opened))
	}
	return from, to, nil
}
