package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/moneyprinter/holdfast/cmd/holdfast/daemon"
)

// A secret that stands where it should not, such as an nkey seed in the place of
// its file's name, would be part of an error and so of a log that others read. Two
// things keep it out: what a flag names is repeated only if it may be the name of a
// file, and everything that is shown as an error or logged passes [redact].

// secretForms match what is a secret wherever it stands.
var secretForms = regexp.MustCompile(strings.Join([]string{
	`holdfast-key-\d+:[A-Za-z0-9+/=]*`,
	`PRIVATE\+KEY\+[^\s"']*`,
	`\bS[ACNOUX][A-Z2-7]{40,}\b`,                           // a seed of nkeys
	`\beyJ[A-Za-z0-9_-]{8,}(\.[A-Za-z0-9_-]+)*`,            // a JWT
	`-----BEGIN [^-]+-----[\s\S]*?(-----END [^-]+-----|$)`, // PEM, and the seed in a .creds file
}, "|"))

// userInfo matches what stands before the host of a URL, up to the last @, since a
// password may hold one.
var userInfo = regexp.MustCompile(`://[^\s/]+@`)

// redact takes secrets out of a text.
func redact(text string) string {
	text = secretForms.ReplaceAllString(text, "(a secret)")
	return userInfo.ReplaceAllString(text, "://(a secret)@")
}

// redacted is [redact] for what is logged.
func redacted(_ []string, a slog.Attr) slog.Attr {
	switch v := a.Value.Resolve().Any().(type) {
	case string:
		a.Value = slog.StringValue(redact(v))
	case error:
		a.Value = slog.StringValue(redact(v.Error()))
	}
	return a
}

// opaque matches what may be base64 or another random text: it has a digit and no dot.
var opaque = regexp.MustCompile(`^[A-Za-z+/=_-]*[0-9][A-Za-z0-9+/=_-]*$`)

// maySecret reports whether a text is rather a secret than the name of a file that is
// missing: long and opaque, and in no directory that is there but the root.
func maySecret(text string) bool {
	if redact(text) != text {
		return true
	}
	if len(text) < daemon.MinToken || !opaque.MatchString(text) {
		return false
	}
	dir, _ := filepath.Split(text)
	_, err := os.Lstat(dir)
	return dir == "" || dir == "/" || err != nil
}

// fileOf is how the file of a flag is called in errors. A text that may be a secret,
// given in the place of its file, is not repeated.
func fileOf(flag, path string) string {
	_, err := os.Lstat(path)
	if err != nil && maySecret(path) {
		return flag + " (not repeated here, for it may be a secret itself: put that into a file of mode 0600 and name the file)"
	}
	return flag + " " + redact(path)
}

// badFile refuses a file that a flag names, for a reason that does not hold what
// is in it. It is a mistake in the command line.
func badFile(flag, path, reason string) error {
	return usagef("%s: %s", fileOf(flag, path), reason)
}

// readNamed reads a file that a flag names.
func readNamed(flag, path string) ([]byte, error) {
	b, err := os.ReadFile(path)
	if err == nil {
		return b, nil
	}
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		err = p.Err // the path stands before it
	}
	return nil, badFile(flag, path, err.Error())
}

// secretText reads the text that a source names.
func secretText(source string) (string, error) {
	if name, ok := strings.CutPrefix(source, "env:"); ok {
		text := os.Getenv(name)
		if text == "" {
			return "", fmt.Errorf("the environment variable %s is empty", name)
		}
		return text, nil
	}
	path := strings.TrimPrefix(source, "file:")
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return "", err
	}
	defer f.Close() //nolint:errcheck // opened for reading
	info, err := f.Stat()
	switch {
	case err != nil:
		return "", err
	case !info.Mode().IsRegular():
		return "", fmt.Errorf("%s is not a regular file", path)
	case info.Mode().Perm()&0o077 != 0:
		return "", fmt.Errorf("%s can be read by others (mode %04o): chmod 600 it, and make a new key if somebody may have", path, info.Mode().Perm())
	}
	b, err := io.ReadAll(io.LimitReader(f, maxKeyFile))
	return string(b), err
}

// reasonAlone is an error of a file without its name.
func reasonAlone(err error) string {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		err = p.Err
	}
	return err.Error()
}
