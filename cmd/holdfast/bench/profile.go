package bench

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// sampled is one call stack of a profile, the innermost function first, and the
// processor time that it was seen for.
type sampled struct {
	frames []string
	ns     int64
}

// errProfile is the error of a profile that cannot be read.
var errProfile = errors.New("unexpected form of a profile")

// field is one field of a message of protocol buffers: a number or bytes.
type field struct {
	number uint64
	value  uint64
	bytes  []byte
}

// fields calls do for each field of a message.
func fields(b []byte, do func(field) error) error {
	for len(b) > 0 {
		key, n := binary.Uvarint(b)
		if n <= 0 {
			return errProfile
		}
		value, m := binary.Uvarint(b[n:])
		if m <= 0 {
			return errProfile
		}
		f := field{number: key >> 3, value: value}
		b = b[n+m:]
		switch key & 7 {
		case 0:
		case 2:
			if value > uint64(len(b)) {
				return errProfile
			}
			f.bytes, b = b[:value:value], b[value:]
		default:
			return errProfile
		}
		if err := do(f); err != nil {
			return err
		}
	}
	return nil
}

// numbers are those of a repeated field, packed or not.
func (f *field) numbers(to []uint64) ([]uint64, error) {
	if f.bytes == nil {
		return append(to, f.value), nil
	}
	for b := f.bytes; len(b) > 0; {
		v, n := binary.Uvarint(b)
		if n <= 0 {
			return nil, errProfile
		}
		to, b = append(to, v), b[n:]
	}
	return to, nil
}

// profile is what is read of a CPU profile: samples by location, locations by
// function, functions by name. See profile.proto of google/pprof for the numbers.
type profile struct {
	samples   []profiled
	locations map[uint64][]uint64 // ids of functions, the innermost first
	functions map[uint64]uint64   // place of the name
	texts     []string
}

type profiled struct{ locations, values []uint64 }

// readProfile reads what runtime/pprof writes.
func readProfile(zipped []byte) ([]sampled, error) {
	z, err := gzip.NewReader(bytes.NewReader(zipped))
	if err != nil {
		return nil, fmt.Errorf("profile: %w", err)
	}
	raw, err := io.ReadAll(z)
	if err != nil {
		return nil, fmt.Errorf("profile: %w", err)
	}
	p := profile{locations: map[uint64][]uint64{}, functions: map[uint64]uint64{}}
	if err := fields(raw, p.add); err != nil {
		return nil, err
	}
	out := make([]sampled, 0, len(p.samples))
	for _, s := range p.samples {
		if len(s.values) < 2 { // how often, and for how many nanoseconds
			return nil, errProfile
		}
		one := sampled{ns: int64(s.values[1])} //nolint:gosec // a time
		for _, id := range s.locations {
			for _, fn := range p.locations[id] {
				if at := p.functions[fn]; at < uint64(len(p.texts)) {
					one.frames = append(one.frames, p.texts[at])
				}
			}
		}
		out = append(out, one)
	}
	return out, nil
}

// add takes a field of the profile.
func (p *profile) add(f field) error {
	switch f.number {
	case 2:
		var s profiled
		err := fields(f.bytes, func(f field) (err error) {
			switch f.number {
			case 1:
				s.locations, err = f.numbers(s.locations)
			case 2:
				s.values, err = f.numbers(s.values)
			}
			return err
		})
		p.samples = append(p.samples, s)
		return err
	case 4:
		return p.addLocation(f.bytes)
	case 5:
		var id, name uint64
		err := fields(f.bytes, func(f field) error {
			switch f.number {
			case 1:
				id = f.value
			case 2:
				name = f.value
			}
			return nil
		})
		p.functions[id] = name
		return err
	case 6:
		p.texts = append(p.texts, string(f.bytes))
	}
	return nil
}

func (p *profile) addLocation(b []byte) error {
	var id uint64
	var functions []uint64
	err := fields(b, func(f field) error {
		switch f.number {
		case 1:
			id = f.value
		case 4: // a line; several where calls were inlined
			return fields(f.bytes, func(f field) error {
				if f.number == 1 {
					functions = append(functions, f.value)
				}
				return nil
			})
		}
		return nil
	})
	p.locations[id] = functions
	return err
}
