package main

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"math"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/journal"
)

// openFlags are the options of a ledger that a writing verb opens or creates.
type openFlags struct {
	creationFlags

	segment  string
	interval time.Duration
	every    uint64
	keep     int
	retain   time.Duration
	cycles   int
	signKey  string
	phaseLog bool
}

// running adds the flags that may differ from run to run.
func (f *openFlags) running(cmd *cobra.Command) {
	p := cmd.Flags()
	p.StringVar(&f.segment, "segment-size", "4MiB", "size of a journal segment")
	p.DurationVar(&f.interval, "backup-interval", 5*time.Minute, "time between automatic snapshots; 0 turns them off")
	p.Uint64Var(&f.every, "backup-every", 1<<20, "make a snapshot after so many records as well")
	p.IntVar(&f.keep, "backup-max", 24, "how many snapshots are kept")
	p.DurationVar(&f.retain, "journal-retain", 30*24*time.Hour, "age below which journal records are never trimmed; 0 trims up to the oldest kept snapshot")
	p.IntVar(&f.cycles, "closed-cycles", 16, "how many closed cycles of each key stay readable after their records are trimmed; -1 keeps all")
	signKeyFlag(cmd, &f.signKey)
	p.BoolVar(&f.phaseLog, "phase-log", false, "log the phases of the work to standard error, for fault drills")
	_ = p.MarkHidden("phase-log") // it was defined in the line above
}

// options turns the flags into options of the ledger.
func (a *app) options(f *openFlags, verb string) (holdfast.Options, error) {
	o := holdfast.Options{
		Name: f.name, Verb: verb, Logger: a.log, SnapshotEvery: f.every, SnapshotKeep: f.keep,
		SnapshotInterval: cmp.Or(f.interval, -1), Retain: cmp.Or(f.retain, -1), ClosedCycles: f.cycles,
	}
	var err error
	if o.Keys, err = a.keys(); err != nil {
		return o, err
	}
	if o.Rules, err = f.rules(); err != nil {
		return o, err
	}
	if o.Signer, err = loadSigner(f.signKey); err != nil {
		return o, err
	}
	if f.cycles == 0 || f.cycles < -1 {
		return o, usagef("--closed-cycles %d: give a positive number, or -1 for all", f.cycles)
	}
	if f.keep < 1 {
		return o, usagef("--backup-max %d: at least the newest snapshot is kept", f.keep)
	}
	if f.interval < 0 {
		return o, negative("backup-interval", f.interval)
	}
	if f.retain < 0 {
		return o, negative("journal-retain", f.retain)
	}
	if f.segment != "" {
		n, err := parseSize(f.segment)
		if err != nil || n < 4<<10 || n > 1<<30 {
			return o, usagef("--segment-size %q: give 4KiB to 1GiB, such as 4MiB", f.segment)
		}
		o.SegmentSize = int(n)
	}
	if f.phaseLog {
		o.Phase = phaseLog(a.stderr)
	}
	return o, nil
}

// phaseLog writes one line as each phase begins and ends.
func phaseLog(w io.Writer) func(string, bool) {
	var mu sync.Mutex
	return func(name string, begin bool) {
		word := "end"
		if begin {
			word = "begin"
		}
		mu.Lock()
		defer mu.Unlock()
		_, _ = io.WriteString(w, "phase "+name+" "+word+"\n") // a drill that stops listening ends the process anyway
	}
}

// openQuietly opens a ledger for one short verb, without snapshots of its own.
func (a *app) openQuietly(ctx context.Context, verb string, change func(*holdfast.Options)) (*holdfast.Ledger, error) {
	if _, err := a.reader(); err != nil { // never create a ledger for a verb that needs one
		return nil, err
	}
	keys, err := a.keys()
	if err != nil {
		return nil, err
	}
	o := holdfast.Options{
		Keys: keys, Verb: verb, Logger: a.log, SnapshotInterval: -1, SnapshotEvery: 1 << 62,
		SnapshotKeep: math.MaxInt, Retain: math.MaxInt64, // what the daemon keeps is not this verb's to decide
	}
	if change != nil {
		change(&o)
	}
	return holdfast.Open(ctx, a.dir, o)
}

// reader opens the directory for reading, with the keys that were given.
func (a *app) reader() (*holdfast.Reader, error) {
	r, err := holdfast.OpenReader(a.dir)
	if err != nil {
		return nil, err
	}
	keys, err := a.keys()
	if err != nil || keys == nil {
		return r, err
	}
	return r.WithKeys(keys), nil
}

// checkFree refuses a directory that another process holds or that is no place
// for a ledger, before anything is started for it.
func (a *app) checkFree() error {
	if h, held := journal.ReadHolder(a.dir); held {
		return &journal.InUseError{Holder: h}
	}
	_, err := holdfast.Exists(a.dir)
	return err
}

// ledgerName is the name of the ledger in the directory, or the one that a new
// ledger will get. A ledger whose key is missing is refused here, before a bus is
// started for it.
func (a *app) ledgerName(f *openFlags) (string, error) {
	r, err := a.reader()
	switch {
	case err == nil:
		return r.Identity().Name, r.CheckKeys()
	case !errors.Is(err, holdfast.ErrNotLedger):
		return "", err
	case f.name != "":
		return f.name, nil
	}
	return "main", nil
}

// closing closes a ledger and keeps the first error.
func closing(l io.Closer, err *error) {
	if cerr := l.Close(); *err == nil {
		*err = cerr
	}
}

// infoByDefault logs a daemon's steps unless --log-level says otherwise.
func (a *app) infoByDefault() {
	if a.logLevel == "" {
		a.setLog(slog.LevelInfo)
	}
}
