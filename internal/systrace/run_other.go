//go:build !linux

package systrace

// Run is not possible here.
func Run(argv, env []string, below string) ([]Op, error) { return nil, ErrUnavailable }
