package wire_test

import (
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/bufbuild/protocompile"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/moneyprinter/holdfast/internal/sample"
	"github.com/moneyprinter/holdfast/internal/wire"
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
		case *position.Decimal:
			require.Equal(s.tb, want != nil, s.m.Has(f), name)
			if want != nil {
				require.Equal(s.tb, *want, bigDecimal(s.tb, v.Bytes()), name)
			}
		case *position.Time:
			require.Equal(s.tb, want != nil, s.m.Has(f), name)
			if want != nil {
				require.Equal(s.tb, int64(*want), v.Int(), name)
			}
		case *string:
			require.Equal(s.tb, want != nil, s.m.Has(f), name)
			if want != nil {
				require.Equal(s.tb, *want, v.String(), name)
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

func TestProtobufReadsWhatWeWrite(t *testing.T) {
	file := compileProto(t)
	s := sample.NewValues(t, 0)
	for _, c := range sample.Changes() {
		changeFields(&c)(decodeAs(t, file, "Change", wire.AppendChange(nil, &c)))
	}
	for range 500 {
		c := s.Change()
		changeFields(&c)(decodeAs(t, file, "Change", wire.AppendChange(nil, &c)))
		m := s.Mutation()
		if want, ok := mutationFields(m).(func(wireMessage)); ok {
			want(decodeAs(t, file, "Mutation", wire.AppendMutation(nil, m)))
		} else {
			require.Fail(t, "not compared", "%T", m)
		}
		p, i, a := s.Position(), s.Instrument(), s.Account()
		positionFields(p, nil)(decodeAs(t, file, "Position", wire.AppendPosition(nil, p)))
		instrumentFields(i)(decodeAs(t, file, "Instrument", wire.AppendInstrument(nil, i)))
		accountFields(a)(decodeAs(t, file, "Account", wire.AppendAccount(nil, a)))
	}
}

// The other way round: what a protobuf library writes from the same values, we
// read. Without the deterministic order there is no other freedom in it.
func TestWeReadWhatProtobufWrites(t *testing.T) {
	file := compileProto(t)
	for name, c := range sample.Changes() {
		m := dynamicpb.NewMessage(file.Messages().ByName("Change"))
		require.NoError(t, proto.Unmarshal(wire.AppendChange(nil, &c), m))
		b, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
		require.NoError(t, err)
		got, err := new(wire.Decoder).Change(b)
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
		kind, err := position.ParseInstrumentKind(strings.ToLower(name))
		require.NoError(t, err)
		require.EqualValues(t, n, kind)
	}
	for n, name := range names("ChargeKind") {
		require.Equal(t, strings.ToLower(name), position.ChargeKind(n).String())
	}
	for n, name := range names("CostMethod") {
		if n == 0 {
			continue
		}
		method, err := position.ParseCostMethod(strings.ReplaceAll(strings.ToLower(name), "_", "-"))
		require.NoError(t, err)
		require.EqualValues(t, n, method)
	}
	for n, name := range names("OverReduction") {
		if n == 0 {
			continue
		}
		over, err := position.ParseOverReduction(strings.ToLower(name))
		require.NoError(t, err)
		require.EqualValues(t, n, over)
	}
	for n, name := range names("SettleReason") {
		require.Equal(t, position.SettleReason(n).String(), strings.ToLower(name))
	}
	require.Len(t, names("SettleReason"), int(position.WriteOff)+1)
	for n, name := range names("Spread") {
		require.Equal(t, position.Spread(n).String(), strings.ToLower(name))
	}
	require.Len(t, names("Spread"), int(position.SpreadByCost)+1)
	require.Len(t, names("ChargeKind"), int(position.RealizedCharge)+1)
	require.Len(t, names("CostMethod"), int(position.SpecificSize)+1)
	require.Len(t, names("OverReduction"), int(position.RejectOver)+1)
	require.Len(t, names("BaseFee"), int(position.FeeApart)+1)
	require.Len(t, names("RoundMode"), int(position.Ceiling)+1)
	kinds := names("ChangeKind")
	require.Len(t, kinds, int(position.EpochBegun)+1)
	own := map[position.ChangeKind]string{
		position.Defined: "defined", position.Marked: "marked", position.AccountSet: "account_set", position.EpochBegun: "epoch_begun",
	}
	for k := position.Opened; k <= position.EpochBegun; k++ {
		want := own[k]
		if want == "" {
			want = k.String()
		}
		require.Equal(t, want, strings.ToLower(kinds[protoreflect.EnumNumber(k)]))
	}
}
