//go:build !fault

package torture

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestFaultDrills makes the fault build and runs its drills: a short form of
// each, unless the environment asks for more (see the package comment).
func TestFaultDrills(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a second test binary")
	}
	if _, err := exec.LookPath("go"); err != nil {
		t.Skipf("needs the go command: %v", err)
	}
	for _, module := range []string{"github.com/tidwall/wal"} {
		out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", module).CombinedOutput()
		if err != nil || len(out) < 2 {
			t.Skipf("needs the sources of %s in the module cache: %v: %s", module, err, out)
		}
	}
	drills := filepath.Join(t.TempDir(), "drills")
	out, err := exec.CommandContext(t.Context(), "go", "run", "../faultbuild", "test", "-c", "-o", drills, ".").CombinedOutput()
	require.NoError(t, err, "%s", out)
	cmd := exec.CommandContext(t.Context(), drills, "-test.v", "-test.timeout=3h")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	require.NoError(t, cmd.Run())
}
