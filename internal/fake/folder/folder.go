// Package folder finds what some tests need and the repository does not hold, by a variable that names its folder.
package folder

import (
	"os"
	"testing"
)

// None as the value of a variable says that the folder is not there and that whoever runs the tests knows it.
const None = "none"

// Of returns the folder that the variable names. Without it the test is skipped, and fails under CI=true unless the value
// is None: what is left out is then said by whoever left it out.
func Of(tb testing.TB, variable string) string {
	tb.Helper()
	dir := os.Getenv(variable)
	switch {
	case dir == None:
		tb.Skipf("%s says that its folder is left out", variable)
	case dir == "" && os.Getenv("CI") == "true":
		tb.Fatalf("%s names no folder", variable)
	case dir == "":
		tb.Skipf("%s names no folder", variable)
	}
	return dir
}
