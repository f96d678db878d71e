package internal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
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

// pipelineHead is the header of a .gitlab-ci.yml, with the words of GitLab that ours may have and no other.
type pipelineHead struct {
	Spec struct {
		Inputs map[string]struct {
			Description string
			Default     *string
			Regex       string
		}
	}
}

// pipelineJob is a job; the same holds.
type pipelineJob struct {
	Extends, Image, Stage, Timeout string
	Inherit                        struct{ Default []string }
	ResourceGroup                  string `yaml:"resource_group"`
	Interruptible                  *bool
	AllowFailure                   struct {
		ExitCodes []int `yaml:"exit_codes"`
	} `yaml:"allow_failure"`
	Variables    map[string]string
	BeforeScript []string `yaml:"before_script"`
	Script       []string
	Rules        []struct {
		If      string
		Changes []string
	}
	Artifacts struct {
		Name     string
		ExposeAs string `yaml:"expose_as"`
		Paths    []string
		When     string
		ExpireIn string `yaml:"expire_in"`
	}
}

// pipelineFlow is the part of a .gitlab-ci.yml that says which pipelines there are.
type pipelineFlow struct {
	AutoCancel struct {
		OnNewCommit string `yaml:"on_new_commit"`
	} `yaml:"auto_cancel"`
	Rules []struct{ If string }
}

// readPipeline reads both documents of a .gitlab-ci.yml; a word that is not known here is an error.
func readPipeline(text string) (head pipelineHead, flow *pipelineFlow, jobs map[string]pipelineJob, err error) {
	dec := yaml.NewDecoder(strings.NewReader(text))
	dec.KnownFields(true)
	if err := dec.Decode(&head); err != nil {
		return head, nil, nil, err
	}
	var all map[string]yaml.Node
	if err := dec.Decode(&all); err != nil {
		return head, nil, nil, err
	}
	if err := dec.Decode(new(any)); !errors.Is(err, io.EOF) {
		return head, nil, nil, fmt.Errorf("a third document: %w", err)
	}
	strict := func(n yaml.Node, into any) error {
		raw, err := yaml.Marshal(&n)
		if err != nil {
			return err
		}
		dec := yaml.NewDecoder(bytes.NewReader(raw))
		dec.KnownFields(true)
		return dec.Decode(into)
	}
	jobs = map[string]pipelineJob{}
	for name, n := range all {
		if name == "workflow" {
			flow = &pipelineFlow{}
			err = errors.Join(err, strict(n, flow))
			continue
		}
		var j pipelineJob
		err = errors.Join(err, strict(n, &j))
		jobs[name] = j
	}
	return head, flow, jobs, err
}

// hostileInputs are those that would be more than a value once GitLab has pasted them into the file.
var hostileInputs = []string{"a\"", "a'", "a\\", "a\nscript: [id]", "$MERGE_TOKEN", "${MERGE_TOKEN}", "`id`", "$(id)", "a b", "a\tb", "a#b", "$[[ inputs.tag ]]", "{a}", "a|b", "<a>", "é", "\x00"}

// told are inputs as builds send them.
var told = map[string][]string{
	"image": {"", "mojaloop/central-ledger:v19.13.0-infitx.27", "registry.example:5000/team/app@sha256:0123", "ghcr.io/org/app"},
	"chart": {"", "mojaloop"}, "tag": {"", "v1.2.3+build.1", "main@8a213de", "minor-infitx"},
	"upstream": {"", "https://circleci.com/gh/mojaloop/central-ledger/7", "https://ci.example/job/a%20b/7/?x=1&y=(2)~", "https://github.com/o/r/actions/runs/1"},
}

// inspectPipeline says what is wrong with the jobs of a profile at a GitLab.
func inspectPipeline(text string, included bool) []string {
	head, flow, jobs, err := readPipeline(text)
	if err != nil {
		return []string{err.Error()}
	}
	var all []string
	bad := func(wrong bool, format string, args ...any) {
		if wrong {
			all = append(all, fmt.Sprintf(format, args...))
		}
	}
	inputs := head.Spec.Inputs
	for name, values := range told {
		input, there := inputs[name]
		pattern, err := regexp.Compile(input.Regex) // RE2, as at GitLab
		if bad(!there || err != nil || input.Regex == "" || input.Default == nil || *input.Default != "", "the input %s is no optional text with a pattern", name); err != nil {
			continue
		}
		for _, value := range values {
			bad(!pattern.MatchString(value), "the input %s refuses %q", name, value)
		}
		for _, value := range hostileInputs {
			bad(pattern.MatchString(value), "the input %s takes %q", name, value)
		}
	}
	bad(len(inputs) != len(told), "there are %d inputs", len(inputs))
	bad((flow == nil) != included, "which pipelines there are is said where it must not be, or not said")
	bad(flow != nil && flow.AutoCancel.OnNewCommit != "none", "what waits may be cancelled")
	for name, j := range jobs {
		script := strings.Join(slices.Concat(j.BeforeScript, j.Script), "\n")
		bad(strings.Contains(script, "$[["), "%s: an input inside a script", name)
		bad(strings.Contains(script, "$"), "%s: a variable inside a script", name)
		bad(included && name == ".pawl" && !slices.Equal(j.Inherit.Default, []string{"tags"}), "somebody's defaults reach the jobs, or their runner does not")
		if strings.HasPrefix(name, ".") {
			bad(j.Timeout == "", "%s has no timeout", name)
			continue
		}
		bad(j.Extends != ".pawl", "%s does not extend .pawl", name)
		bad(len(j.Rules) == 0, "%s runs in any pipeline", name)
		asks, writes := false, false
		for _, r := range j.Rules {
			asks = asks || strings.Contains(r.If, "merge_request_event")
			writes = writes || !strings.Contains(r.If, "merge_request_event")
			bad(!strings.Contains(r.If, "merge_request_event") && !strings.Contains(r.If, "$CI_COMMIT_BRANCH == "), "%s runs on any branch", name)
		}
		bad(asks && (writes || strings.Contains(script, "pawl run") || strings.Contains(script, "pawl deploy")), "%s may write for a merge request", name)
		bad(len(j.Artifacts.Paths) > 0 && (j.Artifacts.When != "always" || j.Artifacts.ExpireIn == ""), "%s: its page is not always kept, or for ever", name)
		bad(len(j.Artifacts.Paths) > 0 && !strings.Contains(script, "--page "+j.Artifacts.Paths[0]), "%s: nothing writes its page", name)
		bad(asks && len(j.Artifacts.Paths) > 0 && j.Artifacts.ExposeAs == "", "%s: its page is not shown", name)
	}
	run := jobs["pawl"]
	bad(run.ResourceGroup == "" || run.Interruptible == nil || *run.Interruptible, "runs overlap, or are cut off")
	want := map[string]string{"PAWL_IMAGE": "$[[ inputs.image ]]", "PAWL_CHART": "$[[ inputs.chart ]]", "PAWL_TAG": "$[[ inputs.tag ]]", "PAWL_UPSTREAM": "$[[ inputs.upstream ]]"}
	bad(!cmp.Equal(want, run.Variables), "the inputs do not reach the run: %v", run.Variables)
	for _, name := range []string{"pawl-validate", "pawl-plan"} {
		bad(len(jobs[name].Script) == 0, "there is no job %s", name)
	}
	return all
}

// labProfile is a profile at a GitLab, with more files.
func labProfile(more map[string]string) fstest.MapFS {
	files := fstest.MapFS{".git/config": {Data: []byte("[remote \"origin\"]\n\turl = git@gitlab.example:group/profile.git\n")}, ".git/HEAD": {Data: []byte("ref: refs/heads/main\n")},
		"values.yaml": {Data: []byte("image: org/app:v1.0.0\n")}}
	for name, text := range more {
		files[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return files
}

// proposedPipeline is the file of that name that pawl init writes.
func proposedPipeline(t *testing.T, name string, files fstest.MapFS) string {
	t.Helper()
	p, err := scaffold.Propose(files, scaffold.Options{Version: "v1.0.0"})
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(p.Files, func(f scaffold.File) bool { return f.Path == name })
	if i < 0 {
		t.Fatalf("%s is not written", name)
	}
	return string(p.Files[i].Data)
}

// deploying is a workflow that names a project to deploy.
const deploying = "jobs:\n  g:\n    steps: [{run: 'curl -F token=$T https://gitlab.example/api/v4/projects/1/trigger/pipeline', env: {T: '${{ secrets.T }}'}}]\n"

// TestProposedPipelines holds what pawl init writes for a profile at a GitLab against these rules.
func TestProposedPipelines(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		file  string
		files fstest.MapFS
	}{
		"alone":    {".gitlab-ci.yml", labProfile(nil)},
		"deployed": {".gitlab-ci.yml", labProfile(map[string]string{".github/workflows/gitlab.yaml": deploying})},
		"beside":   {".gitlab/pawl.gitlab-ci.yml", labProfile(map[string]string{".gitlab-ci.yml": "lint: {script: make}\n"})},
	} {
		text := proposedPipeline(t, c.file, c.files)
		for _, problem := range inspectPipeline(text, name == "beside") {
			t.Errorf("%s: %s", name, problem)
		}
		if strings.Contains(text, "\npawl-deploy:\n") != (name == "deployed") {
			t.Errorf("%s: %s", name, text)
		}
	}
}

// TestSpoiltPipelines shows that each check can fail.
func TestSpoiltPipelines(t *testing.T) {
	t.Parallel()
	text := proposedPipeline(t, ".gitlab-ci.yml", labProfile(map[string]string{".github/workflows/gitlab.yaml": deploying}))
	for _, c := range []struct{ old, spoilt, want string }{
		{"    - pawl run --page pawl.html\n", "    - pawl run --image \"$[[ inputs.image ]]\"\n", "an input inside a script"},
		{"    - pawl run --page pawl.html\n", "    - pawl run --image \"$PAWL_IMAGE\"\n", "a variable inside a script"},
		{"    - pawl run --page pawl.html\n", "    - pawl run\n", "nothing writes its page"},
		{"image: {description: \"The image that was published\", default: \"\", regex: '^[A-Za-z0-9._:/@+-]*$'}", "image: {default: \"\"}", "the input image is no optional text"},
		{"default: \"\", regex: '^[A-Za-z0-9._:/@+-]*$'}\n    chart", "regex: '^[A-Za-z0-9._:/@+-]*$'}\n    chart", "the input image is no optional text"},
		{"regex: '^[A-Za-z0-9._:/@+-]*$'}\n    chart", "regex: '[A-Za-z0-9._:/@+-]*'}\n    chart", "the input image takes"},
		{"regex: '^[A-Za-z0-9._~:/?&=%@,;()*+-]*$'", "regex: '^[a-z]*$'", "the input upstream refuses"},
		{"    tag: {description: \"Its tag\"", "    tags: {description: \"Its tag\"", "the input tag is no optional text"},
		{"on_new_commit: none", "on_new_commit: conservative", "what waits may be cancelled"},
		{"  resource_group: pawl #", "  # resource_group: pawl #", "runs overlap"},
		{"  interruptible: false\n", "  interruptible: true\n", "runs overlap, or are cut off"},
		{"    when: always\n", "    when: on_success\n", "not always kept"},
		{"    expire_in: 2 weeks\n", "", "not always kept, or for ever"},
		{"    expose_as: pawl plan\n", "", "its page is not shown"},
		{"  timeout: 45 minutes\n", "", "no timeout"},
		{" && $CI_COMMIT_BRANCH == \"main\"\n", "\n", "pawl runs on any branch"},
		{"    - pawl validate\n", "    - pawl run\n", "may write for a merge request"},
		{"    PAWL_TAG: \"$[[ inputs.tag ]]\"\n", "", "the inputs do not reach the run"},
		{"  extends: .pawl\n", "", "does not extend .pawl"},
		{"pawl-plan:\n", "pawl-pan:\n", "there is no job pawl-plan"},
		{"    expire_in: 2 weeks\n", "    expires_in: 2 weeks\n", "field expires_in not found"},
		{"---\n", "", "field"},
	} {
		spoilt := strings.Replace(text, c.old, c.spoilt, 1)
		if spoilt == text {
			t.Errorf("the jobs do not hold %q", c.old)
		}
		if problems := strings.Join(inspectPipeline(spoilt, false), "\n"); !strings.Contains(problems, c.want) {
			t.Errorf("with %q instead of %q: %q, want %q", c.spoilt, c.old, problems, c.want)
		}
	}
	if problems := strings.Join(inspectPipeline(text, true), "\n"); !strings.Contains(problems, "must not be") || !strings.Contains(problems, "defaults reach") {
		t.Errorf("as a file to include: %s", problems)
	}
}

// documentedJobs are the .gitlab-ci.yml files of the documentation.
var documentedJobs = regexp.MustCompile("(?ms)^```yaml\n# \\.gitlab-ci\\.yml\n(.*?)^```$")

// TestDocumentedPipeline holds the file that includes ours: each input has the pattern of ours, and is handed on.
func TestDocumentedPipeline(t *testing.T) {
	t.Parallel()
	shown := documentedJobs.FindAllStringSubmatch(readText(t, "docs/profile-on-gitlab.md"), -1)
	if len(shown) != 1 {
		t.Fatalf("%d files are shown", len(shown))
	}
	const theirs = "lint: {script: make}\n"
	beside := proposedPipeline(t, ".gitlab/pawl.gitlab-ci.yml", labProfile(map[string]string{".gitlab-ci.yml": theirs}))
	ours, _, _, err := readPipeline(beside)
	if err != nil {
		t.Fatal(err)
	}
	var head pipelineHead
	var rest struct {
		Include []struct {
			Local  string
			Inputs map[string]string
		}
	}
	dec := yaml.NewDecoder(strings.NewReader(shown[0][1]))
	if err := errors.Join(dec.Decode(&head), dec.Decode(&rest)); err != nil || len(rest.Include) != 1 || rest.Include[0].Local != ".gitlab/pawl.gitlab-ci.yml" {
		t.Fatalf("%v: %+v", err, rest)
	}
	for name, input := range ours.Spec.Inputs {
		there := head.Spec.Inputs[name]
		if there.Regex != input.Regex || there.Default == nil || rest.Include[0].Inputs[name] != "$[[ inputs."+name+" ]]" {
			t.Errorf("the input %s is %+v, handed on as %q", name, there, rest.Include[0].Inputs[name])
		}
	}
	if len(head.Spec.Inputs) != len(told) {
		t.Errorf("%d inputs", len(head.Spec.Inputs))
	}
	jobs, wrong := asGitLab(t, map[string]string{".gitlab-ci.yml": shown[0][1] + theirs, ".gitlab/pawl.gitlab-ci.yml": beside}, "schedule")
	if diff := cmp.Diff([]string{"lint", "pawl"}, jobs); diff != "" || wrong != "" {
		t.Errorf("%s%s", wrong, diff)
	}
}

// asGitLab reads a profile's pipelines with a program that knows GitLab's schema and evaluates rules: it returns the names of the jobs
// of a pipeline from that source, or says what is wrong. PAWL_GITLAB_CI names the node_modules folder of testdata/gitlab;
// without it the test is skipped, but not where everything must be green.
func asGitLab(t *testing.T, files map[string]string, source string, more ...string) (jobs []string, wrong string) {
	t.Helper()
	modules := tool(t, "PAWL_GITLAB_CI")
	dir := t.TempDir()
	for name, text := range files {
		if err := errors.Join(os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755), os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{{"init", "-q", "-b", "main"}, {"remote", "add", "origin", "git@gitlab.example:group/profile.git"}, {"add", "-A"},
		{"-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-q", "-m", "start"},
		{"update-ref", "refs/remotes/origin/main", "HEAD"}, {"symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main"}} {
		if out, err := exec.CommandContext(t.Context(), "git", append([]string{"-C", dir}, args...)...).CombinedOutput(); err != nil {
			t.Fatalf("git %s: %v: %s", args, err, out)
		}
	}
	cmd := exec.CommandContext(t.Context(), filepath.Join(modules, ".bin", "gitlab-ci-local"), "--list-json", "--variable", "CI_PIPELINE_SOURCE="+source)
	for _, variable := range more {
		cmd.Args = append(cmd.Args, "--variable", variable)
	}
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "HOME="+t.TempDir(), "NO_COLOR=1")
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		return nil, string(out) + errs.String()
	}
	var listed []struct{ Name, When string }
	if i := bytes.Index(out, []byte("\n[")); i >= 0 { // warnings come first
		out = out[i:]
	}
	if err := json.Unmarshal(out, &listed); err != nil || !strings.Contains(errs.String(), "json schema validated") {
		t.Fatalf("%v: %s%s", err, out, errs.String())
	}
	for _, j := range listed {
		if j.When != "never" {
			jobs = append(jobs, j.Name)
		}
	}
	slices.Sort(jobs)
	return jobs, ""
}

// TestPipelinesAsGitLab holds what pawl init writes against GitLab's own schema, and which jobs each pipeline has, in a file of
// its own and included from somebody's; spoilt copies fail.
func TestPipelinesAsGitLab(t *testing.T) {
	t.Parallel()
	const own, beside, theirs = ".gitlab-ci.yml", ".gitlab/pawl.gitlab-ci.yml", "stages: [lint, ship it]\ninclude: [{local: .gitlab/pawl.gitlab-ci.yml}]\ndefault: {before_script: [exit 1], tags: [own]}\nlint: {stage: lint, script: [make]}\n"
	deployed := proposedPipeline(t, own, labProfile(map[string]string{".github/workflows/gitlab.yaml": deploying}))
	for name, c := range map[string]struct {
		files map[string]string
		jobs  map[string][]string
	}{
		"deployed": {map[string]string{own: deployed}, map[string][]string{
			"trigger": {"pawl"}, "merge_request_event": {"pawl-plan", "pawl-validate"}}},
		"beside": {map[string]string{own: theirs, beside: proposedPipeline(t, beside, labProfile(map[string]string{own: theirs}))}, map[string][]string{
			"schedule": {"lint", "pawl"}, "merge_request_event": {"lint", "pawl-plan", "pawl-validate"}}},
	} {
		for source, want := range c.jobs {
			got, wrong := asGitLab(t, c.files, source)
			if diff := cmp.Diff(want, got); diff != "" || wrong != "" {
				t.Errorf("%s, started by %s: %s%s", name, source, wrong, diff)
			}
		}
	}
	for head, want := range map[string][]string{"pawl/update": {"pawl-plan"}, "pawl/update-2": {"pawl-plan"}, "pawl/updates": {"pawl-plan", "pawl-validate"}} {
		got, wrong := asGitLab(t, map[string]string{own: deployed}, "merge_request_event", "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME="+head)
		if diff := cmp.Diff(want, got); diff != "" || wrong != "" {
			t.Errorf("a merge request of %s: %s%s", head, wrong, diff)
		}
	}
	for _, c := range []struct{ old, spoilt, want string }{
		{"    expire_in: 2 weeks\n", "    expires_in: 2 weeks\n", "'expires_in' property is not expected"},
		{"when: always", "when: ever", "artifacts.when"},
		{"on_new_commit: none", "on_new_commit: never", "on_new_commit"},
		{"$[[ inputs.tag ]]", "$[[ inputs.tags ]]", "tags"},
		{"  extends: .pawl\n", "  extends: .paw\n", ".paw is unspecified"},
	} {
		spoilt := strings.Replace(deployed, c.old, c.spoilt, 1)
		if _, wrong := asGitLab(t, map[string]string{own: spoilt}, "schedule"); !strings.Contains(wrong, c.want) || spoilt == deployed {
			t.Errorf("%q instead of %q says %q, want %q", c.spoilt, c.old, wrong, c.want)
		}
	}
}
