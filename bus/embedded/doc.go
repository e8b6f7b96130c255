// Package embedded runs a NATS server with JetStream inside the daemon, so that
// a ledger has its bus without a second process to install and watch.
//
// Start returns a server that answers, or an error; Close lets clients drain,
// stops the server, waits until its store is closed and only then gives up the
// lock. The package is imported by the command and by tests only, which keeps
// nats-server out of an engine that embeds the ledger.
//
// # The directory
//
//	LOCK          held by flock for the life of the server: nats-server itself
//	              starts twice on one store and corrupts it
//	reader.json   credentials of the user reader, a NATS context (mode 0600)
//	writer.json   credentials of the user writer, the same
//	jetstream/    the server's own store
//
// Everything here can be rebuilt: the journal is the truth, and a relay that
// finds the store gone feeds a new one, also when it was deleted under the
// running server, which notices that and restarts JetStream. Deleting a credentials file revokes its
// secret; the next start makes a new one.
//
// # Who may do what
//
//	reader  receives changes and operations events; makes durable and ordered
//	        pull consumers on the ledger's stream; asks position.*, summary,
//	        account.list, history, status and backup.list
//	writer  the same, and asks apply, verify, backup.create and bus.rebuild
//	core    everything; it exists only inside this process, through Connect,
//	        with a secret that is made at each start and never stored
//
// Nobody but core can publish a change or an operations event, or change,
// purge or delete the stream.
//
// Permissions alone would not do that: NATS checks the subject of a request but
// not the subject that the answer is asked on, so a user could make JetStream
// send an empty status message, with the rights of the whole account, to the
// subject that deletes the stream. Therefore each user has an account of its
// own, which imports exactly what the list above says. Answers that leave the
// core account go through a mapping that leads nowhere but back. The one door
// that would remain, a push consumer with such a subject, is shut by a gate:
// requests for consumers go through this process, which passes on pull
// consumers only.
package embedded
