package embedded

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
)

// bridge passes the server's log lines on to slog. A notice of the server is
// detail to an operator of Holdfast, so it becomes a debug line.
// nats-server reports a failed start only as a fatal log line and goes on; the
// first of them is kept, so that Start can return it as an error.
type bridge struct {
	log   *slog.Logger
	fatal chan string
	// unstored is set when a message could not be written. The stream keeps
	// such an error for good, and tells it nowhere else.
	unstored atomic.Bool
}

// unstoredText is how the server says that a message could not be written.
const unstoredText = "failed to store a msg on stream"

func newBridge(log *slog.Logger) *bridge {
	return &bridge{log: log, fatal: make(chan string, 1)}
}

// noise lists warnings that say nothing about this server: its secrets are
// random, long, and never in a configuration file.
const noise = "Plaintext passwords detected"

func (b *bridge) line(level slog.Level, format string, v []any) {
	b.log.Log(context.Background(), level, "nats server", "text", fmt.Sprintf(format, v...))
}

// Noticef implements server.Logger.
func (b *bridge) Noticef(format string, v ...any) { b.line(slog.LevelDebug, format, v) }

// Warnf implements server.Logger.
func (b *bridge) Warnf(format string, v ...any) {
	if strings.HasPrefix(format, noise) {
		return
	}
	b.line(slog.LevelWarn, format, v)
}

// Fatalf implements server.Logger. Unlike the server's own it does not exit.
func (b *bridge) Fatalf(format string, v ...any) {
	select {
	case b.fatal <- fmt.Sprintf(format, v...):
	default:
	}
	b.line(slog.LevelError, format, v)
}

// Errorf implements server.Logger.
func (b *bridge) Errorf(format string, v ...any) {
	if strings.Contains(fmt.Sprintf(format, v...), unstoredText) {
		b.unstored.Store(true)
	}
	b.line(slog.LevelError, format, v)
}

// Debugf implements server.Logger.
func (b *bridge) Debugf(format string, v ...any) { b.line(slog.LevelDebug, format, v) }

// Tracef implements server.Logger. The server is started without tracing.
func (b *bridge) Tracef(format string, v ...any) { b.line(slog.LevelDebug, format, v) }
