package main

import (
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
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
		{"etcd wal", "Save, which syncs", openEtcd},
		{"raft-wal", "StoreLogs, which syncs", openRaftWAL},
		{"Pebble", "Set with Sync, its own group commit", openPebble},
		{"bbolt", "one Update per group", openBolt},
		{"SQLite", "WAL, synchronous=FULL, one transaction per group", openSQLite},
		{"JetStream", "sync always, embedded, one Publish per record", openJetStream},
	}
}

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

type etcdLog struct {
	log  *etcdwal.WAL
	last uint64
	b    []byte
}

func openEtcd(dir string, size int) (store, error) {
	log, err := etcdwal.Create(zap.NewNop(), filepath.Join(dir, "wal"), nil)
	if err != nil {
		return nil, err
	}
	return yardstick.Gather(&etcdLog{log: log, b: payload(size)}), nil
}

func (e *etcdLog) Commit(n int) error {
	entries := make([]*raftpb.Entry, n)
	term := uint64(1)
	for i := range entries {
		e.last++
		index := e.last
		entries[i] = &raftpb.Entry{Term: &term, Index: &index, Data: e.b}
	}
	return e.log.Save(&raftpb.HardState{}, entries)
}

func (e *etcdLog) Close() error { return e.log.Close() }

type raftLog struct {
	log  *raftwal.WAL
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
	logs := make([]*raft.Log, n)
	for i := range logs {
		r.last++
		logs[i] = &raft.Log{Index: r.last, Term: 1, Data: r.b}
	}
	return r.log.StoreLogs(logs)
}

func (r *raftLog) Close() error { return r.log.Close() }

type pebbleStore struct {
	db   *pebble.DB
	last atomic.Uint64
	b    []byte
}

func openPebble(dir string, size int) (store, error) {
	db, err := pebble.Open(filepath.Join(dir, "db"), &pebble.Options{Logger: quiet{}})
	if err != nil {
		return nil, err
	}
	return &pebbleStore{db: db, b: payload(size)}, nil
}

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
	db, err := bbolt.Open(filepath.Join(dir, "db"), 0o600, nil)
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

type sqliteStore struct {
	db   *sql.DB
	last int64
	b    []byte
}

func openSQLite(dir string, size int) (store, error) {
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "db")+"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	if _, err = db.Exec("CREATE TABLE log (seq INTEGER PRIMARY KEY, b BLOB NOT NULL)"); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return yardstick.Gather(&sqliteStore{db: db, b: payload(size)}), nil
}

func (s *sqliteStore) Commit(n int) error {
	tx, err := s.db.Begin()
	if err != nil {
		return err
	}
	insert, err := tx.Prepare("INSERT INTO log VALUES (?, ?)")
	if err != nil {
		return errors.Join(err, tx.Rollback())
	}
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
}

func openJetStream(dir string, size int) (store, error) {
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
	_, err = s.js.CreateStream(ctx(), jetstream.StreamConfig{Name: "LOG", Subjects: []string{"log"}, Storage: jetstream.FileStorage})
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *streamStore) Append() error {
	_, err := s.js.Publish(ctx(), "log", s.b)
	return err
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
