package main

import (
	"context"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/moneyprinter/holdfast/cmd/holdfast/render"
	"github.com/moneyprinter/holdfast/keyring"
)

// app is what all verbs share: the streams and the persistent flags.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer

	dir      string
	server   string
	creds    string
	ledger   string
	output   string
	logLevel string
	quiet    bool

	keySource string
	loadKeys  func() (*keyring.Ring, error) // once for each command line

	log *slog.Logger
	// signals are those of the process, nil where the app is not all of it.
	signals *signals
	// reached is how far long work came, and printed how many rows it gave, nil
	// where it gives none; see [app.interrupted].
	reached string
	printed func() int
	// running is set when flags and arguments were accepted: what fails from
	// then on is no mistake in the command line.
	running bool
	// unknown is set when help was asked for a command that does not exist.
	unknown error
}

// run executes one command line and returns the exit code.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	return newApp(stdin, stdout, stderr).execute(ctx, args)
}

func newApp(stdin io.Reader, stdout, stderr io.Writer) *app {
	stdout, stderr = oneAtATime(stdout, stderr)
	return &app{stdin: stdin, stdout: stdout, stderr: stderr, log: slog.New(slog.DiscardHandler)}
}

// execute is run for this app.
func (a *app) execute(ctx context.Context, args []string) int {
	root := a.root()
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		err = a.unknown
	}
	if err == nil {
		return exitOK
	}
	code := a.exitCode(err)
	a.complain(ctx, cmd, err, code)
	return code
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "holdfast",
		Short: "Flight recorder and state keeper for trading positions",
		Long: `Holdfast keeps the positions of a trading engine. Every change is on disk,
checksummed and chained, before it is acknowledged; after any crash the same
positions come back; any past moment can be asked for; everything that happens
is on NATS.

Verbs work on a directory (--dir) or, with --server, ask a running daemon.
Reading verbs work on the directory even while a daemon holds it.

Exit codes:
  0    done; a daemon that was told to stop by SIGINT or SIGTERM
  1    an error, or cut short by a signal: the last line says how far it came
  2    a mistake in the command line, or in a key, certificate or mapping of it
  3    damage found, or the directory moved away under a writer: starting again
       does not help
  5    another process holds the ledger
  128+ ended at once by a signal: a second SIGINT or SIGTERM, or SIGPIPE`,
		Example: `  holdfast serve --ingest fills.ndjson
  holdfast ingest fills.ndjson && holdfast positions
  holdfast verify --deep`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return cmd.Help()
		},
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return a.prepare(cmd) },
	}
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	root.SetFlagErrorFunc(flagError)
	a.helpKnown(root)
	p := root.PersistentFlags()
	p.StringVar(&a.dir, "dir", envOr("HOLDFAST_DIR", "./holdfast-data"), "directory of the ledger (env HOLDFAST_DIR)")
	p.StringVar(&a.server, "server", "", "NATS URL of a daemon to ask instead of the directory, such as nats://127.0.0.1:4222")
	p.StringVar(&a.creds, "creds", "", "credentials for --server: a context file such as DIR/nats/writer.json, or a .creds file")
	p.StringVar(&a.ledger, "ledger", "", "with --server: name of the ledger, needed only when several answer there")
	p.StringVarP(&a.output, "output", "o", render.AsTable, "form of results: table, json, ndjson or csv, which is for rows: what is one object is JSON then")
	p.StringVar(&a.logLevel, "log-level", "", "what is logged to standard error: debug, info, warn or error (default: info for serve, else warn)")
	p.StringVar(&a.keySource, "key", envOr("HOLDFAST_KEY_SOURCE", ""), "where the keys of an encrypted ledger come from: a file, env:NAME or cmd:COMMAND; what is created with it is encrypted (env HOLDFAST_KEY_SOURCE)")
	p.Lookup("key").DefValue = "" // a command may hold what --help must not show
	p.BoolVarP(&a.quiet, "quiet", "q", false, "no progress, and only errors are logged")
	root.AddCommand(
		a.initCmd(), a.serveCmd(), a.ingestCmd(), a.importCmd(), a.exportCmd(), a.positionsCmd(), a.historyCmd(), a.tailCmd(), a.replayCmd(), a.diffCmd(), a.statusCmd(),
		a.verifyCmd(), a.repairCmd(), a.checkpointCmd(), a.keygenCmd(), a.backupCmd(), a.busCmd(), a.schemaCmd(), a.benchCmd(), a.versionCmd(),
	)
	return root
}

// helpKnown shows the help of commands that exist; cobra would show that of what
// comes before an unknown one.
func (a *app) helpKnown(root *cobra.Command) {
	show := root.HelpFunc()
	root.SetHelpFunc(func(cmd *cobra.Command, args []string) {
		if rest := cmd.Flags().Args(); cmd.HasSubCommands() && len(rest) > 0 {
			a.unknown = usagef("unknown command %q for %q", rest[0], cmd.CommandPath())
			return
		}
		show(cmd, args)
	})
	root.SetHelpCommand(&cobra.Command{
		Use:   "help [command]",
		Short: "Help about any command",
		RunE: func(_ *cobra.Command, args []string) error {
			cmd, rest, err := root.Find(args)
			if err != nil {
				return err
			}
			if len(rest) > 0 {
				return usagef("unknown command %q for %q", rest[0], cmd.CommandPath())
			}
			cmd.InitDefaultHelpFlag()
			return cmd.Help()
		},
	})
}

// prepare checks the persistent flags and makes the logger.
func (a *app) prepare(cmd *cobra.Command) error {
	if !slices.Contains([]string{render.AsTable, render.AsJSON, render.AsNDJSON, render.AsCSV}, a.output) {
		return usagef("--output %q: choose table, json, ndjson or csv", a.output)
	}
	level := slog.LevelWarn
	if a.logLevel != "" {
		if err := level.UnmarshalText([]byte(a.logLevel)); err != nil {
			return usagef("--log-level %q: choose debug, info, warn or error", a.logLevel)
		}
	}
	a.setLog(level)
	if a.dir == "" {
		return usagef("--dir is empty: name the directory of a ledger")
	}
	return noEmptyFlag(cmd)
}

// setLog makes the logger; --quiet leaves only errors.
func (a *app) setLog(level slog.Level) {
	if a.quiet {
		level = slog.LevelError
	}
	a.log = slog.New(slog.NewTextHandler(a.stderr, &slog.HandlerOptions{Level: level, ReplaceAttr: redacted}))
}

// verb sets what a command does. From here on an error is one of the run, not
// of the command line.
func (a *app) verb(cmd *cobra.Command, do func(ctx context.Context, args []string) error) *cobra.Command {
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		a.running = true
		if a.signals != nil && cmd.Annotations[hangup] == "" {
			a.signals.endsOnHangup()
		}
		a.loadKeys = sync.OnceValues(func() (*keyring.Ring, error) { return readKeys(cmd.Context(), a.keySource) })
		return do(cmd.Context(), args)
	}
	return cmd
}

// hangup annotates a verb that takes SIGHUP for something else than its end.
const hangup = "hangup"

// group makes a command that only holds others.
func (a *app) group(cmd *cobra.Command, members ...*cobra.Command) *cobra.Command {
	names := make([]string, len(members))
	for i, m := range members {
		names[i] = m.Name()
	}
	cmd.AddCommand(members...)
	cmd.Args = cobra.NoArgs
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return usagef("%s needs one of: %s", cmd.CommandPath(), strings.Join(names, ", "))
	}
	return cmd
}

// here refuses --server for verbs that work on files only.
func (a *app) here(verb string) error {
	if a.server != "" {
		return usagef("%s works on the directory: use --dir instead of --server", verb)
	}
	return nil
}
