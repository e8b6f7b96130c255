package position

// Limits of an [Amend].
const (
	MaxTargets = 64
	MaxTags    = 64
	MaxMeta    = 64
	MaxValue   = 1024 // bytes of one metadata value
)

// Amend sets the conditions of a position. A nil member leaves its part as it
// is; an empty one clears it.
type Amend struct {
	Meta
	Key
	Stop     *Decimal
	NoStop   bool // clears the stop
	Targets  []Decimal
	Tags     []string
	Metadata map[string]string // nil: unchanged; merged by name, "" removes a name
}

// Type returns "amend".
func (Amend) Type() string { return "amend" }

// Identified returns a copy with id and time filled in where absent.
func (a Amend) Identified(id string, at Time) Mutation {
	a.Meta = a.identified(id, at)
	return a
}

// Validate checks the form.
func (a Amend) Validate() error {
	if err := a.Meta.validate(); err != nil {
		return err
	}
	if err := a.Key.validate(); err != nil {
		return err
	}
	switch {
	case a.Stop == nil && !a.NoStop && a.Targets == nil && a.Tags == nil && a.Metadata == nil:
		return invalid("stop", "or targets, tags or metadata is required: an amendment must set something")
	case a.Stop != nil && a.NoStop:
		return invalid("stop", "cannot be set and cleared at once")
	case len(a.Targets) > MaxTargets:
		return invalid("targets", "has %d members, at most %d are allowed", len(a.Targets), MaxTargets)
	case len(a.Tags) > MaxTags:
		return invalid("tags", "has %d members, at most %d are allowed", len(a.Tags), MaxTags)
	case len(a.Metadata) > MaxMeta:
		return invalid("metadata", "has %d members, at most %d are allowed", len(a.Metadata), MaxMeta)
	}
	for _, t := range a.Tags {
		if err := checkName("tags", t, false); err != nil {
			return err
		}
	}
	for _, name := range sortedNames(a.Metadata) {
		if err := checkMeta(name, a.Metadata[name]); err != nil {
			return err
		}
	}
	return nil
}
