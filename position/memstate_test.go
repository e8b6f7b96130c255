package position_test

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/position"
)

// book is a state that keeps all mutations with the state before each, so that
// it can tell a history. Every change is checked as it is taken.
type book struct {
	rules       position.Rules
	terms       *position.Terms
	positions   map[position.Key]*position.Position
	instruments map[string]*position.Instrument
	accounts    map[string]*position.Account
	seq         uint64
	log         []logged
	plain       bool // fold once, and leave the checks of images to other tests
	fees        map[*position.Amount]bool
}

// logged is one mutation that was applied.
type logged struct {
	seq         uint64 // of its first change
	mutation    position.Mutation
	changes     []position.Change
	positions   map[position.Key]*position.Position // before it
	instruments map[string]*position.Instrument     // before it
}

func newBook(rules position.Rules) *book {
	terms := rules.DefaultTerms()
	return &book{
		rules: rules, terms: &terms,
		positions:   map[position.Key]*position.Position{},
		instruments: map[string]*position.Instrument{},
		accounts:    map[string]*position.Account{},
		fees:        map[*position.Amount]bool{},
	}
}

func (l *book) Position(key position.Key) *position.Position { return l.positions[key] }
func (l *book) DefaultTerms() *position.Terms                { return l.terms }
func (l *book) Instrument(name string) *position.Instrument  { return l.instruments[name] }
func (l *book) Account(name string) *position.Account        { return l.accounts[name] }

func (l *book) HasOpen(instrument string) bool {
	for range l.Open(instrument) {
		return true
	}
	return false
}

func (l *book) Open(instrument string) iter.Seq[*position.Position] {
	return openPositions(l.positions, instrument)
}

func (l *book) History(key position.Key, fill string) (*position.History, error) {
	at := slices.IndexFunc(l.log, func(e logged) bool {
		f, ok := e.mutation.(position.Fill)
		return ok && f.Ident == fill && f.Key == key
	})
	if at < 0 {
		return nil, fmt.Errorf("%w: %q", position.ErrUnknownFill, fill)
	}
	h := &position.History{
		Seq: l.log[at].seq, Position: l.log[at].positions[key],
		Instrument: l.log[at].instruments[key.Instrument],
	}
	for _, e := range l.log[at:] {
		touched := false
		for _, c := range e.changes {
			touched = touched || c.After != nil && c.After.Key == key ||
				c.Instrument != nil && c.Instrument.Name == key.Instrument || isMarkOf(e.mutation, key.Instrument)
		}
		if !touched {
			continue
		}
		h.Mutations = append(h.Mutations, e.mutation)
		if t, ok := e.mutation.(position.Transfer); ok && t.To() == key {
			h.Transfers = append(h.Transfers, e.changes...)
		}
	}
	return h, nil
}

func isMarkOf(m position.Mutation, instrument string) bool {
	v, ok := m.(position.Mark)
	return ok && v.Instrument == instrument
}

// apply folds one mutation, checks its changes and takes them over.
func (l *book) apply(t require.TestingT, m position.Mutation) error {
	m = position.Stated(m)
	if err := position.ValidateRecorded(m); err != nil {
		return err
	}
	m = m.Identified(fmt.Sprintf("m%d", len(l.log)+1), position.Time(len(l.log)+1))
	changes, err := l.rules.Fold(l, m)
	if !l.plain {
		l.again(t, m, changes, err)
	}
	if err != nil {
		require.Empty(t, changes)
		return err
	}
	e := logged{
		seq: l.seq + 1, mutation: m, changes: changes,
		positions: maps.Clone(l.positions), instruments: maps.Clone(l.instruments),
	}
	for i := range changes {
		l.seq++
		require.Equal(t, uint32(i), changes[i].Part)
		require.Equal(t, uint32(len(changes)), changes[i].Parts)
		if !l.plain {
			require.Equal(t, m, changes[i].Cause)
		}
		l.take(t, &changes[i])
	}
	l.log = append(l.log, e)
	return nil
}

func (l *book) again(t require.TestingT, m position.Mutation, changes []position.Change, err error) {
	again, againErr := l.rules.Fold(l, m)
	require.Equal(t, err, againErr, "the same state and mutation give the same")
	require.Equal(t, changes, again, "the same state and mutation give the same")
	switch m.(type) {
	case position.Bust, position.Correct:
		ahead, aheadErr := l.rules.Fold(foldedAhead{l, m}, m)
		require.Equal(t, err == nil, aheadErr == nil, "folded ahead: %v, with the history: %v", aheadErr, err)
		require.Equal(t, changes, ahead, "folded ahead it is the same")
	}
}

// foldedAhead is a book that gives no history to a bust or correction, but what a
// [position.Refold] has made of it, as a writer does; the book alone gives it as a
// verification does.
type foldedAhead struct {
	*book

	m position.Mutation
}

func (l foldedAhead) History(key position.Key, fill string) (*position.History, error) {
	h, err := l.book.History(key, fill)
	if err != nil {
		return nil, err
	}
	from, revised, err := l.begins(key, h)
	if err != nil {
		return nil, err
	}
	start := position.History{Seq: h.Seq, Position: from.Position, Instrument: from.Instrument}
	fold, err := l.rules.NewRefold(l.m, &start, revised, position.MaxRefoldCycles)
	if err != nil {
		return nil, err
	}
	for next, i := 0, 0; next < len(from.Mutations); i++ {
		e := &l.log[i]
		if e.seq < from.Seq || e.mutation.ID() != from.Mutations[next].ID() {
			continue
		}
		next++
		var made []position.Change
		if t, ok := e.mutation.(position.Transfer); ok && t.To() == key {
			made = e.changes
		}
		_ = fold.Fold(e.seq, e.mutation, made) // the first error is that of the whole refold
	}
	return &position.History{Seq: h.Seq, Refold: fold}, nil
}

// begins returns the history from the earliest fill on that is revised since, and
// the last revision of each fill by its record.
func (l foldedAhead) begins(key position.Key, from *position.History) (*position.History, map[uint64]position.Mutation, error) {
	revised := map[uint64]position.Mutation{}
	for i := len(l.log) - 1; i >= 0 && l.log[i].seq >= from.Seq; i-- {
		of := ""
		switch v := l.log[i].mutation.(type) {
		case position.Bust:
			if v.Key == key {
				of = v.Fill
			}
		case position.Correct:
			if v.Key == key {
				of = v.Fill
			}
		}
		if of == "" {
			continue
		}
		h, err := l.book.History(key, of)
		if err != nil {
			return nil, nil, err
		}
		if h.Seq < from.Seq {
			from = h
		}
		if revised[h.Seq] == nil {
			revised[h.Seq] = l.log[i].mutation
		}
	}
	return from, revised, nil
}

// must applies mutations that are not refused.
func (l *book) must(t require.TestingT, ms ...position.Mutation) {
	for _, m := range ms {
		require.NoError(t, l.apply(t, m))
	}
}

// last returns the changes of the last mutation.
func (l *book) last() []position.Change { return l.log[len(l.log)-1].changes }

func (l *book) take(t require.TestingT, c *position.Change) {
	switch {
	case c.After != nil:
		if !l.plain {
			checkImage(t, l.positions[c.After.Key], c)
		}
		l.ownFees(t, c.After)
		c.After.Seq = l.seq
		l.positions[c.After.Key] = c.After
	case c.Instrument != nil:
		var was uint64
		if old := l.instruments[c.Instrument.Name]; old != nil {
			was = old.Version
		}
		require.Equal(t, was+1, c.Instrument.Version)
		c.Instrument.Seq = l.seq
		l.instruments[c.Instrument.Name] = c.Instrument
	case c.Account != nil:
		l.accounts[c.Account.Name] = c.Account
	default:
		m, ok := c.Cause.(position.Mark)
		require.True(t, ok, "a change without an image is a mark")
		takeMark(l.positions, l.instruments, l.terms, m)
	}
}

// ownFees holds since fees in one currency are written in place: nothing else may
// have the place.
func (l *book) ownFees(t require.TestingT, p *position.Position) {
	if p.Prior != nil && len(p.Prior.Fees) == 1 {
		require.False(t, l.fees[&p.Prior.Fees[0]], "earlier cycles share the fees of an image")
	}
	if len(p.Totals.Fees) == 1 {
		require.False(t, l.fees[&p.Totals.Fees[0]], "two images share their fees")
		l.fees[&p.Totals.Fees[0]] = true
	}
}

// checkImage holds after every change, whatever made it.
func checkImage(t require.TestingT, old *position.Position, c *position.Change) {
	p := c.After
	if old == nil {
		old = &position.Position{Terms: p.Terms}
	}
	require.Equal(t, old.Version+1, p.Version)
	require.Zero(t, p.Seq)
	require.Equal(t, c.Cause.EventTime(), p.UpdatedAt)
	require.Equal(t, p.Qty.Abs(), minus(t, p.EntryQty, p.ExitQty), "what was entered has left or is open: %s", c.Kind)
	require.LessOrEqual(t, p.Qty.Abs().Cmp(p.PeakQty), 0)
	require.LessOrEqual(t, p.Low.Cmp(p.High), 0)
	if c.Fill == 0 { // the last part of a refold has all of the difference
		require.Equal(t, added(t, old.Qty, c.Qty), p.Qty)
	}
	if p.IsOpen() {
		require.Zero(t, p.ClosedAt)
		require.Equal(t, p.Qty.Sign() < 0, p.Short)
	} else {
		require.True(t, p.Cost.IsZero(), "flat leaves no cost: %s", c.Kind)
		require.Equal(t, p.Cycle != 0, p.ClosedAt != 0)
	}
	if p.Terms.CostMethod == position.Average {
		require.Nil(t, p.Lots)
		return
	}
	before := old.Lots
	if c.Kind == position.SplitChange {
		var err error
		s, ok := c.Cause.(position.Split)
		require.True(t, ok)
		per := s.Per
		if per.IsZero() {
			per = exact("1")
		}
		before, err = before.Split(s.Ratio, per)
		require.NoError(t, err)
	}
	if p.Lots == nil {
		require.Zero(t, p.Cycle)
		return
	}
	summary := *p.Lots
	summary.Open = nil
	replayed, err := before.After(c.Consumed, c.Opened, &summary)
	require.NoError(t, err, "a record names what is needed to rebuild the lots: %s", c.Kind)
	require.Equal(t, p.Lots, replayed)
	qty, cost, err := p.Lots.Quantity()
	require.NoError(t, err)
	require.Equal(t, p.Qty, qty, "lots sum to the quantity: %s", c.Kind)
	require.Equal(t, p.Cost, cost, "lots sum to the cost: %s", c.Kind)
}

func exact(s string) position.Decimal { return position.MustParse(s) }
func ptr(s string) *position.Decimal  { v := exact(s); return &v }

func added(t require.TestingT, a, b position.Decimal) position.Decimal {
	v, err := a.Add(b)
	require.NoError(t, err)
	return v
}

func minus(t require.TestingT, a, b position.Decimal) position.Decimal { return added(t, a, b.Neg()) }

// The key that most tests are about, and the one that its quantity moves to.
var (
	here  = position.Key{Account: "A", Instrument: "X", Strategy: "s"}
	there = position.Key{Account: "B", Instrument: "X"}
)

func purchase(qty, price string) position.Fill {
	return position.Fill{Key: here, Side: position.Buy, Qty: exact(qty), Price: exact(price)}
}

func sale(qty, price string) position.Fill {
	f := purchase(qty, price)
	f.Side = position.Sell
	return f
}

func called(id string, f position.Fill) position.Fill {
	f.Ident = id
	return f
}

func on(key position.Key, f position.Fill) position.Fill {
	f.Key = key
	return f
}

func marked(price string) position.Mark { return position.Mark{Instrument: "X", Price: exact(price)} }

// contract defines X.
func contract(kind position.InstrumentKind, method position.CostMethod) position.DefineInstrument {
	v := position.DefineInstrument{Instrument: "X", Terms: position.Terms{Kind: kind, CostMethod: method, Quote: "USD"}}
	switch kind {
	case position.Inverse:
		v.Terms.Base, v.Terms.Settlement = "XBT", "XBT"
	case position.Spot:
		v.Terms.Base = "ETH"
	case position.Linear, position.Quanto, position.Option:
	}
	return v
}

// sheet shows what a position comes to in one line.
func sheet(p *position.Position) string {
	if p == nil {
		return "unknown"
	}
	avg := "?"
	if v, ok := p.AvgEntry(); ok {
		avg = v.String()
	}
	s := fmt.Sprintf("%s cost %s avg %s, in %d %s/%s, out %d %s/%s, peak %s, realized %s, %s..%s, cycle %d",
		p.Qty, p.Cost, avg, p.Entries, p.EntryQty, p.EntryValue, p.Exits, p.ExitQty, p.ExitValue,
		p.PeakQty, p.Totals.Realized, p.Low, p.High, p.Cycle)
	if p.Lots != nil {
		s += ", lots"
		for _, lot := range p.Lots.Open {
			s += fmt.Sprintf(" %s:%s/%s", lot.Label, lot.Qty, lot.Cost)
		}
	}
	return s
}

// refusal checks that an error is of a kind and, where a field is given, names it.
func refusal(t *testing.T, err, kind error, name string) {
	t.Helper()
	require.ErrorIs(t, err, kind)
	if name == "" {
		return
	}
	var field *position.FieldError
	require.ErrorAs(t, err, &field)
	require.Equal(t, name, field.Field, "%v", err)
}
