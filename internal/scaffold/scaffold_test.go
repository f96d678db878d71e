package scaffold_test

import (
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"

	"github.com/pawl-cd/pawl/internal/config"
	"github.com/pawl-cd/pawl/internal/manifest"
	"github.com/pawl-cd/pawl/internal/scaffold"
	"github.com/pawl-cd/pawl/internal/strictyaml"
)

// repository makes a tree from names and contents.
func repository(files map[string]string) fstest.MapFS {
	tree := fstest.MapFS{}
	for name, text := range files {
		tree[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return tree
}

// propose proposes, and holds that what comes out loads without a single problem.
func propose(t *testing.T, tree fstest.MapFS) scaffold.Proposal {
	t.Helper()
	opt := scaffold.Options{Version: "v1.2.3", Commit: "0123456789abcdef0123456789abcdef01234567"}
	if file := tree[".pawl.yaml"]; file != nil {
		c, problems := config.Parse(".pawl.yaml", file.Data)
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		opt.Config = &c
	}
	p, err := scaffold.Propose(tree, opt)
	if err != nil {
		t.Fatal(err)
	}
	written := fstest.MapFS{}
	for _, f := range p.Files {
		if !fs.ValidPath(f.Path) {
			t.Errorf("%s leaves the root", f.Path)
		}
		written[f.Path] = &fstest.MapFile{Data: f.Data}
	}
	if (written[".pawl.yaml"] == nil) != (opt.Config != nil) {
		t.Errorf("a configuration is in force: %v, and one is proposed: %v", opt.Config != nil, written[".pawl.yaml"] != nil)
	}
	if opt.Config != nil {
		written[".pawl.yaml"] = tree[".pawl.yaml"]
	}
	if _, problems := config.Parse(".pawl.yaml", written[".pawl.yaml"].Data); len(problems) > 0 {
		t.Errorf("problems of the configuration: %v\n%s", problems, written[".pawl.yaml"].Data)
	}
	for _, dir := range []string{"manifests", "updatecli.d", ".updatecli", "pawl.d"} {
		if _, err := fs.Stat(written, dir); err != nil {
			continue
		}
		all, err := manifest.Load(written, []string{dir}, manifest.Options{Env: func(string) (string, bool) { return "", false }})
		if err != nil {
			t.Error(err)
		}
		for _, m := range all {
			if len(m.Problems)+len(m.Lint()) > 0 {
				t.Errorf("problems of %s: %v, %v\n%s", m.File, m.Problems, m.Lint(), written[m.File].Data)
			}
		}
	}
	return p
}

// content returns what would be written, empty for nothing.
func content(p scaffold.Proposal, name string) string {
	for _, f := range p.Files {
		if f.Path == name {
			return string(f.Data)
		}
	}
	return ""
}

func paths(p scaffold.Proposal) string {
	var all []string
	for _, f := range p.Files {
		all = append(all, f.Path)
	}
	return strings.Join(all, " ")
}

func notes(list []scaffold.Note) string {
	var b strings.Builder
	for _, n := range list {
		b.WriteString(n.Text + ": " + n.Detail + "\n")
	}
	return b.String()
}

const origin = "[core]\n\tbare = false\n[remote \"origin\"]\n\turl = git@github.com:org/profile.git\n\tfetch = +refs/heads/*:refs/remotes/origin/*\n[branch \"main\"]\n\tremote = origin\n"

// oldUpdate and oldTrigger are workflows of the chain that pawl replaces.
const oldUpdate = `
on:
  push: {branches: [release], paths: [updatecli.d/*]}
jobs:
  update:
    steps:
      - uses: updatecli/updatecli-action@v2
      - run: updatecli apply --config updatecli.d
      - uses: peter-evans/create-pull-request@v7
        with: {labels: "dependencies, cd"}
      - run: gh pr merge --squash --auto "$NUMBER"
`

const oldTrigger = `
on:
  push:
    branches: [main]
    paths: [values.yaml, cluster.yaml, absent.yaml, 'x/**']
jobs:
  gitlab:
    strategy: {matrix: {project: "${{ fromJson(vars.TARGETS) }}"}}
    steps:
      - env: {TOKEN: "${{ secrets[matrix.project.secret] }}"}
        run: |
          curl -X POST -F token=$TOKEN -F ref=main ${{ matrix.project.url }}
`

const tracked = "name: x\nsources:\n  a:\n    kind: dockerimage\n    spec: {image: org/web, versionfilter: ^1.0.0}\ntargets:\n  t:\n    kind: yaml\n    spec: {file: values.yaml, key: $.web.image.tag}\n"

// TestSettings holds the configuration that each kind of repository gets.
func TestSettings(t *testing.T) {
	t.Parallel()
	trigger := func(step string) string { return "jobs:\n  g:\n    steps:\n" + step }
	for name, c := range map[string]struct {
		files map[string]string
		want  string
	}{
		"empty": {nil, "version: 1\n# forge.repository: OWNER/NAME; git knows no remote at GitHub\n" +
			"# merge.require: [ci], the checks to wait for, or none; without it those that the branch's protection requires\n" +
			"# deploy.projects: ${PROJECTS}; no workflow here says which GitLab projects deploy this\n"},
		"the old chain": {map[string]string{
			".git/config": origin, ".git/HEAD": "ref: refs/heads/some-work\n", "cluster.yaml": "a: 1\n", "values.yaml": "web: {image: {tag: v1.0.0}}\n",
			"updatecli.d/web.yaml": tracked, ".github/workflows/a.yaml": oldUpdate, ".github/workflows/b.yml": oldTrigger,
		}, "version: 1\nforge: {repository: org/profile, base: release, labels: [dependencies, cd]}\n" +
			"# merge.require: [ci], the checks to wait for, or none; without it those that the branch's protection requires\n" +
			"deploy:\n  projects: ${TARGETS}\n  extraPaths: [cluster.yaml]\n"},
		"merged without waiting": {map[string]string{
			".git/config": origin, ".git/refs/remotes/origin/HEAD": "ref: refs/remotes/origin/trunk\n",
			".github/workflows/a.yaml": strings.Replace(oldUpdate, "--squash --auto", "--rebase", 1), ".github/workflows/t.yaml": "on: pull_request\njobs: {lint: {steps: []}}\n",
		}, "version: 1\nforge: {repository: org/profile, base: trunk, labels: [dependencies, cd]}\n" +
			"merge: {method: rebase, require: none} # as the old workflow, which waited for no check\n" +
			"# deploy.projects: ${PROJECTS}; no workflow here says which GitLab projects deploy this\n"},
		"checks": {map[string]string{
			".git/config": origin, ".git/HEAD": "ref: refs/heads/main\n", ".circleci/config.yml": "jobs: {build: {}}\n",
			".github/workflows/t.yaml": "on: [pull_request]\njobs: {lint: {steps: []}, t: {name: 'unit tests'}, m: {strategy: {matrix: {a: [1]}}}, e: {name: '${{ x }}'}}\n",
		}, "version: 1\nforge: {repository: org/profile, base: main}\n" +
			"# merge.require: ['ci/circleci: build', lint, unit tests], the checks to wait for, or none; without it those that the branch's protection requires\n" +
			"# deploy.projects: ${PROJECTS}; no workflow here says which GitLab projects deploy this\n"},
		"an endpoint in the command": {map[string]string{".github/workflows/b.yaml": trigger(
			"      - env: {DEV: '${{ secrets.TOKEN_DEV }}'}\n        run: curl -F \"token=$DEV\" -F ref=deploy https://gitlab.example/api/v4/projects/a%2Fb/trigger/pipeline\n")},
			"version: 1\n# forge.repository: OWNER/NAME; git knows no remote at GitHub\n" +
				"# merge.require: [ci], the checks to wait for, or none; without it those that the branch's protection requires\n" +
				"deploy:\n  projects:\n    - {name: b, url: 'https://gitlab.example/api/v4/projects/a%2Fb/trigger/pipeline', secret: DEV}\n  ref: deploy\n"},
		"a loop over a variable": {map[string]string{".github/workflows/b.yaml": trigger(
			"      - env: {PROJECTS: '${{ vars.CD_PROJECTS }}', DEV: '${{ secrets.TOKEN_DEV }}'}\n        run: |\n          jq -r '.[]' <<<\"$PROJECTS\" | while read p; do curl -F token=$DEV \"$url/trigger/pipeline\"; done\n")},
			"version: 1\n# forge.repository: OWNER/NAME; git knows no remote at GitHub\n" +
				"# merge.require: [ci], the checks to wait for, or none; without it those that the branch's protection requires\n" +
				"deploy:\n  projects: ${CD_PROJECTS}\n"},
		"a list in the matrix": {map[string]string{".github/workflows/b.yaml": "jobs:\n  g:\n    strategy:\n      matrix:\n        project:\n" +
			"          - {name: dev, url: 'https://gitlab.example/api/v4/projects/19/trigger/pipeline', secret: TOKEN_DEV, paths: [a.yaml]}\n" +
			"    steps: [{run: 'curl -F token=$T ${{ matrix.project.url }}'}]\n"},
			"version: 1\n# forge.repository: OWNER/NAME; git knows no remote at GitHub\n" +
				"# merge.require: [ci], the checks to wait for, or none; without it those that the branch's protection requires\n" +
				"deploy:\n  projects:\n    - {name: dev, url: 'https://gitlab.example/api/v4/projects/19/trigger/pipeline', secret: TOKEN_DEV, paths: [a.yaml]}\n"},
		"variables of manifests": {map[string]string{".updatecli/a.yaml": strings.Replace(tracked, "org/web", "'{{ requiredEnv \"REGION\" }}/web'", 1),
			".updatecli/b.yaml": "sources:\n  a:\n    kind: githubrelease\n    spec:\n      owner: o\n      repository: r\n      token: '{{ requiredEnv \"GHE_TOKEN\" }}'\n      url: https://git.example/api/v3\n      versionfilter: ^1.0.0\ntargets: {t: {kind: yaml, spec: {file: v.yaml, key: $.a}}}\n",
			".updatecli/c.yaml": "sources: {a: {kind: githubrelease, spec: {owner: o, repository: r, token: '{{ requiredEnv \"FLOW_TOKEN\" }}', url: 'https://flow.example/api/v3', versionfilter: ^1.0.0}}}\ntargets: {t: {kind: yaml, spec: {file: v.yaml, key: $.b}}}\n"},
			"version: 1\nenv: [REGION]\nsecrets: {FLOW_TOKEN: flow.example, GHE_TOKEN: git.example}\n# forge.repository: OWNER/NAME; git knows no remote at GitHub\n" +
				"# merge.require: [ci], the checks to wait for, or none; without it those that the branch's protection requires\n" +
				"# deploy.projects: ${PROJECTS}; no workflow here says which GitLab projects deploy this\n"},
		"values of manifests": {map[string]string{"updatecli/values.yaml": "git: {token: GHE_TOKEN}\nregion: REGION\nowner: o\n",
			"updatecli/updatecli.d/b.yaml": "sources:\n  a:\n    kind: githubrelease\n    spec:\n      owner: {{ .owner }}\n      repository: {{ requiredEnv .region }}\n      token: {{ requiredEnv .git.token }}\n      url: https://git.example/api/v3\n      versionfilter: ^1.0.0\ntargets: {t: {kind: yaml, spec: {file: v.yaml, key: $.a}}}\n"},
			"version: 1\nenv: [REGION]\nvalues: [updatecli/values.yaml]\nsecrets: {GHE_TOKEN: git.example}\n# forge.repository: OWNER/NAME; git knows no remote at GitHub\n" +
				"# merge.require: [ci], the checks to wait for, or none; without it those that the branch's protection requires\n" +
				"# deploy.projects: ${PROJECTS}; no workflow here says which GitLab projects deploy this\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(c.want, content(propose(t, repository(c.files)), ".pawl.yaml")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestWorkflows holds the templates against the workflows of this repository: they differ in these lines and in no other.
func TestWorkflows(t *testing.T) {
	t.Parallel()
	p := propose(t, repository(map[string]string{
		".git/config": origin, "cluster.yaml": "a: 1\n", "values.yaml": "web: {image: {tag: v1.0.0}}\n", "updatecli/updatecli.d/web.yaml": tracked, "updatecli/values.yaml": "a: 1\n",
		".github/workflows/a.yaml": oldUpdate, ".github/workflows/b.yml": strings.Replace(oldTrigger, "secrets[matrix.project.secret]", "secrets.DEV", 1),
	}))
	want := map[string]string{
		".github/workflows/docker-image.yaml": `
-# it. This repository builds pawl from source; ` + "`pawl init`" + ` writes the same workflow with a release in it.
+# it.
-    branches: [main]
-    paths: ["manifests/**", ".pawl.yaml"]
+    branches: [release]
+    paths: ['updatecli/updatecli.d/**', '.pawl.yaml']
-    env:
-      PAWL: ./cmd/pawl
-      - uses: actions/setup-go@d35c59abb061a4a6fb18e82ac0862c26744d6ab5 # v5.5.0
-        with:
-          go-version: "1.26"
-      - run: go install "$PAWL"
-      - run: pawl run --page pawl.html
+      - uses: pawl-cd/pawl@0123456789abcdef0123456789abcdef01234567 # v1.2.3
+        with: {version: 1.2.3, command: 'run --manifests updatecli/updatecli.d --page pawl.html'}
-          # [{"name": "dev", "secret": "TOKEN_DEV", "url": ".../trigger/pipeline"}]
-          PROJECTS: ${{ vars.PROJECTS }}
-          # One line for each secret that PROJECTS names.
-          TOKEN_DEV: ${{ secrets.TOKEN_DEV }}
+          TARGETS: ${{ vars.TARGETS }}
+          TOKEN: ${{ secrets.DEV }}
`,
		".github/workflows/gitlab.yaml": `
-# A pipeline that a run has fired for the same commit is not fired again. This repository builds pawl from
-# source; ` + "`pawl init`" + ` writes the same workflow with a release in it. The paths are those that projects deploy.
+# A pipeline that a run has fired for the same commit is not fired again. The paths are
+# those that the projects deploy.
-    branches: [main]
-    paths: ["profiles/**"]
+    branches: [release]
+    paths: [values.yaml, cluster.yaml]
-    env:
-      PAWL: ./cmd/pawl
-      - uses: actions/setup-go@d35c59abb061a4a6fb18e82ac0862c26744d6ab5 # v5.5.0
-        with:
-          go-version: "1.26"
-      - run: go install "$PAWL"
-      - run: pawl deploy
+      - uses: pawl-cd/pawl@0123456789abcdef0123456789abcdef01234567 # v1.2.3
+        with: {version: 1.2.3, command: 'deploy --manifests updatecli/updatecli.d'}
-          PROJECTS: ${{ vars.PROJECTS }}
-          # One line for each secret that PROJECTS names.
-          TOKEN_DEV: ${{ secrets.TOKEN_DEV }}
+          TARGETS: ${{ vars.TARGETS }}
+          TOKEN: ${{ secrets.DEV }}
`,
	}
	for name, lines := range want {
		if diff := cmp.Diff(strings.TrimPrefix(lines, "\n"), changed(own(t, name), content(p, name))); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	if diff := cmp.Diff([]string{"updatecli/updatecli.d"}, p.Manifests); diff != "" {
		t.Error(diff)
	}
}

// TestPins holds that the templates use the actions of the workflows of this repository, at their commits.
func TestPins(t *testing.T) {
	t.Parallel()
	uses := regexp.MustCompile(`(?m)^ *- uses: actions/.*$`)
	for template, workflow := range map[string]string{"update.yaml.tmpl": "docker-image.yaml", "deploy.yaml.tmpl": "gitlab.yaml"} {
		want := uses.FindAllString(own(t, ".github/workflows/"+workflow), -1)
		got := uses.FindAllString(own(t, "internal/scaffold/templates/"+template), -1)
		if diff := cmp.Diff(want, got); diff != "" || len(want) < 2 {
			t.Errorf("%s, of %d actions (-%s +template):\n%s", template, len(want), workflow, diff)
		}
	}
}

// TestDevelopment holds that what is no release is built from source, and that a release without a known commit is named
// by its tag.
func TestDevelopment(t *testing.T) {
	t.Parallel()
	values := repository(map[string]string{"v.yaml": "image: org/a:v1.0.0\n"})
	for version, want := range map[string][2]string{
		"v1.2.3":                             {"      - uses: pawl-cd/pawl@v1.2.3\n        with: {version: 1.2.3, command: 'run --page pawl.html'}\n", "go install"},
		"(devel)":                            {"      PAWL: github.com/pawl-cd/pawl/cmd/pawl@latest\n", "pawl-cd/pawl@v"},
		"v0.0.0-20260101000000-0123456789ab": {"      - run: pawl run --page pawl.html\n", "pawl-cd/pawl@v"},
	} {
		p, err := scaffold.Propose(values, scaffold.Options{Version: version})
		if text := content(p, ".github/workflows/docker-image.yaml"); err != nil || !strings.Contains(text, want[0]) || strings.Contains(text, want[1]) {
			t.Errorf("%s: %v\n%s", version, err, text)
		}
	}
}

// TestSettled holds that the configuration in force answers first, that it is not proposed, and that what it lacks is
// said.
func TestSettled(t *testing.T) {
	t.Parallel()
	files := map[string]string{
		".git/config": origin, "cluster.yaml": "a: 1\n", "values.yaml": "web: {image: {tag: v1.0.0}}\n", "updatecli.d/web.yaml": tracked,
		".github/workflows/docker-image.yaml": oldUpdate, ".github/workflows/gitlab.yaml": oldTrigger,
		".pawl.yaml": "version: 1\nenv: [REGION]\nsecrets: {GHE: git.example}\nforge: {repository: other/profile, base: stable}\nmerge: {require: none}\n" +
			"deploy: {projects: [{name: dev, url: 'https://gitlab.example/api/v4/projects/1/trigger/pipeline', secret: TOKEN_DEV, api: API_DEV}], extraPaths: [more.yaml], wait: 5m}\n" +
			"events: {sinks: [{type: http, url: 'https://events.example', token: SINK, hmac: KEY}]}\n",
	}
	p := propose(t, repository(files))
	if diff := cmp.Diff([]string{"forge: {labels: [dependencies, cd]}", "deploy: {extraPaths: [cluster.yaml]}"}, p.Additions); diff != "" {
		t.Error(diff)
	}
	if found := notes(p.Found); !strings.Contains(found, "repository other/profile: .pawl.yaml\nbase branch stable: .pawl.yaml\n") || strings.Contains(found, "TARGETS") {
		t.Errorf("found %s", found)
	}
	if p.Missing != nil {
		t.Errorf("unknown: %s", notes(p.Missing))
	}
	image, push := content(p, ".github/workflows/docker-image.yaml"), content(p, ".github/workflows/gitlab.yaml")
	for _, want := range []string{"branches: [stable]", "REGION: ${{ vars.REGION }}", "GHE: ${{ secrets.GHE }}", "TOKEN_DEV: ${{ secrets.TOKEN_DEV }}", "API_DEV: ${{ secrets.API_DEV }}", "SINK: ${{ secrets.SINK }}", "KEY: ${{ secrets.KEY }}"} {
		if !strings.Contains(image, want) {
			t.Errorf("the workflow lacks %q: %s", want, image)
		}
	}
	for _, want := range []string{"branches: [stable]", "paths: [values.yaml, cluster.yaml, more.yaml]", "TOKEN_DEV: ${{ secrets.TOKEN_DEV }}", "SINK: ${{ secrets.SINK }}"} {
		if !strings.Contains(push, want) {
			t.Errorf("the workflow lacks %q: %s", want, push)
		}
	}

	// A second look at what was written keeps a secret of another name, and finds nothing to change.
	files[".github/workflows/docker-image.yaml"], files[".github/workflows/gitlab.yaml"] = strings.Replace(image, "secrets.SINK", "secrets.SINK_2", 1), strings.Replace(push, "secrets.SINK", "secrets.SINK_2", 1)
	p = propose(t, repository(files))
	for name, now := range map[string]string{".github/workflows/docker-image.yaml": "runs pawl", ".github/workflows/gitlab.yaml": "deploys with pawl"} {
		if content(p, name) != files[name] {
			t.Errorf("%s: %s", name, cmp.Diff(files[name], content(p, name)))
		}
		for _, f := range p.Files {
			if f.Path == name && f.Now != now {
				t.Errorf("%s %s", name, f.Now)
			}
		}
	}

	files[".pawl.yaml"] = "version: 1\n"
	files[".github/workflows/docker-image.yaml"], files[".github/workflows/gitlab.yaml"] = strings.Replace(oldUpdate, " --auto", "", 1), oldTrigger
	p = propose(t, repository(files))
	want := []string{"forge: {repository: org/profile}", "forge: {base: release}", "forge: {labels: [dependencies, cd]}",
		"merge: {require: none}, as the old workflow, which waited for no check", "deploy: {projects: '${TARGETS}'}", "deploy: {extraPaths: [cluster.yaml]}"}
	if diff := cmp.Diff(want, p.Additions); diff != "" {
		t.Error(diff)
	}
}

// TestSharedVariables holds that a variable which the configuration names several times has one line.
func TestSharedVariables(t *testing.T) {
	t.Parallel()
	const endpoint = "'https://gitlab.example/api/v4/projects/1/trigger/pipeline'"
	for _, projects := range []string{"'${ALL}'", "[{name: dev, url: " + endpoint + ", secret: ALL, api: ALL}, {name: qa, url: " + endpoint + ", secret: ALL}]"} {
		p := propose(t, repository(map[string]string{
			"values.yaml": "image: org/a:v1.0.0\n",
			".pawl.yaml": "version: 1\nenv: [ALL, GITHUB_TOKEN]\nsecrets: {ALL: git.example, MERGE_TOKEN: git.example}\ndeploy: {projects: " + projects + "}\n" +
				"events: {sinks: [{type: http, url: 'https://a.example', token: ALL, hmac: ALL}, {type: http, url: 'https://b.example', token: GITHUB_TOKEN}]}\n",
		}))
		for name, want := range map[string]int{".github/workflows/docker-image.yaml": 1, ".github/workflows/gitlab.yaml": 1} {
			text := content(p, name)
			var w map[string]any
			if err := yaml.Unmarshal([]byte(text), &w); err != nil || strings.Count(text, " ALL: ") != want || strings.Count(text, " GITHUB_TOKEN: ") != 1 {
				t.Errorf("%s with %s: %v\n%s", name, projects, err, text)
			}
		}
	}
}

// TestTakenNames holds that a workflow which does something else is never replaced.
func TestTakenNames(t *testing.T) {
	t.Parallel()
	const build, runs = "on: push\njobs: {build: {steps: [{run: docker build .}]}}\n", "on: push\njobs: {a: {steps: [{run: pawl run}]}}\n"
	const dir = ".github/workflows/"
	for name, c := range map[string]struct {
		files             map[string]string
		paths, said, next string
	}{
		"none":              {nil, dir + "docker-image.yaml", "", ""},
		"Updatecli's":       {map[string]string{"docker-image.yaml": oldUpdate}, dir + "docker-image.yaml", "", ""},
		"an image is built": {map[string]string{"docker-image.yaml": build}, dir + "pawl.yaml", "", "pawl dispatch --workflow pawl.yaml"},
		"built, triggers":   {map[string]string{"docker-image.yaml": strings.Replace(oldTrigger, "- env", "- run: docker build .\n      - env", 1)}, dir + "pawl.yaml " + dir + "gitlab.yaml", dir + "docker-image.yaml: it triggers GitLab as well", "pawl dispatch --workflow pawl.yaml"},
		"broken":            {map[string]string{"docker-image.yaml": "- ["}, dir + "pawl.yaml", "docker-image.yaml: cannot be read", "--workflow pawl.yaml"},
		"both are taken":    {map[string]string{"docker-image.yaml": build, "pawl.yaml": build}, "", "the workflow that updates: the names docker-image.yaml and pawl.yaml are taken", ""},
		"pawl's own":        {map[string]string{"docker-image.yaml": build, "update.yaml": runs}, dir + "update.yaml", "", "--workflow update.yaml"},
		"pawl's action":     {map[string]string{"update.yaml": strings.Replace(runs, "run: pawl run", "uses: pawl-cd/pawl@v1", 1)}, dir + "update.yaml", "", "--workflow update.yaml"},
		"another beside":    {map[string]string{"updatecli.yaml": oldUpdate}, dir + "docker-image.yaml", dir + "updatecli.yaml: it opens pull requests as well", ""},
		"GitLab":            {map[string]string{"gitlab.yaml": build, "t.yaml": oldTrigger}, dir + "docker-image.yaml " + dir + "pawl-deploy.yaml", dir + "t.yaml: it triggers GitLab as well", ""},
		"GitLab twice":      {map[string]string{"gitlab.yaml": build, "pawl-deploy.yaml": build, "t.yaml": oldTrigger}, dir + "docker-image.yaml", "the workflow that deploys: the names", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			files := map[string]string{"values.yaml": "image: org/a:v1.0.0\n"}
			for name, text := range c.files {
				files[dir+name] = text
			}
			p := propose(t, repository(files))
			if got := strings.TrimSpace(strings.TrimPrefix(paths(p), ".pawl.yaml manifests/a.yaml")); got != c.paths {
				t.Errorf("proposed %s, want %s", got, c.paths)
			}
			if next := strings.Join(p.Next, "\n"); !strings.Contains(next, c.next) || c.next == "" && next != "" {
				t.Errorf("next %q, want %q", next, c.next)
			}
			if said := notes(p.Missing); !strings.Contains(said, c.said) || c.said == "" && strings.Contains(said, "workflow that") {
				t.Errorf("said %s, want %q", said, c.said)
			}
		})
	}
}

// own returns a workflow of this repository.
func own(t testing.TB, name string) string {
	t.Helper()
	data, err := os.ReadFile("../../" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// changed lists the lines that only one of two texts has, in order, those of a before those of b wherever they differ.
func changed(a, b string) string {
	var out strings.Builder
	x, y := strings.SplitAfter(a, "\n"), strings.SplitAfter(b, "\n")
	for len(x)+len(y) > 0 {
		i, j := meet(x, y)
		for _, line := range x[:i] {
			out.WriteString("-" + line)
		}
		for _, line := range y[:j] {
			out.WriteString("+" + line)
		}
		x, y = x[min(i+1, len(x)):], y[min(j+1, len(y)):]
	}
	return out.String()
}

// meet returns the first places from where both go on alike.
func meet(x, y []string) (int, int) {
	for sum := 0; sum <= len(x)+len(y); sum++ {
		for i := 0; i <= sum; i++ {
			if j := sum - i; i < len(x) && j < len(y) && x[i] == y[j] {
				return i, j
			}
		}
	}
	return len(x), len(y)
}

// TestDirectories holds where new manifests go, and what pawl has to be told.
func TestDirectories(t *testing.T) {
	t.Parallel()
	const values, kubernetes = "new: {image: {repository: org/new, tag: v1.0.0}}\n", "apiVersion: v1\nkind: Service\n"
	for name, c := range map[string]struct {
		files map[string]string
		paths string
		flags []string
	}{
		"nothing there":        {map[string]string{}, "manifests/new.yaml", nil},
		"beside the others":    {map[string]string{".updatecli/x.yaml": tracked}, ".updatecli/new.yaml", nil},
		"manifests of another": {map[string]string{"manifests/svc.yaml": kubernetes}, "updatecli.d/new.yaml", []string{"updatecli.d"}},
		"both are taken":       {map[string]string{"manifests/svc.yaml": kubernetes, "updatecli.d/x.yaml": "a: 1\n"}, "pawl.d/new.yaml", []string{"pawl.d"}},
		"two directories":      {map[string]string{"manifests/x.yaml": tracked, "updatecli.d/y.yaml": tracked}, "manifests/new.yaml", []string{"manifests", "updatecli.d"}},
		"hidden by another":    {map[string]string{"manifests/svc.yaml": kubernetes, "updatecli.d/y.yaml": tracked}, "updatecli.d/new.yaml", []string{"updatecli.d"}},
		"of Updatecli's own":   {map[string]string{"updatecli/x.yaml": tracked}, "updatecli/new.yaml", []string{"updatecli"}},
		"the name is taken":    {map[string]string{"manifests/new.yml": tracked}, "manifests/new-2.yaml", nil},
		"an empty one":         {map[string]string{"manifests/README.md": "x", "updatecli.d/x.yaml": tracked}, "updatecli.d/new.yaml", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if c.files["values.yaml"] == "" {
				c.files["values.yaml"] = values
			}
			p := propose(t, repository(c.files))
			if !strings.Contains(paths(p), c.paths+" ") || !slices.Equal(p.Manifests, c.flags) {
				t.Errorf("%s with --manifests %v, want %s with %v", paths(p), p.Manifests, c.paths, c.flags)
			}
		})
	}
}

// TestImages holds which values get a manifest, which not, and what is said.
func TestImages(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ values, found, said string }{
		"repository and tag": {"a: {image: {repository: org/a, tag: v1.2.3}}\n", "org/a ^1.0.0 $.a.image.tag", ""},
		"registry":           {"a: {image: {registry: ghcr.io/, repository: org/a, tag: v1.2.3}}\n", "ghcr.io/org/a ^1.0.0 $.a.image.tag", ""},
		"Docker Hub":         {"a: {image: {registry: docker.io, repository: library/redis, tag: 7.0.1}}\n", "redis ^7.0.0 $.a.image.tag", ""},
		"name and version":   {"image: {name: org/a, version: v0.3.1}\n", "org/a ~0.3 $.image.version", ""},
		"image and tag":      {"a: {image: org/a, tag: v1.2.3}\n", "org/a ^1.0.0 $.a.tag", ""},
		"one text":           {"simulatorImage: org/a:v1.2.3\n", "org/a ^1.0.0 $.simulatorImage", ""},
		"a port":             {"image: localhost:5000/app:v1.2.3\n", "localhost:5000/app ^1.0.0 $.image", ""},
		"kustomize":          {"images: [{name: x, newName: org/a, newTag: v1.2.3}]\n", "org/a ^1.0.0 $.images[?(@.name=='x')].newTag", ""},
		"a container":        {"containers: [{name: web, image: org/a:v1.2.3}, {name: log}]\n", "org/a ^1.0.0 $.containers[?(@.name=='web')].image", ""},
		"an image in a list": {"apps: [{name: web, image: {repository: org/a, tag: v1.2.3}}]\n", "org/a ^1.0.0 $.apps[?(@.name=='web')].image.tag", ""},
		"a quote in a name":  {"apps: [{name: it's, image: org/a:v1.2.3}]\n", `org/a ^1.0.0 $.apps[?(@.name=="it's")].image`, ""},
		"a number as a name": {"apps: [{name: 1, id: x, image: org/a:v1.2.3}]\n", "org/a ^1.0.0 $.apps[?(@.name==1)].image", ""},
		"a second identity":  {"apps: [{name: a, repository: org/a, tag: v1.2.3}, {name: a, repository: org/b}]\n", "org/a ^1.0.0 $.apps[?(@.repository=='org/a')].tag", ""},
		"no name":            {"apps: [{image: org/a:v1.2.3}]\n", "org/a ^1.0.0 $.apps[?(@.image=~/^org\\/a:/)].image", ""},
		"the same name":      {"apps: [{name: a, image: org/a:v1.2.3}, {name: a}]\n", "org/a ^1.0.0 $.apps[?(@.image=~/^org\\/a:/)].image", ""},
		"a list of texts":    {"images: [org/a:v1.2.3]\n", "", ""},
		"a list of a list":   {"a: [[{name: x, image: org/a:v1.2.3}]]\n", "", "has no name of its own"},
		"pinned":             {"image: {repository: org/a, tag: 'v1.2.3@sha256:00'}\n", "org/a ^1.0.0 $.image.tag", ""},
		"sealed by SOPS":     {"image: org/a:v1.2.3\nsops: {mac: 'ENC[x]'}\n", "", "1 file encrypted by SOPS"},
		"a counted channel":  {"image: org/a:v1.2.3-infitx.4\n", "org/a ^1.0.0-infitx.0 in channel infitx $.image", ""},
		"a candidate":        {"image: org/a:v1.2.3-rc.1\n", "org/a ^1.0.0-rc.0 $.image", ""},
		"a variant":          {"image: 'org/a:1.2.3-alpine3.18'\n", "org/a like 1.x $.image", ""},
		"an odd key":         {"'a''.b\"': {image: org/a:v1.2.3}\n", `org/a ^1.0.0 $['a\'.b"'].image`, ""},
		"an anchor":          {"a: &x {image: {repository: org/a, tag: v1.2.3}}\nb: *x\n", "org/a ^1.0.0 $.a.image.tag", ""},
		"a chart":            {"dependencies: [{name: a, repository: 'https://charts.example', version: 1.2.3}]\n", "", ""},
		"no tag":             {"image: {repository: org/a, tag: ''}\n", "", ""},
		"no image said":      {"a: {image: {tag: v1.2.3}}\n", "", "which image the tag v1.2.3 belongs to is not said"},
		"latest":             {"image: org/a:latest\n", "", "1 tag without a version to go on from, such as latest, a branch or a hash: values.yaml $.image latest"},
		"two parts":          {"image: {repository: org/a, tag: 1.20}\n", "org/a like 1.x $.image.tag", ""},
		"an odd prerelease":  {"image: org/a:v1.2.3-rc11\n", "org/a like 1.x $.image", ""},
		"a digest":           {"image: org/a:v1.2.3@sha256:00\n", "org/a ^1.0.0 $.image", ""},
		"a digest alone":     {"image: org/a@sha256:00\n", "", "1 image pinned by a digest without a tag: values.yaml $.image"},
		"a moving digest":    {"image: org/a:latest@sha256:00\n", "org/a the digest of latest $.image", ""},
		"a hash":             {"image: org/a:develop-ccf1ce5\n", "", "1 tag without a version"},
		"a template":         {"image: {repository: '{{ x }}/a', tag: v1.2.3}\n", "", "1 version or file with templates or variables: values.yaml $.image.tag"},
		"a path":             {"image: ../../etc/passwd:v1.2.3\n", "", "reading image"},
		"a hidden name":      {"image: {repository: acme/.pawl, tag: v1.2.3}\n", "", "reading image"},
		"two documents":      {"image: org/a:v1.2.3\n---\nimage: org/a:v1.2.3\n", "", "no key leads to this place alone"},
		"a tag elsewhere":    {"t: &t v1.2.3\nimage: {repository: org/a, tag: *t}\n", "org/a ^1.0.0 $.t", ""},
		"one tag of two":     {"t: &t v1.2.3\na: {image: {repository: org/a, tag: *t}}\nb: {image: {repository: org/b, tag: *t}}\n", "", "it is the version of org/a and of org/b"},
		"a merged map":       {"d: &d {repository: org/a}\na: {image: {<<: *d, tag: v1.2.3}}\n", "org/a ^1.0.0 $.a.image.tag", ""},
		"a bare name":        {"image: mine:v1.2.3\n", "", "mine names no registry"},
		"an official image":  {"image: redis:7.0.1\n", "redis ^7.0.0 $.image", ""},
		"built by compose":   {"services: {web: {build: ., image: 'org/a:v1.2.3'}}\n", "", "1 image that its compose file builds: values.yaml $.services.web.image"},
		"a variable":         {"env: [{name: RUNNER_IMAGE, value: 'org/a:v1.2.3'}]\n", "org/a ^1.0.0 $.env[?(@.name=='RUNNER_IMAGE')].value", ""},
		"a list of images":   {"l: [{image: 'org/b:v1.2'}, {image: 'org/a:v1.2.3'}]\n", "org/b like 1.x $.l[?(@.image=~/^org\\/b:/)].image", ""},
		"no name in a list":  {"l: [{image: 'org/a:v1.2.3'}, {image: 'org/a:v1.2.4'}]\n", "", "no name of its own"},
		"twice the key":      {"image: {repository: org/a, tag: v1.2.3, tag: v1.2.4}\n", "", "once"},
		"broken":             {"a: [\n", "", "values.yaml: cannot be read"},
		"tracked":            {"x: {image: org/web:v1.2.3}\nweb: {image: {tag: v1.0.0}}\n", "", "org/web is tracked by manifests/web.yaml"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			files := map[string]string{"values.yaml": c.values}
			if name == "tracked" {
				files["manifests/web.yaml"] = tracked
			}
			p := propose(t, repository(files))
			found := ""
			for _, f := range p.Files {
				if strings.HasPrefix(f.Path, "manifests/") && f.Tracks != "" {
					all, err := manifest.Load(fstest.MapFS{f.Path: {Data: f.Data}}, nil, manifest.Options{})
					if err != nil || len(all) != 1 {
						t.Fatal(err)
					}
					found = f.About + " " + all[0].Targets[0].Key.String()
				}
			}
			if found != c.found {
				t.Errorf("found %q, want %q", found, c.found)
			}
			said := values.FindAllString(notes(p.Missing)+notes(p.Left), -1)
			if c.said == "" && len(said) > 0 || c.said != "" && (len(said) != 1 || !strings.Contains(said[0], c.said)) {
				t.Errorf("said %q, want %q", said, c.said)
			}
		})
	}
}

// values is what is said of the values file.
var values = regexp.MustCompile(`(?m)^.*values\.yaml.*$`)

// TestOneImage holds how several places of one image share manifests.
func TestOneImage(t *testing.T) {
	t.Parallel()
	p := propose(t, repository(map[string]string{
		"east/values.yaml":          "web: {image: {repository: org/web, tag: v1.0.0}}\n",
		"west/values.yaml":          "web: {image: {repository: docker.io/org/web, tag: v1.1.0}}\n",
		"next/values.yaml":          "web: {image: {repository: org/web, tag: v2.0.0-rc.1}}\nb: {image: other/web:v1.0.0}\n",
		"west/templates/x.yaml":     "web: {image: {repository: org/web, tag: v1.1.0}}\nx: {{ .y }}\n",
		"west/templates/y.yaml":     "web: {image: {repository: org/web, tag: v1.1.0}}\nx: '{{ .y }}'\n",
		"west/Chart.yaml":           "apiVersion: v2\n",
		"node_modules/a/b.yaml":     "image: org/never:v1.0.0\n",
		".hidden/values.yaml":       "image: org/never:v1.0.0\n",
		".github/workflows/x.yaml":  "jobs: {a: {container: {image: 'org/never:v1.0.0'}}}\n",
		"values/.gitlab-ci.yml":     "image: org/never:v1.0.0\n",
		"values/unrelated.json":     `{"image": "org/never:v1.0.0"}`,
		"manifests/not-a-yaml.text": "image: org/never:v1.0.0\n",
	}))
	want := ".pawl.yaml manifests/org-web-v1.yaml manifests/org-web-v2-rc.yaml manifests/other-web.yaml .github/workflows/docker-image.yaml"
	if diff := cmp.Diff(want, paths(p)); diff != "" {
		t.Error(diff)
	}
	if said := notes(p.Remarks); !strings.Contains(said, "org/web: east/values.yaml has v1.0.0 and west/values.yaml has v1.1.0: they will get the same version") {
		t.Errorf("said %s", said)
	}
	for name, title := range map[string]string{"org-web-v1": "name: Track org/web v1\n", "org-web-v2-rc": "name: Track org/web v2-rc\n", "other-web": "name: Track other/web\n"} {
		if text := content(p, "manifests/"+name+".yaml"); !strings.HasPrefix(text, title) {
			t.Errorf("%s is not called %q: %s", name, title, text)
		}
	}
	text := content(p, "manifests/org-web-v1.yaml")
	if strings.Count(text, "kind: yaml") != 2 || !strings.Contains(text, "file: east/values.yaml") || !strings.Contains(text, "file: west/values.yaml") {
		t.Errorf("the manifest of both: %s", text)
	}
}

// TestLinks holds that nothing behind a symbolic link is read.
func TestLinks(t *testing.T) {
	t.Parallel()
	link := func(to string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(to), Mode: fs.ModeSymlink} }
	tree := repository(map[string]string{
		"else/manifests/web.yaml": "a: 1\n", "else/config": origin, "else/workflows/b.yaml": oldTrigger, "else/values.text": "image: org/a:v1.0.0\n", "own.yaml": "image: org/own:v1.0.0\n",
	})
	tree["manifests"], tree["updatecli.d"] = link("else/manifests"), link("../outside")
	tree[".git/config"], tree[".github"] = link("../else/config"), link("else")
	tree["values.yaml"], tree["dir"] = link("else/values.text"), link("else")
	p := propose(t, tree)
	if diff := cmp.Diff(".pawl.yaml pawl.d/own.yaml .github/workflows/docker-image.yaml", paths(p)); diff != "" {
		t.Error(diff)
	}
	said := notes(p.Missing)
	for _, want := range []string{"manifests: is a symbolic link", "updatecli.d: is a symbolic link", ".github/workflows: lies behind a symbolic link", "forge.repository"} {
		if !strings.Contains(said, want) {
			t.Errorf("%q is not said: %s", want, said)
		}
	}
}

// TestRemote holds the repository that each form of a remote names, and that no password is repeated.
func TestRemote(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"git@github.com:org/profile.git":                        "org/profile",
		"https://github.com/org/profile":                        "org/profile",
		"https://user:s3cret@github.com/org/profile.git":        "org/profile",
		"ssh://git@github.com:22/org/pro.file.git":              "org/pro.file",
		"ssh://git@ssh.github.com:443/org/profile.git":          "org/profile",
		"git@github.example.com:org/profile.git":                "org/profile",
		"https://user:s3cret@gitlab.example/org/profile.git":    "",
		"https://github.com.evil.example/org/profile":           "org/profile",
		"https://github.com/a/b/c":                              "",
		"/srv/git/profile.git":                                  "",
		"git@github.com:org/pro{file}.git":                      "",
		"https://s3cret@evil.example/x#@github.com/org/profile": "",
	} {
		p := propose(t, repository(map[string]string{".git/config": strings.Replace(origin, "git@github.com:org/profile.git", url, 1)}))
		got := regexp.MustCompile(`forge: \{repository: ([^,}]+)`).FindStringSubmatch(content(p, ".pawl.yaml"))
		if (got == nil) != (want == "") || got != nil && got[1] != want {
			t.Errorf("%s is read as %v, want %q", url, got, want)
		}
		if strings.Contains(notes(p.Found)+notes(p.Missing)+content(p, ".pawl.yaml"), "s3cret") {
			t.Errorf("%s: the password is repeated", url)
		}
	}
}

// TestGitea holds what is written for a profile at a Gitea or a Forgejo, which a folder of its own shows.
func TestGitea(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ dir, remote, want string }{
		{".gitea", "https://user:s3cret@git.example:8443/org/profile.git", "forge: {kind: gitea, url: 'https://git.example:8443', repository: org/profile"},
		{".forgejo", "ssh://git@git.example:2222/org/profile.git", "forge: {kind: gitea, url: 'https://git.example', repository: org/profile"},
		{".gitea", "git@git.example:org/profile.git", "forge: {kind: gitea, url: 'https://git.example', repository: org/profile"},
		{".gitea", "http://localhost:3000/org/profile", "forge: {kind: gitea, url: 'http://localhost:3000', repository: org/profile"},
		{".gitea", "/srv/git/profile.git", "forge: {kind: gitea"},
	} {
		p := propose(t, repository(map[string]string{
			".git/config": strings.Replace(origin, "git@github.com:org/profile.git", c.remote, 1), c.dir + "/workflows/ci.yaml": "on: pull_request\njobs: {test: {steps: [{run: make}]}}\n",
			"values.yaml": "web: {image: {tag: v1.0.0}}\n", "updatecli/updatecli.d/web.yaml": tracked, "updatecli/values.yaml": "a: 1\n",
		}))
		text := content(p, ".pawl.yaml")
		if !strings.Contains(text, c.want) || strings.Contains(text, "s3cret") {
			t.Errorf("%s: %s", c.remote, text)
		}
		if _, problems := config.Parse(".pawl.yaml", []byte(text)); strictyaml.Failed(problems) {
			t.Errorf("%s: %v", c.remote, problems)
		}
		workflow := content(p, c.dir+"/workflows/docker-image.yaml")
		if !strings.Contains(workflow, "runs-on: ubuntu-latest") || content(p, ".github/workflows/docker-image.yaml") != "" {
			t.Errorf("%s: the workflow is %s", c.remote, workflow)
		}
	}
}

// TestBounds holds that a huge tree, file or number of notes ends.
func TestBounds(t *testing.T) {
	t.Parallel()
	tree := repository(map[string]string{"big.yaml": "image: org/big:v1.0.0\n#" + strings.Repeat("x", 2<<20)})
	deep := strings.Repeat("d/", 20) + "v.yaml"
	tree[deep] = &fstest.MapFile{Data: []byte("image: org/deep:v1.0.0\n")}
	var many strings.Builder
	for range 60 {
		many.WriteString("- {image: 'org/x:1.0.0'}\n")
	}
	tree["many.yaml"] = &fstest.MapFile{Data: []byte(many.String())}
	merged := "a0: &a0 {x: 1}\n"
	for i := range 12 {
		merged += fmt.Sprintf("a%d: &a%d {<<: [%s]}\n", i+1, i+1, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", i), 20), ", "))
	}
	tree["merged.yaml"] = &fstest.MapFile{Data: []byte(merged)}
	p := propose(t, tree)
	if paths(p) != ".pawl.yaml" || !p.Empty {
		t.Errorf("proposed %s", paths(p))
	}
	if said := notes(p.Missing); strings.Count(said, "many.yaml") != 1 || !strings.Contains(said, "no name of its own") || !strings.Contains(said, "big.yaml: is larger than 1 MiB") {
		t.Errorf("said %s", said)
	}
}

// TestHostileWorkflow holds that names of an old workflow do not become text of the new ones.
func TestHostileWorkflow(t *testing.T) {
	t.Parallel()
	p := propose(t, repository(map[string]string{
		"values.yaml": "image: org/a:v1.0.0\n", ".updatecli/a.yaml": strings.Replace(tracked, "org/web", "'{{ requiredEnv \"DEV\" }}/web'", 1),
		".github/workflows/b.yaml": "on: {push: {branches: [\"main]\\n  x: [y\"], paths: [\"a\\nb\"]}}\njobs:\n  g:\n    steps:\n      - run: 'curl -F token=$T https://gitlab.example/api/v4/projects/1/trigger/pipeline'\n" +
			"        env: {\"X\\n          EVIL\": '${{ secrets.A }}', GITHUB_TOKEN: '${{ secrets.B }}', MERGE_TOKEN: '${{ secrets.C }}', DEV: '${{ secrets.D }}', T: '${{ secrets.E }}'}\n",
	}))
	for _, name := range []string{".github/workflows/docker-image.yaml", ".github/workflows/gitlab.yaml"} {
		text := content(p, name)
		var w struct {
			Jobs map[string]struct {
				Steps []struct{ Env map[string]string }
			}
		}
		if err := yaml.Unmarshal([]byte(text), &w); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, text)
		}
		if strings.Contains(text, "EVIL") || strings.Contains(text, "secrets.B") || !strings.Contains(text, "          T: ${{ secrets.E }}\n") || strings.Count(text, "branches: [main]\n") != 1 {
			t.Errorf("%s: %s", name, text)
		}
	}
}
