package cli_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pawl-cd/pawl/internal/fake/github"
)

// started runs the job as the workflow that somebody started with inputs.
func (s *stage) started(login string, inputs map[string]string) (code int, printed string) {
	s.Helper()
	event, err := json.Marshal(map[string]any{"inputs": inputs, "sender": map[string]string{"login": login}})
	s.must(nil, err)
	file := filepath.Join(s.TempDir(), "event.json")
	s.must(nil, os.WriteFile(file, event, 0o600))
	code, out, errs := s.pawl(map[string]string{"GITHUB_EVENT_PATH": file}, "run")
	return code, out + errs
}

// TestBrakeByDispatch sends brakes to the profile's workflow, which pulls and lifts them in the name of who started it.
func TestBrakeByDispatch(t *testing.T) {
	t.Parallel()
	s := newStage(t, github.Settings{}, noChecks)
	s.repo.Workflow("docker-image.yaml", "image", "chart", "tag", "upstream", "brake")
	s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
	s.run(0)
	if _, written := s.repo.File("refs/pawl/ledger", "levers.json"); written {
		t.Fatal("there are brakes already")
	}
	send := func(args ...string) map[string]string {
		t.Helper()
		said := s.brake(0, append(args, "--dispatch")...)
		all := s.repo.Dispatches()
		s.says(said, "sent to docker-image.yaml of acme/profile, which pulls it in your name")
		return all[len(all)-1].Inputs
	}
	inputs := send("quarantine", "org/a:v1.1.0", "--reason", "broken", "--until", "3d")
	if len(s.status().Brakes) != 0 {
		t.Fatal("the command wrote the ledger by itself")
	}
	if code, printed := s.started("carol", inputs); code != 0 || s.value("a") != "v1.0.0" {
		t.Fatalf("exit code %d, a is %s: %s", code, s.value("a"), printed)
	}
	if b := s.status().Brakes; len(b) != 1 || b[0].By != "carol" || b[0].Reason != "broken" || b[0].Until.IsZero() {
		t.Errorf("the brakes are %+v", b)
	}
	inputs = send("unquarantine", "org/a:v1.1.00")
	if code, printed := s.started("dave", inputs); code != 0 || len(s.status().Brakes) != 1 || strings.Count(printed, "the input brake lifts nothing: nothing bars org/a:v1.1.00\npawl: hint: did you mean \"org/a:v1.1.0\"?") != 1 {
		t.Errorf("exit code %d: %s", code, printed)
	}
	inputs = send("unquarantine", "org/a:v1.1.0")
	if code, printed := s.started("dave", inputs); code != 0 || s.value("a") != "v1.1.0" || len(s.status().Brakes) != 0 || strings.Contains(printed, "lifts nothing") {
		t.Errorf("exit code %d, a is %s: %s", code, s.value("a"), printed)
	}
	inputs = send("hold", "*", "--reason", "freeze", "--yes")
	if code, printed := s.started("dave", inputs); code != 0 || len(s.status().Brakes) != 3 {
		t.Errorf("exit code %d, %+v: %s", code, s.status().Brakes, printed)
	}
	if !strings.Contains(allMessages(s), "quarantine pkg:oci/a?repository_url=docker.io%2Forg%2Fa&tag=v1.1.0: broken (carol, until ") || !strings.Contains(allMessages(s), "lift quarantine pkg:oci/a?") {
		t.Errorf("the history of the ledger says %s", allMessages(s))
	}
}

// TestBrakeByDispatchRefuses shows that an input which is not exactly a brake ends the run before it does anything.
func TestBrakeByDispatchRefuses(t *testing.T) {
	t.Parallel()
	s := newStage(t, github.Settings{}, noChecks)
	s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
	for text, want := range map[string]string{
		`{`: "the input brake is not what pawl ... --dispatch sends",
		`{"schema":"pawl.brake/1","command":"hold","arguments":["a"],"reason":"x","by":"mallory"}`:                 "the input brake is not what pawl ... --dispatch sends",
		`{"schema":"pawl.brake/1","command":"hold","arguments":["a"],"reason":"x"} {}`:                             "the input brake is not what pawl ... --dispatch sends",
		`{"schema":"pawl.brake/2","command":"hold","arguments":["a"],"reason":"x"}`:                                "want schema pawl.brake/1",
		`{"schema":"pawl.brake/1","command":"run","arguments":["a"],"reason":"x"}`:                                 `there is no command "run"`,
		`{"schema":"pawl.brake/1","command":"hold","arguments":["a"]}`:                                             "--reason: say why",
		`{"schema":"pawl.brake/1","command":"hold","arguments":["z"],"reason":"x"}`:                                `no manifest is named "z"`,
		`{"schema":"pawl.brake/1","command":"hold","arguments":["*"],"reason":"x"}`:                                "3 manifests are meant",
		`{"schema":"pawl.brake/1","command":"quarantine","arguments":["org/z:1"],"reason":"x"}`:                    "no manifest follows org/z:1",
		`{"schema":"pawl.brake/1","command":"hold","arguments":["a"],"reason":"x","until":"soon"}`:                 "--until: want a day",
		`{"schema":"pawl.brake/1","command":"hold","arguments":["a"],"reason":"` + strings.Repeat("x", 501) + `"}`: "want at most 500 bytes",
		`{"schema":"pawl.brake/1","reason":"` + strings.Repeat("x", 9000) + `"}`:                                   "more than the limit",
	} {
		writes := s.github.Writes()
		if code, printed := s.started("mallory", map[string]string{"brake": text}); code != 4 || !strings.Contains(printed, want) || s.github.Writes() != writes {
			t.Errorf("%s: exit code %d, %d writes: %s", text[:min(len(text), 100)], code, s.github.Writes()-writes, printed)
		}
	}
}

// TestBrakeStartsARun shows that a brake asks for the profile's next run, and says how to start it where it may not.
func TestBrakeStartsARun(t *testing.T) {
	t.Parallel()
	s := newStage(t, github.Settings{}, noChecks)
	s.says(s.brake(0, "hold", "a", "--reason", "x"), "pulled hold a: x (pawl-bot)", "hint: the next run does the rest: start it with pawl run, or by its workflow or job (it could not be started from here: ")
	s.repo.Workflow("docker-image.yaml", "image")
	s.says(s.brake(0, "unhold", "a"), "lifted hold a", "started docker-image.yaml, which does the rest")
	if all := s.repo.Dispatches(); len(all) != 1 || len(all[0].Inputs) != 0 || all[0].Ref != "main" {
		t.Errorf("the dispatches are %+v", all)
	}
	s.brake(0, "hold", "a", "--reason", "x", "--no-run")
	s.brake(0, "hold", "b", "--reason", "x", "--dry-run")
	if all := s.repo.Dispatches(); len(all) != 1 {
		t.Errorf("the dispatches are %+v", all)
	}
}
