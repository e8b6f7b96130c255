package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/mod/sumdb/note"
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
		return nil, fmt.Errorf("%s: neither a public key (name+hash+key) nor a file: %s", fileOf("--verifier", source), reasonAlone(err))
	}
	if len(b) > maxKeyFile {
		return nil, fmt.Errorf("--verifier %s: it is too large for a file of keys", source)
	}
	var list []note.Verifier
	for line := range strings.Lines(string(b)) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		v, err := note.NewVerifier(line)
		if err != nil {
			return nil, fmt.Errorf("--verifier %s: it holds a line that is no public key", source)
		}
		list = append(list, v)
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("--verifier %s: it holds no public key", source)
	}
	return note.VerifierList(list...), nil
}
