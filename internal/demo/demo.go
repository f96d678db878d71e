// Package demo is everything outside of pawl that a whole run needs, on this machine alone: a registry, a Helm
// repository, GitHub on a real git repository, GitLab and an event receiver, each behind a listener on loopback, and a
// profile whose configuration points at them. What it plays are builds, people and time: its clock jumps where pawl
// would wait. It runs no command and prints nothing; package cli does.
package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/pawl-cd/pawl/internal/fake"
	"github.com/pawl-cd/pawl/internal/fake/github"
	"github.com/pawl-cd/pawl/internal/fake/gitlab"
	"github.com/pawl-cd/pawl/internal/fake/receiver"
	"github.com/pawl-cd/pawl/internal/httpx"
)

// Repository is the profile's name at GitHub, Workflow the file that a dispatch starts there, and Check the one that has
// to be green before a merge.
const (
	Repository = "acme/profile"
	Workflow   = "docker-image.yaml"
	Check      = "ci"
)

// The tokens are good for the stage's own servers only.
const (
	mergeToken    = "demo-merge-token"
	dispatchToken = "demo-dispatch-token"
	triggerToken  = "demo-trigger-token"
	readToken     = "demo-read-token"
)

// checkTakes is how long the check runs.
const checkTakes = 40 * time.Second

// Stage is the world of one demonstration.
type Stage struct {
	world
	// Manifests is how many the profile has.
	Manifests int

	versions Versions
	registry *fake.Registry
	images   *fake.Faults
	hub      hub
	outside  *outer // the hub, when it is not the stage's own
	gitlab   *gitlab.Server
	projects []*gitlab.Project
	receiver *receiver.Receiver
	env      map[string]string
	// files are the paths of the profile.
	files []string
}

// Open builds the stage in an empty directory, from the manifests and files of a profile. Its repository lives at a GitHub
// of the stage's own, or else at a Gitea outside, where the clock cannot jump.
func Open(dir string, profile fs.FS, outside *Outside) (*Stage, error) {
	s := &Stage{}
	if err := s.open(dir); err != nil {
		return nil, err
	}
	var err error
	if outside != nil {
		if s.outside, err = newOuter(*outside, time.Now); err != nil {
			return nil, err
		}
		s.hub = s.outside
	}
	if err := s.build(profile); err != nil {
		_ = s.Close() // the first error counts
		return nil, err
	}
	return s, nil
}

func (s *Stage) build(profile fs.FS) error {
	manifests, err := load(profile)
	if err != nil {
		return err
	}
	s.Manifests = len(manifests)
	if s.versions, err = versions(profile, manifests); err != nil {
		return err
	}
	hosts, err := hosts(manifests)
	if err != nil {
		return err
	}
	files, err := read(profile)
	if err != nil {
		return err
	}
	if err := s.serve(); err != nil {
		return err
	}
	files[".pawl.yaml"] = s.config(hosts)
	for name := range files {
		s.files = append(s.files, name)
	}
	slices.Sort(s.files)
	return s.hub.begin(files)
}

// Transport sends requests to this machine, and to the forge outside, and refuses all others.
func (s *Stage) Transport() http.RoundTripper { return route{s} }

type route struct{ stage *Stage }

// RoundTrip implements http.RoundTripper.
func (r route) RoundTrip(req *http.Request) (*http.Response, error) {
	if h := r.stage.outside; h != nil && httpx.SamePlace(req.URL, h.base) {
		return h.RoundTrip(req)
	}
	return r.stage.network.RoundTrip(req)
}

// Now is the stage's clock; with a forge outside it is the real one.
func (s *Stage) Now() time.Time {
	if s.outside != nil {
		return time.Now()
	}
	return s.world.Now()
}

// Sleep returns at once, as if the time had passed, where the clock is the stage's own.
func (s *Stage) Sleep(ctx context.Context, d time.Duration) error {
	if s.outside != nil {
		return httpx.Sleep(ctx, d)
	}
	return s.world.Sleep(ctx, d)
}

// Publish makes a registry list one more tag of an image: the build after the newest one. It returns the tag.
func (s *Stage) Publish(image string) (string, error) {
	tags := s.versions.Images[image]
	if len(tags) == 0 {
		return "", fmt.Errorf("the profile follows no image %s", image)
	}
	tag := next(tags[0])
	s.versions.Images[image] = slices.Insert(tags, 0, tag)
	s.registry.SetTags(image, s.versions.Images[image]...)
	return tag, nil
}

// PublishChart makes the Helm repository list one more version of a chart, and returns it.
func (s *Stage) PublishChart(chart string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	versions := s.versions.Charts[chart]
	if len(versions) == 0 {
		return "", fmt.Errorf("the profile follows no chart %s", chart)
	}
	version := next(versions[0])
	s.versions.Charts[chart] = slices.Insert(versions, 0, version)
	return version, nil
}

// Remove makes the registry say that it has no such image.
func (s *Stage) Remove(image string) {
	s.images.Set("/v2/"+image+"/", fake.Fault{
		Status: http.StatusNotFound, Body: `{"errors":[{"code":"NAME_UNKNOWN","message":"repository name not known to registry"}]}`,
	})
}

// Job is the environment of the build job that published a tag of an image.
func (s *Stage) Job(image, tag string) map[string]string {
	org, name, _ := strings.Cut(image, "/")
	return map[string]string{
		"GITHUB_API_URL": s.hub.api(), "DOWNSTREAM_IMAGE_PROFILE": s.hub.repository() + ":" + s.hub.token(),
		"DOCKER_ORG": org, "CIRCLE_PROJECT_REPONAME": name, "PACKAGE_VERSION": strings.TrimPrefix(tag, "v"),
		"CIRCLE_BUILD_URL": "https://ci.example/" + name + "/42",
	}
}

// Forge is what the place of the repository is called.
func (s *Stage) Forge() string {
	if s.outside != nil {
		return "Gitea"
	}
	return "GitHub"
}

// Address is that of the repository outside.
func (s *Stage) Address() string { return s.outside.base.JoinPath(s.outside.at.Repository).String() }

// Dispatch is a workflow run that was asked for.
type Dispatch = github.Dispatch

// Dispatched is the last workflow run that was asked for; nil when there is none.
func (s *Stage) Dispatched() *Dispatch { return s.hub.dispatched() }

// Start does what GitHub's workflow does before it runs pawl: it checks out the tip of the base, and writes the event that
// started it into workflow/NAME.json. It returns the environment of the job; without a dispatch, the schedule started it.
func (s *Stage) Start(run int, name string, started *Dispatch) (map[string]string, error) {
	if s.outside != nil {
		if err := s.outside.look(); err != nil {
			return nil, fmt.Errorf("checking out the profile: %w", err)
		}
	}
	for _, path := range s.files {
		data, ok := s.hub.file(path)
		if !ok {
			return nil, fmt.Errorf("checking out the profile: the base lost %s", path)
		}
		if err := s.Write(filepath.Join("checkout", filepath.FromSlash(path)), data); err != nil {
			return nil, err
		}
	}
	kind, event := "schedule", map[string]any{"schedule": "23 */2 * * *"}
	if started != nil {
		kind, event = "workflow_dispatch", map[string]any{"inputs": started.Inputs, "ref": started.Ref, "workflow": started.Workflow}
	}
	data, err := json.MarshalIndent(event, "", " ")
	if err != nil {
		return nil, fmt.Errorf("writing the event: %w", err)
	}
	file := filepath.Join("workflow", name+".json")
	env := maps.Clone(s.env)
	maps.Copy(env, map[string]string{
		"GITHUB_RUN_ID": fmt.Sprint(run), "GITHUB_RUN_ATTEMPT": "1", "GITHUB_EVENT_NAME": kind, "GITHUB_EVENT_PATH": s.path(file),
	})
	return env, s.Write(file, append(data, '\n'))
}

// Save writes the stage's own repository to profile.git in the folder.
func (s *Stage) Save() error { return s.hub.save(s.path("profile.git")) }

// Pull is the text of a pull request: its title as a heading, and its description.
func (s *Stage) Pull(number int) (string, error) {
	title, body, err := s.hub.pull(number)
	return "# " + title + "\n\n" + strings.TrimRight(strings.ReplaceAll(body, "\r\n", "\n"), "\n") + "\n", err
}

// Diff is what a commit of the repository changed, as git shows it.
func (s *Stage) Diff(sha string) (string, error) {
	return s.hub.diff(sha)
}

// Counts are how much the servers were told so far.
type Counts struct {
	// ForgeCalls are the requests to GitHub, ForgeWrites those of them that change something.
	ForgeCalls, ForgeWrites int
	// Pipelines were started at GitLab; Events is how many the receiver took.
	Pipelines, Events int
	// Skipped is how far the clock jumped.
	Skipped time.Duration
}

// Counts counts what the servers were told.
func (s *Stage) Counts() Counts {
	calls, writes := s.hub.counts()
	c := Counts{ForgeCalls: calls, ForgeWrites: writes, Events: len(s.receiver.Events()), Skipped: s.Skipped()}
	for _, p := range s.projects {
		c.Pipelines += len(p.Pipelines())
	}
	return c
}
