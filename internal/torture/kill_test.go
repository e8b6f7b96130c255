//go:build fault

package torture

// childEnv makes the test binary a child of the drills.
const childEnv = "HOLDFAST_TORTURE_CHILD"

func child() int { return 0 }
