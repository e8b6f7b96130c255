package position_test

import (
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/position"
)

// An image that is put over a spare one is the one that would have been made, with
// fees and without, and a detached copy of the spare stays.
func TestSparesAreWrittenOver(t *testing.T) {
	none, one, two := &position.Position{Version: 1}, &position.Position{Version: 2}, &position.Position{Version: 3}
	one.Totals.Fees = position.Amounts{{Currency: "USD", Value: dec("1")}}
	two.Totals.Fees = position.Amounts{{Currency: "EUR", Value: dec("2")}, {Currency: "USD", Value: dec("3")}}
	all := []*position.Position{none, one, two}
	for _, old := range all {
		for _, p := range all {
			var s position.Spares
			spare := old.Clone()
			before := *old
			kept := spare.Detached()
			s.Add(spare)
			n := s.Clone(p)
			require.Equal(t, p, n)
			if (len(old.Totals.Fees) == 1) == (len(p.Totals.Fees) == 1) {
				require.Same(t, spare, n)
			}
			if len(n.Totals.Fees) == 1 {
				n.Totals.Fees[0].Value = dec("9")
			}
			require.Equal(t, before, kept)
			require.Equal(t, before, *old)
			require.NotSame(t, n, s.Clone(p), "one is given once")
		}
	}
	require.Equal(t, one, (*position.Spares)(nil).Clone(one))
}

// A fold into spare images gives what a fold gives.
func TestFoldIntoSpares(t *testing.T) {
	held := muts(buy("1.5", "50123.25"), with(buy("2", "100"), "1", ""), with(sell("5", "90"), "1", ""), with(buy("1", "80"), "1", "EUR"),
		with(buy("1", "80"), "-1", "EUR"), buy("1", "70"), sell("1", "60"), with(buy("9", "50"), "3", "EUR"), with(buy("9", "50"), "3", "USD"))
	s, plain := newMemory(position.Rules{}), newMemory(position.Rules{})
	var spares position.Spares
	for i, m := range held {
		m = position.Stated(m.Identified("id", position.Time(i+1)))
		want, err := plain.rules.Fold(state{plain}, m)
		require.NoError(t, err)
		old := s.positions[key]
		got, err := s.rules.AppendFold(nil, &spares, state{s}, m)
		require.NoError(t, err)
		require.Equal(t, want, got)
		if old != nil {
			spares.Add(old)
		}
		for j := range want {
			plain.take(&want[j])
			s.take(&got[j])
		}
		for j := range len(got) - 1 {
			spares.Add(got[j].After)
		}
	}
}

// Every character is judged the same whatever stands beside it: texts of plain bytes
// take a shorter way.
func TestNamesAreJudgedByTheirCharacters(t *testing.T) {
	valid := func(name string) bool {
		f := on(position.Key{Account: name, Instrument: "X"}, buy("1", "1"))
		return f.Validate() == nil
	}
	for r := range rune(0x3000) {
		require.Equal(t, unicode.IsPrint(r) && r != utf8.RuneError, valid(string(r)), "%U", r)
		require.Equal(t, unicode.IsPrint(r), valid("plain"+string(r)), "%U", r)
		require.Equal(t, unicode.IsPrint(r), valid("é"+string(r)), "%U", r)
	}
	for b := range 256 {
		for at := range 20 { // eight at a time are looked at
			name := []byte("twenty plain letters")
			name[at] = byte(b)
			require.Equal(t, b >= ' ' && b < 0x7f, valid(string(name)), "%x at %d", b, at)
		}
	}
}
