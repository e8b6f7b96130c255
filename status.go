package holdfast

import (
	"cmp"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/moneyprinter/holdfast/archive"
	"github.com/moneyprinter/holdfast/bus"
	"github.com/moneyprinter/holdfast/internal/committer"
	"github.com/moneyprinter/holdfast/internal/durable"
	"github.com/moneyprinter/holdfast/journal"
	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/projector"
	"github.com/moneyprinter/holdfast/report"
	"github.com/moneyprinter/holdfast/snapshotter"
)

// DatedAhead are the mutations that this ledger value took with an event time of more
// than a minute after their record time: of an engine whose clock or time zone is
// wrong, or typing errors.
type DatedAhead struct {
	Mutations uint64 `json:"mutations"`
	Farthest  string `json:"farthest"` // event time, RFC 3339
	ID        string `json:"id"`       // of the mutation with that time
}

// Status describes a ledger at one moment.
type Status struct {
	Dir       string   `json:"dir"`
	Name      string   `json:"name"`
	ID        string   `json:"id"`
	Created   string   `json:"created_at"`
	Parents   []Parent `json:"parents,omitempty"` // newest first; see [Parent]
	First     uint64   `json:"first"`             // oldest kept record
	Last      uint64   `json:"last"`              // newest durable record
	Epoch     uint64   `json:"epoch"`             // of the newest record
	Time      string   `json:"time"`              // of the newest record
	Bytes     int64    `json:"journal_bytes"`
	Open      uint64   `json:"open"`      // positions that are not flat
	Positions uint64   `json:"positions"` // keys that ever had a fill
	Digest    string   `json:"digest"`
	Encrypted string   `json:"encrypted,omitempty"` // id of the key of the newest record, or of the one that an open ledger writes with
	// EncryptedAlways says that the ledger was created to be encrypted: it takes
	// nothing without a key.
	EncryptedAlways bool                   `json:"encrypted_from_creation,omitempty"`
	Snapshots       int                    `json:"snapshots"`
	Newest          string                 `json:"newest_snapshot,omitempty"`
	Snapshot        uint64                 `json:"newest_snapshot_seq,omitempty"`
	Holder          *journal.Holder        `json:"holder,omitempty"` // the process that writes
	Bus             *bus.Status            `json:"bus,omitempty"`
	Accounts        []report.AccountStatus `json:"accounts"`
	// AccountsLeftOut is how many accounts an answer by request had no room for:
	// all of them or none. The endpoint account.list lists them in pages.
	AccountsLeftOut int `json:"accounts_left_out,omitempty"`

	Failure string  `json:"failure,omitempty"`      // why nothing is written any more
	Kind    string  `json:"failure_kind,omitempty"` // see [FaultKind]
	Faults  *Faults `json:"faults,omitempty"`       // what failed beside the appends, if anything did
	// ClockAhead is by how many seconds the newest record is ahead of the clock.
	ClockAhead uint64      `json:"clock_ahead_seconds,omitempty"`
	DatedAhead *DatedAhead `json:"dated_ahead,omitempty"` // of an open ledger
}

// StatusOf describes a view of a ledger.
func StatusOf(from *archive.Reader, v *projector.View) (Status, error) {
	r, err := archive.SourceOf(from)
	if err != nil {
		return Status{}, err
	}
	log, err := r.OpenLog()
	if err != nil {
		return Status{}, fmt.Errorf("%w", err)
	}
	list, err := r.Snapshots()
	if err != nil {
		return Status{}, err
	}
	accounts, err := report.AccountTotals(v)
	if err != nil {
		return Status{}, err
	}
	n := v.Counts()
	s := Status{
		Dir: r.Dir, Name: r.ID.Name, ID: r.ID.ID.String(), Created: r.ID.CreatedAt, Parents: r.ID.Parents,
		First: log.First(), Last: v.Seq(), Bytes: log.Size(),
		Open: n.Open, Positions: n.Positions, Digest: fmt.Sprintf("%x", v.Digest()),
		Snapshots: len(list), Time: v.Time().String(), Accounts: accounts,
		EncryptedAlways: r.ID.Encrypted,
	}
	s.ClockAhead = secondsAhead(v.Time(), time.Now()) //nolint:forbidigo // a Reader has no options
	if len(list) > 0 {
		s.Newest, s.Snapshot = list[0].Name, list[0].Seq
	}
	if v.Seq() > 0 {
		if rec, err := r.HeadAt(v.Seq()); err == nil {
			s.Epoch = rec.Epoch
			if id, ok := rec.SealedUnder(); ok {
				s.Encrypted = id.String()
			}
		}
	}
	if h, held := journal.ReadHolder(r.Dir); held {
		s.Holder = &h
	}
	return s, nil
}

// ClockAhead is by how many whole seconds the newest record is ahead of the clock:
// it was written under a clock that was ahead. 0 is as it should be.
func (l *Ledger) ClockAhead() uint64 {
	if l.Reader == nil {
		return 0
	}
	return secondsAhead(position.Time(l.wal.Last().Time), l.opts.Now())
}

func secondsAhead(record position.Time, now time.Time) uint64 {
	return uint64(max(0, record.Std().Sub(now)) / time.Second)
}

// DatedAhead returns what this ledger value took that was dated ahead of the clock
// by more than a minute, nil if nothing was.
func (l *Ledger) DatedAhead() *DatedAhead {
	if l.commits == nil {
		return nil
	}
	return (*DatedAhead)(l.commits.DatedAhead())
}

// Status describes the ledger now.
func (l *Ledger) Status() (Status, error) {
	s, err := StatusOf(l.Reader, l.View())
	if err != nil {
		return s, err
	}
	s.ClockAhead, s.DatedAhead = l.ClockAhead(), l.DatedAhead()
	if l.opts.Keys != nil {
		s.Encrypted = l.opts.Keys.Current().String()
	}
	if l.relay != nil {
		b := l.relay.Status()
		s.Bus = &b
	}
	if err := l.Err(); err != nil {
		s.Failure, s.Kind = err.Error(), FaultKind(err)
	}
	if f := l.Faults(); f.Kind != "" {
		s.Faults = &f
	}
	return s, nil
}

// Backup is a snapshot as it is shown and as the request API gives it.
type Backup struct {
	Name        string `json:"name"`
	Seq         uint64 `json:"seq"`
	Epoch       uint64 `json:"epoch"`
	RecordTime  string `json:"record_time"` // of the record it stands on, RFC 3339
	Created     string `json:"created_at"`
	Bytes       int64  `json:"bytes"`
	Positions   uint64 `json:"positions"`
	Instruments uint64 `json:"instruments"`
	Accounts    uint64 `json:"accounts"`
	Window      uint64 `json:"window"`
	Digest      string `json:"digest"` // hex
	Verified    bool   `json:"verified,omitempty"`
	Encrypted   string `json:"encrypted,omitempty"` // id of the key
	Unlinked    string `json:"unlinked,omitempty"`  // why the journal cannot tell its place
	Damage      string `json:"damage,omitempty"`
}

// BackupOf describes a snapshot.
func BackupOf(s snapshotter.Snapshot) Backup {
	b := Backup{
		Name: s.Name, Seq: s.Seq, Epoch: s.Epoch, Created: s.Created.UTC().Format(time.RFC3339),
		RecordTime: position.Time(s.RecordTime).String(), Bytes: s.Size,
		Positions: s.Positions, Instruments: s.Instruments, Accounts: s.Accounts, Window: s.Window,
		Digest: fmt.Sprintf("%x", s.Digest),
	}
	if s.Encrypted {
		b.Encrypted = s.Key.String()
	}
	if s.Err != nil {
		b.Damage = s.Err.Error()
	}
	return b
}

// FaultKind names what a disk or the system refused, for metrics and events:
// fsync, damage (a file of the ledger was removed, replaced or cut while it was
// open), moved (the directory was), lock_lost, no_space, quota, file_too_large,
// read_only, too_many_files, io or other. Nil is "".
func FaultKind(err error) string {
	if err == nil {
		return ""
	}
	if errors.Is(err, committer.ErrSync) {
		return "fsync"
	}
	for _, k := range []struct {
		target error
		name   string
	}{
		{ErrDamaged, "damage"},
		{ErrMoved, "moved"},
		{ErrLockLost, "lock_lost"},
	} {
		if errors.Is(err, k.target) {
			return k.name
		}
	}
	return cmp.Or(durable.Refusal(err), "other")
}

// FaultKinds are the values of [FaultKind].
func FaultKinds() []string {
	return []string{"fsync", "damage", "moved", "lock_lost", "no_space", "quota", "file_too_large", "read_only", "too_many_files", "io", "other"}
}

// Faults counts what failed beside the appends since Open, none of which ends
// the ledger.
type Faults struct {
	Snapshots uint64 `json:"snapshots"` // that could not be written
	MarkFiles uint64 `json:"marks"`     // that could not be saved, see MARK; recovery knows less of the newest records
	Trims     uint64 `json:"trims"`     // of the journal or the snapshots, that could not be finished

	Kind  string `json:"last_kind,omitempty"` // of the newest error; see [FaultKind]
	Error string `json:"last_error,omitempty"`
	Time  string `json:"last_time,omitempty"` // RFC 3339
}

// The operations that can fail beside the appends.
const (
	opSnapshot = "snapshot"
	opMark     = "mark"
	opTrim     = "trim"
)

// faults are the counters behind Faults, and what is told already.
type faults struct {
	mu   sync.Mutex // guards the fields below
	n    Faults
	told map[string]string // by operation, while it goes on failing for the same reason
}

// Faults returns what failed beside the appends since Open.
func (l *Ledger) Faults() Faults {
	l.faults.mu.Lock()
	defer l.faults.mu.Unlock()
	return l.faults.n
}

// noteFault tells what failed beside the appends. The same reason again is counted
// but told once, as MARK is saved every second. A directory whose fsync failed
// ends the writing.
func (l *Ledger) noteFault(op, event string, err error) {
	if errors.Is(err, journal.ErrFailed) || errors.Is(err, durable.ErrSyncDir) {
		l.commits.Fail(err)
	}
	kind := FaultKind(committer.AsSyncError(err))
	if !l.faults.note(op, kind, err.Error(), l.opts.Now) {
		return
	}
	if l.Err() == nil { // else it was told as what ended the writing
		l.log.Error("failed beside the appends; it is tried again later", "op", op, "kind", kind, "err", err)
	}
	l.announce(event, map[string]string{"op": op, "error": err.Error(), "kind": kind})
}

// note counts a failure and reports whether it is to be told.
func (f *faults) note(op, kind, text string, now func() time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch op {
	case opSnapshot:
		f.n.Snapshots++
	case opMark:
		f.n.MarkFiles++
	case opTrim:
		f.n.Trims++
	}
	f.n.Kind, f.n.Error = kind, text
	if at, err := position.At(now()); err == nil {
		f.n.Time = at.String()
	}
	if f.told[op] == text {
		return false
	}
	if f.told == nil {
		f.told = make(map[string]string)
	}
	f.told[op] = text
	return true
}

// clearFault forgets what was told of an operation that works again.
func (l *Ledger) clearFault(op string) {
	l.faults.mu.Lock()
	defer l.faults.mu.Unlock()
	delete(l.faults.told, op)
}
