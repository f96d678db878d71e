package scaffold_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/pawl-cd/pawl/internal/config"
	"github.com/pawl-cd/pawl/internal/scaffold"
)

// gated is a profile with secrets of every sort, with one gate or with none.
const (
	gated = `version: 1
env: [REGION, SINK]
secrets: {GHE: git.example}
forge: {repository: org/profile, base: main}
ledger: {key: LEDGER_KEY}
deploy: {projects: [{name: dev, url: 'https://gitlab.example/api/v4/projects/1/trigger/pipeline', secret: TOKEN_DEV, api: API_DEV}]}
events: {sinks: [{type: http, url: 'https://events.example', token: SINK}]}
`
	oneGate = "gates: {scan: {run: [grype, '{image}@{digest}'], deny: [2]}}\npolicy: {gates: [scan]}\n"
)

// workflowStep is what the tests read of a step.
type workflowStep struct {
	Uses, Run, If string
	With          struct{ Command string }
	Env           map[string]string
}

// says is the command of a step.
func (s workflowStep) says() string { return s.With.Command + strings.TrimPrefix(s.Run, "pawl ") }

// stepsOf are the steps of the workflow that updates, none of whose variables stands above a step.
func stepsOf(t *testing.T, text string) (all []workflowStep) {
	t.Helper()
	var w struct {
		Env  map[string]string
		Jobs map[string]struct {
			Env   map[string]string
			Steps []workflowStep
		}
	}
	if err := yaml.Unmarshal([]byte(text), &w); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	for _, j := range w.Jobs {
		delete(j.Env, "PAWL")
		if len(w.Env)+len(j.Env) > 0 {
			t.Errorf("every step has %v %v", w.Env, j.Env)
		}
		all = append(all, j.Steps...)
	}
	return all
}

// TestWorkflowAsksGates holds that the workflow asks gates where the configuration names some, or somebody wants it, and that the step
// which starts programs has no secret.
func TestWorkflowAsksGates(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"v1.2.3", "(devel)"} {
		for name, c := range map[string]struct {
			settings     string
			asked, wants bool
		}{
			"named":          {gated + oneGate, false, true},
			"asked":          {gated, true, true},
			"neither":        {gated, false, false},
			"no settings":    {"", false, false},
			"asked for only": {"", true, true},
		} {
			t.Run(version+" "+name, func(t *testing.T) {
				t.Parallel()
				opt := scaffold.Options{Version: version, Gates: c.asked}
				if c.settings != "" {
					parsed, problems := config.Parse(".pawl.yaml", []byte(c.settings))
					if len(problems) > 0 {
						t.Fatal(problems)
					}
					opt.Config = &parsed
				}
				files := map[string]string{"values.yaml": "web: {image: {tag: v1.0.0}}\n", "updatecli/updatecli.d/web.yaml": tracked}
				p, err := scaffold.Propose(repository(files), opt)
				if err != nil {
					t.Fatal(err)
				}
				text := content(p, ".github/workflows/docker-image.yaml")
				checkGates(t, stepsOf(t, text), c.wants, c.settings != "", text)
			})
		}
	}
}

// checkGates holds the steps against what is wanted.
func checkGates(t *testing.T, steps []workflowStep, wants, settled bool, text string) {
	t.Helper()
	find := func(command string) int {
		return slices.IndexFunc(steps, func(s workflowStep) bool { return strings.HasPrefix(s.says(), command) })
	}
	show, judge, run := find("ledger show --file ledger.json"), find("gates --ledger ledger.json --verdicts verdicts.json"), find("run")
	if !wants {
		if show >= 0 || judge >= 0 || run < 0 || strings.Contains(text, "verdicts.json") || steps[run].If != "" {
			t.Errorf("it asks gates:\n%s", text)
		}
		return
	}
	if show < 0 || judge != show+1 || run != judge+1 || !strings.Contains(steps[run].says(), "--verdicts verdicts.json") {
		t.Fatalf("steps %d, %d, %d:\n%s", show, judge, run, text)
	}
	if said := fmt.Sprint(steps[judge]); strings.Contains(said, "secrets.") || strings.Contains(said, "github.token") {
		t.Errorf("the gates can read a secret: %s", said)
	}
	if steps[show].Env["MERGE_TOKEN"] == "" || steps[run].Env["MERGE_TOKEN"] == "" || steps[run].If != "${{ !cancelled() }}" {
		t.Errorf("what reads and runs is %+v, %+v", steps[show], steps[run])
	}
	for _, s := range steps {
		if strings.HasPrefix(s.Uses, "actions/checkout@") && !strings.Contains(text, "persist-credentials: false") {
			t.Errorf("the checkout leaves a token: %s", text)
		}
	}
	for _, i := range []int{show, judge, run} {
		if !strings.Contains(steps[i].says(), " --manifests updatecli/updatecli.d") {
			t.Errorf("%q looks elsewhere", steps[i].says())
		}
	}
	if settled && (steps[show].Env["LEDGER_KEY"] == "" || steps[run].Env["LEDGER_KEY"] == "" || len(steps[judge].Env) != 1 || steps[judge].Env["REGION"] == "") {
		t.Errorf("the variables are %v, %v, %v", steps[show].Env, steps[judge].Env, steps[run].Env)
	}
}
