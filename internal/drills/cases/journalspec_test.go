package cases_test

import (
	"regexp"
	"strings"

	"github.com/moneyprinter/holdfast/position"
)

// journalSpec is a cost in braces: a date, a label, a price, each optional.
type journalSpec struct {
	date, label string
	price       *position.Decimal
}

func readSpec(text string) (s journalSpec, err error) {
	for part := range strings.SplitSeq(text, ",") {
		switch part = strings.TrimSpace(part); {
		case part == "":
		case strings.HasPrefix(part, `"`):
			s.label = strings.Trim(part, `"`)
		case regexp.MustCompile(`^\d{4}-\d\d-\d\d$`).MatchString(part):
			s.date = part
		default:
			var d position.Decimal
			d, err = position.Parse(regexp.MustCompile(`[^\d.-]`).ReplaceAllString(part, ""))
			s.price = &d
		}
		if err != nil {
			return s, err
		}
	}
	return s, nil
}

func (p *journalPosting) spec() (journalSpec, error) {
	if p.Spec == nil {
		return journalSpec{}, nil
	}
	return readSpec(*p.Spec)
}

// ref selects lots by what a cost names.
func (s *journalSpec) ref() *position.LotRef {
	ref := position.LotRef{Label: s.label, Opened: s.date, Price: s.price}
	if ref == (position.LotRef{}) {
		return nil
	}
	return &ref
}
