package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/mod/sumdb/note"

	"github.com/moneyprinter/holdfast/cmd/holdfast/render"
	"github.com/moneyprinter/holdfast/internal/durable"
	"github.com/moneyprinter/holdfast/keyring"
)

func (a *app) keygenCmd() *cobra.Command {
	var rotate bool
	var sign, name string
	cmd := &cobra.Command{
		Use:   "keygen FILE|- | keygen --sign FILE",
		Short: "Make a key that encrypts a ledger, or one that signs checkpoints",
		Long: `Writes a new random key to FILE, which must not exist and which only its owner may
read, or to standard output (-). Keep a copy where the ledger is not: losing the
key is losing the ledger.

With --rotate FILE must exist: the new key becomes its first line, which writes;
those below go on reading. A daemon takes it up on SIGHUP, everything else when it
starts.

With --sign it makes a key pair that signs checkpoints instead: the private key
goes into FILE (mode 0600, never overwritten), the public key to standard output.
Keep the public key, and the checkpoints, where who can write the ledger cannot.`,
		Example: `  holdfast keygen /etc/holdfast.key && holdfast init --key /etc/holdfast.key
  holdfast keygen --rotate /etc/holdfast.key && kill -HUP "$PID"  # of serve; or systemctl reload holdfast
  holdfast keygen - | pass insert -m holdfast && holdfast serve --key 'cmd:pass holdfast'
  holdfast keygen --sign sign.key > holdfast.pub && holdfast serve --sign-key sign.key`,
		Args: cobra.MaximumNArgs(1),
	}
	cmd.Flags().BoolVar(&rotate, "rotate", false, "put the new key before those that the file holds")
	cmd.Flags().StringVar(&sign, "sign", "", "make a signing key, in this file")
	cmd.Flags().StringVar(&name, "name", "holdfast", "name of the signing key, which stands in its signatures")
	return a.verb(cmd, func(ctx context.Context, args []string) error {
		if err := a.here("keygen"); err != nil {
			return err
		}
		switch {
		case sign != "" && (len(args) > 0 || rotate):
			return usagef("--sign names the file itself and makes one new key")
		case sign != "":
			return a.keygenSign(sign, name)
		case len(args) == 0:
			return usagef("name the file that keeps the key, or - for standard output")
		}
		return a.keygen(ctx, args[0], rotate)
	})
}

// generated is what keygen prints.
type generated struct {
	ID   string `json:"id"`
	File string `json:"file,omitempty"`
	Key  string `json:"key,omitempty"` // only when it was asked for on standard output
}

func (a *app) keygen(ctx context.Context, path string, rotate bool) error {
	if path == "" || path == "-" && rotate {
		return usagef("name the file that keeps the key")
	}
	key, err := keyring.Generate(rand.Reader)
	if err != nil {
		return err
	}
	out := generated{ID: key.ID().String(), File: path}
	text := "# holdfast key " + out.ID + "\n" + key.Reveal() + "\n"
	switch {
	case path == "-" && a.output == render.AsTable:
		_, err = fmt.Fprint(a.stdout, text)
		return err
	case path == "-":
		out.File, out.Key = "", key.Reveal()
	case rotate:
		err = rotateFile(ctx, path, text)
	default:
		err = createFile(path, text)
	}
	if err != nil {
		return err
	}
	if a.output != render.AsTable {
		return a.printJSON(out)
	}
	return render.Describe(a.stdout, []render.Pair{{"key", out.ID}, {"file", out.File}})
}

// createFile makes a private file durable; one that exists is never written to.
func createFile(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // the operator names it
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s exists: a key is never overwritten; name a new file, or add --rotate", path)
	}
	if err != nil {
		return fmt.Errorf("%w", err)
	}
	_, err = f.WriteString(text)
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = durable.SyncDir(filepath.Dir(path))
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write key: %w", err), os.Remove(path))
	}
	return nil
}

// rotateFile puts a key before those of a file, which must be good as it is.
func rotateFile(ctx context.Context, path, text string) error {
	if _, err := keyring.Load(ctx, "file:"+path); err != nil {
		return err
	}
	old, err := os.ReadFile(path) //nolint:gosec // the operator names it
	if err != nil {
		return fmt.Errorf("%w", err)
	}
	if err = durable.WriteFile(path, append([]byte(text), old...), 0o600); err != nil {
		return fmt.Errorf("%w", err)
	}
	return nil
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

// signKeygen makes a key pair: the private key in a new file, the public key as
// the result.
func signKeygen(path, name string) (public string, err error) {
	if name == "" || strings.ContainsAny(name, "+ \t\n\r") || len(name) > 64 {
		return "", usagef("--name %q: 1 to 64 characters without '+' or space", name)
	}
	private, public, err := note.GenerateKey(rand.Reader, name)
	if err != nil {
		return "", fmt.Errorf("make signing key: %w", err)
	}
	if _, err = note.NewVerifier(public); err != nil {
		return "", usagef("--name %q is not a name that a key can have", name)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) //nolint:gosec // the caller names the file
	if errors.Is(err, os.ErrExist) {
		return "", fmt.Errorf("%s exists: a key is never overwritten, name a new file", path)
	}
	if err != nil {
		return "", fmt.Errorf("%w", err)
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
		return "", fmt.Errorf("write %s: %w", path, err)
	}
	return public, nil
}
