package demo

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strings"

	"github.com/pawl-cd/pawl/internal/fake"
	"github.com/pawl-cd/pawl/internal/fake/github"
	"github.com/pawl-cd/pawl/internal/fake/gitlab"
	"github.com/pawl-cd/pawl/internal/fake/receiver"
)

// releasesPath is where the releases of other repositories are, at the host that plays GitHub.
const releasesPath = "/releases"

// projects are the environments that are deployed, with the files that each consumes; without, it is every target's.
var projects = []struct {
	name  string
	paths []string
}{
	{"dev", nil},
	{"switch", []string{"profiles/mojaloop-values-override.yaml", "profiles/mojaloop-vars.yaml"}},
	{"payment-manager", []string{"profiles/pm4ml-values-override.yaml", "profiles/pm4ml-vars.yaml"}},
}

// serve starts the servers.
func (s *Stage) serve() error {
	s.registry = fake.NewRegistry(fake.RegistryOptions{Tags: s.versions.Images})
	s.images = fake.WithFaults(s.registry)
	s.receiver = receiver.New()
	type server struct {
		name, what string
		handler    func(address string) http.Handler
	}
	forge := server{"GitHub", fmt.Sprintf("%s, a real git repository; a merge needs the check %s", Repository, Check), s.gitHub}
	if s.outside != nil {
		s.Places = append(s.Places, Place{"Gitea", s.outside.at.URL, s.outside.at.Repository + ", on your own server"})
		forge = server{"releases", "the releases of other repositories", func(string) http.Handler { return s.releases() }}
	}
	for _, server := range []server{
		{"registry", fmt.Sprintf("%d images", len(s.versions.Images)), func(string) http.Handler { return s.images }},
		{"charts", fmt.Sprintf("a Helm repository with %d charts", len(s.versions.Charts)), func(string) http.Handler { return http.HandlerFunc(s.charts) }},
		forge,
		{"GitLab", fmt.Sprintf("%d projects that deploy", len(projects)), s.gitLab},
		{"events", "a CloudEvents receiver", func(string) http.Handler { return s.receiver }},
	} {
		if err := s.listen(server.name, server.what, server.handler); err != nil {
			return err
		}
	}
	s.env = s.hub.environment()
	s.env["DEPLOY_TRIGGER"], s.env["DEPLOY_READ"] = triggerToken, readToken
	return nil
}

// charts serves the index of a Helm repository as it is now.
func (s *Stage) charts(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	charts := maps.Clone(s.versions.Charts)
	s.mu.Unlock()
	fake.NewHelm(charts).ServeHTTP(w, r)
}

func (s *Stage) gitHub(address string) http.Handler {
	forge := github.New(github.Options{
		Now: s.Now, API: address, Web: address,
		Identities: map[string]github.Identity{mergeToken: {Login: "pawl-bot"}, dispatchToken: {Login: "build-bot"}},
	})
	repo := forge.Create(Repository, github.Settings{
		CI: func(string) []github.Check {
			return []github.Check{{Name: Check, Conclusion: "success", After: checkTakes}}
		},
	})
	s.hub = &own{forge, repo, address}
	mux := http.NewServeMux()
	mux.Handle("/", forge)
	mux.Handle(releasesPath+"/", s.releases())
	return mux
}

func (s *Stage) releases() http.Handler {
	return fake.NewReleases(fake.ReleasesOptions{Releases: s.versions.Releases, Prefix: releasesPath})
}

func (s *Stage) gitLab(address string) http.Handler {
	s.gitlab = gitlab.New(gitlab.Options{Now: s.Now, Address: address})
	for _, p := range projects {
		s.projects = append(s.projects, s.gitlab.Create("acme/"+p.name, gitlab.Settings{Triggers: []string{triggerToken}, Readers: []string{readToken}}))
	}
	return s.gitlab
}

// config is the profile's configuration: every address is one of this machine.
func (s *Stage) config(hosts []string) []byte {
	var b bytes.Buffer
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("# Written by pawl demo: every address is one of this machine, and gone when the demonstration has ended.")
	line("version: 1\nmirrors:")
	for _, host := range hosts {
		line("  %s: %s", host, s.mirror(host))
	}
	line("%s\ndeploy:", s.hub.config())
	if s.outside == nil { // else nobody wants to wait so long
		line("  wait: 10m")
	}
	line("  projects:")
	for i, p := range projects {
		paths := ""
		if len(p.paths) > 0 {
			paths = fmt.Sprintf(", paths: %s", quoted(p.paths))
		}
		line("    - {name: %s, url: %s, secret: DEPLOY_TRIGGER, api: DEPLOY_READ%s}", p.name, quoted(s.projects[i].TriggerPathURL()), paths)
	}
	line("events:\n  source: https://git.example/%s\n  sinks:", s.hub.repository())
	line("    - {type: file, path: %s}\n    - {type: http, url: %s}", quoted(s.path("events.jsonl")), s.place("events"))
	return b.Bytes()
}

// mirror is where to ask in the place of a registry's host, or of a URL.
func (s *Stage) mirror(host string) string {
	_, name, isURL := strings.Cut(host, "://")
	switch {
	case !isURL:
		return s.place("registry")
	case name == "api.github.com":
		if s.outside != nil {
			return s.place("releases") + releasesPath
		}
		return s.place("GitHub") + releasesPath
	default:
		return s.place("charts") + "/" + name
	}
}

// quoted writes a value as JSON does, which YAML reads as well.
func quoted(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return "null" // texts never fail
	}
	return string(text)
}
