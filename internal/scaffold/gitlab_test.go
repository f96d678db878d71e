package scaffold_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/pawl-cd/pawl/internal/config"
	"github.com/pawl-cd/pawl/internal/scaffold"
	"github.com/pawl-cd/pawl/internal/strictyaml"
)

// lab is a profile whose remote is at a GitLab.
func lab(more map[string]string) fstest.MapFS {
	files := map[string]string{
		".git/config":        strings.Replace(origin, "git@github.com:org/profile.git", "git@gitlab.example:group/sub/profile.git", 1),
		".git/HEAD":          "ref: refs/heads/main\n",
		"values.yaml":        "web: {image: {tag: v1.0.0}}\n",
		"manifests/web.yaml": tracked,
	}
	for name, text := range more {
		files[name] = text
	}
	return repository(files)
}

// golden compares a text with a file of testdata, or writes it with PAWL_UPDATE=1.
func golden(t *testing.T, name, text string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if os.Getenv("PAWL_UPDATE") == "1" {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), text); diff != "" {
		t.Errorf("%s: PAWL_UPDATE=1 writes it anew: %s", name, diff)
	}
}

// settled parses a configuration, and proposes for the repository with it.
func settled(t *testing.T, files fstest.MapFS, settings string) scaffold.Proposal {
	t.Helper()
	c, problems := config.Parse(".pawl.yaml", []byte(settings))
	if strictyaml.Failed(problems) {
		t.Fatal(problems)
	}
	p, err := scaffold.Propose(files, scaffold.Options{Version: "v1.2.3", Config: &c})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

const labSettings = "version: 1\nenv: [REGION]\nforge: {kind: gitlab, repository: group/sub/profile, base: stable}\nmerge: {require: none}\n" +
	"deploy: {projects: [{name: env, url: 'https://gitlab.example/api/v4/projects/1/trigger/pipeline', secret: TRIGGER, api: READER}], extraPaths: [more.yaml]}\n" +
	"events: {sinks: [{type: http, url: 'https://events.example', token: SINK}]}\n"

// TestGitLabJobs holds what a profile at a GitLab gets: by its remote alone, by its configuration with something to deploy, and
// beside a .gitlab-ci.yml of somebody's.
func TestGitLabJobs(t *testing.T) {
	t.Parallel()
	p := propose(t, lab(nil))
	golden(t, "gitlab-ci.yml", content(p, ".gitlab-ci.yml"))
	want := "version: 1\nforge: {kind: gitlab, url: 'https://gitlab.example', repository: group/sub/profile, base: main}\n" +
		"# merge.require: [ci], the checks to wait for, or none; without it the pipeline, where the project demands that it succeeds\n" +
		"# deploy.projects: ${PROJECTS}; no workflow here says which GitLab projects deploy this\n"
	if diff := cmp.Diff(want, content(p, ".pawl.yaml")); diff != "" {
		t.Error(diff)
	}

	deploying := settled(t, lab(map[string]string{".gitlab-ci.yml": content(p, ".gitlab-ci.yml")}), labSettings)
	golden(t, "deploying.gitlab-ci.yml", content(deploying, ".gitlab-ci.yml"))
	if said := strings.Join(deploying.Next, "\n"); !strings.Contains(said, "Variables: MERGE_TOKEN, READER, SINK, TRIGGER, protected, and masked where it is a token; REGION, not protected, because merge requests are checked") || !strings.Contains(said, "Pipeline schedules") {
		t.Errorf("to be created: %s", said)
	}
	if deploying.Missing != nil {
		t.Errorf("unknown: %s", notes(deploying.Missing))
	}

	beside := propose(t, lab(map[string]string{".gitlab-ci.yml": "stages: [lint, ship it]\nlint: {stage: lint, script: make lint}\n"}))
	golden(t, "included.gitlab-ci.yml", content(beside, ".gitlab/pawl.gitlab-ci.yml"))
	if content(beside, ".gitlab-ci.yml") != "" || !strings.Contains(beside.Next[0], "add .gitlab/pawl.gitlab-ci.yml to its include") {
		t.Errorf("%s: %s", paths(beside), beside.Next)
	}

	for _, all := range []scaffold.Proposal{p, deploying, beside} {
		if strings.Contains(paths(all), ".github/") {
			t.Errorf("workflows of GitHub's are written: %s", paths(all))
		}
	}
	gated, err := scaffold.Propose(lab(nil), scaffold.Options{Version: "v1.2.3", Gates: true})
	if said := notes(gated.Missing); err != nil || !strings.Contains(said, "gates: pawl init writes no job") || strings.Contains(notes(p.Missing), "gates") {
		t.Errorf("%v: with gates it says %s", err, said)
	}
	for version, want := range map[string]string{"v1.2.3": "cmd/pawl@v1.2.3\n", "(devel)": "# a development version of pawl wrote this"} {
		made, err := scaffold.Propose(lab(nil), scaffold.Options{Version: version})
		if text := content(made, ".gitlab-ci.yml"); err != nil || !strings.Contains(text, want) {
			t.Errorf("%s: %v: %s", version, err, text)
		}
	}
}

// TestGitLabRemotes holds which remotes are at a GitLab.
func TestGitLabRemotes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ remote, file, want string }{
		{"git@gitlab.com:group/profile.git", "", "{kind: gitlab, repository: group/profile, base: main}"},
		{"ssh://git@altssh.gitlab.com:443/group/profile.git", "", "{kind: gitlab, repository: group/profile, base: main}"},
		{"https://user:s3cret@gitlab.example:8443/a/b/c/profile", "", "{kind: gitlab, url: 'https://gitlab.example:8443', repository: a/b/c/profile, base: main}"},
		{"ssh://git@git.example:2222/group/profile.git", ".gitlab-ci.yml", "{kind: gitlab, url: 'https://git.example', repository: group/profile, base: main}"},
		{"ssh://git@git.example:2222/group/profile.git", "", "{base: main}"},
		{"git@github.com:org/profile.git", ".gitlab-ci.yml", "{repository: org/profile, base: main}"},
		{"git@gitlab.example:org/profile.git", ".gitea/workflows/x.yaml", "{kind: gitea, url: 'https://gitlab.example', repository: org/profile, base: main}"},
		{"git@gitlab.example:profile.git", "", "{base: main}"},
		{"git@gitlab.example:group/pro{file}.git", "", "{base: main}"},
	} {
		files := map[string]string{".git/config": strings.Replace(origin, "git@github.com:org/profile.git", c.remote, 1)}
		if c.file != "" {
			files[c.file] = "test: {script: make}\n"
		}
		p := propose(t, lab(files))
		if text := content(p, ".pawl.yaml"); !strings.Contains(text, "forge: "+c.want+"\n") || strings.Contains(text+notes(p.Missing), "s3cret") {
			t.Errorf("%s with %q: %s", c.remote, c.file, text)
		}
	}
}

// TestGitLabPipelineThatIsThere never writes over somebody's jobs, and beside them only what does not run yet.
func TestGitLabPipelineThatIsThere(t *testing.T) {
	t.Parallel()
	const own, beside = ".gitlab-ci.yml", ".gitlab/pawl.gitlab-ci.yml"
	ours := content(propose(t, lab(nil)), own)
	for name, c := range map[string]struct{ there, written, said string }{
		"none":                   {"", own, ""},
		"ours":                   {ours, own, ""},
		"ours, changed":          {strings.Replace(ours, "45 minutes", "2 hours", 1), own, ""},
		"ours, and a job":        {ours + "lint: {script: make}\n", "", "it runs pawl beside other jobs"},
		"ours, and an include":   {ours + "include: [{local: lint.yml}]\n", "", "it runs pawl beside other jobs"},
		"somebody's with pawl":   {"pawl:\n  script:\n    - go run github.com/pawl-cd/pawl/cmd/pawl@v1.2.3 run --image \"$IMAGE\"\nlint: {script: make}\n", "", "beside other jobs"},
		"somebody's":             {"lint: {script: make}\n", beside, "add .gitlab/pawl.gitlab-ci.yml to its include"},
		"somebody's by our name": {"pawl: {script: make}\n", beside, "add .gitlab/pawl.gitlab-ci.yml"},
		"somebody's, included":   {"include:\n  - local: /.gitlab/pawl.gitlab-ci.yml\nlint: {script: !reference [.x, script]}\n", beside, "Pipeline schedules"},
		"included by its path":   {"include: .gitlab/pawl.gitlab-ci.yml\n", beside, "Pipeline schedules"},
		"no YAML":                {"\t{", beside, "cannot be read"},
		"of another project":     {"include: [{project: g/other, file: .gitlab/pawl.gitlab-ci.yml}]\n", beside, "add .gitlab/pawl.gitlab-ci.yml to its include"},
		"names of ours taken":    {".pawl: {tags: [a]}\npawl-plan: {script: make}\n", beside, "its .pawl, pawl-plan would take the place"},
		"empty":                  {"\n", beside, "add .gitlab/pawl.gitlab-ci.yml"},
	} {
		files := map[string]string{}
		if c.there != "" {
			files[own] = c.there
		}
		p := propose(t, lab(files))
		said := strings.Join(p.Next, "\n") + notes(p.Missing)
		if got := strings.TrimSpace(strings.ReplaceAll(strings.ReplaceAll(paths(p), ".pawl.yaml", ""), "  ", " ")); got != c.written || !strings.Contains(said, c.said) {
			t.Errorf("%s: %q is written, want %q; said %s", name, got, c.written, said)
		}
		if included := strings.Contains(c.there, beside) && !strings.Contains(c.there, "project: "); c.written == beside && included == strings.Contains(said, "to its include") {
			t.Errorf("%s: said %s", name, said)
		}
	}
	for there, written := range map[string]bool{"mine: {script: make}\n": false, "pawl-plan: {script: make}\n": false, "\t{": false, "pawl: {script: [pawl run]}\n": true} {
		p := propose(t, lab(map[string]string{own: "lint: {script: make}\n", beside: there}))
		if strings.Contains(paths(p), beside) != written || strings.Contains(notes(p.Missing), "it holds jobs of somebody's") == written {
			t.Errorf("%q stands beside: %s, %s", there, paths(p), notes(p.Missing))
		}
	}
	for stages, want := range map[string]string{"[build, .post]": "build", "[build, '$[[ inputs.stage ]]']": "build", "[.pre, .post]": "", "[a, test, b]": ""} {
		text := content(propose(t, lab(map[string]string{own: "stages: " + stages + "\nlint: {script: make}\n"})), beside)
		if strings.Contains(text, "  stage: ") != (want != "") || want != "" && !strings.Contains(text, "  stage: "+want+"\n") {
			t.Errorf("stages %s: %s", stages, text)
		}
	}
	linked := lab(nil)
	linked[own] = &fstest.MapFile{Data: []byte("elsewhere"), Mode: os.ModeSymlink}
	if p := propose(t, linked); !strings.Contains(paths(p), beside) || !strings.Contains(notes(p.Missing), "symbolic link") {
		t.Errorf("a link: %s, %s", paths(p), notes(p.Missing))
	}
}

// TestGitLabEmpty writes no job before there is a manifest.
func TestGitLabEmpty(t *testing.T) {
	t.Parallel()
	p := propose(t, repository(map[string]string{".git/config": strings.Replace(origin, "github.com", "gitlab.com", 1)}))
	if paths(p) != ".pawl.yaml" || !p.Empty || !strings.Contains(notes(p.Missing), "none is written before there is a manifest") {
		t.Errorf("%s: %s", paths(p), notes(p.Missing))
	}
}

// TestGitLabManyFiles leaves the paths of the deploying job out where GitLab would not take so many.
func TestGitLabManyFiles(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]bool{48: true, 51: false} {
		files := map[string]string{}
		for i := range n {
			files[fmt.Sprintf("manifests/m%02d.yaml", i)] = strings.ReplaceAll(tracked, "values.yaml", fmt.Sprintf("v%02d.yaml", i))
			files[fmt.Sprintf("v%02d.yaml", i)] = "web: {image: {tag: v1.0.0}}\n"
		}
		text := content(settled(t, lab(files), labSettings), ".gitlab-ci.yml")
		_, job, _ := strings.Cut(text, "\npawl-deploy:\n")
		job, _, _ = strings.Cut(job, "\n\n")
		if strings.Contains(job, "changes: ") != want || !strings.Contains(job, "- pawl deploy\n") {
			t.Errorf("%d files: %s", n, job)
		}
	}
}

// TestGitLabOwn does not hold up pawl's own merge request for a manifest with an error that is there already, whatever its branch is called.
func TestGitLabOwn(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"": `/^pawl\/update(-[0-9]+)?$/`, "bots/v1.2-up": `/^bots\/v1\.2-up(-[0-9]+)?$/`, "b\"x": ""} {
		settings := labSettings
		if name != "" {
			settings = strings.Replace(settings, "base: stable", "base: stable, branch: '"+name+"'", 1)
		}
		_, job, _ := strings.Cut(content(settled(t, lab(nil), settings), ".gitlab-ci.yml"), "\npawl-validate:\n")
		job, _, _ = strings.Cut(job, "\n\n")
		if _, pattern, _ := strings.Cut(job, " && $CI_MERGE_REQUEST_SOURCE_BRANCH_NAME !~ "); strings.TrimSpace(pattern) != want || job == "" {
			t.Errorf("%s: %s", name, job)
		}
	}
}

// TestGitLabConsumed starts the deploying job for all that projects consume, as GitLab matches paths; the workflow of a GitHub too.
func TestGitLabConsumed(t *testing.T) {
	t.Parallel()
	const project = "name: env, url: 'https://gitlab.example/api/v4/projects/1/trigger/pipeline', secret: TRIGGER"
	for deploys, want := range map[string]string{
		"projects: [{" + project + "}], extraPaths: [shared, b/, 'charts/**', 'x/*.yaml', cluster.yaml]": "[values.yaml, b, 'b/**/*', 'charts/**/*', cluster.yaml, 'shared/**/*', 'x/*.yaml']",
		"projects: [{" + project + ", paths: [other.yaml, envs/dev/, values.yaml, 'g/**/x.yaml']}]":      "[values.yaml, other.yaml, envs/dev, 'envs/dev/**/*', 'g/**/x.yaml']",
		"projects: [{" + project + ", paths: [.]}]":                                                      "[values.yaml, '**/*']",
		"projects: [{" + project + ", paths: ['a{b}.yaml']}]":                                            "",
		"projects: [{" + project + ", paths: ['$a.yaml']}]":                                              "",
		"projects: '${PROJECTS}'": "",
	} {
		_, after, _ := strings.Cut(labSettings, "deploy: {")
		_, rest, _ := strings.Cut(after, "\n")
		settings := "version: 1\nforge: {kind: gitlab, repository: group/sub/profile}\nmerge: {require: none}\ndeploy: {" + deploys + "}\n" + rest
		files := lab(map[string]string{"shared/a.txt": "a"})
		made := settled(t, files, settings)
		if said := notes(made.Missing); strings.Contains(said, "workflow") || strings.Contains(settings, "PROJECTS") != strings.Contains(said, "create each as a protected variable") {
			t.Errorf("%s: unknown is %s", deploys, said)
		}
		_, job, _ := strings.Cut(content(made, ".gitlab-ci.yml"), "\npawl-deploy:\n")
		job, _, _ = strings.Cut(job, "\n\n")
		if _, got, _ := strings.Cut(job, "changes: "); strings.TrimSpace(got) != want || job == "" {
			t.Errorf("%s: %q, want %q", deploys, got, want)
		}
		files[".git/config"].Data = []byte(origin)
		hub := content(settled(t, files, strings.Replace(settings, "kind: gitlab, repository: group/sub/profile", "repository: org/profile", 1)), ".github/workflows/gitlab.yaml")
		_, list, _ := strings.Cut(hub, "    paths: ")
		if list, _, _ = strings.Cut(list, "\n"); want != "" && list != strings.ReplaceAll(want, "**/*'", "**'") {
			t.Errorf("%s: at a GitHub %q, want %q", deploys, list, want)
		}
	}
}

// FuzzPipeline reads any .gitlab-ci.yml to an end, and never proposes to write over one that has a job of somebody's.
func FuzzPipeline(f *testing.F) {
	for _, seed := range []string{"a: &a {script: pawl run}\nb: *a\n", "spec: {}\n---\npawl: {script: [pawl run]}\n", "include: [a, {local: b}]\nstages: {a: b}\n", "<<: [x]\n", "- pawl run\n", "? {a: b}\n: c\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		files := lab(nil)
		files[".gitlab-ci.yml"] = &fstest.MapFile{Data: data}
		p, err := scaffold.Propose(files, scaffold.Options{Version: "v1.2.3"})
		if err != nil {
			t.Fatal(err)
		}
		if content(p, ".gitlab-ci.yml") != "" && bytes.Contains(data, []byte("\nlint:")) {
			t.Errorf("it would be written over: %q", data)
		}
	})
}
