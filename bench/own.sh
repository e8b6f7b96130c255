#!/bin/sh
# own.sh DIR runs the benchmarks that the other stores bring themselves, on the disk of DIR, with payloads as near to
# ours as they have, so that our rows can be held against what their authors measure. They print in their own ways.
set -eu
TMPDIR=$(mktemp -d "${1:-.}/holdfast-bench-own-XXXXXX")
export TMPDIR
trap 'rm -rf "$TMPDIR"' EXIT
cd "$(dirname "$0")"
version() { go list -m -f '{{.Version}}' "$1"; }

echo '== etcd wal: ns for an entry of 100 and 1000 bytes, a sync for each and for each 101'
go test -run '^$' -bench 'Write100+Entry(WithoutBatch|Batch100)$' go.etcd.io/etcd/server/v3/storage/wal | grep -E '^Benchmark'

echo '== Pebble: 64 callers, a batch of one value of 263 bytes and a sync each'
go run "github.com/cockroachdb/pebble/v2/cmd/pebble@$(version github.com/cockroachdb/pebble/v2)" \
  bench sync "$TMPDIR/pebble" --concurrency 64 --batch 1 --values 263 --duration 5s | grep -A1 -F '_ops/sec(cum)_' 

echo '== bbolt: a value of 263 bytes, 64 in a transaction'
go run "go.etcd.io/bbolt/cmd/bbolt@$(version go.etcd.io/bbolt)" \
  bench --path "$TMPDIR/bbolt" --count 64000 --batch-size 64 --value-size 263 --fill-percent 1 --profile-mode n --gobench-output 2>/dev/null
