package wire

import "github.com/moneyprinter/holdfast/position"

// maxInterned bounds each of a decoder's tables; a full one is forgotten.
const maxInterned = 1 << 16

// Decoder reads the binary form. It keeps the names, keys and terms it has
// seen, so that a replay does not allocate them again for every record; the
// tables are bounded. The zero value is ready. A Decoder is not for concurrent
// use; what it returns is, and shares nothing with its input.
type Decoder struct {
	Prints position.FingerprintKey // of the fingerprints in a [Recorded]

	recent [64]string // of names, by a few of their bytes: hits without hashing
	names  map[string]string
	keys   map[string]*KnownKey
	terms  map[string]*knownTerms
	last   *KnownKey
	lately *knownTerms

	into *Recorded          // what is being decoded for a replay; nil: a change as a whole
	room *position.Position // for its image; nil: a new one
}

type knownTerms struct {
	position.Terms

	encoded string
}

// KnownKey is a key with its binary form, and what decoding has found out about
// it. It is used as a Decoder is.
type KnownKey struct {
	position.Key

	encoded  string
	prior    *position.Lifetime // of the change read last, and its binary form
	lifetime string
}

// name reads a name that is not empty.
func (d *Decoder) name(r *reader) string {
	b := r.some(position.MaxName)
	if len(b) == 0 {
		return ""
	}
	return d.interned(r, b)
}

func (d *Decoder) interned(r *reader, b []byte) string {
	if len(b) == 0 {
		return ""
	}
	slot := &d.recent[(uint(b[0])*7+uint(b[len(b)-1])*3+uint(len(b)))%64]
	if *slot == string(b) {
		return *slot
	}
	s, ok := d.names[string(b)]
	if !ok {
		if s = r.checked(b); s == "" {
			return ""
		}
		if d.names == nil || len(d.names) >= maxInterned {
			d.names = make(map[string]string)
		}
		d.names[s] = s
	}
	*slot = s
	return s
}

// maxKey bounds an encoded key: four names with tag and length.
const maxKey = 4 * (2 + position.MaxName)

// key reads a key. Most often it is the one of the record's cause again, and
// else one that was seen before: neither is decoded.
func (d *Decoder) key(r *reader) position.Key {
	field, start := r.last, r.i
	b := r.some(maxKey)
	if len(b) == 0 {
		return position.Key{}
	}
	if d.last != nil && string(b) == d.last.encoded {
		return d.last.Key
	}
	k, ok := d.keys[string(b)]
	if !ok {
		r.i = start
		if k = d.newKey(r, field, string(b)); k == nil {
			return position.Key{}
		}
	}
	d.last = k
	return k.Key
}

// keyAlone reads a key that is hardly met again: it is decoded and not remembered.
func (d *Decoder) keyAlone(r *reader) (k position.Key) {
	field, start := r.last, r.i
	if len(r.some(maxKey)) == 0 {
		return k
	}
	r.i = start
	outer := r.enter()
	d.keyFields(r, &k)
	r.leave(outer, field, "key")
	return k
}

func (d *Decoder) newKey(r *reader, field uint32, encoded string) *KnownKey {
	k := &KnownKey{encoded: encoded}
	outer := r.enter()
	d.keyFields(r, &k.Key)
	if r.leave(outer, field, "key"); r.err != nil {
		return nil
	}
	if d.keys == nil || len(d.keys) >= maxInterned {
		d.keys = make(map[string]*KnownKey)
	}
	d.keys[encoded] = k
	return k
}

func (d *Decoder) keyFields(r *reader, k *position.Key) {
	if r.at(1<<3 | bytesType) {
		k.Account = d.name(r)
	}
	if r.at(2<<3 | bytesType) {
		k.Instrument = d.name(r)
	}
	if r.at(3<<3 | bytesType) {
		k.Strategy = d.name(r)
	}
	if r.at(4<<3 | bytesType) {
		k.Leg = d.name(r)
	}
}

// maxTerms bounds encoded terms: three names, two decimals, four numbers and the
// heads of the rounding and its three parts, of three numbers each.
const maxTerms = 3*(2+position.MaxName) + 2*decimalBound + 4*2 + 4*2 + 3*3*2

// termsOf reads the terms of an image, if they are next, with the defaults for
// what is not there. Those seen before are not decoded again, but shared.
func (d *Decoder) termsOf(r *reader, tag byte) *position.Terms {
	var b []byte
	start := r.i
	if r.at(tag) {
		start = r.i
		if b = r.some(maxTerms); len(b) == 0 {
			return nil
		}
	}
	if d.lately != nil && string(b) == d.lately.encoded {
		return &d.lately.Terms
	}
	t, ok := d.terms[string(b)]
	if !ok {
		r.i = start
		if t = d.newTerms(r, string(b)); t == nil {
			return nil
		}
	}
	d.lately = t
	return &t.Terms
}

// unit is the multiplier of terms that name none.
func unit() position.Decimal {
	d, _ := position.FromWords(0, 1_000_000_000_000_000_000)
	return d
}

func (d *Decoder) newTerms(r *reader, encoded string) *knownTerms {
	t := &knownTerms{encoded: encoded}
	if encoded != "" {
		field, outer := r.last, r.enter()
		d.someTerms(r, &t.Terms)
		if t.Multiplier == unit() || t.CostMethod == position.Average || t.OverReduction == position.FlipOver {
			r.fail(0, "name a default, which would have been left out")
		}
		if r.leave(outer, field, "terms"); r.err != nil {
			return nil
		}
	}
	if t.Multiplier.IsZero() {
		t.Multiplier = unit()
	}
	t.CostMethod, t.OverReduction = max(t.CostMethod, position.Average), max(t.OverReduction, position.FlipOver)
	if d.terms == nil || len(d.terms) >= maxInterned {
		d.terms = make(map[string]*knownTerms)
	}
	d.terms[encoded] = t
	return t
}

// someTerms reads terms as they were given in a definition.
func (d *Decoder) someTerms(r *reader, t *position.Terms) {
	if r.at(1<<3 | varintType) {
		t.Kind = position.InstrumentKind(r.number(uint64(position.Option)))
	}
	r.decimal(2<<3|bytesType, &t.Multiplier)
	if r.at(3<<3 | bytesType) {
		t.Base = d.name(r)
	}
	if r.at(4<<3 | bytesType) {
		t.Quote = d.name(r)
	}
	if r.at(5<<3 | bytesType) {
		t.Settlement = d.name(r)
	}
	if r.at(6<<3 | varintType) {
		t.CostMethod = position.CostMethod(r.number(uint64(position.SpecificSize)))
	}
	if r.at(7<<3 | varintType) {
		t.OverReduction = position.OverReduction(r.number(uint64(position.RejectOver)))
	}
	if r.at(8<<3 | bytesType) {
		outer := r.enter()
		start := r.i
		r.round(1, "value", &t.Rounding.Value)
		r.decimal(2<<3|bytesType, &t.Rounding.ValuePer)
		r.round(3, "average", &t.Rounding.Average)
		r.round(4, "realized", &t.Rounding.Realized)
		r.leaveSome(outer, start, 8, "rounding")
	}
	if r.at(9<<3 | varintType) {
		t.BaseFee = position.BaseFee(r.number(uint64(position.FeeApart)))
	}
}

func (r *reader) round(field uint32, name string, to *position.Round) {
	if !r.at(byte(field<<3 | bytesType)) {
		return
	}
	outer := r.enter()
	start := r.i
	if r.at(1<<3 | varintType) {
		to.Mode = position.RoundMode(r.number(uint64(position.Ceiling)))
	}
	if r.at(2<<3 | varintType) {
		to.Digits = uint8(r.number(position.Scale))
	}
	if r.at(3<<3 | varintType) {
		to.Significant = r.flag()
	}
	r.leaveSome(outer, start, field, name)
}
