package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/nats-io/nkeys"

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

// fileOf is how the file of a flag is called in errors. What may be a secret that
// was given in the place of its file is not repeated.
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

// check reads what the files of a context hold, so that what is missing or wrong
// ends the start instead of being tried for ever. origin is the flag that named
// the context; flags says that each member was a flag itself.
func (c *natsContext) check(origin string, flags bool) error {
	of := func(member string) string {
		if flags {
			return "--nats-" + member
		}
		return origin + ": " + member
	}
	if err := checkCreds(of("creds"), c.Creds); err != nil {
		return err
	}
	if c.NKey != "" {
		b, err := readNamed(of("nkey"), c.NKey)
		if err != nil {
			return err
		}
		if _, err = nkeys.ParseDecoratedNKey(b); err != nil {
			return badFile(of("nkey"), c.NKey, "it holds no nkey seed")
		}
	}
	if c.CA != "" {
		b, err := readNamed(of("ca"), c.CA)
		if err != nil {
			return err
		}
		if !x509.NewCertPool().AppendCertsFromPEM(b) {
			return badFile(of("ca"), c.CA, "it holds no certificate in PEM")
		}
	}
	return c.checkPair(of)
}

func checkCreds(flag, path string) error {
	if path == "" {
		return nil
	}
	b, err := readNamed(flag, path)
	if err != nil {
		return err
	}
	if _, err = nkeys.ParseDecoratedJWT(b); err == nil {
		_, err = nkeys.ParseDecoratedUserNKey(b)
	}
	if err != nil {
		return badFile(flag, path, "it is no .creds file: it must hold the JWT of a user and the seed")
	}
	return nil
}

// checkPair reads the certificate of the client and its key.
func (c *natsContext) checkPair(of func(string) string) error {
	switch {
	case c.Cert == "" && c.Key == "":
		return nil
	case c.Cert == "":
		return usagef("%s: without %s: give both, or neither", fileOf(of("key"), c.Key), of("cert"))
	case c.Key == "":
		return usagef("%s: without %s: give both, or neither", fileOf(of("cert"), c.Cert), of("key"))
	}
	cert, err := readNamed(of("cert"), c.Cert)
	if err != nil {
		return err
	}
	key, err := readNamed(of("key"), c.Key)
	if err != nil {
		return err
	}
	if _, err = tls.X509KeyPair(cert, key); err != nil {
		return usagef("%s, %s: no pair of a certificate and its key in PEM: %s", fileOf(of("cert"), c.Cert), fileOf(of("key"), c.Key), redact(err.Error()))
	}
	return nil
}
