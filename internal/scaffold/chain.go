package scaffold

import (
	"encoding/json"
	"io/fs"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/pawl-cd/pawl/internal/deploy"
)

// chain is what the workflows say of the chain that pawl replaces: Updatecli, an action that opens the pull request, a
// command that merges it, and a loop that triggers GitLab.
type chain struct {
	// updater and trigger are the paths of the workflows that do it, empty for none.
	updater, trigger string
	// files are all workflows; updaters those that update with another tool, running those with pawl run, deploying those
	// with pawl deploy or what it replaces, withPawl those of the last that do it with pawl.
	files, updaters, running, deploying, withPawl []string
	// projectsFile is .pawl.yaml when the projects are those of the configuration in force.
	projectsFile string
	base         string
	at           forge
	labels       []string
	merge        merge
	// variable and context name what holds the projects as JSON: ${{ vars.PROJECTS }}; else projects are written out.
	variable, context string
	projects          []deploy.Project
	// secrets are the secrets of the trigger tokens by the name of their environment variable.
	secrets map[string]string
	ref     string
	// paths are the files whose change started the trigger.
	paths []string
	// checks are the jobs that run on pull requests.
	checks []string
	notes  []Note
}

// merge is how the old chain merged.
type merge struct {
	found, auto bool
	method      string
}

// require is what the merge waits for, empty when that cannot be known.
func (m merge) require() string {
	if m.found && !m.auto {
		return "none"
	}
	return ""
}

func (c chain) whyRequire() string {
	why := "which checks must be green is not said in any file"
	if c.merge.auto {
		why = "the old workflow left it to the protection of the branch (gh pr merge --auto), which no file shows"
	}
	if c.at.lab {
		return why + ": pawl merges only where the project demands that pipelines succeed, unless merge.require names jobs or says none"
	}
	return why + ": pawl merges only what the protection's required checks cover, unless merge.require names checks or says none"
}

func (c chain) whyProjects() string {
	if c.trigger != "" {
		return "the projects of " + c.trigger + " were not understood: write deploy.projects in .pawl.yaml"
	}
	if c.at.lab {
		return "no file says which projects deploy this: nothing is deployed, and there is no job that deploys"
	}
	return "no workflow triggers GitLab: nothing is deployed, and gitlab.yaml is not written"
}

func (c chain) deploys() bool { return c.variable != "" || len(c.projects) > 0 }

// chain reads the workflows of the forge and CircleCI.
func (t *tree) chain(at forge) chain {
	c := chain{ref: "main", secrets: map[string]string{}, at: at}
	for _, file := range t.workflowFiles(at.dir) {
		text := t.text(file)
		c.files = append(c.files, file)
		var w workflow
		if err := unmarshal(text, &w); err != nil && len(w.Jobs) == 0 {
			t.note(file, "cannot be read: %v", err)
			continue
		}
		if child(&w.On, "pull_request") != nil || slices.Contains(scalars(&w.On), "pull_request") {
			c.checks = append(c.checks, w.jobNames()...)
		}
		if slices.ContainsFunc(w.steps(), step.runs) {
			c.running = append(c.running, file)
			c.readEnvs(w, step.runs)
		}
		if slices.ContainsFunc(w.steps(), step.updates) {
			c.updaters = append(c.updaters, file)
			c.readUpdater(file, w)
		}
		if slices.ContainsFunc(w.steps(), step.triggers) {
			c.deploying = append(c.deploying, file)
			if slices.ContainsFunc(w.steps(), step.deploys) {
				c.withPawl = append(c.withPawl, file)
			}
			c.readTrigger(file, w)
			c.paths = slices.DeleteFunc(c.paths, func(p string) bool { return !t.regular(p) })
		}
	}
	c.checks = append(c.checks, t.circle(&c)...)
	slices.Sort(c.checks)
	c.checks = slices.Compact(c.checks)
	return c
}

// updatePath is where the workflow that updates goes: the one that runs pawl already, else a name that no workflow has
// which does something else; empty for none.
func (c chain) updatePath() string {
	return c.place(c.running, append(slices.Clone(c.updaters), c.running...), c.at.image(), c.at.dir+"/pawl.yaml")
}

// deployPath is the same for the workflow that deploys what people merge.
func (c chain) deployPath() string {
	without := func(list []string) []string {
		return slices.DeleteFunc(slices.Clone(list), func(file string) bool {
			return slices.Contains(c.running, file) || slices.Contains(c.updaters, file)
		})
	}
	return c.place(without(c.withPawl), without(c.deploying), c.at.push(), c.at.dir+"/pawl-deploy.yaml")
}

// place chooses among the names: one that does the job with pawl, whatever its name; the first that is free or does what
// is replaced.
func (c chain) place(there, replaced []string, names ...string) string {
	for _, name := range append(names, there...) {
		if slices.Contains(there, name) {
			return name
		}
	}
	for _, name := range names {
		if !slices.Contains(c.files, name) || slices.Contains(replaced, name) {
			return name
		}
	}
	return ""
}

// now says what the workflow of a file does, empty for none.
func (c chain) now(file string) string {
	switch {
	case slices.Contains(c.running, file):
		return "runs pawl"
	case slices.Contains(c.updaters, file):
		return "opens pull requests"
	case slices.Contains(c.withPawl, file):
		return "deploys with pawl"
	case slices.Contains(c.deploying, file):
		return "triggers GitLab"
	}
	return ""
}

// workflowFiles are the regular files of a folder of workflows; a link is not followed.
func (t *tree) workflowFiles(dir string) []string {
	if t.linked(path.Dir(dir)) || t.linked(dir) {
		t.note(dir, "lies behind a symbolic link, which is not followed")
		return nil
	}
	entries, _ := fs.ReadDir(t.fsys, dir) // none when it is not there
	var files []string
	for _, e := range entries {
		if e.Type().IsRegular() && isYAML(e.Name()) {
			files = append(files, path.Join(dir, e.Name()))
		}
	}
	return files
}

// circle returns the checks of CircleCI's jobs, and looks for the step that `pawl dispatch` replaces.
func (t *tree) circle(c *chain) []string {
	const file = ".circleci/config.yml"
	text := t.text(file)
	if strings.Contains(text, "DOWNSTREAM_IMAGE_") || strings.Contains(text, "/dispatches") {
		c.notes = append(c.notes, Note{file, "it tells other repositories what was published: pawl dispatch does that in one step, from the same variables"})
	}
	var w struct{ Jobs map[string]yaml.Node }
	if unmarshal(text, &w) != nil {
		return nil
	}
	var all []string
	for id := range w.Jobs {
		all = append(all, "ci/circleci: "+id)
	}
	return all
}

var mergeCommand = mustPattern(`gh pr merge\b[^\n]*`)

func (c *chain) readUpdater(file string, w workflow) {
	c.updater = file
	if all := literal(child2(&w.On, "push", "branches")); len(all) == 1 && branch.MatchString(all[0]) {
		c.base = all[0]
	}
	for _, s := range w.steps() {
		if command := mergeCommand.FindString(s.Run); command != "" {
			c.merge = merge{found: true, auto: strings.Contains(command, "--auto"), method: "squash"}
			for _, method := range []string{"rebase", "merge"} {
				if regexp.MustCompile(`--` + method + `\b`).MatchString(command) {
					c.merge.method = method
				}
			}
		}
		if strings.Contains(s.Uses, "create-pull-request") {
			c.labels = split(s.With["labels"])
		}
		if strings.HasPrefix(s.Uses, "docker/login-action") {
			c.notes = append(c.notes, Note{file, "it logs in to a registry: add that step to the new workflow, before pawl run"})
		}
	}
}

var (
	pipelineURL = mustPattern(`https?://[^\s"'\\${}]+/api/v4/projects/([^\s"'\\/${}]+)/trigger/pipeline`)
	fromJSON    = mustPattern(`(?i)fromJSON\(\s*(vars|secrets)\.([A-Za-z_][A-Za-z0-9_]*)`)
	reference   = mustPattern(`^\s*\$\{\{\s*(vars|secrets)\.([A-Za-z_][A-Za-z0-9_]*)\s*\}\}\s*$`)
	tokenOf     = mustPattern(`token=["']?\$\{?([A-Za-z_][A-Za-z0-9_]*)`)
	refOf       = mustPattern(`\bref=["']?([A-Za-z0-9][A-Za-z0-9._/-]*)`)
	identifier  = mustPattern(`^[A-Za-z_][A-Za-z0-9_]*$`)
	expression  = mustPattern(`\$\{\{.*?\}\}`)
)

// ours are the variables that the new workflows set themselves.
var ours = []string{"GITHUB_TOKEN", "MERGE_TOKEN", "PAWL", "PAWL_PAUSE"}

// action is this project's action, which runs pawl run unless its input says otherwise.
const action = "pawl-cd/pawl@"

func (c *chain) readTrigger(file string, w workflow) {
	c.trigger = file
	c.paths = literal(child2(&w.On, "push", "paths"))
	for _, j := range sorted(w.Jobs) {
		strategy := w.Jobs[j].Strategy
		for _, text := range texts(&strategy) {
			c.projectsFrom(text)
		}
		c.projectsInMatrix(&strategy)
	}
	c.readEnvs(w, step.triggers)
	for _, s := range w.steps() {
		if !s.triggers() {
			continue
		}
		c.projectsInURL(s)
		if m := refOf.FindStringSubmatch(expression.ReplaceAllString(s.Run, "")); m != nil {
			c.ref = m[1]
		}
	}
}

// readEnvs reads the environment of the steps that do something.
func (c *chain) readEnvs(w workflow, does func(step) bool) {
	for _, s := range w.steps() {
		if !does(s) {
			continue
		}
		for _, name := range sorted(s.Env) {
			c.readEnv(name, s.Env[name])
		}
	}
}

// readEnv takes the projects, or a trigger token, from a variable of a step.
func (c *chain) readEnv(name, value string) {
	m := reference.FindStringSubmatch(value)
	switch {
	case m == nil:
		c.projectsFrom(value)
	case strings.Contains(strings.ToUpper(name+m[2]), "PROJECT") && c.variable == "":
		c.context, c.variable = m[1], m[2]
	case m[1] == "secrets" && identifier.MatchString(name) && !slices.Contains(ours, name):
		c.secrets[name] = m[2]
	}
}

// projectsFrom takes the projects from fromJSON(vars.NAME), or from the JSON itself.
func (c *chain) projectsFrom(text string) {
	if m := fromJSON.FindStringSubmatch(text); m != nil && c.variable == "" {
		c.context, c.variable = m[1], m[2]
		return
	}
	if projects, err := deploy.Parse([]byte(text)); err == nil && len(projects) > 0 {
		c.projects = projects
	}
}

// projectsInMatrix takes the projects from a list that is written out in the matrix.
func (c *chain) projectsInMatrix(strategy *yaml.Node) {
	var s struct{ Matrix map[string]any }
	if strategy.Decode(&s) != nil {
		return
	}
	for _, name := range sorted(s.Matrix) {
		if text, err := json.Marshal(s.Matrix[name]); err == nil {
			c.projectsFrom(string(text))
		}
	}
}

// projectsInURL takes a project from a command that names its endpoint.
func (c *chain) projectsInURL(s step) {
	tokens := tokenOf.FindAllStringSubmatch(s.Run, -1)
	for i, m := range pipelineURL.FindAllStringSubmatch(s.Run, -1) {
		if i >= len(tokens) {
			return
		}
		name := m[1]
		if p, err := url.PathUnescape(name); err == nil {
			name = path.Base(p)
		}
		c.projects = append(c.projects, deploy.Project{Name: name, URL: m[0], Secret: tokens[i][1]})
	}
}
