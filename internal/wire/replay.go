package wire

import (
	"encoding/binary"

	"github.com/moneyprinter/holdfast/position"
)

// Recorded is a change as replaying it needs it: without the fill that caused it,
// which nobody looks at then, but with what is remembered of every cause.
type Recorded struct {
	position.Change // its Cause is nil for a fill

	Time  position.Time // event time of the cause
	Print Fingerprint   // of the cause, in its first change, under the key of the decoder; see [FingerprintOf]
}

// Recorded reads the binary form of a change into rec. Where the change leads to
// a position, room is for its image, and must be nobody else's; nil: it gets a new
// one. Key is that of [KeyOf], nil where it is not known yet: it saves looking for
// it.
func (d *Decoder) Recorded(b []byte, key *KnownKey, room *position.Position, rec *Recorded) error {
	*rec = Recorded{}
	if key != nil {
		d.last = key
	}
	d.into, d.room = rec, room
	r := newReader(b, MaxChange)
	d.change(&r, &rec.Change)
	d.into, d.room = nil, nil
	r.finish("change")
	if r.err != nil {
		return r.err
	}
	return nil
}

// Know reads the binary form of a key into k.
func (d *Decoder) Know(encoded []byte, k *KnownKey) error {
	k.encoded = string(encoded)
	r := newReader(encoded, maxKey)
	d.keyFields(&r, &k.Key)
	if r.finish("key"); r.err != nil {
		return r.err
	}
	return nil
}

// Is reports whether a binary form is that of the key.
func (k *KnownKey) Is(encoded []byte) bool { return string(encoded) == k.encoded }

// cause says where the cause of a change lies in its binary form.
type cause struct {
	member  uint32
	ident   []byte
	content int // offset of what follows id and time
	end     int // offset behind it
}

// nameIt makes the id a string, for what is not likely to be asked for.
func (o *origin) nameIt() {
	if o.Ident == "" {
		o.Ident = string(o.cause.ident)
	}
}

// note keeps what is remembered of the cause. Its content is hashed as it stands:
// a value has one encoding, so this is what [FingerprintOf] hashes.
func (rec *Recorded) note(r *reader, from *origin, key *position.FingerprintKey) {
	rec.Time = from.Time
	c := &from.cause
	if r.err != nil || c.member == noMember || rec.Part != 0 {
		return
	}
	var buf [512]byte // a fill with names of usual length fits
	content := r.b[c.content:c.end]
	w := append(buf[:0], byte(c.member<<3|bytesType))
	w = binary.AppendUvarint(w, uint64(len(content)))
	rec.Print = Fingerprint{ID: sipHash(key, c.ident), Content: sipHash(key, append(w, content...))}
}

// image returns an image with room for its fees.
func (d *Decoder) image() *position.Position {
	if p := d.room; p != nil {
		fees := p.Totals.Fees[:0]
		*p = position.Position{}
		p.Totals.Fees = fees
		return p
	}
	return position.NewPosition()
}
