package cli_test

import (
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pawl-cd/pawl/internal/fake"
)

// TestKilledApply kills apply while it writes many files: each file is the old or the new one, and the next apply writes
// the others and removes what the killed one left, also when nothing is to be written any more.
func TestKilledApply(t *testing.T) {
	t.Parallel()
	const files = 300
	registry := httptest.NewServer(fake.NewRegistry(fake.RegistryOptions{Tags: map[string][]string{"org/a": {"v1.0.0", "v1.1.0"}}}))
	t.Cleanup(registry.Close)
	root, binary := t.TempDir(), build(t, "../../cmd/pawl", "pawl")
	writeFile(t, filepath.Join(root, ".pawl.yaml"), "version: 1\nmirrors: {docker.io: '"+registry.URL+"'}\n")
	name := func(i int) string { return filepath.Join(root, fmt.Sprintf("values/v-%03d.yaml", i)) }
	for i := range files {
		writeFile(t, filepath.Join(root, fmt.Sprintf("manifests/m-%03d.yaml", i)), fmt.Sprintf(
			"sources: {image: {kind: dockerimage, spec: {image: org/a, versionfilter: ^1.0.0}}}\ntargets: {yaml: {kind: yaml, spec: {file: values/v-%03d.yaml, key: $.a}}}\n", i))
		writeFile(t, name(i), "a: v1.0.0\n")
	}
	apply := func() *exec.Cmd {
		cmd := exec.CommandContext(t.Context(), binary, "apply", "--root", root)
		cmd.Env = []string{"HOME=" + root}
		return cmd
	}
	written := func() (n int) {
		for i := range files {
			switch data, err := os.ReadFile(name(i)); string(data) {
			case "a: v1.1.0\n":
				n++
			case "a: v1.0.0\n":
			default:
				t.Fatalf("%s holds %q, %v", name(i), data, err)
			}
		}
		return n
	}
	left := func() []string {
		all, err := filepath.Glob(filepath.Join(root, "values/.v-*"))
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	seen := 0
	for range 20 { // a kill between two files leaves nothing, and is as good
		before := written()
		cmd := apply()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for end := time.Now().Add(30 * time.Second); len(left()) == 0 && written() < files && time.Now().Before(end); {
		}
		if err := cmd.Process.Kill(); err != nil && !strings.Contains(err.Error(), "finished") {
			t.Fatal(err)
		}
		_ = cmd.Wait() // it was killed
		if n := len(left()); n > 1 {
			t.Fatalf("%d files are left", n)
		} else if seen += n; seen >= 2 || written() == files || written() < before {
			break
		}
	}
	for range 2 {
		if out, err := apply().CombinedOutput(); err != nil || len(left()) > 0 || written() != files {
			t.Fatalf("%v: %v are left, %d of %d files written: %s", err, left(), written(), files, out)
		}
	}
	t.Logf("%d kills left a file", seen)
}
