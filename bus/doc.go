// Package bus carries the records of a ledger's journal to NATS, answers
// requests over it, and lets consumers follow it. It is given finished events
// and handlers and decodes neither: what a change means is not its business.
//
//	Relay     journal -> stream: a Source is published, in order, once
//	Serve     requests -> handlers, as a NATS service
//	Follow    stream -> consumer: every change once, in order, for ever
//	Request   the asking side of Serve; Ask, with the headers of the answer
//	LastPublished   up to where a ledger was published, asked before its journal is opened
//
// # Subjects
//
//	holdfast.evt.v1.<ledger>.<kind>.<account>.<instrument>   changes (on the stream)
//	holdfast.ops.v1.<ledger>.<what>                          operations events (not kept)
//	holdfast.api.v1.<ledger>.<endpoint>                      requests
//
// Every part is one token made by Token, whatever text it stands for; the empty
// text is "_". ParseToken turns tokens back.
//
// # The stream
//
// One JetStream stream per lineage of a ledger, HOLDFAST_<ledger>. One record is
// one message, and the stream's sequence is the journal's. The body is the JSON
// of the change; the headers name the record:
//
//	Holdfast-Seq     5812            sequence, in the journal and on the stream
//	Holdfast-Epoch   3               incarnation of the ledger that wrote it
//	Holdfast-Chain   9f86d081…       hex of the journal's chain after the record
//	Holdfast-Id      <lineage>:5812  unique over all ledgers
//	Content-Type     application/json
//
// A message may carry Nats-Expected-… and Nats-Batch-… headers besides, which
// are the server's. The stream is complete from the oldest record that the
// journal keeps; what the journal trims is purged from the stream.
//
// # Lists by request
//
// A list that answers a request is whole or says that it is not. Every answer that
// is a list has the headers
//
//	Holdfast-Complete  true      the list ends here; false: there may be more
//	Holdfast-Next      a.b.c.d   only with false: the member "after" of the same
//	                             request asks for the rest
//
// whatever the endpoint (position.list, position.at, position.cycles,
// position.lots, summary, account.list, backup.list, history). The members are the
// same everywhere: limit, at most so many rows (1000 at most; fewer where they are
// long), and after. A request with one of them gets a page. One with neither gets
// the whole list, or code 413 where that is larger than an answer may be; history
// and position.lots answer with the first page then. The text of Holdfast-Next has
// a meaning for the daemon only. Each page is of the moment at which it is asked
// for; pages of position.at with one seq are of one moment. Over HTTP lists are
// never in pages: they are whole, and have Holdfast-Complete too.
//
// # Neither skipped nor doubled
//
// The relay keeps no position of its own, on disk or in memory, that outlives an
// error. After each start, reconnect, refusal or timeout, and every few seconds
// anyway, it asks the stream's leader for the last sequence, reads the last
// message through the leader, and compares its headers with the journal's
// record of that sequence. Equal: the stream is a prefix of the journal (each
// message was accepted only behind its predecessor, and the chain covers all
// records before it), and publishing goes on with the next. Anything else is a
// *StopError: nothing is touched until Rebuild is called.
//
// Each request states the sequence that the stream must end with: a single message,
// an atomic batch, which the server checks and applies as a whole, and each message
// of a fast batch, which ends with the first one that is refused. A crash of relay,
// connection or server can leave a message or an atomic batch applied or not applied,
// and of a fast batch a beginning, which is a beginning of what the journal has next;
// the next look at the stream finds out which it was. A request that arrives late,
// after the relay has gone on, states a sequence that is not the last any more and is
// refused. A commit of an atomic batch that a killed server had begun is finished by
// the server when it starts again, or leaves a prefix of the batch, which is a prefix
// of the journal, too.
//
// A long backlog goes in batches of the kind that the server takes the quickest, which
// is found by trying: fast batches cost the least, but a server that syncs each message
// makes them a thousand times dearer, and so are copies on several servers, where
// they are not used at all. A short one goes in fast batches, or message by message
// where a stream or its server does not take them.
//
// Nats-Expected-Last-Msg-Id is never used: one wrong value freezes a replicated
// stream for good (nats-server 2.15.2).
//
// # What it does not do
//
// A bus that is down, slow, stuck or emptied holds up nobody: the Source is only
// read, announcements wait in a bounded queue, and Run goes on trying. The
// stream is not a backup: the journal is the truth, and a record that was
// trimmed before it was relayed is not on the bus. A stream with limits of its
// own (MaxAge, MaxBytes) may begin later than the journal, and a purge of such a
// stream cannot be told from its limits at work. Only the last message is
// compared: a server that alters a message inside the stream is not caught here.
package bus
