package position_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/position"
)

func TestRoundTripOfRandomValues(t *testing.T) {
	s := newValues(t, 0)
	var d position.Decoder
	var buf []byte
	for i := range 20_000 {
		switch i % 5 {
		case 0, 1:
			c := s.change()
			buf = position.AppendChange(buf[:0], &c)
			got, err := d.Change(buf)
			require.NoError(t, err, "%d: %+v", i, c)
			require.Equal(t, c, got)
			require.Equal(t, buf, position.AppendChange(nil, &got))
		case 2:
			m := s.mutation()
			buf = position.AppendMutation(buf[:0], m)
			got, err := d.Mutation(buf)
			require.NoError(t, err, "%d: %+v", i, m)
			require.Equal(t, m, got)
		case 3:
			p := s.position()
			buf = position.AppendPosition(buf[:0], p)
			got, err := d.Position(buf)
			require.NoError(t, err, "%d: %+v", i, p)
			require.Equal(t, p, got)
		case 4:
			in, a := s.instrument(), s.account()
			gotIn, err := d.Instrument(position.AppendInstrument(nil, in))
			require.NoError(t, err)
			require.Equal(t, in, gotIn)
			gotA, err := d.Account(position.AppendAccount(nil, a))
			require.NoError(t, err)
			require.Equal(t, a, gotA)
		}
	}
}

// A decoder must not hold on to its input, and must not be confused by what it
// has seen before.
func TestDecoderSharesNothingWithInput(t *testing.T) {
	s := newValues(t, 0)
	var d position.Decoder
	for range 2_000 {
		c := s.change()
		b := position.AppendChange(nil, &c)
		got, err := d.Change(b)
		require.NoError(t, err)
		for i := range b {
			b[i] = 0xff
		}
		require.Equal(t, c, got)
		got, err = d.Change(position.AppendChange(b[:0], &c))
		require.NoError(t, err)
		require.Equal(t, c, got)
	}
}

// The encoders write after what dst holds and touch nothing of it, and what
// they return does not depend on dst's spare capacity.
func TestAppendKeepsWhatIsThere(t *testing.T) {
	s := newValues(t, 0)
	for range 500 {
		c := s.change()
		want := position.AppendChange(nil, &c)
		for _, room := range []int{0, 1, 100, 100_000} {
			dst := append(make([]byte, 0, 7+room), "journal"...)
			got := position.AppendChange(dst, &c)
			require.Equal(t, "journal", string(got[:7]))
			require.Equal(t, want, got[7:])
		}
	}
}

func TestSeqAndExpectedVersionAreNotEncoded(t *testing.T) {
	s := newValues(t, 0)
	p := s.position()
	before := position.AppendPosition(nil, p)
	p.Seq = 77
	require.Equal(t, before, position.AppendPosition(nil, p))

	f := s.fill()
	before = position.AppendMutation(nil, f)
	version := uint64(3)
	f.ExpectVersion = &version
	require.Equal(t, before, position.AppendMutation(nil, f))
	require.Equal(t, before, position.AppendMutation(nil, &f), "a pointer is encoded as its value")
}

func TestEncodeAllocatesNothing(t *testing.T) {
	s := newValues(t, 11)
	for range 50 {
		c := s.change()
		buf := make([]byte, 0, 1<<20)
		require.Zero(t, testing.AllocsPerRun(20, func() { buf = position.AppendChange(buf[:0], &c) }), "%+v", c)
	}
	var m position.Mutation = sampleFill()
	require.Zero(t, testing.AllocsPerRun(20, func() { position.FingerprintOf(m) }))
}

func TestLargestChangeFitsTheLimit(t *testing.T) {
	name := func(i int) string {
		return strings.Repeat("n", position.MaxName-3) + string(rune('0'+i/10)) + string(rune('0'+i%10))
	}
	low := position.MustParse("-170141183460469231731.687303715884105727")
	amounts := make(position.Amounts, position.MaxCurrencies)
	cond := &position.Conditions{Stop: low, HasStop: true}
	amend := position.Amend{Stop: &low, Metadata: map[string]string{}}
	for i := range amounts {
		amounts[i] = position.Amount{Currency: name(i), Value: low}
		item := position.MetaItem{Name: name(i), Value: strings.Repeat("v", position.MaxValue)}
		cond.Targets, amend.Targets = append(cond.Targets, low), append(amend.Targets, low)
		cond.Tags, amend.Tags = append(cond.Tags, name(i)), append(amend.Tags, name(i))
		cond.Meta, amend.Metadata[item.Name] = append(cond.Meta, item), item.Value
	}
	totals := position.Totals{Realized: low, Funding: low, Fees: amounts, Charges: amounts}
	c := position.Change{
		Kind: position.Amended, Part: 1<<32 - 1, Parts: 1<<32 - 1, Cause: amend,
		After: &position.Position{Totals: totals, Prior: totals, Conditions: cond},
	}
	b := position.AppendChange(nil, &c)
	t.Logf("%d bytes", len(b))
	require.Less(t, len(b), position.MaxChange)
	got, err := new(position.Decoder).Change(b)
	require.NoError(t, err)
	require.Equal(t, c, got)
}

// Whatever single bit is flipped, the decoder answers, and what it accepts
// encodes to the flipped bytes: there is no second form of a value.
func TestEveryBitFlip(t *testing.T) {
	var d position.Decoder
	accepted := 0
	for name, c := range samples() {
		b := position.AppendChange(nil, &c)
		for bit := range len(b) * 8 {
			b[bit/8] ^= 1 << (bit % 8)
			if got, err := d.Change(b); err == nil {
				accepted++
				require.Equal(t, b, position.AppendChange(nil, &got), "%s, bit %d", name, bit)
			} else {
				require.ErrorIs(t, err, position.ErrFormat)
			}
			b[bit/8] ^= 1 << (bit % 8)
		}
		for n := range b {
			_, err := d.Change(b[:n])
			if err == nil {
				// A cut at the end of a field can be a smaller change; it must
				// be one that says what it says.
				got, _ := d.Change(b[:n])
				require.Equal(t, b[:n], position.AppendChange(nil, &got))
			}
		}
	}
	require.NotZero(t, accepted, "flips of digits and letters are other values")
}

func TestNewerFormatIsRefusedByName(t *testing.T) {
	c := samples()["fill_opened"]
	b := position.AppendChange(nil, &c)
	var d position.Decoder

	_, err := d.Change(append(slices.Clip(b), 13<<3|2, 1, 'x'))
	require.ErrorIs(t, err, position.ErrFormat)
	require.EqualError(t, err, "position: bad encoding: change, field 13 of wire type 2 is not known to this version")
	var fe *position.FormatError
	require.ErrorAs(t, err, &fe)
	require.Equal(t, uint32(13), fe.Field)

	_, err = d.Change(append([]byte{8, 18}, b[2:]...))
	require.ErrorContains(t, err, "change, field 1 has the value 18")
	_, err = d.Change(append([]byte{8, 7}, b[2:]...))
	require.ErrorContains(t, err, "has the kind 7, which is not known to this version")

	p := position.AppendPosition(nil, c.After)
	_, err = d.Position(append(p, 0xb2, 1, 0))
	require.EqualError(t, err, "position: bad encoding: position, field 22 of wire type 2 is not known to this version")
}

// Each of these is a legal protobuf message that another encoder could have
// written; a second form of the same value is refused, as is what is too large.
func TestOtherEncodingsAreRefused(t *testing.T) {
	bigName := append([]byte{10, 65}, bytes.Repeat([]byte{'a'}, 65)...)
	for name, c := range map[string]struct {
		account []byte // of an Account: name=1, balances=2, version=3
		reason  string
	}{
		"empty name":                {[]byte{10, 0}, "field 1 is empty"},
		"zero version":              {[]byte{24, 0}, "field 3 has the value 0"},
		"varint not minimal":        {[]byte{24, 0x81, 0}, "not of minimal length"},
		"varint too long":           {append(bytes.Repeat([]byte{0xff}, 0), 24, 255, 255, 255, 255, 255, 255, 255, 255, 255, 2), "too large"},
		"tag not minimal":           {[]byte{0x98, 0, 1}, "not of minimal length"},
		"length not minimal":        {[]byte{10, 0x81, 0, 'a'}, "not of minimal length"},
		"out of order":              {[]byte{24, 1, 10, 1, 'a'}, "field 1 is out of order"},
		"twice":                     {[]byte{10, 1, 'a', 10, 1, 'b'}, "field 1 is out of order"},
		"field zero":                {[]byte{2, 0}, "out of range"},
		"field too large":           {[]byte{0xfa, 0xff, 0xff, 0xff, 0x7f, 0}, "out of range"},
		"wrong wire type":           {[]byte{8, 1}, "field 1 of wire type 0 is not known"},
		"group":                     {[]byte{11, 12}, "field 1 of wire type 3 is not known"},
		"cut length":                {[]byte{10}, "cut off"},
		"cut name":                  {[]byte{10, 2, 'a'}, "cut off: 2 bytes announced, 1 left"},
		"huge length":               {[]byte{10, 255, 255, 255, 255, 255, 255, 255, 255, 127}, "cut off"},
		"name too long":             {bigName, "65 bytes long, at most 64"},
		"bad UTF-8":                 {[]byte{10, 1, 0xff}, "not valid UTF-8"},
		"empty amount":              {[]byte{18, 0}, "amount, field 2 is missing"},
		"amount zero":               {[]byte{18, 3, 10, 1, 'a'}, "amount, field 2 is missing"},
		"decimal zero, one byte":    {[]byte{18, 6, 10, 1, 'a', 18, 1, 0}, "field 2 is no decimal"},
		"decimal not minimal":       {[]byte{18, 7, 10, 1, 'a', 18, 2, 5, 0}, "field 2 is no decimal"},
		"negative not minimal":      {[]byte{18, 7, 10, 1, 'a', 18, 2, 0xff, 0xff}, "field 2 is no decimal"},
		"decimal of 17 bytes":       {append([]byte{18, 22, 10, 1, 'a', 18, 17}, make([]byte, 17)...), "17 bytes long, at most 16"},
		"smallest 128-bit number":   {append(append([]byte{18, 21, 10, 1, 'a', 18, 16}, make([]byte, 15)...), 0x80), "no decimal"},
		"currencies unsorted":       {[]byte{18, 6, 10, 1, 'b', 18, 1, 5, 18, 6, 10, 1, 'a', 18, 1, 5}, "not smaller"},
		"currency twice":            {[]byte{18, 6, 10, 1, 'a', 18, 1, 5, 18, 6, 10, 1, 'a', 18, 1, 5}, "not smaller"},
		"input above the limit":     {make([]byte, position.MaxChange+1), "at most 524288"},
		"more than MaxCurrencies":   {manyCurrencies(position.MaxCurrencies + 1), "more than 64 currencies"},
		"unknown field of a nested": {[]byte{18, 8, 10, 1, 'a', 18, 1, 5, 24, 1}, "account.amount, field 3 of wire type 0 is not known"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := new(position.Decoder).Account(c.account)
			require.ErrorIs(t, err, position.ErrFormat)
			require.ErrorContains(t, err, c.reason)
		})
	}
	_, err := new(position.Decoder).Account(manyCurrencies(position.MaxCurrencies))
	require.NoError(t, err)
}

func manyCurrencies(n int) []byte {
	var b []byte
	for i := range n {
		b = append(b, 18, 7, 10, 2, byte('A'+i/26), byte('A'+i%26), 18, 1, 5)
	}
	return b
}

// A change whose parts do not go with its kind would be a trap for every
// reader that trusts the kind.
func TestShapeOfChanges(t *testing.T) {
	all := samples()
	opened, marked := all["fill_opened"], all["mark"]
	for name, c := range map[string]position.Change{
		"no kind":             {},
		"opened, no image":    {Kind: position.Opened, Cause: sampleFill()},
		"opened, no cause":    {Kind: position.Opened, After: opened.After},
		"opened, two images":  {Kind: position.Opened, Cause: sampleFill(), After: opened.After, Account: all["account"].Account},
		"marked by a fill":    {Kind: position.Marked, Cause: sampleFill()},
		"marked with image":   {Kind: position.Marked, Cause: marked.Cause, After: opened.After},
		"epoch with cause":    {Kind: position.EpochBegun, Cause: sampleFill(), Epoch: all["epoch"].Epoch},
		"epoch without epoch": {Kind: position.EpochBegun},
		"instrument missing":  {Kind: position.Defined, Cause: all["instrument"].Cause},
	} {
		_, err := new(position.Decoder).Change(position.AppendChange(nil, &c))
		require.ErrorIs(t, err, position.ErrFormat, name)
	}
}

// The tables of a decoder are bounded; filling them changes nothing that can be
// seen.
func TestDecoderForgetsAndGoesOn(t *testing.T) {
	var d position.Decoder
	c := samples()["fill_opened"]
	var buf []byte
	for i := range 70_000 {
		after := *c.After
		after.Key.Account = "account " + position.FromInt(int64(i)).String()
		after.Terms.Multiplier = position.FromInt(int64(i + 1))
		buf = position.AppendPosition(buf[:0], &after)
		got, err := d.Position(buf)
		require.NoError(t, err)
		if got.Key != after.Key || got.Terms != after.Terms {
			require.Equal(t, after, *got)
		}
	}
}

// A replay meets the same names, keys and terms over and over; only what each
// record owns may be allocated: id, mutation, position and its sets of fees.
func TestDecoderAllocatesNoNameTwice(t *testing.T) {
	c := benchChanges()["fill"]
	other := *c.After
	other.Key.Account = "B"
	one, two := position.AppendChange(nil, &c), position.AppendPosition(nil, &other)
	var d position.Decoder
	allocs := testing.AllocsPerRun(50, func() {
		_, err := d.Change(one)
		require.NoError(t, err)
		_, err = d.Position(two)
		require.NoError(t, err)
	})
	require.LessOrEqual(t, allocs, 5.0+3.0)
}

func TestFingerprint(t *testing.T) {
	base := sampleFill()
	want := position.FingerprintOf(base)

	later := base
	later.Time++
	version := uint64(9)
	later.ExpectVersion = &version
	require.Equal(t, want, position.FingerprintOf(later), "time and expected version are no content")
	require.Equal(t, want, position.FingerprintOf(&later))

	renamed := base
	renamed.Ident = "other"
	require.Equal(t, want.Content, position.FingerprintOf(renamed).Content)
	require.NotEqual(t, want.ID, position.FingerprintOf(renamed).ID)

	seen := map[[16]byte]string{want.Content: "base"}
	for name, edit := range map[string]func(*position.Fill){
		"account":    func(f *position.Fill) { f.Account = "B" },
		"instrument": func(f *position.Fill) { f.Instrument = "B" },
		"strategy":   func(f *position.Fill) { f.Strategy = "B" },
		"leg":        func(f *position.Fill) { f.Leg = "B" },
		"side":       func(f *position.Fill) { f.Side = position.Sell },
		"qty":        func(f *position.Fill) { f.Qty = position.FromInt(7) },
		"price":      func(f *position.Fill) { f.Price = position.FromInt(7) },
		"fee":        func(f *position.Fill) { f.Fee = position.FromInt(7) },
		"currency":   func(f *position.Fill) { f.FeeCurrency = "EUR" },
	} {
		f := base
		edit(&f)
		got := position.FingerprintOf(f)
		require.Equal(t, want.ID, got.ID)
		require.Empty(t, seen[got.Content], name)
		seen[got.Content] = name
	}
	// The same members in another type of mutation are other content.
	charge := position.Charge{Meta: base.Meta, Key: base.Key, Amount: base.Qty, Currency: "USD"}
	require.NotEqual(t, want.Content, position.FingerprintOf(charge).Content)
}

// benchChanges are an ordinary fill of a linear position in its second cycle,
// and the fullest sample.
func benchChanges() map[string]position.Change {
	p := samplePosition()
	p.Terms = position.Terms{Multiplier: num("1"), Quote: "USD", Settlement: "USD"}
	p.Cycle, p.Version = 2, 300
	p.Qty, p.Cost, p.EntryQty, p.EntryValue = num("1.5"), num("75123.456"), num("2.5"), num("125123.456")
	p.ExitQty, p.ExitValue, p.PeakQty = num("1"), num("50211.5"), num("2.5")
	p.Totals = position.Totals{Realized: num("211.5"), Fees: position.Amounts{{Currency: "USD", Value: num("62.5612")}}}
	p.Prior = position.Totals{Realized: num("-1234.56"), Fees: position.Amounts{{Currency: "USD", Value: num("612.5")}}}
	p.High, p.Low = num("51000.5"), num("49000")
	fill := sampleFill()
	fill.Qty, fill.Price, fill.Fee, fill.FeeCurrency = num("0.5"), num("50123.45"), num("12.530863"), "USD"
	return map[string]position.Change{
		"fill": {Kind: position.Increased, Parts: 1, Cause: fill, Qty: num("0.5"), Value: num("25061.725"), Fee: num("12.530863"), After: p},
		"full": samples()["fill_increased"],
	}
}

func BenchmarkAppendChange(b *testing.B) {
	for name, c := range benchChanges() {
		b.Run(name, func(b *testing.B) {
			buf := make([]byte, 0, 4096)
			b.ReportAllocs()
			for b.Loop() {
				buf = position.AppendChange(buf[:0], &c)
			}
			b.ReportMetric(float64(len(buf)), "bytes")
		})
	}
}

func BenchmarkDecodeChange(b *testing.B) {
	for name, c := range benchChanges() {
		b.Run(name, func(b *testing.B) {
			buf := position.AppendChange(nil, &c)
			var d position.Decoder
			b.ReportAllocs()
			for b.Loop() {
				if _, err := d.Change(buf); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkFingerprint(b *testing.B) {
	var m position.Mutation = sampleFill()
	b.ReportAllocs()
	for b.Loop() {
		position.FingerprintOf(m)
	}
}
