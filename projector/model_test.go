package projector_test

import (
	"errors"
	"iter"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/internal/wire"
	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/projector"
)

// model is a book without slots, rows, overlays or chunks: maps of values, a
// scan of everything for each mark, and a list of all ids.
type model struct {
	rules       position.Rules
	window      int
	terms       *position.Terms
	seq         uint64
	positions   map[position.Key]position.Position
	instruments map[string]position.Instrument
	accounts    map[string]position.Account
	cycles      map[position.Key][]position.Position
	limit       int
	log         []logged
	known       []remembered
	horizon     position.Time
}

// logged is a mutation with what was before it.
type logged struct {
	seq      uint64
	mutation position.Mutation
	changes  []position.Change
	before   *model
}

type remembered struct {
	id      string
	content wire.Fingerprint
	at      position.Time
	outcome projector.Outcome
}

func newModel(o projector.Options) *model {
	terms := o.Rules.DefaultTerms()
	return &model{
		terms: &terms,
		rules: o.Rules, window: o.Window,
		positions:   map[position.Key]position.Position{},
		instruments: map[string]position.Instrument{},
		accounts:    map[string]position.Account{},
		cycles:      map[position.Key][]position.Position{},
		limit:       o.ClosedCycles,
	}
}

func (m *model) clone() *model {
	c := newModel(projector.Options{Rules: m.rules, Window: m.window, ClosedCycles: m.limit})
	c.seq, c.known, c.horizon = m.seq, slices.Clone(m.known), m.horizon
	c.log = slices.Clone(m.log)
	maps.Copy(c.positions, m.positions)
	maps.Copy(c.instruments, m.instruments)
	maps.Copy(c.accounts, m.accounts)
	maps.Copy(c.cycles, m.cycles)
	return c
}

func (m *model) Position(key position.Key) *position.Position {
	if p, ok := m.positions[key]; ok {
		return &p
	}
	return nil
}

func (m *model) Instrument(name string) *position.Instrument {
	if in, ok := m.instruments[name]; ok {
		return &in
	}
	return nil
}

func (m *model) Account(name string) *position.Account {
	if a, ok := m.accounts[name]; ok {
		return &a
	}
	return nil
}

func (m *model) DefaultTerms() *position.Terms { return m.terms }

func (m *model) Open(instrument string) iter.Seq[*position.Position] {
	var open []*position.Position
	for _, p := range m.positions {
		if p.Key.Instrument == instrument && p.IsOpen() {
			open = append(open, &p)
		}
	}
	slices.SortFunc(open, func(a, b *position.Position) int { return a.Key.Compare(b.Key) })
	return slices.Values(open)
}

func (m *model) History(key position.Key, fill string) (*position.History, error) {
	for i, e := range m.log {
		if f, ok := e.mutation.(position.Fill); ok && f.Key == key && f.Ident == fill {
			return m.since(i, key), nil
		}
	}
	return nil, position.ErrUnknownFill
}

func (m *model) since(from int, key position.Key) *position.History {
	h := &position.History{
		Seq: m.log[from].seq + 1, Position: m.log[from].before.Position(key), // after the epoch record
		Instrument: m.log[from].before.Instrument(key.Instrument),
	}
	for _, e := range m.log[from:] {
		mk, of := e.mutation.(position.Mark)
		of = of && mk.Instrument == key.Instrument
		for _, c := range e.changes {
			of = of || c.After != nil && c.After.Key == key || c.Instrument != nil && c.Instrument.Name == key.Instrument
		}
		if of {
			h.Mutations = append(h.Mutations, e.mutation)
		}
		if tr, is := e.mutation.(position.Transfer); is && tr.To() == key {
			h.Transfers = append(h.Transfers, e.changes...)
		}
	}
	return h
}

func (m *model) HasOpen(instrument string) bool {
	for _, p := range m.positions {
		if p.Key.Instrument == instrument && p.IsOpen() {
			return true
		}
	}
	return false
}

func (m *model) lookup(mu position.Mutation) (projector.Outcome, bool, error) {
	for _, r := range m.known {
		if r.id == mu.ID() {
			if r.content.Content != wire.FingerprintOf(position.FingerprintKey{}, mu).Content {
				return projector.Outcome{}, true, projector.ErrIDReused
			}
			o := r.outcome
			o.Duplicate = true
			return o, true, nil
		}
	}
	return projector.Outcome{}, false, nil
}

var errRefused = errors.New("the fold refuses")

// apply returns the model after a batch, or the old one and the error.
func (m *model) apply(ms []position.Mutation, insist bool) (*model, []projector.Outcome, error) {
	next := m.clone()
	var out []projector.Outcome
	known, touched := 0, map[string]bool{}
	for _, mu := range ms {
		o, ok, err := m.lookup(mu)
		if err != nil {
			return m, nil, err
		}
		if ok {
			known++
		}
		out = append(out, o)
	}
	for i, mu := range ms {
		if out[i].Duplicate {
			continue
		}
		was := next.clone()
		was.log = nil
		changes, err := m.rules.Fold(next, mu)
		if key, of := refolds(mu); of && err == nil && (touched[key.String()] || touched[key.Instrument]) {
			err = errRefused // History would not have it
		}
		if err == nil && len(changes) == 0 {
			d, _ := mu.(position.DefineInstrument) // nothing else changes nothing
			seq := next.instruments[d.Instrument].Seq
			out[i] = projector.Outcome{First: seq, Last: seq, Duplicate: true}
			continue
		}
		switch {
		case known > 0:
			return m, nil, projector.ErrPartlyKnown
		case !insist && m.horizon > 0 && mu.EventTime() <= m.horizon:
			return m, nil, projector.ErrTooOld
		case err != nil:
			return m, nil, errRefused
		}
		next.log = append(next.log, logged{next.seq + 1, mu, changes, was})
		for _, c := range changes {
			if c.After != nil {
				touched[c.After.Key.String()] = true
			} else if c.Account == nil {
				touched[instrumentOf(mu)] = true
			}
		}
		out[i] = projector.Outcome{First: next.seq + 1, Last: next.seq + uint64(len(changes))}
		for _, c := range changes {
			next.change(c)
		}
		next.known = append(next.known, remembered{mu.ID(), wire.FingerprintOf(position.FingerprintKey{}, mu), mu.EventTime(), out[i]})
	}
	for len(next.known) > next.window {
		next.horizon = max(next.horizon, next.known[0].at)
		next.known = next.known[1:]
	}
	return next, out, nil
}

func refolds(mu position.Mutation) (position.Key, bool) {
	switch v := mu.(type) {
	case position.Bust:
		return v.Key, true
	case position.Correct:
		return v.Key, true
	}
	return position.Key{}, false
}

func instrumentOf(mu position.Mutation) string {
	switch v := mu.(type) {
	case position.Mark:
		return v.Instrument
	case position.DefineInstrument:
		return v.Instrument
	case position.Split:
		return v.Instrument
	case position.Settle:
		return v.Instrument
	}
	return ""
}

func (m *model) change(c position.Change) {
	m.seq++
	switch {
	case c.After != nil:
		p := *c.After
		p.Seq = m.seq
		m.end(&p)
		m.positions[p.Key] = p
	case c.Instrument != nil:
		in := *c.Instrument
		in.Seq = m.seq
		m.instruments[in.Name] = in
	case c.Account != nil:
		a := *c.Account
		a.Seq = m.seq
		m.accounts[a.Name] = a
	default:
		mk, _ := c.Cause.(position.Mark) // nothing else has no image
		in, ok := m.instruments[mk.Instrument]
		if !ok {
			in = position.Instrument{Name: mk.Instrument, Terms: m.terms}
		}
		in.Mark, in.MarkTime = mk.Price, mk.Time
		m.instruments[in.Name] = in
		for k, p := range m.positions {
			if k.Instrument != mk.Instrument || !p.IsOpen() {
				continue
			}
			if mk.Price.Cmp(p.High) > 0 {
				p.High = mk.Price
			}
			if mk.Price.Cmp(p.Low) < 0 {
				p.Low = mk.Price
			}
			m.positions[k] = p
		}
	}
}

// end keeps what the position was, if p is of another cycle.
func (m *model) end(p *position.Position) {
	var kept []position.Position
	for _, c := range append(slices.Clone(m.cycles[p.Key]), m.positions[p.Key]) {
		if c.Cycle > 0 && c.Cycle < p.Cycle {
			kept = append(kept, c)
		}
	}
	m.cycles[p.Key] = kept[max(0, len(kept)-m.limit):]
}

func (m *model) compare(t *testing.T, b *projector.Book) {
	t.Helper()
	v := b.View()
	require.Equal(t, m.seq, v.Seq()-1) // the epoch record
	require.Equal(t, m.horizon, v.Horizon())
	open, ended := uint64(0), uint64(0)
	var last position.Key
	n := 0
	for p := range v.Positions() {
		require.Negative(t, last.Compare(p.Key), "in the order of the keys")
		last, n = p.Key, n+1
		want := m.positions[p.Key]
		if in := m.instruments[p.Key.Instrument]; in.MarkTime != 0 {
			want.Mark, want.HasMark = in.Mark, true
		}
		want.Seq++
		require.Equal(t, want, p)
		one, ok := b.Position(p.Key)
		require.True(t, ok)
		require.Equal(t, p, one)
		one, ok = v.Position(p.Key)
		require.True(t, ok)
		require.Equal(t, p, one)
		if p.IsOpen() {
			open++
		}
		cycles := v.Cycles(p.Key)
		require.Equal(t, cycles, b.Cycles(p.Key))
		require.Len(t, cycles, len(m.cycles[p.Key]))
		for i, c := range m.cycles[p.Key] {
			c.Seq++
			require.Equal(t, c, cycles[i])
		}
		ended += uint64(len(cycles))
	}
	require.Len(t, m.positions, n)
	require.Equal(t, projector.Counts{
		Positions: uint64(len(m.positions)), Open: open, Instruments: uint64(len(m.instruments)),
		Accounts: uint64(len(m.accounts)), Window: uint64(len(m.known)), Cycles: ended,
	}, v.Counts())
	for in := range v.Instruments() {
		want := m.instruments[in.Name]
		if want.Seq != 0 {
			want.Seq++
		}
		require.Equal(t, want, in)
	}
	for a := range v.Accounts() {
		want := m.accounts[a.Name]
		want.Seq++
		require.Equal(t, want, a)
		one, ok := v.Account(a.Name)
		require.True(t, ok)
		require.Equal(t, a, one)
	}
}

func TestAgainstModel(t *testing.T) {
	for range 2 {
		o := projector.Options{Window: 80, ClosedCycles: 3}
		l, m := newScribe(o), newModel(o)
		rnd := newRand(t)
		x := &trader{rnd: rnd}
		seen := map[string]int{}
		for range 500 {
			ms, insist := x.batch(), rnd.IntN(20) == 0
			next, outcomes, want := m.apply(ms, insist)
			s, err := l.try(ms, insist)
			if want != nil {
				seen[want.Error()]++
				require.Error(t, err)
				if !errors.Is(want, errRefused) {
					require.ErrorIs(t, err, want)
				}
			} else {
				require.NoError(t, err)
				for i := range outcomes { // the epoch record came first
					if outcomes[i].First > 0 {
						outcomes[i].First++
						outcomes[i].Last++
					}
				}
				require.Equal(t, outcomes, s.Outcomes)
			}
			m = next
			m.compare(t, l.book)
		}
		t.Log(seen)
		require.NotZero(t, seen[projector.ErrTooOld.Error()])
		require.NotZero(t, seen[errRefused.Error()])
		require.NotZero(t, m.horizon)
	}
}
