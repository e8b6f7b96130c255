package main

import (
	"testing"

	"github.com/moneyprinter/holdfast/internal/yardstick"
)

func figuresOf(rate int64) yardstick.Figures { return yardstick.Figures{Rate: rate} }

func TestOnlyItsSectionIsReplaced(t *testing.T) {
	file := []byte("# Results\n\ntext\n\n## 2 cores\n\nold\n### 1 callers\n\n## 4 cores\n\nkept\n")
	for _, c := range []struct{ heading, want string }{
		{"## 2 cores", "# Results\n\ntext\n\n## 2 cores\n\nnew\n\n## 4 cores\n\nkept\n"},
		{"## 4 cores", "# Results\n\ntext\n\n## 2 cores\n\nold\n### 1 callers\n\n## 4 cores\n\nnew\n"},
		{"## 8 cores", string(file) + "\n## 8 cores\n\nnew\n"},
	} {
		if got := string(replaceSection(file, c.heading, "new")); got != c.want {
			t.Errorf("%s:\n%s", c.heading, got)
		}
	}
}

func TestLedgerIsHeldAgainstTheBestMedian(t *testing.T) {
	figures := func(rates ...int64) (s series) {
		for _, r := range rates {
			s = append(s, figuresOf(r))
		}
		return s
	}
	raw := figures(10, 20, 40)
	tab := table{Callers: 64}
	for _, p := range []struct {
		name string
		s    series
	}{{rawRow, raw}, {ledgerRow, figures(12, 24, 48)}, {"etcd wal", figures(10, 60, 30)}, {"raft-wal", figures(20, 20, 20)}} {
		tab.Rows = append(tab.Rows, rowOf(&peer{name: p.name}, p.s, raw))
	}
	got := tab.targets()
	if len(got) != 2 || got[0].Over != rawRow || got[0].Ratio.Median != 1.2 || got[0].Verdict != "met, stretch" {
		t.Errorf("raw: %+v", got)
	}
	if got[1].Over != "etcd wal" || got[1].Ratio.Median != 1.2 || got[1].Each.Median != 0.6 {
		t.Errorf("logs: %+v", got[1])
	}
}
