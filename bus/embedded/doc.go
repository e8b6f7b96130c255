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
//	store.key     with Options.StoreKey: the key of the store, encrypted
//
// Everything here can be rebuilt: the journal is the truth, and a relay that
// finds the store gone feeds a new one, also when it was deleted under the
// running server, which notices that and restarts JetStream. Deleting a credentials
// file revokes its secret; the next start makes a new one.
//
// # Encryption
//
// nats-server encrypts its store under one key. To give it the ledger's own and
// another one after a rotation would not do: it converts a stream, but loses the
// durable consumers, whose names are then blocked. So the store has a random key
// for its whole life, which is kept in store.key under Options.StoreKey, and a
// rotation is a new store.key and nothing else.
//
// A server that is started with a wrong key does not see the stream and destroys
// it when it is created again. So the key is tried before the server starts. If
// no key that was given opens store.key, the store is moved aside as
// jetstream.unreadable-N, which is logged as an error, and the relay feeds a new
// one; consumers have to be made again. A plain store is encrypted in place.
// Names of consumers are names of directories and stay readable.
//
// # Who may do what
//
//	reader  receives changes and operations events; makes durable and ordered
//	        pull consumers on the ledger's stream; asks position.*, summary,
//	        account.list, history, status and backup.list
//	writer  the same, and asks apply, verify, backup.create, checkpoint and
//	        bus.rebuild
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
