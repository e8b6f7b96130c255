package embedded

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
)

// A Credential is a user of the server and the file that holds its secret.
type Credential struct {
	User string
	File string // a NATS context as JSON, readable by its owner only
}

// contextFile is the part of the NATS context format that a client needs.
type contextFile struct {
	Description string `json:"description"`
	URL         string `json:"url"`
	User        string `json:"user"`
	Password    string `json:"password"`
}

// secretForm is what crypto/rand.Text makes, with room for a longer one. A
// secret of another form in a file that someone edited would have to be quoted
// in the configuration and is refused.
var secretForm = regexp.MustCompile(`^[A-Za-z0-9]{20,128}$`)

// loadSecret returns the secret that is kept in a credentials file, or a new
// one when there is no file. It changes nothing on disk.
func loadSecret(path string) (string, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return rand.Text() + rand.Text(), nil
	}
	if err != nil {
		return "", fmt.Errorf("bus/embedded: credentials: %w", err)
	}
	var c contextFile
	if err = json.Unmarshal(b, &c); err != nil {
		return "", fmt.Errorf("bus/embedded: credentials %s: %w; delete the file to get new ones", path, err)
	}
	if !secretForm.MatchString(c.Password) {
		return "", fmt.Errorf("bus/embedded: credentials %s: the password must be 20 to 128 letters and digits; delete the file to get a new one", path)
	}
	return c.Password, nil
}

// saveCredential writes a credentials file unless it already says the same.
func saveCredential(path string, c contextFile) error {
	b, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return fmt.Errorf("bus/embedded: credentials: %w", err)
	}
	b = append(b, '\n')
	if old, readErr := os.ReadFile(path); readErr == nil && string(old) == string(b) {
		// The mode may have been widened by hand or by a copy.
		if err = os.Chmod(path, 0o600); err != nil {
			return fmt.Errorf("bus/embedded: credentials: %w", err)
		}
		return nil
	}
	if err = replaceFile(path, b); err != nil {
		return fmt.Errorf("bus/embedded: credentials: %w", err)
	}
	return nil
}

// replaceFile puts a file in place durably: temp, fsync, rename, fsync of the
// directory. The temp file is made with mode 0600, so the secret is never
// readable by others, not even for a moment.
func replaceFile(path string, b []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".tmp*")
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
