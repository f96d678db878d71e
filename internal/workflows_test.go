package internal

import (
	"encoding/csv"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"

	"github.com/pawl-cd/pawl/internal/scaffold"
)

// rule is what one workflow or action has to be, beyond what holds for all.
type rule struct {
	// permissions are those of each job; "" names the top level.
	permissions map[string]map[string]string
	// queues demands one run at a time for all triggers; the others may have any concurrency.
	queues bool
	// triggers are the keys of `on`; none for an action.
	triggers []string
}

// rules are the files that are checked: all workflows, and the actions.
func rules() map[string]rule {
	read := map[string]string{"contents": "read"}
	return map[string]rule{
		".github/workflows/docker-image.yaml": {
			permissions: map[string]map[string]string{"": {}, "run": {"contents": "write", "pull-requests": "write", "checks": "read", "statuses": "read"}},
			queues:      true, triggers: []string{"push", "schedule", "workflow_dispatch"},
		},
		".github/workflows/gitlab.yaml": {
			permissions: map[string]map[string]string{"": {}, "deploy": {"contents": "write", "pull-requests": "read"}}, triggers: []string{"push"},
		},
		".github/workflows/ci.yaml": {
			permissions: map[string]map[string]string{"": read, "ci": read, "dispatch": read}, triggers: []string{"pull_request", "push"},
		},
		".github/workflows/release.yaml": {
			permissions: map[string]map[string]string{"": {}, "scan": {"contents": "read"}, "release": {"contents": "write", "id-token": "write", "attestations": "write", "packages": "write"}}, triggers: []string{"workflow_dispatch"},
		},
		"action.yml":                    {},
		"packaging/dispatch/action.yml": {},
	}
}

// workflow is the part of a workflow's or action's file that the checks look at.
type workflow struct {
	On          map[string]yaml.Node
	Permissions *map[string]string
	Concurrency struct {
		Group  string
		Cancel string `yaml:"cancel-in-progress"`
	}
	Jobs map[string]struct {
		Permissions *map[string]string
		Timeout     int `yaml:"timeout-minutes"`
	}
}

func TestWorkflows(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../.github/workflows/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if _, known := rules()[strings.TrimPrefix(file, "../")]; !known {
			t.Errorf("%s is not named in this test: say what it may do", file)
		}
	}
	actions, err := filepath.Glob("../*/*/action.y*ml")
	if err != nil || len(actions) == 0 {
		t.Fatalf("%d actions, %v", len(actions), err)
	}
	for _, file := range actions {
		if _, known := rules()[strings.TrimPrefix(file, "../")]; !known {
			t.Errorf("%s is not named in this test", file)
		}
	}
	for name, r := range rules() {
		for _, problem := range inspect(t, readText(t, name), r) {
			t.Errorf("%s: %s", name, problem)
		}
	}
}

// releaseCommit stands for the commit that a release was built from.
const releaseCommit = "0123456789abcdef0123456789abcdef01234567"

// names are the workflows that pawl init adapts, by the paths that it writes them to.
var names = map[string]string{
	".github/workflows/docker-image.yaml": ".github/workflows/docker-image.yaml", ".github/workflows/gitlab.yaml": ".github/workflows/gitlab.yaml",
	".github/workflows/pawl.yaml": ".github/workflows/docker-image.yaml", ".github/workflows/pawl-deploy.yaml": ".github/workflows/gitlab.yaml",
}

// TestProposedWorkflows holds what pawl init writes against the same rules.
func TestProposedWorkflows(t *testing.T) {
	t.Parallel()
	for name, files := range map[string]fstest.MapFS{
		"values alone": {"values.yaml": {Data: []byte("image: org/app:v1.0.0\n")}},
		"deployed": {"values.yaml": {Data: []byte("image: org/app:v1.0.0\n")}, ".github/workflows/gitlab.yaml": {Data: []byte(
			"jobs:\n  g:\n    strategy: {matrix: {p: '${{ fromJSON(vars.PROJECTS) }}'}}\n    steps: [{run: 'curl -F token=$T $U', env: {T: '${{ secrets.T }}'}}]\n")}},
		"deployed, beside others": {"values.yaml": {Data: []byte("image: org/app:v1.0.0\n")}, ".github/workflows/t.yaml": {Data: []byte(
			"jobs:\n  g:\n    strategy: {matrix: {p: '${{ fromJSON(vars.PROJECTS) }}'}}\n    steps: [{run: 'curl -F token=$T $U', env: {T: '${{ secrets.T }}'}}]\n")},
			".github/workflows/docker-image.yaml": {Data: []byte("jobs: {b: {steps: [{run: docker build .}]}}\n")}, ".github/workflows/gitlab.yaml": {Data: []byte("jobs: {b: {steps: []}}\n")}},
		"other manifests": {"manifests/a.yaml": {Data: []byte("kind: Service\nimage: org/app:v1.0.0\n")}},
	} {
		p, err := scaffold.Propose(files, scaffold.Options{Version: "v1.0.0", Commit: releaseCommit})
		if err != nil {
			t.Fatal(err)
		}
		checked := 0
		for _, f := range p.Files {
			r, known := rules()[names[f.Path]]
			if !known {
				continue
			}
			checked++
			if !strings.Contains(string(f.Data), "uses: pawl-cd/pawl@"+releaseCommit+" # v1.0.0\n") {
				t.Errorf("%s, %s does not use the release: %s", name, f.Path, f.Data)
			}
			text := strings.ReplaceAll(string(f.Data), "uses: pawl-cd/pawl@"+releaseCommit+" # v1.0.0\n", "uses: ./\n")
			for _, problem := range append(inspect(t, text, r), checkInputs(t, text, regexp.MustCompile(`^\./$`))...) {
				t.Errorf("%s, %s: %s", name, f.Path, problem)
			}
		}
		if want := map[bool]int{false: 1, true: 2}[strings.HasPrefix(name, "deployed")]; checked != want {
			t.Errorf("%s: %d workflows, want %d", name, checked, want)
		}
	}
}

// TestWorkflowsShowAnEnvironment takes the comment sign from the line that shows it, in ours and in what pawl init writes:
// each job with tokens then runs in the environment, and the page that the line names has the steps.
func TestWorkflowsShowAnEnvironment(t *testing.T) {
	t.Parallel()
	files := map[string]string{}
	for _, file := range []string{".github/workflows/docker-image.yaml", ".github/workflows/gitlab.yaml"} {
		files[file] = readText(t, file)
	}
	p, err := scaffold.Propose(fstest.MapFS{"values.yaml": {Data: []byte("image: org/app:v1.0.0\n")}}, scaffold.Options{Version: "v1.0.0", Commit: releaseCommit})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range p.Files {
		if strings.HasPrefix(f.Path, ".github/") {
			files["proposed "+f.Path] = string(f.Data)
		}
	}
	for name, text := range files {
		const line = "    # environment: pawl # keeps the tokens to this branch: https://github.com/pawl-cd/pawl/blob/main/docs/github-actions.md#a-protected-environment\n"
		var w struct {
			Jobs map[string]struct{ Environment string }
		}
		if err := yaml.Unmarshal([]byte(strings.Replace(text, line, "    environment: pawl\n", 1)), &w); err != nil || len(w.Jobs) != 1 {
			t.Errorf("%s: %d jobs, %v", name, len(w.Jobs), err)
		}
		for job, j := range w.Jobs {
			if j.Environment != "pawl" {
				t.Errorf("%s does not show an environment for %s", name, job)
			}
		}
	}
	if len(files) != 3 || !strings.Contains(readText(t, "docs/github-actions.md"), "\n## A protected environment\n") {
		t.Errorf("%d workflows, or no such section", len(files))
	}
}

// TestSpoiltWorkflows shows that each check can fail.
func TestSpoiltWorkflows(t *testing.T) {
	t.Parallel()
	const image, ci, action = ".github/workflows/docker-image.yaml", ".github/workflows/ci.yaml", "packaging/dispatch/action.yml"
	const checkout = "actions/checkout@11bd71901bbe5b1630ceea73d27597364c9af683 # v4.2.2"
	for _, c := range []struct{ file, old, spoilt, want string }{
		{image, "run: pawl run --page pawl.html\n", "run: pawl run --image ${{ inputs.image }}\n", "an expression inside run"},
		{image, "run: pawl run --page pawl.html\n", "run: |\n          pawl run ${{ github.event.inputs.tag }}\n", "an expression inside run"},
		{image, "run: pawl run --page pawl.html\n", "run: pawl run ${{github.event.head_commit.message}}\n", "an expression inside run"},
		{action, "--image=\"$PAWL_IMAGE\"", "--image=\"${{ inputs.image }}\"", "an expression inside run"},
		{"action.yml", "\"--root=$PAWL_ROOT\"", "\"--root=${{ inputs.root }}\"", "an expression inside run"},
		{"action.yml", "  steps:\n    - run: |\n", "  steps:\n    - uses: actions/setup-go@v5\n    - run: |\n", "is not pinned"},
		{"action.yml", "    - id: pawl\n", "    - id: pawl\n      with: {token: \"${{ secrets.MERGE_TOKEN }}\"}\n", "a secret outside env"},
		{image, "permissions: {}\n", "", "permissions are not"},
		{image, "permissions: {}\n", "permissions: write-all\n", "cannot unmarshal"},
		{image, "      checks: read\n", "      checks: read\n      actions: write\n", "permissions of run are not"},
		{image, "      statuses: read\n", "", "permissions of run are not"},
		{ci, "    permissions:\n      contents: read\n", "", "permissions of ci are not"},
		{image, checkout, "actions/checkout@v4 # v4.2.2", "is not pinned"},
		{image, checkout, "actions/checkout@11bd71901bbe5b1630ceea73d27597364c9af683", "names no version"},
		{image, checkout, "actions/checkout@11bd71901bbe5b1630ceea73d27597364c9af683 # v4.2.1", "names v4.2.1"},
		{image, checkout, "actions/checkout@d35c59abb061a4a6fb18e82ac0862c26744d6ab5 # v5.5.0", "is not in the list"},
		{image, checkout, "someone/checkout@11bd71901bbe5b1630ceea73d27597364c9af683 # v4.2.2", "is not in the list"},
		{image, checkout, "actions/checkout-not@11bd71901bbe5b1630ceea73d27597364c9af683 # v4.2.2", "is not in the list"},
		{action, "actions/setup-go@d35c59abb061a4a6fb18e82ac0862c26744d6ab5", "actions/setup-go@main", "is not pinned"},
		{image, "cancel-in-progress: false", "cancel-in-progress: true", "does not queue"},
		{image, "  cancel-in-progress: false\n", "", "does not queue"},
		{image, "group: pawl\n", "group: pawl-${{ github.sha }}\n", "does not queue"},
		{image, "persist-credentials: false", "persist-credentials: true", "keeps its credentials"},
		{image, "          persist-credentials: false\n", "", "keeps its credentials"},
		{image, "timeout-minutes: 45", "timeout-minutes: 0", "run has no timeout"},
		{ci, "  pull_request:\n", "  pull_request_target:\n", "triggers are not"},
		{image, "run: pawl run --page pawl.html\n", "run: pawl run\n        with: {token: \"${{ secrets.MERGE_TOKEN }}\"}\n", "a secret outside env"},
	} {
		text := readText(t, c.file)
		spoilt := strings.Replace(text, c.old, c.spoilt, 1)
		if spoilt == text {
			t.Errorf("%s does not hold %q", c.file, c.old)
		}
		if problems := strings.Join(inspect(t, spoilt, rules()[c.file]), "\n"); !strings.Contains(problems, c.want) {
			t.Errorf("%s with %q instead of %q: %q, want %q", c.file, c.spoilt, c.old, problems, c.want)
		}
	}
}

// TestDispatchInputs holds the workflow's inputs against those that pawl dispatch sends: all optional texts.
func TestDispatchInputs(t *testing.T) {
	t.Parallel()
	var w struct {
		On struct {
			Dispatch struct {
				Inputs map[string]struct {
					Type     string
					Required *bool
				}
			} `yaml:"workflow_dispatch"`
		}
	}
	if err := yaml.Unmarshal([]byte(readText(t, ".github/workflows/docker-image.yaml")), &w); err != nil {
		t.Fatal(err)
	}
	inputs := w.On.Dispatch.Inputs
	if diff := cmp.Diff([]string{"brake", "chart", "image", "tag", "upstream"}, slices.Sorted(maps.Keys(inputs))); diff != "" {
		t.Error(diff)
	}
	for name, input := range inputs {
		if input.Type != "string" || input.Required == nil || *input.Required {
			t.Errorf("the input %s is not an optional text: %+v", name, input)
		}
	}
}

// documented are the workflows that pages show, by page and file.
func documented() map[string]rule {
	return map[string]rule{
		"docs/install.md .github/workflows/update.yaml": {
			permissions: map[string]map[string]string{"": {}, "run": {"contents": "write", "pull-requests": "write", "checks": "read", "statuses": "read"}},
			queues:      true, triggers: []string{"schedule"},
		},
		"docs/safety.md .github/workflows/update.yaml": {
			permissions: map[string]map[string]string{"": {}, "run": {"contents": "write", "pull-requests": "write", "checks": "read", "statuses": "read"}},
			queues:      true, triggers: []string{"schedule"},
		},
		"docs/fleet.md .github/workflows/fleet.yaml": {
			permissions: map[string]map[string]string{"": {}, "fleet": {"contents": "read"}}, queues: true, triggers: []string{"schedule", "workflow_dispatch"},
		},
		"docs/tracing.md .github/workflows/update.yaml": {
			permissions: map[string]map[string]string{"": {}, "run": {"contents": "write", "pull-requests": "write", "checks": "read", "statuses": "read"}},
			queues:      true, triggers: []string{"schedule"},
		},
		"docs/github-actions.md .github/workflows/publish.yaml": {
			permissions: map[string]map[string]string{"": {}, "tell": {}}, triggers: []string{"push"},
		},
	}
}

// replaced are workflows in pages that users have before they come to us.
var replaced = []string{"docs/migrating.md .github/workflows/docker-image.yaml", "docs/migrating.md .github/workflows/gitlab.yaml"}

// shown is a workflow in a page: a block whose first line names its file.
var shown = regexp.MustCompile("(?ms)^```yaml\n# (\\.github/workflows/\\S+)\n(.*?)^```$")

// ours is a step with an action of this repository, as users write it.
var ours = regexp.MustCompile(`pawl-cd/pawl(?:/(\S+))?@VERSION`)

// TestDocumentedWorkflows holds the workflows of the documentation to the same rules, and their inputs against the
// actions of this repository that they use.
func TestDocumentedWorkflows(t *testing.T) {
	t.Parallel()
	rules, found := documented(), 0
	pages, err := filepath.Glob("../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range append(pages, "../README.md") {
		page := strings.TrimPrefix(file, "../")
		for _, m := range shown.FindAllStringSubmatch(readText(t, page), -1) {
			if slices.Contains(replaced, page+" "+m[1]) {
				continue
			}
			found++
			r, known := rules[page+" "+m[1]]
			if !known {
				t.Errorf("%s in %s is not named in this test: say what it may do", m[1], page)
			}
			for _, problem := range inspectShown(t, m[2], r) {
				t.Errorf("%s in %s: %s", m[1], page, problem)
			}
		}
	}
	if found != len(rules) {
		t.Errorf("%d workflows found, %d named", found, len(rules))
	}
	const spoilt = "on: {push: {}}\npermissions: {}\nconcurrency: {group: g}\njobs: {tell: {timeout-minutes: 1, permissions: {}, steps: [{uses: pawl-cd/pawl/packaging/dispatch@VERSION, with: {imagee: x}}]}}\n"
	want := []string{`packaging/dispatch has no input "imagee"`}
	if diff := cmp.Diff(want, inspectShown(t, spoilt, rules["docs/github-actions.md .github/workflows/publish.yaml"])); diff != "" {
		t.Error(diff)
	}
}

// inspectShown is inspect for a workflow of users, whose version of our actions stands for a release.
func inspectShown(t *testing.T, text string, r rule) []string {
	t.Helper()
	return append(inspect(t, ours.ReplaceAllString(text, "./$1"), r), checkInputs(t, text, ours)...)
}

// checkInputs holds the inputs of steps with our actions, whose folder the pattern may catch, against what these declare.
func checkInputs(t *testing.T, text string, ours *regexp.Regexp) []string {
	t.Helper()
	var problems []string
	var w struct {
		Jobs map[string]struct {
			Steps []struct {
				Uses string
				With map[string]string
			}
		}
	}
	if err := yaml.Unmarshal([]byte(text), &w); err != nil {
		return []string{err.Error()}
	}
	for _, job := range w.Jobs {
		for _, step := range job.Steps {
			m := ours.FindStringSubmatch(step.Uses)
			if m == nil {
				continue
			}
			folder := strings.Join(m[1:], "")
			var action struct{ Inputs map[string]yaml.Node }
			if err := yaml.Unmarshal([]byte(readText(t, filepath.Join(folder, "action.yml"))), &action); err != nil {
				t.Fatal(err)
			}
			for _, input := range slices.Sorted(maps.Keys(step.With)) {
				if _, ok := action.Inputs[input]; !ok {
					problems = append(problems, fmt.Sprintf("%s has no input %q", folder, input))
				}
			}
		}
	}
	return problems
}

func readText(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// inspect returns what is wrong with a file.
func inspect(t *testing.T, text string, r rule) []string {
	t.Helper()
	var root yaml.Node
	var w workflow
	if err := yaml.Unmarshal([]byte(text), &root); err != nil {
		return []string{err.Error()}
	}
	if err := root.Decode(&w); err != nil {
		return []string{err.Error()}
	}
	problems := walk(&root, "", pins(t))
	if r.triggers == nil {
		return problems
	}
	if got := slices.Sorted(maps.Keys(w.On)); !slices.Equal(got, r.triggers) {
		problems = append(problems, fmt.Sprintf("triggers are not %v: %v", r.triggers, got))
	}
	return append(problems, w.rights(r)...)
}

// rights checks permissions, timeouts and the concurrency.
func (w workflow) rights(r rule) []string {
	var problems []string
	if want := r.permissions[""]; w.Permissions == nil || !maps.Equal(*w.Permissions, want) {
		problems = append(problems, fmt.Sprintf("permissions are not %v: %v", want, w.Permissions))
	}
	for name, job := range w.Jobs {
		if want := r.permissions[name]; job.Permissions == nil || !maps.Equal(*job.Permissions, want) {
			problems = append(problems, fmt.Sprintf("permissions of %s are not %v: %v", name, want, job.Permissions))
		}
		if job.Timeout <= 0 {
			problems = append(problems, name+" has no timeout")
		}
	}
	if c := w.Concurrency; c.Group == "" || r.queues && (c.Cancel != "false" || strings.Contains(c.Group, "${{")) {
		problems = append(problems, fmt.Sprintf("it does not queue: %+v", c))
	}
	return problems
}

// pinned is a step's action, at a commit.
var pinned = regexp.MustCompile(`^([\w.-]+/[\w./-]+)@([0-9a-f]{40})$`)

// walk checks every node: expressions, secrets, actions. Key is the key that the node stands at; within env it is "env".
func walk(n *yaml.Node, key string, list map[string]pin) []string {
	var problems []string
	switch {
	case n.Kind == yaml.ScalarNode && key == "run" && strings.Contains(n.Value, "${{"):
		problems = append(problems, "an expression inside run: "+n.Value)
	case n.Kind == yaml.ScalarNode && key != "env" && strings.Contains(n.Value, "secrets."):
		problems = append(problems, "a secret outside env: "+n.Value)
	case n.Kind == yaml.ScalarNode && key == "uses":
		problems = append(problems, checkPin(n, list)...)
	case n.Kind == yaml.MappingNode:
		problems = append(problems, checkCheckout(n)...)
		for i := 0; i+1 < len(n.Content); i += 2 {
			below := n.Content[i].Value
			if key == "env" {
				below = key
			}
			problems = append(problems, walk(n.Content[i+1], below, list)...)
		}
	default:
		for _, child := range n.Content {
			problems = append(problems, walk(child, key, list)...)
		}
	}
	return problems
}

// checkPin wants an action of this repository, or one of the list at the commit of its version.
func checkPin(n *yaml.Node, list map[string]pin) []string {
	if strings.HasPrefix(n.Value, "./") {
		return nil
	}
	parts := pinned.FindStringSubmatch(n.Value)
	if parts == nil {
		return []string{n.Value + " is not pinned to a commit"}
	}
	known, ok := list[parts[2]]
	if !ok || parts[1] != known.action && !strings.HasPrefix(parts[1], known.action+"/") {
		return []string{n.Value + " is not in the list"}
	}
	switch comment := strings.TrimPrefix(n.LineComment, "# "); comment {
	case known.version:
		return nil
	case "":
		return []string{n.Value + " names no version"}
	default:
		return []string{fmt.Sprintf("%s names %s, and is %s", n.Value, comment, known.version)}
	}
}

// checkCheckout wants that no later step finds the token in the checkout.
func checkCheckout(n *yaml.Node) []string {
	var step struct {
		Uses string
		With map[string]string
	}
	if n.Decode(&step) != nil || !strings.HasPrefix(step.Uses, "actions/checkout@") || step.With["persist-credentials"] == "false" {
		return nil
	}
	return []string{"the checkout keeps its credentials"}
}

type pin struct{ action, version string }

// pins are the actions that may be used, by commit.
func pins(t *testing.T) map[string]pin {
	t.Helper()
	f, err := os.Open("testdata/actions.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil || len(rows) < 2 {
		t.Fatalf("%d actions, %v", len(rows), err)
	}
	list := map[string]pin{}
	for _, row := range rows[1:] {
		list[row[2]] = pin{action: row[0], version: row[1]}
	}
	return list
}

// TestWorkflowsPassThePause holds that every step of ours that may merge or fire gets the variable that stops it, in our
// workflows and in those that pawl init writes: a pause of one of them alone is none.
func TestWorkflowsPassThePause(t *testing.T) {
	t.Parallel()
	files := map[string]string{}
	for _, file := range []string{".github/workflows/docker-image.yaml", ".github/workflows/gitlab.yaml"} {
		files[file] = readText(t, file)
	}
	for _, version := range []string{"v1.0.0", ""} {
		p, err := scaffold.Propose(fstest.MapFS{"values.yaml": {Data: []byte("image: org/app:v1.0.0\n")}, ".github/workflows/t.yaml": {Data: []byte(
			"jobs:\n  g:\n    strategy: {matrix: {p: '${{ fromJSON(vars.PROJECTS) }}'}}\n    steps: [{run: 'curl -F token=$T $U', env: {T: '${{ secrets.T }}'}}]\n")}},
			scaffold.Options{Version: version, Commit: releaseCommit})
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range p.Files {
			if strings.HasPrefix(f.Path, ".github/") {
				files["proposed "+version+" "+f.Path] = string(f.Data)
			}
		}
	}
	steps := 0
	for name, text := range files {
		var w struct {
			Jobs map[string]struct {
				Steps []struct {
					Run, Uses string
					Env       map[string]string
				}
			}
		}
		if err := yaml.Unmarshal([]byte(text), &w); err != nil {
			t.Fatal(err)
		}
		for _, job := range w.Jobs {
			for _, step := range job.Steps {
				if !strings.HasPrefix(step.Run, "pawl ") && !strings.HasPrefix(step.Uses, "pawl-cd/pawl@") {
					continue
				}
				if steps++; step.Env["PAWL_PAUSE"] != "${{ vars.PAWL_PAUSE }}" {
					t.Errorf("%s: %s%s does not get PAWL_PAUSE: %v", name, step.Run, step.Uses, step.Env)
				}
			}
		}
	}
	if steps != 6 {
		t.Errorf("%d steps of ours", steps)
	}
}
