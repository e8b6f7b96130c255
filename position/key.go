package position

import (
	"crypto/sha1"
	"strconv"

	"github.com/google/uuid"
)

// MaxName is the longest account, instrument, strategy, leg, currency, tag or
// mutation id, in bytes. It also bounds the NATS subject of a change.
const MaxName = 64

// Key names one position. Account and Instrument are required; Strategy and Leg
// may be empty. An empty leg is a netting position; named legs ("long",
// "short") hold opposite positions side by side (hedging). Each part is at most
// [MaxName] bytes of printable UTF-8.
type Key struct {
	Account    string
	Instrument string
	Strategy   string
	Leg        string
}

// String returns the parts joined by a slash, for people; it is not reversible.
func (k Key) String() string {
	s := k.Account + "/" + k.Instrument
	if k.Strategy != "" || k.Leg != "" {
		s += "/" + k.Strategy
	}
	if k.Leg != "" {
		s += "/" + k.Leg
	}
	return s
}

// Compare orders keys by account, instrument, strategy and leg, bytewise.
func (k Key) Compare(o Key) int {
	for _, p := range [...][2]string{
		{k.Account, o.Account}, {k.Instrument, o.Instrument}, {k.Strategy, o.Strategy}, {k.Leg, o.Leg},
	} {
		if p[0] < p[1] {
			return -1
		}
		if p[0] > p[1] {
			return 1
		}
	}
	return 0
}

// CycleID returns the id of one cycle of the position: UUIDv5 over the key and the cycle
// number, so that a rebuild from the same mutations gives the same ids.
func (k Key) CycleID(cycle uint64) uuid.UUID {
	name := append(make([]byte, 0, 256), uuid.NameSpaceOID[:]...)
	name = append(name, "holdfast/position/"...)
	for _, part := range [...]string{k.Account, k.Instrument, k.Strategy, k.Leg} {
		name = append(strconv.AppendQuote(name, part), '/')
	}
	// As uuid.NewSHA1 does, but with the hash on the stack: each text of a position
	// has an id.
	sum := sha1.Sum(strconv.AppendUint(name, cycle, 10))
	id := uuid.UUID(sum[:16])
	id[6] = id[6]&0x0f | 5<<4
	id[8] = id[8]&0x3f | 1<<7
	return id
}

func (k Key) validate() error {
	if err := checkName("account", k.Account, false); err != nil {
		return err
	}
	if err := checkName("instrument", k.Instrument, false); err != nil {
		return err
	}
	if err := checkName("strategy", k.Strategy, true); err != nil {
		return err
	}
	return checkName("leg", k.Leg, true)
}
