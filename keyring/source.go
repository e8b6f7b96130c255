package keyring

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// maxSource bounds what is read of a source, and with it the number of keys.
const maxSource = 64 << 10

// commandGrace is how long the output of a command may stay open behind its end.
const commandGrace = time.Second

// Load reads a ring from a source: PATH or file:PATH, env:NAME, or cmd:COMMAND,
// which /bin/sh runs until ctx ends. Every error matches [ErrSource].
//
// A file must be a regular one, not a link, belong to the caller or to root, and
// give nobody else any right.
func Load(ctx context.Context, source string) (*Ring, error) {
	name, text, err := read(ctx, source)
	if err != nil {
		return nil, &SourceError{Source: name, Err: err}
	}
	list, line, err := parse(text)
	if err != nil {
		return nil, &SourceError{Source: name, Line: line, Err: err}
	}
	r, err := newRing(list)
	if err != nil {
		return nil, &SourceError{Source: name, Err: err}
	}
	return r, nil
}

// read returns what a source holds, and what it is called in errors.
func read(ctx context.Context, source string) (name string, text []byte, err error) {
	if strings.Contains(source, prefix) { // never repeated: it would be in a log
		return "the source", nil, errors.New("it is a key itself: put it into a file and name that")
	}
	kind, rest, ok := strings.Cut(source, ":")
	switch {
	case source == "":
		return "the source", nil, errors.New("it is empty: name a file, env:NAME or cmd:COMMAND")
	case ok && kind == "env":
		text, err = fromEnvironment(rest)
		return "variable " + rest, text, err
	case ok && kind == "cmd":
		text, err = fromCommand(ctx, rest)
		return "the command", text, err
	case ok && kind == "file":
		source = rest
	}
	text, err = fromFile(source)
	return source, text, err
}

// fromFile opens without following a link and without waiting for a pipe's
// other end.
func fromFile(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0) //nolint:gosec // the operator names it
	switch {
	case errors.Is(err, syscall.ELOOP):
		return nil, errors.New("it is a symbolic link: name the file itself")
	case err != nil:
		if p, ok := errors.AsType[*fs.PathError](err); ok {
			err = p.Err // the path is in the SourceError
		}
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read from
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	switch st, ok := info.Sys().(*syscall.Stat_t); {
	case !info.Mode().IsRegular():
		return nil, errors.New("it is not a regular file")
	case info.Mode().Perm()&0o077 != 0:
		return nil, fmt.Errorf("its mode is %04o, so that others may read or write it: chmod 600", info.Mode().Perm())
	case ok && st.Uid != 0 && int(st.Uid) != os.Geteuid():
		return nil, errors.New("it belongs to another user")
	}
	return limited(f)
}

func limited(r io.Reader) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxSource+1))
	if err == nil && len(b) > maxSource {
		err = errTooLong()
	}
	return b, err
}

func errTooLong() error { return fmt.Errorf("it holds more than %d bytes", maxSource) }

func fromEnvironment(name string) ([]byte, error) {
	text, ok := os.LookupEnv(name)
	if !ok || text == "" {
		return nil, errors.New("it is not set")
	}
	return []byte(text), nil
}

// fromCommand runs a command. Its standard error is dropped, because it may hold
// what it should not.
func fromCommand(ctx context.Context, command string) ([]byte, error) {
	if strings.TrimSpace(command) == "" {
		return nil, errors.New("it is empty")
	}
	out := &boundedBuffer{}
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", command) //nolint:gosec // the operator's own command
	cmd.Stdout, cmd.WaitDelay = out, commandGrace
	err := cmd.Run()
	switch {
	case out.over:
		return nil, errTooLong()
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err != nil:
		return nil, fmt.Errorf("it ended with: %w", err)
	}
	return out.held.Bytes(), nil
}

// boundedBuffer refuses what is too long, which ends the command.
type boundedBuffer struct {
	held bytes.Buffer // not embedded: its ReadFrom knows no bound
	over bool
}

// Write implements [io.Writer].
func (b *boundedBuffer) Write(p []byte) (int, error) {
	if b.held.Len()+len(p) > maxSource {
		b.over = true
		return 0, errTooLong()
	}
	return b.held.Write(p)
}

// parse reads keys, one on each line. line is that of the error.
func parse(text []byte) (list []Key, line int, err error) {
	seen := make(map[ID]int)
	for part := range strings.SplitSeq(string(text), "\n") {
		line++
		if part = strings.TrimSpace(part); part == "" || part[0] == '#' {
			continue
		}
		key, err := Parse(part)
		if err != nil {
			return nil, line, err
		}
		if first := seen[key.ID()]; first > 0 {
			return nil, line, fmt.Errorf("key %s is on line %d already", key.ID(), first)
		}
		seen[key.ID()] = line
		list = append(list, key)
	}
	if len(list) == 0 {
		return nil, 0, errors.New("it holds no key")
	}
	return list, 0, nil
}
