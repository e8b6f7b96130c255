package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/sys/unix"

	"github.com/moneyprinter/holdfast/cmd/holdfast/render"
	"github.com/moneyprinter/holdfast/internal/durable"
)

// Signing keys. The private key has the text form of x/mod/sumdb/note
// (PRIVATE+KEY+name+hash+key) and lies in a file of mode 0600 or in an environment
// variable; it is never printed, logged or part of an error. The public key
// (name+hash+key) is for everybody.

// privateKey is what every private key begins with.
const privateKey = "PRIVATE+KEY+"

// maxKeyFile bounds what is read of a file of keys.
const maxKeyFile = 64 << 10

// signKeyFlag adds the flag that names a signing key.
func signKeyFlag(cmd *cobra.Command, source *string) {
	cmd.Flags().StringVar(source, "sign-key", "", "key that signs checkpoints: a file of mode 0600 (PATH or file:PATH), or env:NAME; 'keygen --sign' makes one")
}

// loadSigner reads a signing key; "" gives none.
func loadSigner(source string) (note.Signer, error) {
	if source == "" {
		return nil, nil //nolint:nilnil // no key is what was asked for
	}
	if strings.Contains(source, privateKey) { // never repeated: it would be in a log
		return nil, usagef("--sign-key: it is a key itself: put it into a file of mode 0600 and name that")
	}
	text, err := secretText(source)
	if err != nil {
		return nil, badFile("--sign-key", source, reasonAlone(err))
	}
	s, err := note.NewSigner(strings.TrimSpace(text))
	if err != nil { // the error says what is wrong with a secret; the reader needs to know where it lies
		return nil, badFile("--sign-key", source, "it does not hold one signing key: 'holdfast keygen --sign FILE' makes one")
	}
	return s, nil
}

// reasonAlone is an error of a file without its name.
func reasonAlone(err error) string {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		err = p.Err
	}
	return err.Error()
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

// signKeygen makes a key pair: the private key in a new file, the public key as
// the result.
func signKeygen(path, name string) (public string, err error) {
	if name == "" || strings.ContainsAny(name, "+ \t\n\r") || len(name) > 64 {
		return "", usagef("--name %q: 1 to 64 characters without '+' or space", name)
	}
	private, public, err := note.GenerateKey(rand.Reader, name)
	if err != nil {
		return "", fmt.Errorf("holdfast: make signing key: %w", err)
	}
	if _, err = note.NewVerifier(public); err != nil {
		return "", usagef("--name %q is not a name that a key can have", name)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) //nolint:gosec // the caller names the file
	if errors.Is(err, os.ErrExist) {
		return "", fmt.Errorf("holdfast: %s exists: a key is never overwritten, name a new file", path)
	}
	if err != nil {
		return "", fmt.Errorf("holdfast: %w", err)
	}
	_, err = f.WriteString(private + "\n")
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = durable.SyncDir(filepath.Dir(path))
	}
	if err != nil {
		return "", fmt.Errorf("holdfast: write %s: %w", path, err)
	}
	return public, nil
}

// loadVerifiers reads public keys: one given as it is, or a file with one a line;
// lines that begin with # are comments.
func loadVerifiers(source string) (note.Verifiers, error) {
	if v, err := note.NewVerifier(source); err == nil {
		return note.VerifierList(v), nil
	}
	if strings.Contains(source, privateKey) {
		return nil, usagef("--verifier: it is a private key: give the public one, which 'keygen --sign' printed")
	}
	b, err := os.ReadFile(source)
	if err != nil {
		return nil, fmt.Errorf("holdfast: %s: neither a public key (name+hash+key) nor a file: %s", fileOf("--verifier", source), reasonAlone(err))
	}
	if len(b) > maxKeyFile {
		return nil, fmt.Errorf("holdfast: --verifier %s: it is too large for a file of keys", source)
	}
	var list []note.Verifier
	for line := range strings.Lines(string(b)) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		v, err := note.NewVerifier(line)
		if err != nil {
			return nil, fmt.Errorf("holdfast: --verifier %s: it holds a line that is no public key", source)
		}
		list = append(list, v)
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("holdfast: --verifier %s: it holds no public key", source)
	}
	return note.VerifierList(list...), nil
}

// keygenSign makes a key pair and prints the public key.
func (a *app) keygenSign(path, name string) error {
	public, err := signKeygen(path, name)
	if err != nil {
		return err
	}
	if a.output == render.AsTable || a.output == render.AsCSV {
		_, err = fmt.Fprintln(a.stdout, public)
		return err
	}
	return a.printJSON(map[string]string{"file": path, "verifier": public})
}
