package position_test

import (
	"fmt"
	"math/big"
	"slices"
	"testing"

	"github.com/bufbuild/protocompile"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/moneyprinter/holdfast/position"
)

// These tests read our bytes as a stranger would: through the published
// position.proto, with a protobuf library that knows nothing of our codec.

func compileProto(tb testing.TB) protoreflect.FileDescriptor {
	tb.Helper()
	c := protocompile.Compiler{Resolver: &protocompile.SourceResolver{}}
	files, err := c.Compile(tb.Context(), "position.proto")
	require.NoError(tb, err)
	return files[0]
}

// wireMessage holds a message decoded with the descriptor, and remembers which
// fields were compared, so that a field that the test forgot is found.
type wireMessage struct {
	tb testing.TB
	m  protoreflect.Message
}

func decodeAs(tb testing.TB, file protoreflect.FileDescriptor, name protoreflect.Name, b []byte) wireMessage {
	tb.Helper()
	m := dynamicpb.NewMessage(file.Messages().ByName(name))
	require.NoError(tb, proto.Unmarshal(b, m))
	again, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	require.NoError(tb, err)
	require.Equal(tb, b, again, "protobuf's deterministic encoding is ours")
	return wireMessage{tb, m}
}

func (s wireMessage) field(name string) protoreflect.FieldDescriptor {
	s.tb.Helper()
	f := s.m.Descriptor().Fields().ByName(protoreflect.Name(name))
	require.NotNil(s.tb, f, name)
	return f
}

func (s wireMessage) has(name string) bool { return s.m.Has(s.field(name)) }

// compare checks all of a message's fields against wants by name. What is not
// listed must be absent, and everything the descriptor has must be listed.
func (s wireMessage) compare(wants map[string]any) {
	s.tb.Helper()
	fields := s.m.Descriptor().Fields()
	require.Empty(s.tb, s.m.GetUnknown(), "a field is missing in position.proto")
	require.Len(s.tb, wants, fields.Len(), "%s: the test does not compare every field", s.m.Descriptor().Name())
	for name, want := range wants {
		f := s.field(name)
		v := s.m.Get(f)
		switch want := want.(type) {
		case nil:
			require.False(s.tb, s.m.Has(f), name)
		case func(wireMessage):
			require.True(s.tb, s.m.Has(f), name)
			want(wireMessage{s.tb, v.Message()})
		case []func(wireMessage):
			require.Equal(s.tb, len(want), v.List().Len(), name)
			for i := range want {
				want[i](wireMessage{s.tb, v.List().Get(i).Message()})
			}
		case position.Decimal:
			require.Equal(s.tb, want, bigDecimal(s.tb, v.Bytes()), name)
		case []position.Decimal:
			require.Equal(s.tb, len(want), v.List().Len(), name)
			for i := range want {
				require.Equal(s.tb, want[i], bigDecimal(s.tb, v.List().Get(i).Bytes()), name)
			}
		case []string:
			require.Equal(s.tb, len(want), v.List().Len(), name)
			for i := range want {
				require.Equal(s.tb, want[i], v.List().Get(i).String(), name)
			}
		case string:
			require.Equal(s.tb, want, v.String(), name)
		case []byte:
			require.Equal(s.tb, want, v.Bytes(), name)
		case position.Time:
			require.Equal(s.tb, int64(want), v.Int(), name)
		case bool:
			require.Equal(s.tb, want, v.Bool(), name)
		case uint64:
			require.Equal(s.tb, want, v.Uint(), name)
		case protoreflect.EnumNumber:
			require.Equal(s.tb, want, v.Enum(), name)
		default:
			require.Fail(s.tb, "no such case", "%s: %T", name, want)
		}
	}
}

// bigDecimal reads a decimal by the words of position.proto, with math/big.
func bigDecimal(tb testing.TB, b []byte) position.Decimal {
	tb.Helper()
	reversed := slices.Clone(b)
	slices.Reverse(reversed)
	n := new(big.Int).SetBytes(reversed)
	if len(b) > 0 && b[len(b)-1] >= 0x80 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
	}
	sign := ""
	if n.Sign() < 0 {
		sign = "-"
		n.Neg(n)
	}
	text := fmt.Sprintf("%019s", n)
	return position.MustParse(sign + text[:len(text)-18] + "." + text[len(text)-18:])
}

func keyFields(k position.Key) any {
	if k == (position.Key{}) {
		return nil
	}
	return func(s wireMessage) {
		s.compare(map[string]any{"account": k.Account, "instrument": k.Instrument, "strategy": k.Strategy, "leg": k.Leg})
	}
}

func termsFields(t position.Terms) any {
	if t == (position.Terms{}) {
		return nil
	}
	return func(s wireMessage) {
		s.compare(map[string]any{
			"kind": protoreflect.EnumNumber(t.Kind), "multiplier": t.Multiplier,
			"base": t.Base, "quote": t.Quote, "settlement": t.Settlement,
		})
	}
}

func amountFields(a position.Amounts) []func(wireMessage) {
	var out []func(wireMessage)
	for _, x := range a {
		out = append(out, func(s wireMessage) { s.compare(map[string]any{"currency": x.Currency, "value": x.Value}) })
	}
	return out
}

func totalsFields(t position.Totals) any {
	if t.Realized.IsZero() && t.Funding.IsZero() && len(t.Fees) == 0 && len(t.Charges) == 0 {
		return nil
	}
	return func(s wireMessage) {
		s.compare(map[string]any{
			"realized": t.Realized, "funding": t.Funding, "fees": amountFields(t.Fees), "charges": amountFields(t.Charges),
		})
	}
}

func metaFields(items []position.MetaItem) []func(wireMessage) {
	var out []func(wireMessage)
	for _, x := range items {
		out = append(out, func(s wireMessage) { s.compare(map[string]any{"name": x.Name, "value": x.Value}) })
	}
	return out
}

func conditionsFields(c *position.Conditions) any {
	if c == nil {
		return nil
	}
	return func(s wireMessage) {
		require.Equal(s.tb, c.HasStop, s.has("stop"))
		s.compare(map[string]any{"stop": c.Stop, "targets": c.Targets, "tags": c.Tags, "meta": metaFields(c.Meta)})
	}
}

func positionFields(p *position.Position) func(wireMessage) {
	return func(s wireMessage) {
		require.Equal(s.tb, p.HasMark, s.has("mark"))
		s.compare(map[string]any{
			"key": keyFields(p.Key), "terms": termsFields(p.Terms), "cycle": p.Cycle, "version": p.Version,
			"qty": p.Qty, "cost": p.Cost, "entry_qty": p.EntryQty, "exit_qty": p.ExitQty,
			"entry_value": p.EntryValue, "exit_value": p.ExitValue, "peak_qty": p.PeakQty, "last_entry": p.LastEntry,
			"totals": totalsFields(p.Totals), "prior": totalsFields(p.Prior), "high": p.High, "low": p.Low, "mark": p.Mark,
			"opened_at": p.OpenedAt, "closed_at": p.ClosedAt, "updated_at": p.UpdatedAt,
			"conditions": conditionsFields(p.Conditions),
		})
	}
}

func instrumentFields(i *position.Instrument) func(wireMessage) {
	return func(s wireMessage) {
		s.compare(map[string]any{
			"name": i.Name, "terms": termsFields(i.Terms), "defined": i.Defined,
			"mark": i.Mark, "mark_time": i.MarkTime, "version": i.Version,
		})
	}
}

func accountFields(a *position.Account) func(wireMessage) {
	return func(s wireMessage) {
		s.compare(map[string]any{"name": a.Name, "balances": amountFields(a.Balances), "version": a.Version})
	}
}

func amendFields(a position.Amend) map[string]any {
	wants := map[string]any{
		"id": a.Ident, "time": a.Time, "key": keyFields(a.Key), "stop": nil, "no_stop": a.NoStop,
		"targets": nil, "tags": nil, "metadata": nil,
	}
	if a.Stop != nil {
		wants["stop"] = *a.Stop
	}
	if a.Targets != nil {
		wants["targets"] = func(s wireMessage) { s.compare(map[string]any{"values": a.Targets}) }
	}
	if a.Tags != nil {
		wants["tags"] = func(s wireMessage) { s.compare(map[string]any{"values": a.Tags}) }
	}
	if a.Metadata != nil {
		var items []position.MetaItem
		for name, value := range a.Metadata {
			items = append(items, position.MetaItem{Name: name, Value: value})
		}
		slices.SortFunc(items, func(x, y position.MetaItem) int {
			if x.Name < y.Name {
				return -1
			}
			return 1
		})
		wants["metadata"] = func(s wireMessage) { s.compare(map[string]any{"items": metaFields(items)}) }
	}
	return wants
}

func mutationFields(m position.Mutation) any {
	wants := map[string]any{"fill": nil, "mark": nil, "charge": nil, "amend": nil, "define_instrument": nil}
	var name string
	var fields map[string]any
	switch m := m.(type) {
	case position.Fill:
		name, fields = "fill", map[string]any{
			"id": m.Ident, "time": m.Time, "key": keyFields(m.Key),
			"side": map[position.Side]protoreflect.EnumNumber{position.Buy: 1, position.Sell: 2}[m.Side],
			"qty":  m.Qty, "price": m.Price, "fee": m.Fee, "fee_currency": m.FeeCurrency,
		}
	case position.Mark:
		name, fields = "mark", map[string]any{"id": m.Ident, "time": m.Time, "instrument": m.Instrument, "price": m.Price}
	case position.Charge:
		name, fields = "charge", map[string]any{
			"id": m.Ident, "time": m.Time, "key": keyFields(m.Key), "kind": protoreflect.EnumNumber(m.Kind),
			"amount": m.Amount, "currency": m.Currency,
		}
	case position.Amend:
		name, fields = "amend", amendFields(m)
	case position.DefineInstrument:
		name, fields = "define_instrument", map[string]any{
			"id": m.Ident, "time": m.Time, "instrument": m.Instrument, "terms": termsFields(m.Terms),
		}
	default:
		return nil
	}
	wants[name] = func(s wireMessage) { s.compare(fields) }
	return func(s wireMessage) { s.compare(wants) }
}

func changeFields(c *position.Change) func(wireMessage) {
	wants := map[string]any{
		"kind": protoreflect.EnumNumber(c.Kind), "part": uint64(c.Part), "parts": uint64(c.Parts),
		"cause": mutationFields(c.Cause), "qty": c.Qty, "value": c.Value, "realized": c.Realized, "fee": c.Fee,
		"after": nil, "instrument": nil, "account": nil, "epoch": nil,
	}
	if c.After != nil {
		wants["after"] = positionFields(c.After)
	}
	if c.Instrument != nil {
		wants["instrument"] = instrumentFields(c.Instrument)
	}
	if c.Account != nil {
		wants["account"] = accountFields(c.Account)
	}
	if c.Epoch != nil {
		wants["epoch"] = func(s wireMessage) {
			s.compare(map[string]any{"build": c.Epoch.Build, "arithmetic": uint64(c.Epoch.Arithmetic), "salt": c.Epoch.Salt[:]})
		}
	}
	return func(s wireMessage) { s.compare(wants) }
}

func TestProtobufReadsWhatWeWrite(t *testing.T) {
	file := compileProto(t)
	s := newValues(t, 0)
	for _, c := range samples() {
		changeFields(&c)(decodeAs(t, file, "Change", position.AppendChange(nil, &c)))
	}
	for range 1_000 {
		c := s.change()
		changeFields(&c)(decodeAs(t, file, "Change", position.AppendChange(nil, &c)))
		m := s.mutation()
		if want, ok := mutationFields(m).(func(wireMessage)); ok {
			want(decodeAs(t, file, "Mutation", position.AppendMutation(nil, m)))
		} else {
			require.Fail(t, "not compared", "%T", m)
		}
		p, i, a := s.position(), s.instrument(), s.account()
		positionFields(p)(decodeAs(t, file, "Position", position.AppendPosition(nil, p)))
		instrumentFields(i)(decodeAs(t, file, "Instrument", position.AppendInstrument(nil, i)))
		accountFields(a)(decodeAs(t, file, "Account", position.AppendAccount(nil, a)))
	}
}

// The other way round: what a protobuf library writes from the same values, we
// read. Without the deterministic order there is no other freedom in it.
func TestWeReadWhatProtobufWrites(t *testing.T) {
	file := compileProto(t)
	for name, c := range samples() {
		m := dynamicpb.NewMessage(file.Messages().ByName("Change"))
		require.NoError(t, proto.Unmarshal(position.AppendChange(nil, &c), m))
		b, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
		require.NoError(t, err)
		got, err := new(position.Decoder).Change(b)
		require.NoError(t, err, name)
		require.Equal(t, c, got, name)
	}
}

// The names of the enumerations in position.proto are those of the Go code, in
// capitals.
func TestProtoEnumsMatchTheCode(t *testing.T) {
	file := compileProto(t)
	names := func(enum protoreflect.Name) map[protoreflect.EnumNumber]string {
		out := map[protoreflect.EnumNumber]string{}
		values := file.Enums().ByName(enum).Values()
		for i := range values.Len() {
			out[values.Get(i).Number()] = string(values.Get(i).Name())
		}
		return out
	}
	for n, name := range names("InstrumentKind") {
		kind, err := position.ParseInstrumentKind(lower(name))
		require.NoError(t, err)
		require.EqualValues(t, n, kind)
	}
	for n, name := range names("ChargeKind") {
		kind, err := position.ParseChargeKind(lower(name))
		require.NoError(t, err)
		require.EqualValues(t, n, kind)
	}
	kinds := names("ChangeKind")
	for k := position.ChangeKind(1); k <= position.EpochBegun; k++ {
		_, published := kinds[protoreflect.EnumNumber(k)]
		require.Equal(t, k.String() != "unknown", published, "kind %d, %s", k, k)
	}
	require.Equal(t, protoreflect.EnumNumber(position.Opened), file.Enums().ByName("ChangeKind").Values().ByName("OPENED").Number())
}

func lower(s string) string {
	b := []byte(s)
	for i := range b {
		b[i] |= 0x20
	}
	return string(b)
}
