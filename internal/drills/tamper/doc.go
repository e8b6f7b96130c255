// Package tamper rewrites history with checksums that fit, as somebody with the
// key and the disk could, and has signed checkpoints and copies tell.
package tamper
