package gpu

import (
	"os"
	"testing"
)

// programVariable makes this test binary the program gpucheck, which starts itself again for every measurement.
const programVariable = "PRIMER_GPUCHECK_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(programVariable) != "" {
		os.Exit(Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}
