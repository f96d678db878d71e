package cli_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"

	"github.com/pawl-cd/pawl/internal/fake/github"
)

// parameter is a place in a packaging file that takes a parameter's value.
var parameter = regexp.MustCompile(`^(?:<< parameters\.([\w-]+) >>|\$\{\{ inputs\.([\w-]+)(?: \|\|.*)? \}\})$`)

// script is one shell step of a packaging file.
type script struct {
	command     string
	environment map[string]string
}

// bind returns the step's environment for the given parameters.
func (s script) bind(t *testing.T, values map[string]string) []string {
	t.Helper()
	var env []string
	for name, text := range s.environment {
		if name == "GH_TOKEN" && strings.Contains(text, "&& github.token ||") {
			env = append(env, name+"=job-token") // as on github.com
			continue
		}
		found := parameter.FindStringSubmatch(text)
		if found == nil {
			t.Fatalf("%s is no parameter: %q", name, text)
		}
		value, declared := values[found[1]+found[2]]
		if !declared {
			t.Errorf("%s takes a parameter that is not declared: %q", name, text)
		}
		env = append(env, name+"="+value)
	}
	return env
}

// declared are the parameters of a packaging file with their defaults, replaced by those that are given.
func declared(defaults map[string]struct{ Default string }, given map[string]string) map[string]string {
	values := map[string]string{}
	for name, p := range defaults {
		values[name] = p.Default
	}
	for name, value := range given {
		values[name] = value
	}
	return values
}

func readPackaging(t *testing.T, name string, into any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../..", name))
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, into); err != nil {
		t.Fatal(err)
	}
}

// orb returns the steps of the orb's command, and its parameters.
func orb(t *testing.T) ([]script, map[string]struct{ Default string }) {
	t.Helper()
	var file struct {
		Version  string
		Commands map[string]struct {
			Parameters map[string]struct{ Default string }
			Steps      []struct {
				Run struct {
					Command     string
					Environment map[string]string
				}
			}
		}
	}
	readPackaging(t, "packaging/circleci/orb.yml", &file)
	var steps []script
	for _, s := range file.Commands["dispatch"].Steps {
		steps = append(steps, script{s.Run.Command, s.Run.Environment})
	}
	if file.Version != "2.1" || len(steps) != 2 {
		t.Fatalf("version %s with %d steps", file.Version, len(steps))
	}
	return steps, file.Commands["dispatch"].Parameters
}

// dispatchAction is the action that calls pawl dispatch.
func dispatchAction(t *testing.T) ([]script, map[string]struct{ Default string }) {
	t.Helper()
	return action(t, "packaging/dispatch/action.yml")
}

// action returns the shell steps of a composite action, and its inputs.
func action(t *testing.T, name string) ([]script, map[string]struct{ Default string }) {
	t.Helper()
	var file struct {
		Inputs map[string]struct{ Default string }
		Runs   struct {
			Using string
			Steps []struct {
				Run, Shell string
				Env        map[string]string
			}
		}
	}
	readPackaging(t, name, &file)
	var steps []script
	for _, s := range file.Runs.Steps {
		if s.Run == "" {
			continue
		}
		if s.Shell != "bash" {
			t.Errorf("a step runs in %q", s.Shell)
		}
		steps = append(steps, script{s.Run, s.Env})
	}
	if file.Runs.Using != "composite" || len(steps) != 2 {
		t.Fatalf("%s with %d steps", file.Runs.Using, len(steps))
	}
	return steps, file.Inputs
}

// bash runs a step as the CI systems do.
func bash(t *testing.T, dir, command string, environ []string) (string, int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "bash", "-eo", "pipefail", "-c", command)
	cmd.Dir, cmd.Env = dir, environ
	out, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// TestPackagedDispatch runs the scripts of the orb and of the action with hostile parameters.
func TestPackagedDispatch(t *testing.T) {
	t.Parallel()
	hostile := map[string]string{"image": `$(touch pwned)'"` + "`id`", "tag": `-x "; touch pwned #`, "chart": "--soft-fail", "upstream": "https://ci.example/?a=$HOME&b"}
	for _, tt := range []struct {
		name  string
		steps func(*testing.T) ([]script, map[string]struct{ Default string })
		given map[string]string
		want  map[string]string
	}{
		{"orb", orb, nil, map[string]string{"image": "mojaloop/central-ledger:v19.13.0-infitx.27", "tag": "minor-infitx", "upstream": "https://circleci.example/7"}},
		{"orb, hostile", orb, hostile, hostile},
		{"action", dispatchAction, map[string]string{"image": "org/app:v1", "upstream": "https://ci.example/8"}, map[string]string{"image": "org/app:v1", "tag": "minor-infitx", "upstream": "https://ci.example/8"}},
		{"action, hostile", dispatchAction, hostile, hostile},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			server := hub(t)
			web := httptest.NewServer(server)
			t.Cleanup(web.Close)
			steps, parameters := tt.steps(t)
			pawlBinary, err := exec.LookPath("pawl")
			if err != nil {
				t.Fatal(err)
			}
			dir, temp := t.TempDir(), filepath.Dir(pawlBinary)
			for _, target := range []struct {
				token string
				code  int
			}{{"tok:en", 0}, {"weak", 1}} {
				environ := circle(append(steps[1].bind(t, declared(parameters, tt.given)), "PATH="+os.Getenv("PATH"), "RUNNER_TEMP="+temp, "HOME="+dir,
					"GITHUB_API_URL="+web.URL, "DOWNSTREAM_IMAGE_A=org/a:"+target.token)...)
				out, code := bash(t, dir, steps[1].command, environ)
				if code != target.code || strings.Contains(out, "tok:en") {
					t.Errorf("exit code %d, want %d: %s", code, target.code, out)
				}
			}
			want := []github.Dispatch{{Workflow: "docker-image.yaml", Ref: "main", By: "ci", Inputs: tt.want}}
			if diff := cmp.Diff(want, server.Repo("org/a").Dispatches()); diff != "" {
				t.Error(diff)
			}
			if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
				t.Errorf("a parameter was run: %v, %v", left, err)
			}
		})
	}
}

// TestPackagedScriptsHoldNoParameter shows that parameters and tokens reach a script through its environment only.
func TestPackagedScriptsHoldNoParameter(t *testing.T) {
	t.Parallel()
	orbSteps, orbParameters := orb(t)
	actionSteps, inputs := dispatchAction(t)
	runSteps, _ := action(t, "action.yml")
	for _, s := range slices.Concat(orbSteps, actionSteps, runSteps) {
		for _, bad := range []string{"<<", "${{", "DOWNSTREAM_IMAGE_", "set -x"} {
			if strings.Contains(s.command, bad) {
				t.Errorf("a script holds %q: %s", bad, s.command)
			}
		}
	}
	delete(orbParameters, "version") // the action comes with its own
	for name := range inputs {
		if _, both := orbParameters[name]; !both || len(inputs) != len(orbParameters) {
			t.Errorf("the orb and the action take different parameters, such as %s", name)
		}
	}
}

// TestOrbHoldsInstaller keeps the orb, which cannot come with other files, to the one way of installing.
func TestOrbHoldsInstaller(t *testing.T) {
	t.Parallel()
	steps, _ := orb(t)
	text, err := os.ReadFile("../../packaging/install.sh")
	if err != nil {
		t.Fatal(err)
	}
	_, body, ok := strings.Cut(string(text), "set -euo pipefail\n\n")
	if !ok || !strings.Contains(steps[0].command, body) {
		t.Error("the orb's first step differs from packaging/install.sh")
	}
}

// TestOrbInstalls runs the orb's first step: what it downloads has to match the release's checksums.
func TestOrbInstalls(t *testing.T) {
	t.Parallel()
	steps, parameters := orb(t)
	program := func(version string) []byte { return archiveOf(t, "pawl", "#!/bin/sh\necho pawl v"+version+" go1.26\n") }
	right, renamed := program("1.2.3"), program("1.2.2")
	sum := fmt.Sprintf("%x", sha256.Sum256(right))
	for _, tt := range []struct {
		name, version, sum string
		ok                 bool
		says               string
	}{
		{"right", "1.2.3", sum, true, ""},
		{"tampered", "1.2.3", strings.Repeat("0", 64), false, "the release names 000000"},
		{"not in the list", "1.2.3", "", false, "the release names none"},
		{"another version", "1.2.4", sum, false, "of release 1.2.4 failed"},
		{"another path", "../1.2.3", sum, false, "the version is none"},
		{"no version", "", sum, false, "no version is given"},
		{"an older one by another name", "1.2.3", fmt.Sprintf("%x", sha256.Sum256(renamed)), false, "holds another version than 1.2.3"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			archive := right
			if strings.HasPrefix(tt.name, "an older") {
				archive = renamed
			}
			web, home := filepath.Join(dir, "web"), filepath.Join(dir, "home")
			// A curl that serves the folder: it wants the file behind --output, and the last word to be the URL.
			curl := "#!/bin/sh\nfor url; do [ \"$before\" != --output ] || out=$url; before=$url; done\ncase \"$url\" in https://github.com/pawl-cd/pawl/releases/download/v1.2.3/*) exec cp \"" + web + "/${url##*/}\" \"$out\" ;; esac\nexit 22\n"
			for name, data := range map[string][]byte{
				filepath.Join(dir, "bin/curl"):                      []byte(curl),
				filepath.Join(web, "pawl_1.2.3_linux_amd64.tar.gz"): archive, filepath.Join(web, "pawl_1.2.3_linux_arm64.tar.gz"): archive,
				filepath.Join(web, "checksums.txt"): []byte(checksums(tt.sum)),
				filepath.Join(home, "env"):          nil,
			} {
				if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(name, data, 0o755); err != nil {
					t.Fatal(err)
				}
			}
			environ := append(steps[0].bind(t, declared(parameters, map[string]string{"version": tt.version})),
				"PATH="+filepath.Join(dir, "bin")+":/usr/bin:/bin", "HOME="+home, "BASH_ENV="+filepath.Join(home, "env"))
			out, code := bash(t, dir, steps[0].command, environ)
			if (code == 0) != tt.ok || !strings.Contains(out, tt.says) {
				t.Errorf("exit code %d: %s", code, out)
			}
			out, code = bash(t, dir, "pawl", environ)
			if (code == 0 && out == "pawl v1.2.3 go1.26\n") != tt.ok {
				t.Errorf("the next step finds pawl: exit code %d, %s", code, out)
			}
		})
	}
}

// checksums are those of a release whose archives have the given sum, or are not in the list when it is empty. As in a
// real one, the bill of materials of each archive has a name that starts like the archive's.
func checksums(sum string) string {
	var lines strings.Builder
	for _, arch := range []string{"amd64", "arm64"} {
		archive := "pawl_1.2.3_linux_" + arch + ".tar.gz"
		fmt.Fprintf(&lines, "%064d  %s.sbom.json\n", 0, archive)
		if sum != "" {
			fmt.Fprintf(&lines, "%s  %s\n", sum, archive)
		}
	}
	return lines.String()
}

// archiveOf is a release's archive with one program.
func archiveOf(t *testing.T, name, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	zip := gzip.NewWriter(&b)
	w := tar.NewWriter(zip)
	if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(text))}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zip.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
