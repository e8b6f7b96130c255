package service

import (
	"context"
	"strconv"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/audit"
	"github.com/moneyprinter/holdfast/bus"
	"github.com/moneyprinter/holdfast/report"
	"github.com/moneyprinter/holdfast/snapshotter"
)

// serveStatus replies with the status. Where the accounts would not fit into a
// message of the server, it says how many are left out; account.list lists them.
func (l *api) serveStatus(_ context.Context, _ *nothing) (bus.Reply, error) {
	st, err := l.Status()
	r, err := reply(st, err)
	if len(r.Body) <= maxReply {
		return r, err
	}
	st.AccountsLeftOut, st.Accounts = len(st.Accounts), []report.AccountStatus{}
	short, err := reply(st, nil)
	r.Short = short.Body
	return r, err
}

func (l *api) serveVerify(ctx context.Context, q *Verify) (bus.Reply, error) {
	return reply(l.Verify(ctx, audit.Options{Deep: q.Deep}))
}

// serveRebuild makes the stream anew; the reply is the relay's state.
func (l *api) serveRebuild(ctx context.Context, _ *nothing) (bus.Reply, error) {
	if err := l.Relay().Rebuild(ctx); err != nil {
		return bus.Reply{}, coded(err)
	}
	return reply(l.Relay().Status(), nil)
}

func (l *api) serveSnapshot(ctx context.Context, _ *nothing) (bus.Reply, error) {
	s, err := l.Snapshot(ctx)
	return reply(holdfast.BackupOf(s), err)
}

func (l *api) serveSnapshots(_ context.Context, q *BackupList) (bus.Reply, error) {
	after, err := q.afterTokens(2)
	if err != nil {
		return bus.Reply{}, err
	}
	var seq uint64
	if after != nil {
		if seq, err = strconv.ParseUint(after[0], 10, 64); err != nil {
			return bus.Reply{}, q.badAfter()
		}
	}
	list, err := l.Snapshots()
	if err != nil {
		return bus.Reply{}, coded(err)
	}
	// Newest first: what comes after has a lower seq or, of one seq, an older name.
	past := func(s *snapshotter.Snapshot) bool {
		return after == nil || s.Seq < seq || s.Seq == seq && s.Name < after[1]
	}
	out := newPage(&q.Page)
	for _, s := range list {
		if past(&s) && !out.addValue(holdfast.BackupOf(s), func() string { return cursor(strconv.FormatUint(s.Seq, 10), s.Name) }) {
			break
		}
	}
	return out.end("")
}

func (l *api) serveCheckpoint(ctx context.Context, _ *nothing) (bus.Reply, error) {
	n, err := l.Checkpoint(ctx)
	if err != nil {
		return bus.Reply{}, coded(err)
	}
	return reply(audit.CheckpointOf(n), nil)
}
