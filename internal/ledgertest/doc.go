// Package ledgertest makes, opens, copies and damages ledgers for tests. What only
// one package's tests need stays beside them.
package ledgertest
