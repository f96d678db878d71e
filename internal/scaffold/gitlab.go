package scaffold

import (
	"cmp"
	"errors"
	"io"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/pawl-cd/pawl/internal/config"
)

const (
	// pipelineFile is what GitLab reads; includedFile is where the jobs go when that is somebody's already.
	pipelineFile = ".gitlab-ci.yml"
	includedFile = ".gitlab/pawl.gitlab-ci.yml"
	// mostChanges is how many paths GitLab takes in one rule.
	mostChanges = 50
)

// pipeline is what stands in the .gitlab-ci.yml that is there.
type pipeline struct {
	there bool
	// ours says that it holds the jobs that `pawl init` writes and no other, runs that a job runs pawl, includes that it
	// includes the file with these jobs.
	ours, runs, includes bool
	// stages are those that it names, none for GitLab's own.
	stages []string
	// taken are the names of our jobs that jobs of somebody's have, in a file that is not ours.
	taken []string
	// beside is what stands where the jobs go beside somebody's; it is never written over when it is not ours.
	beside *pipeline
}

// jobsOfOurs are the keys of a .gitlab-ci.yml that `pawl init` writes.
var jobsOfOurs = []string{"spec", "workflow", ".pawl", "pawl", "pawl-deploy", "pawl-validate", "pawl-plan"}

// runsPawl finds a command that runs pawl, installed or from its module.
var runsPawl = mustPattern(`\bpawl(?:@[\w.-]+)? run\b`)

// pipeline reads the .gitlab-ci.yml, and what stands beside it.
func (t *tree) pipeline() pipeline {
	p, beside := t.jobs(pipelineFile), t.jobs(includedFile)
	p.beside = &beside
	return p
}

// jobs reads a file of jobs. One that cannot be read is somebody's.
func (t *tree) jobs(file string) pipeline {
	p := pipeline{there: t.exists(file) || t.linked(file)}
	if !p.there {
		return p
	}
	data, err := t.read(file)
	if err != nil {
		t.note(file, "%v", err)
		return p
	}
	text := string(data)
	p.ours = true
	dec := yaml.NewDecoder(strings.NewReader(text))
	for range 2 { // a header, and the jobs
		var n yaml.Node
		if err := decode(dec, &n); err != nil {
			if !errors.Is(err, io.EOF) {
				t.note(file, "cannot be read: %v", err)
				p.ours = false
			}
			break
		}
		p.look(n.Content[0])
	}
	if p.ours = p.ours && p.runs; p.ours {
		p.taken = nil
	}
	return p
}

// look reads one of its documents.
func (p *pipeline) look(n *yaml.Node) {
	for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i].Value, n.Content[i+1]
		named := slices.Contains(jobsOfOurs, key)
		p.ours = p.ours && named
		if named && key != "spec" && key != "workflow" {
			p.taken = append(p.taken, key)
		}
		switch key {
		case "include":
			p.includes = slices.Contains(trimmed(locals(value)), includedFile)
		case "stages":
			p.stages = scalars(value)
		default:
			p.runs = p.runs || slices.ContainsFunc(texts(value), runsPawl.MatchString)
		}
	}
}

// locals are the files of the repository itself that an include names.
func locals(n *yaml.Node) []string {
	switch n.Kind {
	case yaml.ScalarNode:
		return []string{n.Value}
	case yaml.SequenceNode:
		var all []string
		for _, one := range n.Content {
			all = append(all, locals(one)...)
		}
		return all
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == "local" {
				return locals(n.Content[i+1])
			}
		}
	}
	return nil
}

// trimmed are the paths without the slash that GitLab lets them begin with.
func trimmed(paths []string) []string {
	for i := range paths {
		paths[i] = strings.TrimPrefix(paths[i], "/")
	}
	return paths
}

// place is the file that the jobs go to, empty when somebody's file has them, or its place.
func (p pipeline) place() string {
	switch {
	case !p.there || p.ours:
		return pipelineFile
	case p.runs, p.beside.there && !p.beside.ours:
		return ""
	}
	return includedFile
}

// stage is the one of the jobs, empty where GitLab's own, test, is there. GitLab makes no pipeline of .pre and .post alone, and an
// input of somebody's file is unknown in one that is included.
func (p pipeline) stage() string {
	if slices.Contains(p.stages, "test") {
		return ""
	}
	for _, name := range slices.Backward(p.stages) {
		if name != ".pre" && name != ".post" && !strings.Contains(name, "$[[") {
			return name
		}
	}
	return ""
}

// jobs are what the template of a .gitlab-ci.yml is filled in with.
type jobs struct {
	// Included leaves out what a file that is included must not say.
	Included bool
	Stage    string
	// Base is what the name of the branch is compared with, Install the module with its version.
	Base, Install string
	// Own is the branch of pawl's merge request as a pattern, empty for one that GitLab could read otherwise.
	Own         string
	Development bool
	// Command runs pawl, Deploy deploys, empty for nothing to deploy; Flags are those of the other commands.
	Command, Deploy, Flags string
	// Paths are those whose change starts a run, Deployed those whose change deploys, none for all.
	Paths, Deployed []string
}

// pipelines are the jobs of a profile at a GitLab.
func (s survey) pipelines(opt Options) ([]File, error) {
	place := s.pipeline.place()
	if place == "" {
		return nil, nil
	}
	j := jobs{
		Included: place == includedFile, Stage: s.pipeline.stage(), Base: "$CI_DEFAULT_BRANCH", Install: "github.com/pawl-cd/pawl/cmd/pawl@" + opt.Version,
		Command: "run" + s.flags() + " --page pawl.html", Flags: s.flags(), Paths: globs(s.watched()),
	}
	if own := cmp.Or(s.own, config.DefaultBranch); branch.MatchString(own) {
		j.Own = strings.NewReplacer(".", `\.`, "/", `\/`).Replace(own)
	}
	if s.base != "" {
		j.Base = `"` + s.base + `"`
	}
	if !release.MatchString(opt.Version) {
		j.Development, j.Install = true, "github.com/pawl-cd/pawl/cmd/pawl@latest"
	}
	if s.chain.deploys() {
		j.Deploy = "deploy" + s.flags()
		j.Deployed = s.deployed()
	}
	data, err := render("gitlab-ci.yml.tmpl", j)
	now := ""
	if s.pipeline.ours {
		now = "runs pawl"
	}
	return []File{{Path: place, Data: data, About: "the jobs that update and check", Now: now}}, err
}

// deployed are the paths whose change deploys, none for any: where there are more than GitLab takes, where it would read one in another
// way than pawl, and where a variable holds what projects consume.
func (s survey) deployed() []string {
	odd := func(name string) bool { return strings.ContainsAny(name, "$\\{}") }
	literal := func(name string) bool { return strings.ContainsAny(name, "*?[") }
	if s.chain.variable != "" || len(s.consumed) > mostChanges || slices.ContainsFunc(s.consumed, odd) || slices.ContainsFunc(s.targets(), literal) {
		return nil
	}
	return globs(s.consumed)
}

// globs are paths as GitLab matches them, where ** stands for directories alone.
func globs(paths []string) []string {
	all := slices.Clone(paths)
	for i, p := range all {
		if p == "**" || strings.HasSuffix(p, "/**") {
			all[i] = p + "/*"
		}
	}
	return all
}

// toCreate says what remains to be done at a GitLab.
func (s survey) toCreate() []string {
	var all []string
	if s.pipeline.place() == includedFile && !s.pipeline.includes {
		all = append(all, pipelineFile+": add "+includedFile+" to its include, see "+pages+"profile-on-gitlab.md#a-pipeline-that-is-there")
	}
	variables := "GitLab, Settings > CI/CD > Variables: " + strings.Join(s.protected(), ", ") + ", protected, and masked where it is a token"
	if shown := s.shown(); len(shown) > 0 {
		variables += "; " + strings.Join(shown, ", ") + ", not protected, because merge requests are checked with what manifests read"
	}
	return append(all, variables+"; minimum role to use pipeline variables: no one",
		"GitLab, Build > Pipeline schedules: a schedule for the base branch, such as 23 */2 * * *")
}

// protected are the variables that the jobs read and that no merge request may see.
func (s survey) protected() []string {
	c := s.chain
	all := slices.Concat([]string{c.variable, s.ledgerKey}, s.existing.env, sorted(s.existing.secrets), s.sinkTokens())
	if c.deploys() {
		all = append(all, sorted(c.secrets)...)
		for _, p := range c.projects {
			all = append(all, p.Secret, p.API)
		}
	}
	slices.Sort(all)
	shown := s.shown()
	all = slices.DeleteFunc(slices.Compact(all), func(name string) bool {
		return name == "" || slices.Contains(ours, name) || slices.Contains(shown, name)
	})
	return append([]string{"MERGE_TOKEN"}, all...)
}

// gateNote says that nothing asks the programs that are to judge.
func (s survey) gateNote(opt Options) []Note {
	if !s.at.lab || !opt.asksGates() {
		return nil
	}
	return []Note{{"gates", "pawl init writes no job that asks them at a GitLab: what they judge waits until a job without tokens runs pawl gates, see " + pages + "safety.md#gates-programs-that-judge"}}
}

// pipelineNotes says what of the jobs is missing.
func (s survey) pipelineNotes(empty bool) []Note {
	switch {
	case empty && !s.pipeline.runs:
		return []Note{{"the job that updates", "there is none yet, and none is written before there is a manifest"}}
	case s.pipeline.place() == "" && !s.pipeline.runs:
		return []Note{{includedFile, "it holds jobs of somebody's, so it stays as it is: move them away, then run pawl init again"}}
	case s.pipeline.place() == includedFile && len(s.pipeline.taken) > 0:
		return []Note{{pipelineFile, "its " + strings.Join(s.pipeline.taken, ", ") + " would take the place of the jobs of that name in " + includedFile + ": give them other names"}}
	case s.pipeline.place() == "":
		return []Note{{pipelineFile, "it runs pawl beside other jobs, so it stays as it is; the jobs that pawl init writes are those of " + pages + "profile-on-gitlab.md"}}
	}
	return nil
}
