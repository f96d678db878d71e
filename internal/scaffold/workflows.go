package scaffold

import (
	"bytes"
	"embed"
	"fmt"
	"path"
	"slices"
	"strings"
	"text/template"
)

// workflowDir is where the workflows are in a repository at GitHub.
const workflowDir = ".github/workflows"

// templates are the two workflows, and GitLab's jobs. Their actions are written between <% and %>, for GitHub's expressions use braces.
//
//go:embed templates
var templates embed.FS

// filling is what a template is filled in with.
type filling struct {
	// Name is the workflow's, Branch the one that it runs on, Paths those whose change starts it.
	Name, Branch string
	// Runner is the label of the machine that runs it.
	Runner string
	Paths  []string
	// Command is that of pawl with its flags. Build is the module to build it from; when it is empty, Action is the action
	// that downloads a release, which it holds against its checksums, and Version the release's.
	Command, Build, Action, Version string
	// Environment is the lines of the step's variables.
	Environment []string
	// Gates has two steps before it: Show reads the ledger, with the variables of Key, and Judge starts programs, with those of
	// Public, which hold no secret.
	Gates bool
	// Page has a step after it that keeps the run's page as an artifact.
	Page        bool
	Show, Judge string
	Key, Public []string
}

// workflows are those that update and deploy; the second is of use only when something is deployed.
func (s survey) workflows(opt Options) ([]File, error) {
	var files []File
	if update := s.chain.updatePath(); update != "" {
		w := s.filling(opt, "run")
		w.Name, w.Paths = "pawl", s.watched()
		if update == s.at.image() {
			w.Name = "docker-image"
		}
		w.Key, w.Public = s.key(), s.public()
		w.Environment = slices.Concat(s.variables(), s.tokens("run"), s.sinkVariables(), w.Key)
		if opt.asksGates() {
			w.gated(s.flags())
		}
		if w.Page = !s.at.gitea(); w.Page { // the action speaks to GitHub's own store of artifacts
			w.Command += " --page pawl.html"
		}
		data, err := render("update.yaml.tmpl", w)
		if err != nil {
			return nil, err
		}
		files = append(files, File{Path: update, Data: data, About: "the workflow that updates", Now: s.chain.now(update)})
	}
	push := s.chain.deployPath()
	if !s.chain.deploys() || push == "" {
		return files, nil
	}
	w := s.filling(opt, "deploy")
	w.Name, w.Paths = "pawl-deploy", s.consumed
	if push == s.at.push() {
		w.Name = "gitlab"
	}
	w.Environment = slices.Concat(s.tokens("deploy"), s.sinkVariables())
	data, err := render("deploy.yaml.tmpl", w)
	return append(files, File{Path: push, Data: data, About: "the workflow that deploys what people merge", Now: s.chain.now(push)}), err
}

// filling is what both have in common. What is no release is built.
func (s survey) filling(opt Options, command string) filling {
	w := filling{Branch: s.branch(), Runner: "ubuntu-24.04", Command: command + s.flags()}
	if s.at.gitea() {
		w.Runner = "ubuntu-latest" // the one that its runners have
	}
	switch {
	case !release.MatchString(opt.Version):
		w.Build = "github.com/pawl-cd/pawl/cmd/pawl@latest"
	case commit.MatchString(opt.Commit):
		w.Action, w.Version = action+opt.Commit+" # "+opt.Version, strings.TrimPrefix(opt.Version, "v")
	default:
		w.Action, w.Version = action+opt.Version, strings.TrimPrefix(opt.Version, "v")
	}
	return w
}

// asksGates reports that programs are asked: somebody wants it, or the configuration names some.
func (o Options) asksGates() bool { return o.Gates || o.Config != nil && len(o.Config.Gates) > 0 }

// gated has gates asked before the run.
func (w *filling) gated(flags string) {
	w.Gates = true
	w.Show = "ledger show --file ledger.json" + flags
	w.Judge = "gates --ledger ledger.json --verdicts verdicts.json" + flags
	w.Command += " --verdicts verdicts.json"
}

// key is the line for the ledger's key, when the configuration names one that no other line gives.
func (s survey) key() []string {
	name := s.ledgerKey
	if name == "" || s.read(name) || slices.Contains(ours, name) || slices.Contains(s.sinkTokens(), name) {
		return nil
	}
	return []string{given(name, "secrets", name)}
}

// shown are the variables that manifests read and that are no secret.
func (s survey) shown() []string {
	return slices.DeleteFunc(slices.Clone(s.existing.env), func(name string) bool {
		return name == s.chain.variable || slices.Contains(ours, name) || s.existing.secrets[name] != "" || slices.Contains(s.guarded, name)
	})
}

// public are their lines.
func (s survey) public() []string {
	var lines []string
	for _, name := range s.shown() {
		lines = append(lines, given(name, "vars", name))
	}
	return lines
}

// render fills in a template.
func render(name string, with any) ([]byte, error) {
	t, err := template.New(name).Delims("<%", "%>").Funcs(template.FuncMap{"quote": quote, "list": flow}).ParseFS(templates, "templates/"+name)
	if err != nil {
		return nil, fmt.Errorf("reading the template of a workflow: %w", err)
	}
	var b bytes.Buffer
	if err := t.Execute(&b, with); err != nil {
		return nil, fmt.Errorf("writing a workflow: %w", err)
	}
	return b.Bytes(), nil
}

var (
	release = mustPattern(`^v\d+\.\d+\.\d+$`)
	commit  = mustPattern(`^[0-9a-f]{40}$`)
)

// tokens are the lines of an environment that hold the projects and their trigger tokens.
func (s survey) tokens(command string) []string {
	c := s.chain
	written := func(name string) bool {
		return slices.Contains(s.sinkTokens(), name) || command == "run" && s.read(name)
	}
	if !c.deploys() {
		return nil
	}
	var lines []string
	if c.variable != "" {
		lines = append(lines, given(c.variable, c.context, c.variable))
	}
	secrets := map[string]string{}
	for name, secret := range c.secrets {
		if name != c.variable && !s.read(name) && !written(name) {
			secrets[name] = secret
		}
	}
	if c.variable == "" {
		for _, p := range c.projects {
			for _, name := range []string{p.Secret, p.API} {
				if name != "" && secrets[name] == "" && !written(name) {
					secrets[name] = name
				}
			}
		}
	}
	for _, name := range sorted(secrets) {
		lines = append(lines, given(name, "secrets", secrets[name]))
	}
	if len(secrets) == 0 && c.variable != "" {
		lines = append(lines, "# One line for each secret that "+c.variable+" names:", "# "+given("TOKEN_DEV", "secrets", "TOKEN_DEV"))
	}
	return lines
}

// given is the line that gives a step a variable from one of GitHub's contexts.
func given(name, context, variable string) string {
	return name + ": ${{ " + context + "." + variable + " }}"
}

// read reports whether a variable is among those that manifests read.
func (s survey) read(name string) bool {
	return slices.Contains(s.existing.env, name) || s.existing.secrets[name] != ""
}

// variables are the lines for what manifests read.
func (s survey) variables() []string {
	var lines []string
	for _, name := range s.existing.env {
		if name == s.chain.variable || slices.Contains(ours, name) || slices.Contains(s.sinkTokens(), name) {
			continue
		}
		lines = append(lines, given(name, "vars", name))
	}
	for _, name := range sorted(s.existing.secrets) {
		if slices.Contains(s.existing.env, name) || name == s.chain.variable || slices.Contains(s.sinkTokens(), name) {
			continue
		}
		lines = append(lines, given(name, "secrets", name))
	}
	return lines
}

// watched are the paths whose change people review.
func (s survey) watched() []string {
	dirs := s.existing.dirs
	if len(dirs) == 0 {
		dirs = []string{s.existing.drafts}
	}
	var all []string
	for _, dir := range dirs {
		all = append(all, dir+"/**")
	}
	return append(all, ".pawl.yaml")
}

// flags name the manifests where pawl does not look by itself.
func (s survey) flags() string {
	var b strings.Builder
	for _, dir := range s.existing.flags() {
		b.WriteString(" --manifests " + path.Clean(dir))
	}
	return b.String()
}
