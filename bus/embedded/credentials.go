package embedded

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"

	"github.com/moneyprinter/holdfast/internal/durable"
	"github.com/moneyprinter/holdfast/internal/form"
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
		return "", fmt.Errorf("NATS server: credentials: %w", err)
	}
	var c contextFile
	if err = json.Unmarshal(b, &c); err == nil {
		err = form.UniqueFold(b)
	}
	if err != nil {
		return "", fmt.Errorf("NATS server: credentials %s: %w; delete the file to get new ones", path, err)
	}
	if !secretForm.MatchString(c.Password) {
		return "", fmt.Errorf("NATS server: credentials %s: the password must be 20 to 128 letters and digits; delete the file to get a new one", path)
	}
	return c.Password, nil
}

// saveCredential writes a credentials file unless it already says the same.
func saveCredential(path string, c contextFile) error {
	b, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return fmt.Errorf("NATS server: credentials: %w", err)
	}
	b = append(b, '\n')
	if old, readErr := os.ReadFile(path); readErr == nil && string(old) == string(b) {
		// The mode may have been widened by hand or by a copy.
		if err = os.Chmod(path, 0o600); err != nil {
			return fmt.Errorf("NATS server: credentials: %w", err)
		}
		return nil
	}
	// The secret is never readable by others, not even for a moment.
	if err = durable.WriteFile(path, b, 0o600); err != nil {
		return fmt.Errorf("NATS server: credentials: %w", err)
	}
	return nil
}
