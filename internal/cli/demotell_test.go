package cli

import "testing"

// TestCalled shows that a program which go run built is called as it was, whether it was linked now or is in the cache.
func TestCalled(t *testing.T) {
	t.Parallel()
	for executable, want := range map[string]string{
		"/tmp/go-build892453522/b001/exe/pawl": "go run ./cmd/pawl",
		"/root/.cache/go-build/50/50319108ac22d99581eb636ba6b32fe7d5f8118aaca840833f76924033ea4399-d/pawl": "go run ./cmd/pawl",
		"/usr/local/bin/pawl": "pawl", "/home/me/go-build/bin/pawl": "pawl", "/tmp/go-build1/b001/cli.test": "pawl", "": "pawl",
	} {
		if got := called(executable); got != want {
			t.Errorf("%s: %s, want %s", executable, got, want)
		}
	}
}
