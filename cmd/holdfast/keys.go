package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/moneyprinter/holdfast/keyring"
)

// keyPatience bounds how long a source of keys may take.
const keyPatience = time.Minute

// keys are those of the ledger, nil when no source is named. The source is read
// once, and only by verbs that need it.
func (a *app) keys() (*keyring.Ring, error) {
	if a.keySource == "" {
		return nil, nil //nolint:nilnil // a nil ring has no keys
	}
	return a.loadKeys()
}

func readKeys(ctx context.Context, source string) (*keyring.Ring, error) {
	ctx, cancel := context.WithTimeout(ctx, keyPatience)
	defer cancel()
	ring, err := keyring.Load(ctx, source)
	if bad, ok := errors.AsType[*keyring.SourceError](err); ok && bad.Source == strings.TrimPrefix(source, "file:") {
		return nil, fmt.Errorf("%s: %w", fileOf("--key", bad.Source), &sourceError{bad})
	}
	if err != nil {
		return nil, fmt.Errorf("--key: %w", err)
	}
	return ring, nil
}

// sourceError is one whose file was named already.
type sourceError struct{ *keyring.SourceError }

func (e *sourceError) Error() string {
	if e.Line > 0 {
		return fmt.Sprintf("line %d: %v", e.Line, e.Err)
	}
	return e.Err.Error()
}
