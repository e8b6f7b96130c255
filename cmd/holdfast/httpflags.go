package main

import (
	"errors"
	"io/fs"
	"net"

	"github.com/spf13/cobra"

	"github.com/moneyprinter/holdfast/cmd/holdfast/daemon"
)

// httpFlags say where HTTP is answered and to whom.
type httpFlags struct {
	addr      string
	tokenFile string
	open      bool
}

func (f *httpFlags) flags(cmd *cobra.Command) {
	p := cmd.Flags()
	p.StringVar(&f.addr, "http", "127.0.0.1:8420", "address of the HTTP endpoints, or none")
	p.StringVar(&f.tokenFile, "http-token-file", "", "file of mode 0600 with the token that HTTP clients must send as 'Authorization: Bearer TOKEN'")
	p.BoolVar(&f.open, "http-open", false, "answer HTTP without a token on an address beyond loopback too: whoever reaches it reads every position")
}

func (f *httpFlags) check() error {
	switch {
	case f.open && f.tokenFile != "":
		return usagef("--http-open and --http-token-file exclude each other: choose one")
	case f.addr == nowhere && (f.open || f.tokenFile != ""):
		return usagef("--http-open and --http-token-file are for an address, and --http is %s", nowhere)
	}
	return nil
}

// admits refuses an address that others reach unless the operator said who may ask
// there.
func (f *httpFlags) admits(addr net.Addr, token *daemon.Token) error {
	if token != nil || f.open || daemon.Loopback(addr) {
		return nil
	}
	return usagef("--http %s: others reach %s too, and would read every position: give --http-token-file FILE, whose token clients send as 'Authorization: Bearer TOKEN', or --http-open to answer whoever asks",
		f.addr, addr)
}

// readToken reads the token of --http-token-file; without a file it is nil. The
// error does not repeat a value of the flag that may be the token itself.
func readToken(file string) (*daemon.Token, error) {
	if file == "" {
		return nil, nil //nolint:nilnil // no token is what was asked for
	}
	text, err := secretText(file)
	var path *fs.PathError
	switch {
	case errors.As(err, &path):
		return nil, usagef("%s: %v", fileOf("--http-token-file", file), path.Err)
	case err != nil:
		return nil, usagef("--http-token-file: %v", err)
	}
	token, ok := daemon.NewToken(text)
	if !ok {
		return nil, usagef("--http-token-file: the file must hold one line of %d to %d printable ASCII characters without spaces; 'openssl rand -hex 32' makes one",
			daemon.MinToken, daemon.MaxToken)
	}
	return token, nil
}
