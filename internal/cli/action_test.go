package cli_test

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pawl-cd/pawl/internal/fake/github"
)

// job is a job of GitHub Actions that uses the action, with a checked out profile in dir.
type job struct {
	t                   *testing.T
	dir, temp, bin      string
	steps               []script
	inputs              map[string]struct{ Default string }
	forge, releases     *httptest.Server
	stage               *stage
	outputFile, pathEnv string
}

// newJob serves a release 1.2.3 whose checksums name sum, the right one when it is empty.
func newJob(t *testing.T, sum string) *job {
	t.Helper()
	j := &job{t: t, dir: t.TempDir(), temp: filepath.Join(t.TempDir(), "runner temp"), bin: t.TempDir()}
	j.gh("exit 0")
	j.steps, j.inputs = action(t, "action.yml")
	registry := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { j.stage.registry.ServeHTTP(w, r) }))
	t.Cleanup(registry.Close)
	j.stage = newStage(t, github.Settings{}, noChecks+"mirrors: {docker.io: '"+registry.URL+"'}\n", unchecked)
	j.stage.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
	j.dir = j.stage.root
	j.forge = httptest.NewServer(j.stage.github)
	t.Cleanup(j.forge.Close)

	pawlBinary, err := exec.LookPath("pawl")
	if err != nil {
		t.Fatal(err)
	}
	archive := archiveOf(t, "pawl", "#!/bin/sh\n[ \"$1\" != version ] || { echo 'pawl v1.2.3 go1.26'; exit; }\nexec '"+pawlBinary+"' \"$@\"\n")
	if sum == "" {
		sum = fmt.Sprintf("%x", sha256.Sum256(archive))
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/mirror/v1.2.3/checksums.txt", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(checksums(sum))) })
	for _, arch := range []string{"amd64", "arm64"} {
		mux.HandleFunc("/mirror/v1.2.3/pawl_1.2.3_linux_"+arch+".tar.gz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(archive) })
	}
	j.releases = httptest.NewServer(mux)
	t.Cleanup(j.releases.Close)
	if err := os.Mkdir(j.temp, 0o755); err != nil {
		t.Fatal(err)
	}
	j.outputFile, j.pathEnv = filepath.Join(j.temp, "output"), filepath.Join(j.temp, "path")
	return j
}

// uses runs the action's steps until one fails.
func (j *job) uses(with map[string]string) (out string, code int) {
	j.t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		j.t.Fatal(err)
	}
	values := declared(j.inputs, with)
	if _, given := with["releases"]; !given {
		values["releases"] = j.releases.URL + "/mirror/"
	}
	for _, step := range j.steps {
		environ := append(step.bind(j.t, values), "PATH="+j.bin+":"+os.Getenv("PATH"), "HOME="+j.temp, "RUNNER_TEMP="+j.temp, "GITHUB_ACTION_PATH="+root,
			"GITHUB_PATH="+j.pathEnv, "GITHUB_OUTPUT="+j.outputFile, "GITHUB_API_URL="+j.forge.URL, "GITHUB_GRAPHQL_URL="+j.forge.URL+"/graphql",
			"MERGE_TOKEN="+canary)
		said, exit := bash(j.t, j.dir, step.command, environ)
		out += said
		if exit != 0 {
			return out, exit
		}
	}
	return out, 0
}

// gh puts a program of that name into the runner's PATH, which notes how it is called and with which token and host.
func (j *job) gh(ends string) {
	j.t.Helper()
	j.must(os.WriteFile(filepath.Join(j.bin, "gh"), []byte("#!/bin/sh\necho \"$GH_HOST $GH_TOKEN: $*\" >> '"+j.bin+"/calls'\n"+ends+"\n"), 0o755))
}

func (j *job) must(err error) {
	j.t.Helper()
	if err != nil {
		j.t.Fatal(err)
	}
}

// TestReleaseFilesAgainstTheAttestation shows that the action installs nothing that gh does not confirm, although its
// checksum is right: it asks for the branch, the repository and the workflow, with the job's own token. Where gh is not there
// or not logged in, or where it is told so, it does not ask.
func TestReleaseFilesAgainstTheAttestation(t *testing.T) {
	t.Parallel()
	const asked = "--repo pawl-cd/pawl --source-ref refs/heads/main --signer-workflow pawl-cd/pawl/.github/workflows/release.yaml"
	for name, tt := range map[string]struct {
		gh    string
		given map[string]string
		code  int
		says  string
		asks  bool
	}{
		"confirms": {gh: "exit 0", asks: true},
		"refuses":  {gh: "echo 'Error: verifying with issuer' >&2; exit 1", code: 1, says: "gh does not confirm that pawl_1.2.3_linux_", asks: true},
		"old":      {gh: "echo 'unknown command \"attestation\"' >&2; exit 1", code: 1, says: "unknown command", asks: true},
		"off":      {gh: "exit 1", given: map[string]string{"attestation": "off"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := newJob(t, "")
			j.gh(tt.gh)
			given := map[string]string{"version": "1.2.3", "command": "validate"}
			maps.Copy(given, tt.given)
			out, code := j.uses(given)
			calls := j.read(filepath.Join(j.bin, "calls"))
			if code != tt.code || !strings.Contains(out, tt.says) {
				t.Errorf("exit code %d: %s", code, out)
			}
			if got := strings.Contains(calls, "github.com job-token: attestation verify ") && strings.Contains(calls, asked); got != tt.asks || !tt.asks && calls != "" {
				t.Errorf("gh is called so: %s", calls)
			}
			if _, err := os.Stat(filepath.Join(j.temp, "pawl-bin/pawl")); (err == nil) != (tt.code == 0) {
				t.Errorf("installed: %v", err)
			}
		})
	}
}

// TestInstallerAsksGhThatIsLoggedIn runs the installer alone, with gh logged in or not, by a token or by its own settings.
func TestInstallerAsksGhThatIsLoggedIn(t *testing.T) {
	t.Parallel()
	installer, err := filepath.Abs("../../packaging/install.sh")
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		gh   string
		env  []string
		code int
		says string
	}{
		"not logged in":         {"exit 1", nil, 0, "gh is not logged in, so where pawl_1.2.3_"},
		"logged in, refuses":    {`[ "$1" = auth ]`, nil, 1, "gh does not confirm"},
		"logged in, confirms":   {"exit 0", nil, 0, ""},
		"GITHUB_TOKEN, refuses": {"exit 1", []string{"GITHUB_TOKEN=t"}, 1, "PAWL_ATTESTATION=off"},
		"off":                   {"exit 1", []string{"GITHUB_TOKEN=t", "PAWL_ATTESTATION=off"}, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := newJob(t, "")
			j.gh(tt.gh)
			bin := filepath.Join(j.temp, "bin")
			out, code := bash(t, j.temp, "bash '"+installer+"'", append(tt.env, "PATH="+j.bin+":/usr/bin:/bin", "HOME="+j.temp, "PAWL_BIN="+bin, "PAWL_VERSION=1.2.3", "PAWL_RELEASES="+j.releases.URL+"/mirror"))
			if code != tt.code || !strings.Contains(out, tt.says) || tt.says == "" && out != "" {
				t.Errorf("exit code %d: %s", code, out)
			}
			if _, err := os.Stat(filepath.Join(bin, "pawl")); (err == nil) != (tt.code == 0) {
				t.Errorf("installed: %v", err)
			}
		})
	}
}

// read returns a file of the runner, empty without one.
func (j *job) read(name string) string {
	text, err := os.ReadFile(name)
	if err != nil && !os.IsNotExist(err) {
		j.t.Fatal(err)
	}
	return string(text)
}

// TestActionRuns uses the action as a workflow does: it installs a release, merges, and hands on the outputs it declares.
func TestActionRuns(t *testing.T) {
	t.Parallel()
	j := newJob(t, "")
	out, code := j.uses(map[string]string{"version": "v1.2.3"})
	if code != 0 || strings.Contains(out, canary) {
		t.Fatalf("exit code %d: %s", code, out)
	}
	if merged, ok := j.stage.repo.File("main", "values.yaml"); !ok || !strings.Contains(string(merged), "a: v1.1.0") {
		t.Errorf("the base holds %q: %s", merged, out)
	}
	if got := j.read(j.pathEnv); got != j.temp+"/pawl-bin\n" {
		t.Errorf("later steps find %q", got)
	}
	var file struct {
		Outputs map[string]struct{ Value string }
	}
	readPackaging(t, "action.yml", &file)
	outputs := j.read(j.outputFile)
	for name, output := range file.Outputs {
		if output.Value != "${{ steps.pawl.outputs."+name+" }}" || !strings.Contains(outputs, name+"<<PAWL\n") {
			t.Errorf("%s is taken from %q, the run says %q", name, output.Value, outputs)
		}
	}
	if len(file.Outputs) != strings.Count(outputs, "<<PAWL\n") || !strings.Contains(outputs, "merge<<PAWL\nmerged\n") {
		t.Errorf("%d outputs are declared, the run says %q", len(file.Outputs), outputs)
	}
}

// TestActionCommand shows that the words of a command arrive as they are, and its exit code too.
func TestActionCommand(t *testing.T) {
	t.Parallel()
	j := newJob(t, "")
	out, code := j.uses(map[string]string{"version": "1.2.3", "command": " plan --output\n  json --detailed-exitcode ", "root": j.dir})
	if code != 2 || !strings.Contains(out, `"schema": "pawl.plan/1"`) {
		t.Errorf("exit code %d: %s", code, out)
	}
}

// TestActionRefuses shows that nothing is installed or run when the release is not what it should be.
func TestActionRefuses(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		sum   string
		given map[string]string
		says  string
	}{
		"wrong checksum":  {strings.Repeat("0", 64), map[string]string{"version": "1.2.3"}, "the release names 000"},
		"no version":      {"", nil, "no version is given"},
		"no such version": {"", map[string]string{"version": "1.2.4"}, "of release 1.2.4 failed"},
		"a path":          {"", map[string]string{"version": "1.2.3/../../evil/v1.2.3"}, "the version is none"},
		"a command":       {"", map[string]string{"version": "$(touch pwned)"}, "the version is none"},
		"no such mirror":  {"", map[string]string{"version": "1.2.3", "releases": "http://127.0.0.1:1/$(touch pwned)"}, "of release 1.2.3 failed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := newJob(t, tt.sum)
			out, code := j.uses(tt.given)
			if code == 0 || !strings.Contains(out, tt.says) {
				t.Errorf("exit code %d: %s", code, out)
			}
			j.nothing()
			if left, err := filepath.Glob(filepath.Join(j.temp, "*")); err != nil || len(left) > 0 {
				t.Errorf("left behind: %v, %v", left, err)
			}
		})
	}
}

// TestActionHostile gives every input the words of an attacker: they reach pawl as they are, or are refused.
func TestActionHostile(t *testing.T) {
	t.Parallel()
	const evil = "$(touch pwned)`touch pwned`\"; touch pwned; '\n* ${IFS}"
	for _, input := range []string{"image", "chart", "tag", "upstream", "root", "command"} {
		t.Run(input, func(t *testing.T) {
			t.Parallel()
			j := newJob(t, "")
			out, code := j.uses(map[string]string{"version": "1.2.3", "command": "run --dry-run", input: evil})
			switch hint := input != "root" && input != "command"; {
			case hint && code == 4 && strings.Contains(out, "flag"):
				t.Errorf("the flag is not taken: %s", out)
			case !hint && code != 4:
				t.Errorf("exit code %d: %s", code, out)
			}
			j.nothing()
		})
	}
}

// nothing checks that no shell ran a word of an input, and that the base is as it was.
func (j *job) nothing() {
	j.t.Helper()
	entries, err := os.ReadDir(j.dir)
	if err != nil || len(entries) != 3 {
		j.t.Errorf("the profile's directory holds %v, %v", entries, err)
	}
	if values, ok := j.stage.repo.File("main", "values.yaml"); !ok || strings.Contains(string(values), "v1.1.0") {
		j.t.Errorf("the base was changed: %s", values)
	}
}
