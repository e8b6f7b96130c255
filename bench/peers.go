package main

import (
	"database/sql"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/hashicorp/raft"
	raftwal "github.com/hashicorp/raft-wal"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/tidwall/wal"
	"go.etcd.io/bbolt"
	etcdwal "go.etcd.io/etcd/server/v3/storage/wal"
	"go.etcd.io/raft/v3/raftpb"
	"go.uber.org/zap"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/moneyprinter/holdfast/internal/yardstick"
)

// peer is a row of the comparison. open makes a store in an empty directory
// for records of size bytes.
type peer struct {
	name string
	what string
	open func(dir string, size int) (store, error)
}

func peers() []peer {
	return []peer{
		{"tidwall/wal", "bare, one Sync per group, segments of 4 MiB", openTidwall},
		{"etcd wal", "Save, which syncs, of a group", openEtcd},
		{"raft-wal", "StoreLogs, which syncs, of a group", openRaftWAL},
		{"Pebble", "Set with Sync, its own group commit", openPebble},
		{"Pebble batches", "one Batch committed with Sync per group", openPebbleBatch},
		{"bbolt", "one Update per group", openBolt},
		{"SQLite", "WAL, synchronous=FULL, one transaction per group", openSQLite},
		{"JetStream", "sync always, embedded, one Publish per record", openJetStream},
		{"JetStream batches", "sync always, embedded, one atomic batch per group", openJetStreamBatch},
	}
}

// bare are the rows of logs that compute nothing, which the whole ledger is held
// against.
func bare() []string { return []string{"etcd wal", "raft-wal", "Pebble", "Pebble batches"} }

// payload is what a record holds. It does not compress well.
func payload(size int) []byte {
	b := make([]byte, size)
	x := uint32(2463534242)
	for i := range b {
		x ^= x << 13
		x ^= x >> 17
		x ^= x << 5
		b[i] = byte(x)
	}
	return b
}

type tidwallLog struct {
	log   *wal.Log
	batch wal.Batch
	last  uint64
	b     []byte
}

func openTidwall(dir string, size int) (store, error) {
	log, err := wal.Open(filepath.Join(dir, "log"), &wal.Options{NoSync: true, SegmentSize: 4 << 20, SegmentCacheSize: 1, NoCopy: true})
	if err != nil {
		return nil, err
	}
	return yardstick.Gather(&tidwallLog{log: log, b: payload(size)}), nil
}

func (t *tidwallLog) Commit(n int) error {
	t.batch.Clear()
	for range n {
		t.last++
		t.batch.Write(t.last, t.b)
	}
	if err := t.log.WriteBatch(&t.batch); err != nil {
		return err
	}
	return t.log.Sync()
}

func (t *tidwallLog) Close() error { return t.log.Close() }

// etcdLog makes its segments of 64 MB in advance, as etcd does. The entries are used
// again, which spares it what its caller would allocate.
type etcdLog struct {
	log     *etcdwal.WAL
	entries []*raftpb.Entry
	last    uint64
	b       []byte
}

func openEtcd(dir string, size int) (store, error) {
	log, err := etcdwal.Create(zap.NewNop(), filepath.Join(dir, "wal"), nil)
	if err != nil {
		return nil, err
	}
	return yardstick.Gather(&etcdLog{log: log, b: payload(size)}), nil
}

func (e *etcdLog) Commit(n int) error {
	for len(e.entries) < n {
		term, index := uint64(1), uint64(0)
		e.entries = append(e.entries, &raftpb.Entry{Term: &term, Index: &index, Data: e.b})
	}
	for _, entry := range e.entries[:n] {
		e.last++
		*entry.Index = e.last
	}
	return e.log.Save(&raftpb.HardState{}, e.entries[:n])
}

func (e *etcdLog) Close() error { return e.log.Close() }

// raftLog has segments of 64 MB that are made in advance, its default. The entries are
// used again.
type raftLog struct {
	log  *raftwal.WAL
	logs []*raft.Log
	last uint64
	b    []byte
}

func openRaftWAL(dir string, size int) (store, error) {
	log, err := raftwal.Open(dir)
	if err != nil {
		return nil, err
	}
	return yardstick.Gather(&raftLog{log: log, b: payload(size)}), nil
}

func (r *raftLog) Commit(n int) error {
	for len(r.logs) < n {
		r.logs = append(r.logs, &raft.Log{Term: 1, Data: r.b})
	}
	for _, log := range r.logs[:n] {
		r.last++
		log.Index = r.last
	}
	return r.log.StoreLogs(r.logs[:n])
}

func (r *raftLog) Close() error { return r.log.Close() }

type pebbleStore struct {
	db   *pebble.DB
	last atomic.Uint64
	b    []byte
}

// pebbleMemTable is the size of a table in memory. The log of a small one is soon used
// again and does not grow then, but such a table is flushed and compacted all the time.
const pebbleMemTable = 64 << 20

// pebbleDB opens Pebble with the settings of its own command line's benchmarks, as far
// as they concern writing.
func pebbleDB(dir string) (*pebble.DB, error) {
	return pebble.Open(filepath.Join(dir, "db"), &pebble.Options{
		Logger: quiet{}, FormatMajorVersion: pebble.FormatNewest,
		L0CompactionThreshold: 2, L0StopWritesThreshold: 1000, LBaseMaxBytes: 64 << 20,
		MemTableSize: pebbleMemTable, MemTableStopWritesThreshold: 4,
		CompactionConcurrencyRange: func() (int, int) { return 1, 3 },
	})
}

func openPebble(dir string, size int) (store, error) {
	db, err := pebbleDB(dir)
	if err != nil {
		return nil, err
	}
	return &pebbleStore{db: db, b: payload(size)}, nil
}

// pebbleBatch gives Pebble the ledger's gathering in place of its own.
type pebbleBatch struct {
	db   *pebble.DB
	last uint64
	b    []byte
}

func openPebbleBatch(dir string, size int) (store, error) {
	db, err := pebbleDB(dir)
	if err != nil {
		return nil, err
	}
	return yardstick.Gather(&pebbleBatch{db: db, b: payload(size)}), nil
}

func (p *pebbleBatch) Commit(n int) error {
	batch := p.db.NewBatchWithSize(n * (len(p.b) + 16))
	var key [8]byte
	for range n {
		p.last++
		binary.BigEndian.PutUint64(key[:], p.last)
		if err := batch.Set(key[:], p.b, nil); err != nil {
			return errors.Join(err, batch.Close())
		}
	}
	return errors.Join(batch.Commit(pebble.Sync), batch.Close())
}

func (p *pebbleBatch) Close() error { return p.db.Close() }

func (p *pebbleStore) Append() error {
	return p.db.Set(binary.BigEndian.AppendUint64(nil, p.last.Add(1)), p.b, pebble.Sync)
}

func (p *pebbleStore) Close() error { return p.db.Close() }

// quiet drops what Pebble logs.
type quiet struct{}

func (quiet) Infof(string, ...any)  {}
func (quiet) Errorf(string, ...any) {}
func (quiet) Fatalf(format string, args ...any) {
	panic(fmt.Sprintf(format, args...))
}

type boltStore struct {
	db   *bbolt.DB
	last uint64
	b    []byte
}

func openBolt(dir string, size int) (store, error) {
	db, err := bbolt.Open(filepath.Join(dir, "db"), 0o600, &bbolt.Options{ // as etcd opens it
		FreelistType: bbolt.FreelistMapType, NoFreelistSync: true, InitialMmapSize: 1 << 30,
	})
	if err != nil {
		return nil, err
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		_, err := tx.CreateBucket([]byte("log"))
		return err
	})
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return yardstick.Gather(&boltStore{db: db, b: payload(size)}), nil
}

func (s *boltStore) Commit(n int) error {
	return s.db.Update(func(tx *bbolt.Tx) error {
		bucket := tx.Bucket([]byte("log"))
		bucket.FillPercent = 1 // keys only grow
		for range n {
			s.last++
			if err := bucket.Put(binary.BigEndian.AppendUint64(nil, s.last), s.b); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *boltStore) Close() error { return s.db.Close() }

// sqliteStore is SQLite in Go, without cgo. Nobody else opens the file, and the
// statement is prepared once.
type sqliteStore struct {
	db     *sql.DB
	insert *sql.Stmt
	last   int64
	b      []byte
}

func openSQLite(dir string, size int) (store, error) {
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "db")+
		"?_pragma=locking_mode(EXCLUSIVE)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_txlock=immediate")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	if _, err = db.Exec("CREATE TABLE log (seq INTEGER PRIMARY KEY, b BLOB NOT NULL)"); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	s := &sqliteStore{db: db, b: payload(size)}
	if s.insert, err = db.Prepare("INSERT INTO log VALUES (?, ?)"); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return yardstick.Gather(s), nil
}

func (s *sqliteStore) Commit(n int) error {
	tx, err := s.db.Begin()
	if err != nil {
		return err
	}
	insert := tx.Stmt(s.insert)
	for range n {
		s.last++
		if _, err = insert.Exec(s.last, s.b); err != nil {
			return errors.Join(err, tx.Rollback())
		}
	}
	return tx.Commit()
}

func (s *sqliteStore) Close() error { return s.db.Close() }

type streamStore struct {
	srv  *server.Server
	conn *nats.Conn
	js   jetstream.JetStream
	b    []byte

	batches int
}

func openJetStream(dir string, size int) (store, error) {
	s, err := startJetStream(dir, size)
	if err != nil {
		return nil, err
	}
	return s, nil
}

func openJetStreamBatch(dir string, size int) (store, error) {
	s, err := startJetStream(dir, size)
	if err != nil {
		return nil, err
	}
	return yardstick.Gather(s), nil
}

func startJetStream(dir string, size int) (*streamStore, error) {
	srv, err := server.NewServer(&server.Options{
		DontListen: true, JetStream: true, StoreDir: dir, SyncAlways: true, NoLog: true, NoSigs: true,
	})
	if err != nil {
		return nil, err
	}
	srv.Start()
	if !srv.ReadyForConnections(10 * time.Second) {
		return nil, errors.New("the server does not start")
	}
	s := &streamStore{srv: srv, b: payload(size)}
	if s.conn, err = nats.Connect("", nats.InProcessServer(srv)); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if s.js, err = jetstream.New(s.conn); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	_, err = s.js.CreateStream(ctx(), jetstream.StreamConfig{
		Name: "LOG", Subjects: []string{"log"}, Storage: jetstream.FileStorage, AllowAtomicPublish: true,
	})
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *streamStore) Append() error {
	_, err := s.js.Publish(ctx(), "log", s.b)
	return err
}

// Commit publishes an atomic batch, which the server syncs once. A batch of one is a
// single message.
func (s *streamStore) Commit(n int) error {
	if n == 1 {
		return s.Append()
	}
	s.batches++
	m := nats.Msg{Subject: "log", Data: s.b, Header: nats.Header{"Nats-Batch-Id": {strconv.Itoa(s.batches)}}}
	for i := 1; i < n; i++ {
		m.Header["Nats-Batch-Sequence"] = []string{strconv.Itoa(i)}
		if err := s.conn.PublishMsg(&m); err != nil {
			return err
		}
	}
	m.Header["Nats-Batch-Sequence"], m.Header["Nats-Batch-Commit"] = []string{strconv.Itoa(n)}, []string{"1"}
	answer, err := s.conn.RequestMsg(&m, 10*time.Second)
	if err != nil {
		return err
	}
	var ack struct {
		Count int             `json:"count"`
		Error json.RawMessage `json:"error"`
	}
	if err = json.Unmarshal(answer.Data, &ack); err != nil {
		return err
	}
	if ack.Error != nil || ack.Count != n {
		return fmt.Errorf("a batch of %d: %s", n, answer.Data)
	}
	return nil
}

func (s *streamStore) Close() error {
	if s.conn != nil {
		s.conn.Close()
	}
	s.srv.Shutdown()
	s.srv.WaitForShutdown()
	return nil
}

func discard() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }
