package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func workflow(t *testing.T, env map[string]string) (actions, *strings.Builder) {
	t.Helper()
	var errs strings.Builder
	return actions{sys: System{Err: &errs, Env: func(name string) (string, bool) { v, ok := env[name]; return v, ok }}}, &errs
}

func TestInputs(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "event.json")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	a, _ := workflow(t, map[string]string{"GITHUB_EVENT_PATH": file, "GITHUB_EVENT_NAME": "push"})
	write(`{"ref":"refs/heads/main","inputs":{"image":"org/app:$(id)","tag":"","upstream":"https://ci.example/1"}}`)
	got, err := a.inputs()
	if diff := cmp.Diff(inputs{Image: "org/app:$(id)", Upstream: "https://ci.example/1"}, got); diff != "" || err != nil {
		t.Errorf("%v: %s", err, diff)
	}
	if got := (inputs{Tag: "v1", Image: "own"}).or(got); got != (inputs{Image: "own", Tag: "v1", Upstream: "https://ci.example/1"}) {
		t.Errorf("filled: %+v", got)
	}
	write(`{"inputs":null}`)
	if got, err := a.inputs(); err != nil || got != (inputs{}) {
		t.Errorf("a push has no inputs: %+v, %v", got, err)
	}
	for _, bad := range []string{"", "[]", "{", strings.Repeat(" ", maxEvent) + "{}"} {
		write(bad)
		if _, err := a.inputs(); err == nil {
			t.Errorf("%.20q is read as an event", bad)
		}
	}
	hostile := `v1.0.0"; $(id) ` + "`id`\n"
	lab, _ := workflow(t, map[string]string{"GITLAB_CI": "true", "CI_PIPELINE_SOURCE": "push", "PAWL_IMAGE": "org/app", "PAWL_TAG": hostile, "PAWL_UPSTREAM": "https://ci.example/1", "PAWL_CHART": ""})
	if got, err := lab.inputs(); err != nil || got != (inputs{Image: "org/app", Tag: hostile, Upstream: "https://ci.example/1"}) || !lab.pushed() {
		t.Errorf("at a GitLab: %+v, %v", got, err)
	}
	lab, _ = workflow(t, map[string]string{"GITLAB_CI": "true", "CI_PIPELINE_SOURCE": "trigger"})
	if got, err := lab.inputs(); err != nil || got != (inputs{}) || lab.pushed() {
		t.Errorf("at a GitLab, without any: %+v, %v", got, err)
	}
	elsewhere, _ := workflow(t, map[string]string{"CI_PIPELINE_SOURCE": "push", "PAWL_IMAGE": "org/app"})
	if got, err := elsewhere.inputs(); err != nil || got != (inputs{}) || elsewhere.pushed() {
		t.Errorf("not at a GitLab: %+v, %v", got, err)
	}
	if none, _ := workflow(t, nil); !a.pushed() || none.pushed() {
		t.Error("whether a push started the run is not known")
	}
}

func TestStepFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	output, summary := filepath.Join(dir, "output"), filepath.Join(dir, "summary")
	a, errs := workflow(t, map[string]string{"GITHUB_OUTPUT": output, "GITHUB_STEP_SUMMARY": summary, "GITHUB_ACTIONS": "true"})
	for _, value := range []string{"merged", "a\nPAWL\nother=forged", ""} {
		if err := a.output("merge", value); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.summary("# one\n"); err != nil {
		t.Fatal(err)
	}
	if err := a.summary("# two\n"); err != nil {
		t.Fatal(err)
	}
	a.annotate("error", "a:b,c", "50% \nof it")
	for name, want := range map[string]string{
		output:  "merge<<PAWL\nmerged\nPAWL\nmerge<<PAWL_\na\nPAWL\nother=forged\nPAWL_\nmerge<<PAWL\n\nPAWL\n",
		summary: "# one\n# two\n",
	} {
		if got, err := os.ReadFile(name); string(got) != want || err != nil {
			t.Errorf("%s holds %q, %v", name, got, err)
		}
	}
	if want := "::error title=a%3Ab%2Cc::50%25 %0Aof it\n"; errs.String() != want {
		t.Errorf("annotation %q, want %q", errs, want)
	}
	outside, errs := workflow(t, nil)
	outside.annotate("error", "a", "b")
	if err := outside.summary("x"); err != nil || errs.Len() > 0 {
		t.Errorf("outside Actions: %v, %q", err, errs)
	}
	broken, _ := workflow(t, map[string]string{"GITHUB_OUTPUT": dir})
	if err := broken.output("a", "b"); err == nil || !strings.Contains(err.Error(), "GITHUB_OUTPUT") {
		t.Errorf("a folder as output file: %v", err)
	}
}
