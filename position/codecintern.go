package position

// maxInterned bounds each of a decoder's tables; a full one is forgotten.
const maxInterned = 1 << 16

// Decoder reads the binary form. It keeps the names, keys and terms it has
// seen, so that a replay does not allocate them again for every record; the
// tables are bounded. The zero value is ready. A Decoder is not for concurrent
// use; what it returns is, and shares nothing with its input.
type Decoder struct {
	recent [64]string // of names, by a few of their bytes: hits without hashing
	names  map[string]string
	keys   map[string]*knownKey
	terms  map[string]Terms
	last   *knownKey
}

type knownKey struct {
	Key

	encoded string
}

// name reads a name that is not empty.
func (d *Decoder) name(r *reader) string {
	b := r.some(MaxName)
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
const maxKey = 4 * (2 + MaxName)

// key reads a key. Most often it is the one of the record's cause again, and
// else one that was seen before: neither is decoded.
func (d *Decoder) key(r *reader) Key {
	field, start := r.last, r.i
	b := r.some(maxKey)
	if len(b) == 0 {
		return Key{}
	}
	if d.last != nil && string(b) == d.last.encoded {
		return d.last.Key
	}
	k, ok := d.keys[string(b)]
	if !ok {
		r.i = start
		if k = d.newKey(r, field, string(b)); k == nil {
			return Key{}
		}
	}
	d.last = k
	return k.Key
}

func (d *Decoder) newKey(r *reader, field uint32, encoded string) *knownKey {
	k := &knownKey{encoded: encoded}
	outer := r.enter()
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
	if r.leave(outer, field, "key"); r.err != nil {
		return nil
	}
	if d.keys == nil || len(d.keys) >= maxInterned {
		d.keys = make(map[string]*knownKey)
	}
	d.keys[encoded] = k
	return k
}

// maxTerms bounds encoded terms: three names, a decimal and a kind.
const maxTerms = 3*(2+MaxName) + decimalBound + 2

// termsOf reads the terms; those seen before are not decoded again.
func (d *Decoder) termsOf(r *reader) Terms {
	field, start := r.last, r.i
	b := r.some(maxTerms)
	if t, ok := d.terms[string(b)]; ok || len(b) == 0 {
		return t
	}
	r.i = start
	outer := r.enter()
	var t Terms
	if r.at(1<<3 | varintType) {
		t.Kind = InstrumentKind(r.number(uint64(Option)))
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
	if r.leave(outer, field, "terms"); r.err != nil {
		return Terms{}
	}
	if d.terms == nil || len(d.terms) >= maxInterned {
		d.terms = make(map[string]Terms)
	}
	d.terms[string(b)] = t
	return t
}
