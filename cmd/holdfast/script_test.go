package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/moneyprinter/holdfast/bus"
	"github.com/moneyprinter/holdfast/journal"
)

// The verbs are tested as scripts: each runs the real command in processes of
// its own. TestMain makes this test binary stand in for it.
func TestMain(m *testing.M) {
	if strings.HasSuffix(os.Args[0], ".test") && signal.Ignored(syscall.SIGHUP) {
		// Whoever started the tests under nohup meant the tests, not the commands
		// that they signal: what is caught here has its usual meaning in a child.
		signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
	}
	testscript.Main(m, map[string]func(){
		"holdfast": func() { os.Exit(mainCode()) },
		"bigline":  bigLine,
		"fills":    fills,
	})
}

// bigLine prints a good fill, one whose account is 10 MB long, and a good one.
func bigLine() {
	fill := `{"type":"fill","id":"%s","account":"%s","instrument":"X","side":"buy","qty":"1","price":"10","time":"2026-01-02T03:04:05Z"}` + "\n"
	fmt.Printf(fill, "big-1", "A")
	fmt.Printf(fill, "big-2", strings.Repeat("x", 10<<20))
	fmt.Printf(fill, "big-3", "A")
}

// fills N prints so many fills of one account, in turns a purchase and a sale of
// each instrument, so that only their order gives the right number of cycles.
func fills() {
	n, err := strconv.Atoi(os.Args[1])
	if err != nil {
		panic(err)
	}
	for i := range n {
		fmt.Printf(`{"type":"fill","id":"many-%d","account":"M","instrument":"X%d","side":"%s","qty":"1","price":"10","time":"2026-01-02T03:04:05Z"}`+"\n", i, i%7, []string{"buy", "sell"}[i/7%2])
	}
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"code": code, "members": members, "flip": flip, "ready": awaitDaemon, "lines": lines, "cut": cut,
			"hidden": hidden, "setenv": setenv, "eventually": eventually,
		},
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       os.Getenv("HOLDFAST_DOCS") == "rewrite",
	})
}

// code N CMD ARGS… runs a command and compares its exit code.
func code(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N command args…")
	}
	err := ts.Exec(args[1], args[2:]...)
	got := 0
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		got = exit.ExitCode()
	case err != nil:
		ts.Fatalf("%v", err)
	}
	if strconv.Itoa(got) != args[0] {
		ts.Fatalf("exit code %d, want %s", got, args[0])
	}
	noKeys(ts)
}

// noKeys fails when a key from the files that $KEYFILES lists, separated by
// colons, is in what a command has printed.
func noKeys(ts *testscript.TestScript) {
	for _, secret := range secrets(ts) {
		for _, name := range []string{"stdout", "stderr"} {
			if strings.Contains(ts.ReadFile(name), secret) {
				ts.Fatalf("a key is in %s", name)
			}
		}
	}
}

// secrets are the keys of the files in $KEYFILES, without what precedes them.
func secrets(ts *testscript.TestScript) (out []string) {
	for name := range strings.SplitSeq(ts.Getenv("KEYFILES"), ":") {
		if name == "" {
			continue
		}
		for line := range strings.Lines(ts.ReadFile(name)) {
			if _, secret, ok := strings.Cut(strings.TrimSpace(line), "holdfast-key-1:"); ok {
				out = append(out, secret[:40])
			}
		}
	}
	if ts.Getenv("KEYFILES") != "" && len(out) == 0 {
		ts.Fatalf("there is no key in %s", ts.Getenv("KEYFILES"))
	}
	return out
}

// hidden DIR TEXT… fails when a text, or a key, is in a file below DIR or in its
// name, or in what the last command has printed.
func hidden(ts *testscript.TestScript, neg bool, args []string) {
	noKeys(ts)
	found := ""
	ts.Check(filepath.WalkDir(ts.MkAbs(args[0]), func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		for _, text := range append(secrets(ts), args[1:]...) {
			if strings.Contains(path+string(b), text) {
				found = path
			}
		}
		return err
	}))
	if (found == "") == neg {
		ts.Fatalf("found in %q, want none: %v", found, !neg)
	}
}

// setenv NAME FILE sets a variable to what a file holds.
func setenv(ts *testscript.TestScript, _ bool, args []string) {
	ts.Setenv(args[0], ts.ReadFile(args[1]))
}

// eventually PATTERN CMD ARGS… runs a command until its output matches.
func eventually(ts *testscript.TestScript, neg bool, args []string) {
	want, err := regexp.Compile(args[0])
	ts.Check(err)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for range 1500 {
		ts.Check(ts.Exec(args[1], args[2:]...))
		if noKeys(ts); want.MatchString(ts.ReadFile("stdout")) != neg {
			return
		}
		<-tick.C
	}
	ts.Fatalf("%s: never came", args[0])
}

// members FILE NAME… checks that the JSON in a file is an object, or holds one
// first, with at least these members. A dot leads into a member.
func members(ts *testscript.TestScript, neg bool, args []string) {
	text := ts.ReadFile(args[0])
	var v any
	if err := json.NewDecoder(strings.NewReader(text)).Decode(&v); err != nil {
		ts.Fatalf("%s is not JSON: %v", args[0], err)
	}
	if list, ok := v.([]any); ok {
		if len(list) == 0 {
			ts.Fatalf("%s is an empty array", args[0])
		}
		v = list[0]
	}
	for _, name := range args[1:] {
		at := v
		for part := range strings.SplitSeq(name, ".") {
			object, ok := at.(map[string]any)
			if ok {
				at, ok = object[part]
			}
			if ok == neg {
				ts.Fatalf("%s: member %s: present %v", args[0], name, ok)
			}
		}
	}
}

// flip GLOB OFFSET flips a bit in the middle byte, or at an offset, of the one
// file that matches.
func flip(ts *testscript.TestScript, _ bool, args []string) {
	path := one(ts, args[0])
	b, err := os.ReadFile(path)
	ts.Check(err)
	at := len(b) / 2
	if len(args) > 1 {
		at, err = strconv.Atoi(args[1])
		ts.Check(err)
	}
	b[at] ^= 0x10
	ts.Check(os.WriteFile(path, b, 0o600))
}

// cut GLOB N takes the last N bytes off the one file that matches.
func cut(ts *testscript.TestScript, _ bool, args []string) {
	path := one(ts, args[0])
	info, err := os.Stat(path)
	ts.Check(err)
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	ts.Check(os.Truncate(path, info.Size()-int64(n)))
}

func one(ts *testscript.TestScript, glob string) string {
	found, err := filepath.Glob(ts.MkAbs(glob))
	ts.Check(err)
	if len(found) != 1 {
		ts.Fatalf("%s matches %d files, want 1", glob, len(found))
	}
	return found[0]
}

// lines FILE N compares the number of lines.
func lines(ts *testscript.TestScript, _ bool, args []string) {
	if got := strings.Count(ts.ReadFile(args[0]), "\n"); strconv.Itoa(got) != args[1] {
		ts.Fatalf("%s has %d lines, want %s", args[0], got, args[1])
	}
}

// ready DIR waits until a daemon holds the directory and answers requests, and
// puts its URL into $NATS.
func awaitDaemon(ts *testscript.TestScript, _ bool, args []string) {
	dir := ts.MkAbs(args[0])
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		err := answers(ctx, dir)
		if err == nil {
			h, _ := journal.ReadHolder(dir)
			ts.Setenv("NATS", h.Reach)
			ts.Setenv("NATS_ADDR", strings.TrimPrefix(h.Reach, "nats://"))
			ts.Setenv("PID", strconv.Itoa(h.PID))
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			ts.Fatalf("no daemon on %s: %v", dir, err)
		}
	}
}

func answers(ctx context.Context, dir string) error {
	h, held := journal.ReadHolder(dir)
	if !held || h.Reach == "" {
		return errors.New("not held by a daemon")
	}
	c, err := readContext("--creds", filepath.Join(dir, "nats", "reader.json"))
	if err != nil {
		return err
	}
	nc, err := nats.Connect(h.Reach, nats.UserInfo(c.User, c.Password), nats.Timeout(30*time.Second))
	if err != nil {
		return err
	}
	defer nc.Close()
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	b, err := bus.Request(ctx, nc, "main", "status", nil)
	if err == nil && !strings.Contains(string(b), `"state":"live"`) {
		err = errors.New("the relay is not live yet")
	}
	return err
}
