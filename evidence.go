package holdfast

import (
	"context"
	"fmt"
	"time"

	"github.com/moneyprinter/holdfast/archive"
	"github.com/moneyprinter/holdfast/bus"
	"github.com/moneyprinter/holdfast/checkpoint"
)

// evidencePatience is how long Open waits for the bus unless the options say
// otherwise.
const evidencePatience = 2 * time.Second

// witness is who knows up to where records were durable.
type witness struct {
	seq uint64
	by  string
}

// witnesses asks those outside the journal up to where it was durable, so that a
// journal that ends before that is refused instead of taken for torn: the
// ledger's snapshots and checkpoints, and the stream, when it answers. Only durable records are
// published, so what is on the stream was durable.
func witnesses(ctx context.Context, r *archive.Source, vouched *checkpoint.Note, o Options) (witness, error) {
	seq, err := r.KnownDurable()
	if err != nil {
		return witness{}, err
	}
	if vouched != nil {
		seq = max(seq, vouched.Seq)
	}
	w := witness{seq: seq, by: "a snapshot or a checkpoint stands on it"}
	if e := published(ctx, r, o); e.Seq > w.seq {
		w = witness{seq: e.Seq, by: fmt.Sprintf(
			"the bus says so: stream %s holds it (epoch %d, chain %.8x…); if that stream is wrong, open without asking it (Options.Bus.Evidence, --bus-evidence 0)",
			e.Stream, e.Epoch, e.Chain[:])}
	}
	return w, nil
}

// published asks the stream. It is evidence, never a condition: no answer within
// the time, or the stream of another ledger, is logged and means nothing.
func published(ctx context.Context, r *archive.Source, o Options) bus.Evidence {
	if o.Bus == nil || o.Bus.Evidence < 0 {
		return bus.Evidence{}
	}
	patience := o.Bus.Evidence
	if patience == 0 {
		patience = evidencePatience
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	e, err := bus.LastPublished(ctx, bus.Options{
		Ledger: r.ID.Name, Lineage: r.ID.ID.String(), Connect: o.Bus.Connect, Logger: o.Logger,
		APIPrefix: o.Bus.apiPrefix(),
	})
	if err != nil {
		o.Logger.Warn("the bus is no evidence of what was durable; opening goes on without it", "err", err)
		return bus.Evidence{}
	}
	if e.Seq > 0 {
		o.Logger.Info("the bus knows what was durable", "stream", e.Stream, "seq", e.Seq, "epoch", e.Epoch)
	}
	return e
}
