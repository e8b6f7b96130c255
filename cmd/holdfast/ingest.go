package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/cmd/holdfast/feed"
	"github.com/moneyprinter/holdfast/cmd/holdfast/feed/mapping"
	"github.com/moneyprinter/holdfast/cmd/holdfast/ingest"
	"github.com/moneyprinter/holdfast/cmd/holdfast/render"
	"github.com/moneyprinter/holdfast/projector"
)

// inputFlags say how files of mutations are read.
type inputFlags struct {
	format, mapping, rounding string
	skipInvalid               bool
	insist                    bool
}

func (f *inputFlags) flags(cmd *cobra.Command) {
	p := cmd.Flags()
	p.StringVar(&f.format, "format", "auto", "form of the files: auto, ndjson, csv, hyperliquid, bitmex or gdax")
	p.StringVar(&f.mapping, "map", "", "csv: how it is read, such as account=Account,instrument=Coin,price=Execution Price, or @FILE")
	p.StringVar(&f.rounding, "rounding", "", "hyperliquid: define the venue's instruments with its rounding, so that its own profits are met")
	p.BoolVar(&f.skipInvalid, "skip-invalid", false, "report bad lines and go on, instead of stopping at the first")
	p.BoolVar(&f.insist, "insist", false, "apply mutations that are older than the remembered ids, or ahead of the clock with no room to remember them; you vouch that they are new")
}

type ingestFlags struct {
	openFlags
	inputFlags

	ack, dryRun bool
}

// ingestLong is what --help says; docs/csv.md shows the mapping at work.
const ingestLong = `Applies the mutations of one or more files, or of standard input (-), in order. A
mutation that was applied before counts as a duplicate and changes nothing, so a
run that was cut short is simply repeated.

Without --skip-invalid the first bad line ends the run: it is named with file,
line and reason, nothing of it is written, and what came before stays applied.
Up to 1024 lines are in flight, so when a line is refused for what the ledger
holds (an id reused, an unknown position) the lines just after it may be applied
already; they are counted. With --skip-invalid all bad lines are reported on
standard error and counted as rejected, and the exit code is 0.

--dry-run reads every line, checks its form, and folds it on a copy of the
ledger's state in memory, duplicates, busts and corrections included: it counts
and says what a real run would, and writes nothing; of lines in flight behind the
one that ends it there are none. It works while a daemon holds the ledger.

--ack prints {"id":…,"seq":…} for each mutation once it is durable, in order.
With -o json each bad line is a line {"file","line","reason"} of output as well,
and the last line is {"read","applied","duplicates","rejected","skipped",
"last_seq"}.

A CSV is lines of fills, or with a column type any mutations, its columns named as
the members of the JSON form. Its rows are put in the order of their times, and
standard error says so. --map says how a file of another form is read, in parts
with commas between (a part with a comma in double quotes), or one part a line in
a file: --map @FILE. docs/csv.md has examples.
  account=Account         the member account is in the column Account
  account:=main           it is main in every line
  instrument={A}-{B}      made of the columns A and B; #9 is the ninth column
  fee=-Commission-Fees    a sum; the sign in front says that the file writes what
                          was paid as negative (+: negative fees are rebates)
  fee=Satoshi*0.00000001  in another unit
  fee_currency=unit(Fee)  the unit beside the number in a cell
  account=above(UID:*)    what stands above the table
  side=Action:buy=Bought|Reinvest*,sell=Sold
                          by the words of a column, * for any text
  side:=sign              by the sign of the quantity; side:=close closes what the
                          rows before have opened, as an expiry does
  value=Amount            what qty x price comes to, in place of price
  net=Cash                the cash that moved, after fee and tax=COLUMN, in its place
  added=Quantity          of a split (type:=split): the shares that it adds
  kind, multiplier, base, quote, settlement
                          define the instrument; terms:=defined: the ledger does
  fee_2, fee_2_currency, fee_3, fee_3_currency
                          further fees, each in its currency
  id=Hash+Order ID        the id is made of several columns
  id:=row                 of the row and how many equal ones stood before it, for
                          files without ids: exports may overlap; id=row(A+B): of
                          these columns of it
  id:=line                of line number and line: only the very same file is
                          recognised again
  time_format=unix_ms     how times are written: rfc3339, unix, unix_ms, unix_us,
                          unix_ns, or 2 January 2006, 15:04:05 in that form, such
                          as 02.01.2006 15:04:05 (UTC unless it has a zone)
  time_zone=Europe/Berlin of times without a zone or with a zone's name, {Column}
                          of each row's; time_fold=first|second for equal times
  order=newest-first      or time, or file: rows of one time are taken from the
                          bottom up; file takes all as they stand, also from a pipe
  number=us|eu            $1,234.56, (1.00), 0.5BTC, 1e-8; or 1.234,56
  round=18                digits beyond the 18th after the point are rounded
  only=Type:buy|sell      rows that say something else are skipped, and counted
  skip=Type:deposit       rows that say so are skipped; and=Column:word narrows it
  when=Type:funding       the parts after it count for the rows that say so
  group=Order ID+Time     rows that agree there are one trade of two coins, which
                          asset and amount tell; quotes=EUR|USDT or
                          quote_rows=Column:word is the quote, fee_rows a fee
  delimiter=semicolon     if it is not found; section=Trades of a statement;
                          end=Total* where the table ends (end=blank: at such a line)
  ignore=Balance|Notes    columns that need not be used
  fees=rebates            most fees of the file are rebates
A file is refused before anything of it is applied where a column that nothing uses
says what figures depend on, such as a currency, a side beside side:=sign or a
quantity that was executed, where an id repeats in a column that is none, and where
most fees are negative and no sign says why.

BitMEX wallet histories become charges, GDAX reports spot fills; account:=NAME
names the account that these files leave out.

--rounding hyperliquid takes the places of a coin's sizes from the file: let the
first file be one that has them. A coin whose plain definition is in force is
redefined while no position of it is open. If one is, nothing is written at all: a
ledger that was filled without the profile cannot be given it, begin a new one.

With --server the mutations are sent to a daemon.`

func (a *app) ingestCmd() *cobra.Command {
	var f ingestFlags
	cmd := &cobra.Command{
		Use:   "ingest FILE…|-",
		Short: "Apply the mutations of files, creating the ledger if need be",
		Long:  ingestLong,
		Example: `  holdfast ingest fills.ndjson
  holdfast ingest --format hyperliquid --rounding hyperliquid hyperliquid_fills.csv
  holdfast ingest --cost-method fifo --over-reduction strict fills.ndjson
  holdfast ingest --map account=Account,instrument=Coin,side=Side,qty=Size,price=Price,id=Trade,time=Time fills.csv
  holdfast ingest --map @kraken.map trades.csv
  holdfast ingest --format bitmex --map account:=main walletHistory.csv
  zcat fills.ndjson.gz | holdfast ingest --skip-invalid -o json -`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usagef("ingest needs a file, or - for standard input")
			}
			return nil
		},
	}
	f.flags(cmd)
	cmd.Flags().BoolVar(&f.ack, "ack", false, "print id and seq of each mutation once it is durable")
	cmd.Flags().BoolVar(&f.dryRun, "dry-run", false, "read, check and count without writing")
	f.creation(cmd)
	f.running(cmd)
	return a.verb(cmd, func(ctx context.Context, args []string) error { return a.ingest(ctx, &f, args) })
}

func (a *app) ingest(ctx context.Context, f *ingestFlags, files []string) (err error) {
	in, err := a.openInput(ctx, &f.inputFlags, files)
	if err != nil {
		return err
	}
	defer in.Close()
	o, err := a.options(&f.openFlags, "ingest")
	if err != nil {
		return err
	}
	run := a.ingestion(in)
	run.Skip = f.skipInvalid
	if f.ack {
		run.Ack = a.stdout
	}
	if a.output == render.AsJSON || a.output == render.AsNDJSON {
		run.Bad = func(r ingest.Row, err error) {
			// An output that takes nothing more shows when the counts are printed.
			_ = json.NewEncoder(a.stdout).Encode(a.rejected(r, err))
		}
	}
	end, err := a.aim(ctx, run, f, o)
	if err != nil {
		return err
	}
	defer closing(end, &err)
	err = a.runIngest(ctx, run)
	if kinds := run.Dropped(); len(kinds) > 0 {
		a.notef("holdfast: rejected by kind: %s", strings.Join(kinds, ", "))
	}
	if perr := a.printCounts(run.Counts(), f.ack); err == nil {
		err = perr
	}
	return err
}

// ingestion prepares a run that tells people what it finds.
func (a *app) ingestion(in *ingest.Input) *ingest.Run {
	return &ingest.Run{In: in, Note: a.noteOfInput, Bad: func(r ingest.Row, err error) { a.rejected(r, err) }}
}

// noteOfInput tells something of a file that is read.
func (a *app) noteOfInput(format string, args ...any) { a.notef("holdfast: "+format, args...) }

// rejectedLine is a bad line as -o json shows it.
type rejectedLine struct {
	File   string `json:"file"`
	Line   int    `json:"line"`
	Reason string `json:"reason"`
}

// rejected names a bad line on standard error, however many there are: what a run
// leaves out can be put right from what it says.
func (a *app) rejected(r ingest.Row, err error) rejectedLine {
	reason := err.Error() + advice(err)
	text := reason
	if _, ok := errors.AsType[*feed.LineError](err); ok { // which names its place itself
		reason = strings.TrimPrefix(reason, r.Place()+": ")
	} else {
		text = r.Place() + ": " + reason
	}
	_, _ = fmt.Fprintln(a.stderr, "holdfast: "+text) // nobody is left to tell
	return rejectedLine{File: r.File, Line: r.Line, Reason: reason}
}

// runIngest applies the files, shows how far that is, and says what else to do
// about its end.
func (a *app) runIngest(ctx context.Context, run *ingest.Run) error {
	show := a.startProgress("ingest", run.Progress)
	err := run.Apply(ctx)
	if ahead := run.Ahead(); ahead.N > 0 {
		_, _ = fmt.Fprintln(a.stderr, "holdfast: "+ahead.String()) // nobody is left to tell
	}
	show.stop()
	switch {
	case errors.Is(err, ingest.ErrStopped):
		return fmt.Errorf("%w (--skip-invalid goes on)", err)
	case errors.Is(err, ingest.ErrNoLedger):
		return fmt.Errorf("%w: use --dir", err)
	}
	return err
}

// closer is a function as an [io.Closer].
type closer func() error

// Close calls the function.
func (c closer) Close() error { return c() }

// aim sets what the mutations are applied to, and returns what ends it.
func (a *app) aim(ctx context.Context, run *ingest.Run, f *ingestFlags, o holdfast.Options) (io.Closer, error) {
	switch {
	case f.dryRun:
		if err := a.here("ingest --dry-run"); err != nil {
			return nil, err
		}
		to, err := holdfast.Rehearse(ctx, a.dir, o)
		if err != nil {
			return nil, err
		}
		run.To = &ingest.Rehearsal{To: to, Insist: f.insist}
		return closer(func() error { return nil }), beginOn(run, to.View())
	case a.server != "":
		if f.insist {
			return nil, usagef("--insist works on the directory: use --dir instead of --server")
		}
		r, err := a.dial(ctx)
		if err != nil {
			return nil, err
		}
		var st holdfast.Status
		if err = r.ask(ctx, "status", &st); err != nil {
			r.close()
			return nil, err
		}
		run.BeginAt(st.Last)
		run.To = ingest.NewRemote(ctx, r)
		return closer(func() error { r.close(); return nil }), nil
	}
	if err := a.checkRounding(ctx, run.In); err != nil {
		return nil, err
	}
	l, err := holdfast.Open(ctx, a.dir, o)
	if err != nil {
		return nil, err
	}
	run.To = ingest.Local{Ledger: l, Insist: f.insist}
	if err = beginOn(run, l.View()); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// beginOn takes in what a ledger holds.
func beginOn(run *ingest.Run, v *projector.View) error { return roundingWords(run.Begin(v)) }

// checkRounding looks at a ledger before it is opened for writing, which leaves
// a record.
func (a *app) checkRounding(ctx context.Context, in *ingest.Input) error {
	if in.Rounding == nil {
		return nil
	}
	r, err := a.reader()
	if errors.Is(err, holdfast.ErrNotLedger) {
		return nil
	}
	if err != nil {
		return err
	}
	v, err := r.AsOf(ctx, holdfast.Moment{})
	if err != nil {
		return err
	}
	return roundingWords(in.Rounding.Check(v))
}

// openInput opens all files at once, so that a missing one stops the run before
// anything is applied.
func (a *app) openInput(ctx context.Context, f *inputFlags, files []string) (*ingest.Input, error) {
	return await(ctx, func() (*ingest.Input, error) { return a.openFiles(f, files) })
}

func (a *app) openFiles(f *inputFlags, files []string) (*ingest.Input, error) {
	in := &ingest.Input{}
	var err error
	if in.Format, err = feed.ParseFormat(f.format); err != nil {
		return nil, usagef("--format: %v", err)
	}
	if in.Mapping, err = readMapping(f.mapping); err != nil {
		return nil, err
	}
	known, stdin := true, 0
	for _, name := range files {
		if name == "-" {
			known = false
			if stdin++; stdin > 1 {
				in.Close()
				return nil, usagef("standard input (-) can be read once only")
			}
			in.Sources = append(in.Sources, ingest.Source{Name: "standard input", R: a.stdin})
			continue
		}
		file, size, ferr := openFile(name)
		if ferr != nil {
			in.Close()
			return nil, ferr
		}
		in.Total += size
		in.Sources = append(in.Sources, ingest.Source{Name: name, R: file, C: file})
		last := &in.Sources[len(in.Sources)-1]
		if last.Feed, err = feed.Open(name, file, in.Format, in.Mapping); err != nil {
			in.Close()
			return nil, fmt.Errorf("%w", err)
		}
		ingest.NoteUnused(last.Feed, a.noteOfInput)
	}
	if !known {
		in.Total = 0
	}
	if in.Rounding, err = venueRounding(f.rounding, in); err != nil {
		in.Close()
		return nil, err
	}
	return in, nil
}

// venueRounding is the profile that --rounding names, nil without one.
func venueRounding(name string, in *ingest.Input) (*ingest.Rounding, error) {
	switch name {
	case "":
		return nil, nil //nolint:nilnil // no profile is what was asked for
	case feed.Hyperliquid.String():
	default:
		return nil, usagef("--rounding %q: hyperliquid is the only profile by name; an instrument line takes any other, see 'holdfast schema mutation'", name)
	}
	for _, s := range in.Sources {
		if s.C == nil {
			return nil, usagef("--rounding reads the input twice: give a file instead of -")
		}
		if f := s.Feed.Format(); f != feed.Hyperliquid {
			return nil, usagef("--rounding hyperliquid is for the venue's own export; %s is read as %s", s.Name, f)
		}
	}
	return ingest.NewRounding(in)
}

// roundingWords says what to do about instruments that cannot be rounded as
// --rounding asks for.
func roundingWords(err error) error {
	bad, ok := errors.AsType[*ingest.RoundingError](err)
	switch {
	case !ok:
		return err
	case len(bad.Without) > 0:
		return fmt.Errorf("the ledger was filled without --rounding hyperliquid, and positions of %s that would be redefined are open: %s; "+
			"nothing was written: begin a new ledger with another --dir", render.Counted(len(bad.Without), "coin"), someOf(bad.Without))
	}
	return fmt.Errorf("the ledger has another rounding of %s, made from coarser sizes than these files show, and positions are open: %s; "+
		"nothing was written: close them first, or begin a new ledger with another --dir", render.Counted(len(bad.Coarser), "coin"), someOf(bad.Coarser))
}

// someOf lists the first of some names.
func someOf(names []string) string {
	const most = 10
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}

// readMapping reads the value of --map, or the file that it names after @.
func readMapping(text string) (mapping.Mapping, error) {
	name, file := strings.CutPrefix(text, "@")
	if file {
		b, err := readNamed("--map", name)
		if err != nil {
			return mapping.Mapping{}, err
		}
		text = "#\n" + string(b) + "\n#" // of several lines, whatever it holds
	}
	m, err := mapping.Parse(text)
	switch {
	case err != nil:
		return m, usagef("--map: %v", err)
	case m.IsZero() && file:
		return m, usagef("--map %s: it holds no mapping: one part a line, such as account=Account", name)
	}
	return m, nil
}

func openFile(name string) (*os.File, int64, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, 0, fmt.Errorf("%w", err)
	}
	info, err := f.Stat()
	switch {
	case err != nil:
	case info.Mode()&os.ModeDevice != 0:
		err = fmt.Errorf("%s is a device, not a file: use - for standard input", name)
	case info.IsDir():
		err = fmt.Errorf("%s is a directory: name the files in it", name)
	case info.Mode().IsRegular() && info.Size() == 0:
		err = fmt.Errorf("%s is empty: there is nothing to apply", name)
	default:
		return f, info.Size(), nil
	}
	return nil, 0, errors.Join(err, f.Close())
}

// printCounts ends the output of ingest. With --ack the acknowledgements are
// the result, and people read the counts on standard error.
func (a *app) printCounts(c ingest.Counts, acks bool) error {
	switch {
	case a.output == render.AsJSON || a.output == render.AsNDJSON:
		_, err := fmt.Fprintf(a.stdout, `{"read":%d,"applied":%d,"duplicates":%d,"rejected":%d,"skipped":%d,"last_seq":%d}`+"\n",
			c.Read, c.Applied, c.Duplicates, c.Rejected, c.Skipped, c.LastSeq)
		return err
	case acks:
		a.notef("%s", c)
		return nil
	case a.output == render.AsCSV:
		_, err := fmt.Fprintf(a.stdout, "read,applied,duplicates,rejected,skipped,last_seq\n%d,%d,%d,%d,%d,%d\n", c.Read, c.Applied, c.Duplicates, c.Rejected, c.Skipped, c.LastSeq)
		return err
	}
	_, err := fmt.Fprintln(a.stdout, c)
	return err
}
