// Package careless makes clients that do one thing carelessly each, by changing a word of the package under test, and holds that each
// of them fails the promise that it breaks: what proves that a promise is tested at all.
package careless

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Clients are built and run as programs of their own. A fault is its name, a file by its path from that package, what it reads there,
// what it reads instead, and the promise as TEST/NAME.
func Clients(t *testing.T, faults [][5]string) {
	t.Helper()
	if os.Getenv("PAWL_CARELESS") != "" || testing.Short() {
		t.Skip("this is one of them")
	}
	for _, f := range faults {
		t.Run(f[0], func(t *testing.T) { fails(t, f[1], f[2], f[3], f[4]) })
	}
}

// fails runs the promise with the changed source, and expects it to fail.
func fails(t *testing.T, path, before, after, promise string) {
	t.Helper()
	source, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Count(string(source), before) != 1 {
		t.Fatalf("%s does not hold this once: %s", path, before)
	}
	file, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	changed, list := filepath.Join(t.TempDir(), "changed.go"), filepath.Join(t.TempDir(), "overlay.json")
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {file: changed}})
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{changed: []byte(strings.Replace(string(source), before, after, 1)), list: overlay} {
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	test, name, _ := strings.Cut(promise, "/")
	var out []byte
	for range 4 { // on a busy machine it may get away with it
		cmd := exec.CommandContext(t.Context(), "go", "test", "-count=1", "-overlay", list, "-run", "^"+test+"$/^"+name+"$", ".")
		cmd.Env = append(os.Environ(), "PAWL_CARELESS=1")
		if out, err = cmd.CombinedOutput(); err != nil && strings.Contains(string(out), "--- FAIL") {
			return
		}
	}
	t.Errorf("the promise %q holds for it (%v):\n%s", promise, err, out)
}
