package cli

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"

	"github.com/pawl-cd/pawl/internal/deploy"
	"github.com/pawl-cd/pawl/internal/fault"
	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/httpx"
	"github.com/pawl-cd/pawl/internal/run"
)

// resolveProjects reads the projects to deploy from the configuration and the environment, and checks that each has its
// secret. Without any, there is nothing to deploy.
func (s *session) resolveProjects() error {
	c := s.config.Deploy
	s.projects = s.configuredProjects()
	if c.Variable != "" {
		text := s.env(c.Variable)
		if text == "" {
			return &exit{code: Usage, err: fmt.Errorf("deploy.projects: the variable %s is not set", c.Variable),
				hint: "set it to the JSON list of projects, [] for none, or remove deploy.projects from .pawl.yaml", topics: []topic{projectsTopic}}
		}
		projects, err := deploy.Parse([]byte(text))
		if err != nil {
			return &exit{code: Usage, err: fmt.Errorf("the variable %s: %w", c.Variable, err)}
		}
		if wrong := s.misplaced(append(s.config.Uses, usesOf(projects)...)); len(wrong) > 0 {
			return &exit{code: Usage, err: fmt.Errorf("the variable %s: %s", c.Variable, wrong[0].Message), hint: wrong[0].Hint, topics: []topic{projectsTopic}}
		}
		s.projects = projects
	}
	if err := deploy.Check(s.projects, s.g.sys.Env); err != nil {
		return &exit{code: Usage, err: fmt.Errorf("deploy.projects: %w", err)}
	}
	return nil
}

// configuredProjects are the projects that stand in the configuration itself.
func (s *session) configuredProjects() []deploy.Project {
	var all []deploy.Project
	for _, p := range s.config.Deploy.Projects {
		all = append(all, deploy.Project{Name: p.Name, URL: p.URL, Secret: p.Secret, API: p.API, Paths: p.Paths})
	}
	return all
}

// deployment wires the trigger client; nil when there are no projects.
func (s *session) deployment(client *httpx.Client, f forge.Forge, runName string) *run.Deployment {
	if len(s.projects) == 0 {
		return nil
	}
	return &run.Deployment{
		Holds:    s.holds(),
		Projects: s.projects, Recorder: f, Base: f, Ref: s.config.Deploy.Ref, Extra: s.config.Deploy.ExtraPaths, Wait: s.config.Deploy.Wait, Timeout: s.g.timeout,
		Triggerer: s.wire().Triggerer(client),
		Targets:   s.targets(), Run: runName, Workflow: s.g.attempt(runName), Clock: s.g.sys.Now, Sleep: s.g.sys.Sleep,
		Say: func(text string) { s.g.reporter().say(slog.LevelInfo, text, "") },
	}
}

// holds are the files of each manifest's values, nil where a failed pipeline holds nothing.
func (s *session) holds() map[string][]string {
	if !s.config.Deploy.Hold {
		return nil
	}
	all := map[string][]string{}
	for _, m := range s.manifests {
		for _, t := range m.Targets {
			all[m.Name] = append(all[m.Name], t.File)
		}
	}
	return all
}

// targets are the files of all manifests' targets.
func (s *session) targets() []string {
	var files []string
	for _, m := range s.manifests {
		for _, t := range m.Targets {
			files = append(files, t.File)
		}
	}
	slices.Sort(files)
	return slices.Compact(files)
}

// deployment is what a run fires after its merge. A dry run sends nothing, so that a secret that is missing is a warning.
func (o *runOptions) deployment(s *session, client *httpx.Client, f forge.Forge) (*run.Deployment, error) {
	if s.config.Deploy.By == "push" || o.looking {
		return nil, nil
	}
	if err := s.resolveProjects(); err != nil {
		if !o.dryRun {
			return nil, err
		}
		o.reporter().say(slog.LevelWarn, err.Error(), fault.Hint(err))
	}
	return s.deployment(client, f, o.processID(o.runID)), nil
}

// local is what a run is called that has no name.
const local = "local"

// runName is what people know a run by: the workflow run's number and attempt, or what they called it.
func (g *globals) runName(flag string) string {
	env := func(name string) string { v, _ := g.sys.Env(name); return v }
	if flag != "" {
		return flag
	}
	if id := env("GITHUB_RUN_ID"); id != "" {
		return id + "-" + env("GITHUB_RUN_ATTEMPT")
	}
	if id := env("CI_JOB_ID"); id != "" && env("GITLAB_CI") == "true" {
		return id // another attempt is another job
	}
	return local
}

// attempt is the attempt of GitHub's workflow run that a process is named after, if it is.
func (g *globals) attempt(process string) run.Attempt {
	id, _ := g.sys.Env("GITHUB_RUN_ID")
	text, _ := g.sys.Env("GITHUB_RUN_ATTEMPT")
	n, err := strconv.Atoi(text)
	if id == "" || err != nil || !strings.HasPrefix(process, id+"-"+text+"/") {
		return run.Attempt{}
	}
	return run.Attempt{ID: id, Number: n}
}

// processID names this process in claims: two jobs of one workflow run are two processes.
func (g *globals) processID(flag string) string {
	if g.sys.ID != nil {
		return g.runName(flag) + "/" + g.sys.ID()
	}
	random := make([]byte, 6)
	_, _ = rand.Read(random) // it never fails
	return g.runName(flag) + "/" + hex.EncodeToString(random)
}
