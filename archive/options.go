package archive

import (
	"crypto/rand"
	"io"
	"log/slog"
	"time"

	"github.com/moneyprinter/holdfast/keyring"
	"github.com/moneyprinter/holdfast/position"
)

// Options are what reading a ledger, restoring it and making its identity need to
// know. The zero value works.
type Options struct {
	// Name, Rules and Window are those of a ledger that is made, or that is asked for;
	// see holdfast.Options.
	Name   string
	Rules  position.Rules
	Window int // 0 is 1 Mi
	// ClosedCycles is how many closed cycles of each key stay readable; 0 is 16,
	// negative keeps all.
	ClosedCycles int
	// Keys decrypt, and encrypt what a restore writes; nil writes plainly, unless what
	// is restored is encrypted.
	Keys *keyring.Ring
	// Verb tells another process who holds the directory of a restore; "" is restore.
	Verb   string
	Now    func() time.Time // nil: time.Now
	Rand   io.Reader        // source of ids; nil: crypto/rand
	Logger *slog.Logger     // nil: discarded
	// Phase, if set, is told when the writing of a snapshot begins and ends.
	Phase func(name string, begin bool)
}

// closedCycles is the default of ClosedCycles.
const closedCycles = 16

// WithDefaults fills in what zero stands for.
func (o Options) WithDefaults() Options {
	if o.ClosedCycles == 0 {
		o.ClosedCycles = closedCycles
	}
	if o.Now == nil {
		o.Now = time.Now //nolint:forbidigo // the one default clock; tests give their own
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Phase == nil {
		o.Phase = func(string, bool) {}
	}
	return o
}
