package holdfast

import "runtime/debug"

// Version names this build: the module version, or the commit it was built
// from, or "devel".
func Version() string {
	bi, ok := debug.ReadBuildInfo()
	if !ok {
		return "devel"
	}
	for _, m := range append(bi.Deps, &bi.Main) {
		if m.Path == "github.com/moneyprinter/holdfast" && m.Version != "" && m.Version != "(devel)" {
			return m.Version
		}
	}
	for _, s := range bi.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return "devel-" + s.Value[:12]
		}
	}
	return "devel"
}
