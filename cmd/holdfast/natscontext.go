package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/moneyprinter/holdfast/internal/form"
)

// natsContext is what a credentials file may hold: the form that the nats
// command line keeps its contexts in.
type natsContext struct {
	URL         string `json:"url"`
	User        string `json:"user"`
	Password    string `json:"password"`
	Token       string `json:"token"`
	Creds       string `json:"creds"`
	NKey        string `json:"nkey"`
	InboxPrefix string `json:"inbox_prefix"`
	CA          string `json:"ca"`
	Cert        string `json:"cert"`
	Key         string `json:"key"`
	Domain      string `json:"jetstream_domain"`
}

// readContext reads the file that a flag names, and what that names in turn.
func readContext(flag, path string) (natsContext, error) {
	var c natsContext
	if strings.HasSuffix(path, ".creds") {
		c.Creds = path
		return c, checkCreds(flag, path)
	}
	b, err := readNamed(flag, path)
	if err != nil {
		return c, err
	}
	if err = json.Unmarshal(b, &c); err == nil {
		err = form.UniqueFold(b)
	}
	if err != nil {
		return c, badFile(flag, path, redact(err.Error())+": expected a context file such as nats/writer.json, or a .creds file")
	}
	return c, c.check(fileOf(flag, path), false)
}

// options turns a context into options of nats.go.
func (c *natsContext) options() ([]nats.Option, error) {
	var out []nats.Option
	if c.User != "" {
		out = append(out, nats.UserInfo(c.User, c.Password))
	}
	if c.Token != "" {
		out = append(out, nats.Token(c.Token))
	}
	if c.Creds != "" {
		out = append(out, nats.UserCredentials(c.Creds))
	}
	if c.NKey != "" {
		o, err := nats.NkeyOptionFromSeed(c.NKey)
		if err != nil { // it was read a moment ago
			return nil, fmt.Errorf("the file of the nkey: %s", redact(err.Error()))
		}
		out = append(out, o)
	}
	if c.InboxPrefix != "" {
		out = append(out, nats.CustomInboxPrefix(c.InboxPrefix))
	}
	if c.CA != "" {
		out = append(out, nats.RootCAs(c.CA))
	}
	if c.Cert != "" {
		out = append(out, nats.ClientCert(c.Cert, c.Key))
	}
	return out, nil
}

// context returns the credentials to use: those of --creds, else those in the
// URL, else those that the directory keeps for the same URL.
func (a *app) context() (natsContext, error) {
	if a.creds != "" {
		return readContext("--creds", a.creds)
	}
	u, err := url.Parse(a.server)
	if err == nil && u.User == nil {
		c, err := readContext("--dir", filepath.Join(a.dir, "nats", "writer.json"))
		if err == nil && c.URL == a.server {
			return c, nil
		}
	}
	return natsContext{}, nil
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

// checkURLs refuses a list of URLs that nats.go would not understand. The error
// repeats none of it, for there may be a password in it.
func checkURLs(flag, list string) error {
	for p := range strings.SplitSeq(list, ",") {
		if u, err := natsURL(p); err != nil || u.Host == "" {
			return usagef("--%s: it is no URL such as nats://127.0.0.1:4222; in a password, %%, / and @ are written %%25, %%2F and %%40", flag)
		}
	}
	return nil
}

// natsURL reads a URL as nats.go does, which takes a host and a port alone too.
func natsURL(text string) (*url.URL, error) {
	text = strings.TrimSpace(text)
	if !strings.Contains(text, "://") {
		text = "nats://" + text
	}
	return url.Parse(text)
}

// withoutSecrets takes user info out of a list of URLs that [checkURLs] let pass.
func withoutSecrets(list string) string {
	parts := strings.Split(list, ",")
	for i, p := range parts {
		parts[i] = "?"
		if u, err := natsURL(p); err == nil {
			u.User = nil
			parts[i] = u.String()
		}
	}
	return strings.Join(parts, ",")
}
