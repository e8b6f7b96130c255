package service

import (
	"context"
	"strconv"

	"github.com/moneyprinter/holdfast/bus"
	"github.com/moneyprinter/holdfast/position"
)

// historyLimit is the default and the largest number of changes, or of lots, in
// one reply.
const historyLimit = 1000

// serveHistory replies with at most limit changes from a point on. It always
// answers in pages, which go on behind the last seq.
func (l *api) serveHistory(ctx context.Context, q *History) (bus.Reply, error) {
	f := q.filter()
	f.Records = q.Records
	var err error
	if f.From, err = moment("from", q.From); err != nil {
		return bus.Reply{}, err
	}
	if f.To, err = moment("at", q.At); err != nil {
		return bus.Reply{}, err
	}
	after, err := q.afterNumber()
	if err != nil {
		return bus.Reply{}, err
	}
	if q.After != "" {
		f.From.Seq = max(f.From.Seq, after+1)
	}
	q.bound()
	end, _ := l.Counts()
	if f.To.Seq != 0 {
		end = min(end, f.To.Seq)
	}
	out := newPage(&q.Page)
	for e, err := range l.History(ctx, f) {
		if err != nil {
			return bus.Reply{}, coded(err)
		}
		if !out.add(func(b []byte) []byte { return position.AppendChangeJSON(b, e.Stamp, &e.Change) },
			func() string { return strconv.FormatUint(e.Seq, 10) }) {
			break
		}
		// Looking for one more could read the rest of the journal.
		if out.n == q.Limit {
			out.more = e.Seq < end
			break
		}
	}
	return out.known(l.View, f, "")
}
