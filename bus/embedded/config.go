package embedded

import (
	"fmt"
	"strings"

	"github.com/moneyprinter/holdfast/bus"
)

// Names of the users. The core user is reached through Server.Connect only.
const (
	userReader = "reader"
	userWriter = "writer"
	userCore   = "core"
)

// coreAccount holds JetStream and what only the daemon may touch. Its name is
// part of paths in the store.
const coreAccount = "CORE"

// coreInbox is where the daemon's own connections get their answers.
const coreInbox = "_INBOX_CORE"

// maxPayload bounds one message. A change is at most 512 KB in the journal, and
// its JSON may be several times as long.
const maxPayload = 8 << 20

// gateRoot precedes, in the core account, the user's name and then the subjects on
// which the gate takes requests for consumers.
const gateRoot = "holdfast.gate."

// secrets are the passwords of one run, by user. They hold letters and digits
// only, so they need no quoting in the configuration.
type secrets map[string]string

// An entry is one thing of the core account that a user's account may use.
type entry struct {
	kind   string // "service" (requests go in) or "stream" (messages come out)
	core   string // its subject in the core account
	local  string // its subject in the user's account, when that is another
	option string // what the export says besides
}

// Options of exports. A request may be answered by many messages, or by one
// that takes long.
const (
	manyAnswers = `, response_type: stream`
	slowAnswer  = `, threshold: "1h"`
)

// configText writes the part of the server's configuration that has a
// structure: accounts, what they share, users, permissions. Paths and addresses
// are set as option fields instead, because they would need quoting.
//
// It is text rather than options in code because nats-server recovers
// JetStream before accounts that were built in code exist.
func configText(ledger string, s secrets) string {
	reader := readerEntries(ledger, userReader)
	writer := append(readerEntries(ledger, userWriter), writerEntries(ledger)...)
	var b strings.Builder
	fmt.Fprintf(&b, "max_payload: %d\n", maxPayload)
	b.WriteString("jetstream: { max_memory_store: 268435456 }\n")
	fmt.Fprintf(&b, "accounts {\n  %s {\n    jetstream: enabled\n", coreAccount)
	fmt.Fprintf(&b, "    users: [ { user: %s, password: \"%s\" } ]\n    exports: [\n", userCore, s[userCore])
	for _, e := range append(gateEntries(ledger, userReader), writer...) {
		fmt.Fprintf(&b, "      { %s: \"%s\"%s }\n", e.kind, e.core, e.option)
	}
	b.WriteString("    ]\n  }\n")
	writeAccount(&b, "READER", userReader, s[userReader], reader)
	writeAccount(&b, "WRITER", userWriter, s[userWriter], writer)
	b.WriteString("  SYS { users: [] }\n}\nsystem_account: SYS\n")
	return b.String()
}

// readerEntries is what a reader may use. The subjects are made of tokens,
// which hold nothing that needs quoting.
func readerEntries(ledger, user string) []entry {
	stream := bus.StreamName(ledger)
	entries := []entry{
		{kind: "stream", core: bus.EventFilter(ledger)},
		{kind: "stream", core: bus.OpsFilter(ledger)},
		{kind: "service", core: "$SRV.>", option: manyAnswers},
		{kind: "service", core: bus.RequestSubject(ledger, "position") + ".*"},
	}
	for _, endpoint := range []string{"summary", "account.list", "history", "status", "backup.list"} {
		entries = append(entries, entry{kind: "service", core: bus.RequestSubject(ledger, endpoint), option: slowAnswer})
	}
	for _, api := range []string{
		"INFO", "STREAM.NAMES", "STREAM.LIST", "STREAM.INFO." + stream, "STREAM.MSG.GET." + stream,
		"CONSUMER.NAMES." + stream, "CONSUMER.LIST." + stream,
		"CONSUMER.INFO." + stream + ".*", "CONSUMER.DELETE." + stream + ".*",
	} {
		entries = append(entries, entry{kind: "service", core: apiPrefix + api})
	}
	entries = append(entries, gateEntries(ledger, user)...)
	return append(entries,
		entry{kind: "service", core: apiPrefix + "CONSUMER.MSG.NEXT." + stream + ".*", option: manyAnswers},
		entry{kind: "service", core: "$JS.ACK." + stream + ".>"})
}

// gateEntries lead a user's requests for consumers to the gate, on subjects that
// tell whose they are.
func gateEntries(ledger, user string) []entry {
	var entries []entry
	for _, create := range gated(bus.StreamName(ledger)) {
		entries = append(entries, entry{kind: "service", core: gateRoot + user + "." + create, local: apiPrefix + create})
	}
	return entries
}

// writerEntries is what a writer may use besides.
func writerEntries(ledger string) []entry {
	var entries []entry
	for _, endpoint := range []string{"apply", "verify", "backup.create", "checkpoint", "bus.rebuild"} {
		entries = append(entries, entry{kind: "service", core: bus.RequestSubject(ledger, endpoint), option: slowAnswer})
	}
	return entries
}

// writeAccount writes the account of one user. Its permissions repeat what the
// account imports: without them a client could publish within its account on
// subjects that others of the same account hear as if they came from the
// ledger.
func writeAccount(b *strings.Builder, account, user, password string, entries []entry) {
	fmt.Fprintf(b, "  %s {\n    imports: [\n", account)
	publish, subscribe := []string{}, []string{"_INBOX.>"}
	for _, e := range entries {
		to := ""
		local := e.core
		if e.local != "" {
			local = e.local
			to = fmt.Sprintf(", to: \"%s\"", e.local)
		}
		fmt.Fprintf(b, "      { %s: { account: %s, subject: \"%s\" }%s }\n", e.kind, coreAccount, e.core, to)
		if e.kind == "stream" {
			subscribe = append(subscribe, local)
		} else {
			publish = append(publish, local)
		}
	}
	fmt.Fprintf(b, "    ]\n    users: [ { user: %s, password: \"%s\", permissions: {\n", user, password)
	fmt.Fprintf(b, "          publish: { allow: [%s] }\n", quoted(publish))
	fmt.Fprintf(b, "          subscribe: { allow: [%s] } } } ]\n  }\n", quoted(subscribe))
}

func quoted(subjects []string) string {
	return `"` + strings.Join(subjects, `", "`) + `"`
}
