// Package faultos stands in for package os in the fault build: it passes calls
// on to os, and for a directory that a test watches it records every change in
// order, and fails or kills the process at a chosen one.
//
//	d := faultos.Watch(dir)        // from here on everything below dir is seen
//	d.Strike(faultos.Rule{...})    // optional: what is to fail, and when
//	…                              // the work, through code built against faultos
//	log := d.Release()             // what happened, in order
//
// Production code keeps importing os. [github.com/moneyprinter/holdfast/internal/faultbuild]
// makes a build in which the packages that touch the ledger's files, and
// tidwall/wal below them, import this package under the name os.
//
// # The model of a disk
//
// A [Tree] knows of each file what was synced and what was written since, and of
// each directory which names were synced and which changed since. Walking
// through a log it can say, for every moment, what a power cut may leave:
//
//   - Names. [Ordered]: changes of names become durable in their order, and any
//     sync of any file or directory makes all earlier ones durable, as in a file
//     system with a journal. [Strict]: a changed name is durable when its own
//     directory was synced; before that, any subset of the changes may be. A
//     rename inside a directory is atomic in both.
//   - Bytes. Synced bytes stay as they are. For bytes that were written since, see
//     [Data]. A sector that is written again keeps the bytes that were synced in
//     it (power-safe overwrite).
//
// An fsync that fails leaves the file's pages in the cache, where reads find
// them, and clean, so that no later fsync writes them; or, with [Rule].Revert,
// takes them back.
//
// # What it does not see
//
// System calls that do not go through package os: flock, and whatever else is
// done with the descriptor from [File.Fd]. Symbolic links, permissions, times.
package faultos
