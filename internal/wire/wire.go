// Package wire is the binary form of what the journal and the snapshots of a ledger
// hold: changes, positions, instruments and accounts of package position.
//
// The form is protobuf, written by hand, and stricter: a value has one encoding
// only, so equal values have equal bytes and whatever a decoder accepts encodes to
// the same bytes again. position.proto lists the fields.
//
//	record  = { field }                      ascending by number
//	field   = tag  varint                    kinds, counters, flags
//	        | tag  8 bytes little endian     times
//	        | tag  length  bytes             names, decimals, nested records
//	tag     = varint(number << 3 | 0, 1 or 2)
//	decimal = 1 to 16 bytes, two's complement, little endian, minimal
//
// A zero value is left out: a name "", a decimal 0, a time 0, a nested value
// without fields. Only where absence means something else (a stop, a mark, an
// empty list that clears) is an empty value written, and that is what proto3
// calls optional. Every length is checked against the rest of the input and
// against a limit before anything is allocated for it.
//
// So is what nearly every record would repeat. Terms leave out the multiplier 1
// and the default policies, a change of one part their number, a change by a fill its
// quantity and fee where they are all of the fill's, and the image in a change what it
// has from its cause: the key, the time, and of a lot the time and the label. The
// numbers up to 15, whose tags are one byte, go to what an ordinary fill has.
//
// A position by itself, in a snapshot, has its open lots. In a change it has
// only their number and digest: the lots before, and those that the change
// consumed and opened, make the lots after.
package wire

import (
	"fmt"

	"github.com/moneyprinter/holdfast/position"
)

const (
	varintType  = 0
	fixed64Type = 1
	bytesType   = 2

	maxBuild = 256 // bytes of Epoch.Build
	maxTimes = 64  // bytes of a date or time in text
)

// The members of the oneof that a mutation is.
const (
	noMember = iota
	fillMember
	markMember
	chargeMember
	amendMember
	defineMember
	splitMember
	settleMember
	transferMember
	adjustMember
	adoptMember
	bustMember
	correctMember
)

// MaxChange is the largest encoded change, in bytes.
const MaxChange = 512 << 10

// MaxPosition is the largest encoded position, in bytes: what a change may hold,
// and [position.MaxLots] lots, which a change leaves out.
const MaxPosition = MaxChange + position.MaxLots*(lotBound+position.MaxName)

// FormatError says which field of an encoded record was refused and why. It
// matches [position.ErrFormat].
type FormatError struct {
	Record string // path as in position.proto, such as "change.after"
	Field  uint32 // its number there; 0: the record as a whole
	Reason string
}

func (e *FormatError) Error() string {
	if e.Field == 0 {
		return fmt.Sprintf("%s: %s %s", position.ErrFormat, e.Record, e.Reason)
	}
	return fmt.Sprintf("%s: %s, field %d %s", position.ErrFormat, e.Record, e.Field, e.Reason)
}

// Unwrap returns [position.ErrFormat].
func (e *FormatError) Unwrap() error { return position.ErrFormat }

// AppendChange appends the binary form of a change. It allocates only when dst
// is too small.
func AppendChange(dst []byte, c *position.Change) []byte {
	// Nearly all causes are fills, and copied out of the interface once only.
	if f, ok := c.Cause.(position.Fill); ok {
		w, n := roomFor(dst, changeBound(c)+fillBound(&f))
		return w[:w.change(n, c, &f, nil)]
	}
	m := position.ValueOf(c.Cause)
	w, n := roomFor(dst, changeBound(c)+mutationBound(m))
	return w[:w.change(n, c, nil, m)]
}

// ChangeBound returns a size that the encoded change does not exceed. It costs
// far less than encoding.
func ChangeBound(c *position.Change) int {
	return changeBound(c) + mutationBound(position.ValueOf(c.Cause))
}

// AppendMutation appends the binary form of a mutation, without its expected
// version, which is a condition and not content.
func AppendMutation(dst []byte, m position.Mutation) []byte {
	m = position.ValueOf(m)
	w, n := roomFor(dst, mutationBound(m))
	return w[:w.mutation(n, m, true, new(origin))]
}

// AppendPosition appends the binary form of a position with all of its lots,
// without its Seq.
func AppendPosition(dst []byte, p *position.Position) []byte {
	w, n := roomFor(dst, positionBound(p)+openBound(p.Lots))
	return w[:w.position(n, p, new(origin), true)]
}

// AppendInstrument appends the binary form of an instrument, without its Seq.
func AppendInstrument(dst []byte, i *position.Instrument) []byte {
	w, n := roomFor(dst, instrumentBound(i))
	return w[:w.instrument(n, i)]
}

// AppendAccount appends the binary form of an account, without its Seq.
func AppendAccount(dst []byte, a *position.Account) []byte {
	w, n := roomFor(dst, accountBound(a))
	return w[:w.account(n, a)]
}

// origin holds what the cause of a change has. The change and the image in it leave out
// what is equal to it. It is zero for a position that stands by itself.
type origin struct {
	Key   position.Key
	Ident string
	Time  position.Time
	cause cause // where it is, while decoding

	qty, fee position.Decimal // of a fill: the signed quantity, and the fee; else zero
}
