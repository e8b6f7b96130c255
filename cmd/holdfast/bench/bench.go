// Package bench measures a ledger on the machine and the disk that it is to work
// on, and sets the figures beside the targets of the design.
//
// The two sides of a comparison are measured in one run: they take turns, in an
// order that is drawn, and the ratio is taken pair by pair, so that a disk or a
// machine that is busy with something else disturbs both. A figure is the median
// of its runs and is given with the least and the most of them.
//
// The raw side appends as many bytes as a record of the ledger has to a plain file
// that grows, and calls fdatasync once for each group; its callers are gathered as
// the ledger gathers its own. The processor time of a fill is that of the whole
// process, callers included; [Report].Harness is the part of it that is theirs.
//
// [Run] works in a scratch directory that it is given and touches no ledger.
package bench

import (
	"context"
	"fmt"
	"runtime"
)

// Run measures what the options say.
func Run(ctx context.Context, o Options) (*Report, error) {
	if o.Relay != nil { // nobody waits for minutes to hear that nobody is there
		nc, err := o.Relay(ctx)
		if err != nil {
			return nil, fmt.Errorf("bench: relay: %w", err)
		}
		nc.Close()
	}
	b := newBench(o)
	parts := []struct {
		wanted bool
		do     func(context.Context) error
	}{
		{len(o.Callers) > 0, b.appends},
		{o.Steps > 0, b.steps},
		{o.Steps > 0, b.domain},
		{o.Steps > 0, b.heap},
		{o.Recover > 0, b.recovery},
		{o.Snapshot > 0, b.snapshot},
		{o.Relay != nil || o.RelayHere, b.relay},
		{o.Requests, b.requests},
	}
	for _, p := range parts {
		if !p.wanted {
			continue
		}
		if err := p.do(ctx); err != nil {
			return nil, fmt.Errorf("bench: %w", err)
		}
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("bench: %w", err)
		}
		runtime.GC() // what one measurement leaves shall not cost the next one
	}
	for i := range b.rep.Rows {
		b.rep.Rows[i].judge(b.rep.Processors)
	}
	return b.rep, nil
}
