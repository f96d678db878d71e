package cli_test

import (
	"bufio"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/pawl-cd/pawl/internal/fake/folder"
	"github.com/pawl-cd/pawl/internal/manifest"
	"github.com/pawl-cd/pawl/internal/strictyaml"
)

// corpus returns the folder with the update history of a real profile.
func corpus(t *testing.T) string {
	t.Helper()
	return folder.Of(t, "PAWL_CORPUS")
}

var differs = regexp.MustCompile(`(?m)^step (\d+) .*: rc=(\d+) differs: (.*?)( \(known exception\))?$`)

// replay runs every real update against the binary and returns the steps that came out otherwise, with the files that
// differ, and the closing line.
func replay(t *testing.T, policy string) (steps map[int]string, summary string) {
	t.Helper()
	dir := corpus(t)
	binary := build(t, "../../cmd/pawl", "pawl")
	cmd := exec.CommandContext(t.Context(), "python3", filepath.Join(dir, "..", "replay.py"), "--pawl", binary, "--corpus", dir, "--policy", policy)
	out, _ := cmd.CombinedOutput() // it exits 1 when a step differs; which ones may is checked below
	steps = map[int]string{}
	for _, m := range differs.FindAllStringSubmatch(string(out), -1) {
		n, err := strconv.Atoi(m[1])
		if err != nil || m[2] != "0" {
			t.Errorf("step %s ended with exit code %s", m[1], m[2])
		}
		steps[n] = m[3]
	}
	summary = regexp.MustCompile(`(?m)^(replay: \d+/\d+ steps identical|token leaked.*)`).FindString(string(out))
	if regexp.MustCompile(`token leaked`).Match(out) {
		t.Errorf("a token leaked: %s", out)
	}
	return steps, summary
}

// notReproduced are the steps whose bytes are wrong: the tool of that time reformatted what a person had written, or, in
// step 612, gave two targets of one source different answers.
var notReproduced = map[int]string{
	32: "pm4ml-values-override.yaml", 160: "mojaloop-values-override.yaml", 262: "mojaloop-values-override.yaml", 303: "mojaloop-values-override.yaml",
	329: "mojaloop-values-override.yaml", 514: "finance-portal-values-override.yaml", 584: "pm4ml-values-override.yaml", 612: "proxy-values-override.yaml",
}

// TestReplay makes all 709 real updates again, byte for byte.
func TestReplay(t *testing.T) {
	t.Parallel()
	steps, summary := replay(t, "policy: {downgrade: follow}\n")
	if diff := cmp.Diff(notReproduced, steps); diff != "" || summary != "replay: 701/709 steps identical" {
		t.Errorf("%s\nsteps that differ: %s", summary, diff)
	}
}

// TestReplayHold makes them with the default for downgrades. The further differences are those where the history went
// down although the value satisfied its filter.
func TestReplayHold(t *testing.T) {
	t.Parallel()
	want := map[int]string{
		152: "mojaloop-vars.yaml",                    // a person wrote chart 4.3.0 a minute before its publication; it was put back to 4.2.5
		289: "mojaloop-vars.yaml",                    // a person wrote chart 1.1.14 before its publication; it was put back to 1.1.12
		290: "mojaloop-vars.yaml",                    // the same once more
		529: "mojaloop-vars.yaml, mojaloopTest.yaml", // release 17.1.0 was gone for an hour; both targets went down and up again
	}
	for step, files := range notReproduced {
		want[step] = files
	}
	steps, summary := replay(t, "policy: {downgrade: hold}\n")
	if diff := cmp.Diff(want, steps); diff != "" {
		t.Errorf("%s\nsteps that differ: %s", summary, diff)
	}
}

// TestRealManifests loads the manifests in force at the end of the history, unchanged.
func TestRealManifests(t *testing.T) {
	t.Parallel()
	file, err := os.Open(filepath.Join(corpus(t), "steps.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	fsys := fstest.MapFS{}
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var step struct{ Manifests map[string]*string }
		if err := json.Unmarshal(lines.Bytes(), &step); err != nil {
			t.Fatal(err)
		}
		for path, text := range step.Manifests {
			delete(fsys, path)
			if text != nil {
				fsys[path] = &fstest.MapFile{Data: []byte(*text)}
			}
		}
	}
	if lines.Err() != nil {
		t.Fatal(lines.Err())
	}
	loadAll(t, fsys, "updatecli.d", 56)
}

// TestOwnManifests loads this repository's own.
func TestOwnManifests(t *testing.T) {
	t.Parallel()
	loadAll(t, os.DirFS("../.."), "manifests", 60)
}

func loadAll(t *testing.T, fsys fs.FS, dir string, want int) {
	t.Helper()
	all, err := manifest.Load(fsys, []string{dir}, manifest.Options{
		Env: func(string) (string, bool) { return "set", true }, Secrets: []string{"GITHUB_TOKEN"}, Readable: []string{"GITHUB_ACTOR"},
		Bound: func(string, string) bool { return true },
	})
	if err != nil || len(all) != want {
		t.Fatalf("%d manifests, want %d; error %v", len(all), want, err)
	}
	for _, m := range all {
		if strictyaml.Failed(m.Problems) || len(m.Problems) > 0 || len(m.Sources) != 1 || len(m.Targets) != 1 {
			t.Errorf("%s: %d sources, %d targets, problems %v", m.Name, len(m.Sources), len(m.Targets), m.Problems)
		}
	}
}
