package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pawl-cd/pawl/internal/fake"
	"github.com/pawl-cd/pawl/internal/fake/github"
	"github.com/pawl-cd/pawl/internal/fake/gitlab"
	"github.com/pawl-cd/pawl/internal/fake/receiver"
	"github.com/pawl-cd/pawl/internal/fleet"
	"github.com/pawl-cd/pawl/internal/ledger"
)

// What the profiles of a world are like, by their numbers: most are merged at once, some have a pull request from before that is
// changed or withdrawn, some are merged by GitHub itself, some by nobody, and one cannot be used.
const (
	plain = iota
	older
	withdrawn
	armed
	off
	broken
)

func kindOf(i, n int) int {
	switch {
	case i == n-1:
		return broken
	case i%10 >= 6:
		return i%10 - 5
	}
	return plain
}

// depot is a profile's repository as everybody sees it.
type depot interface {
	Refs() map[string]string
	File(at, path string) ([]byte, bool)
	Log(at string) []github.Commit
	Pulls() []github.Pull
}

// ocean is a fleet with all that it talks to, on loopback: real processes are at it.
type ocean struct {
	*testing.T
	n        int
	registry *fake.Registry
	// github is nil where the profiles are at another forge.
	github   *github.Server
	gitlab   *gitlab.Server
	receiver *receiver.Receiver
	repos    []depot
	projects [][]*gitlab.Project
	// entries are the profiles as the fleet lists them, page is where their repositories are for people.
	entries []fleet.Profile
	page    string
	// bot is who pawl is at the forge, token the token of all profiles, empty where each has its own.
	bot, token string
	dir        string
	// addresses are where the fakes are, by the names under which texts are compared.
	addresses map[string]string
	// ahead is how far the clock of the fakes is before the real one.
	ahead atomic.Int64
	// meet sees each request before and after it is served; nil is nobody.
	meet func(m *meeting)

	mu sync.Mutex
	// marks are the quiet marks that each repository had last.
	marks []string
	// events are those of each profile that came so far, read how many were looked at, and first the bytes of each when it came first.
	events map[int][]occurrence
	read   int
	first  map[string][]byte
	// armed are the pull requests that GitHub was ever asked to merge by itself.
	armed map[string]bool
}

// meeting is one request on its way. profile is whose it is, -1 when that is not known; class says what it does.
type meeting struct {
	profile int
	class   string
	// number counts the requests of a class.
	number int
	// applied says that it was served; cut has the connection break instead of an answer, or of being served.
	applied, cut bool
	// since is when its connection was made: who is dead may still be served.
	since time.Time
}

// connected is the key of when a connection was made.
type connected struct{}

// newOcean makes a world of n profiles at a GitHub, at which nothing has happened.
func newOcean(t *testing.T, n int) *ocean {
	t.Helper()
	w := newShore(t, n)
	w.bot = "pawl-bot"
	who := map[string]github.Identity{}
	for i := range n {
		who[tokenOf(i)] = github.Identity{Login: "pawl-bot"}
	}
	hub := w.listen("hub.example")
	w.page = w.addresses["hub.example"]
	w.github = github.New(github.Options{Now: w.now, Identities: who, API: w.page, Web: w.page})
	hub(w.serve(w.github, ofToken))
	for i := range n {
		settings, config := github.Settings{}, ""
		name := fmt.Sprintf("org/p%d", i)
		w.entries = append(w.entries, fleet.Profile{Repository: name, Kind: "github"})
		if kindOf(i, n) == armed {
			settings, config = withAutoMerge(checks(github.Check{Name: "ci", Conclusion: "success", After: time.Minute})), "merge: {wait: 1s}\n"
		}
		repo := w.github.Create(name, settings)
		w.repos = append(w.repos, repo)
		files := map[string][]byte{}
		for path, text := range w.launch(i, config) {
			files[path] = []byte(text)
		}
		if _, err := repo.Push("main", "alice", files, "the profile"); err != nil {
			t.Fatal(err)
		}
		if kindOf(i, n) == armed {
			repo.Protect("main", github.Protection{Checks: []string{"ci"}})
		}
	}
	return w
}

// newShore makes what the profiles of a world talk to, but for their forge.
func newShore(t *testing.T, n int) *ocean {
	t.Helper()
	w := &ocean{T: t, n: n, dir: t.TempDir(), addresses: map[string]string{}, receiver: receiver.New(), marks: make([]string, n), events: map[int][]occurrence{}, first: map[string][]byte{}, armed: map[string]bool{}}
	tags := map[string][]string{"org/w": {"v1.0.0"}}
	for i := range 8 {
		tags[fmt.Sprintf("org/s%d", i)] = []string{"v1.0.0"}
	}
	w.registry = fake.NewRegistry(fake.RegistryOptions{Tags: tags})
	lab := w.listen("lab.example")
	w.gitlab = gitlab.New(gitlab.Options{Now: w.now, Address: w.addresses["lab.example"]})
	lab(w.serve(w.gitlab, func(r *http.Request) int { return number(r.URL.EscapedPath(), "group%2Fp") }))
	w.listen("images.example")(w.serve(w.registry, func(*http.Request) int { return -1 }))
	w.listen("events.example")(w.serve(w.receiver, func(r *http.Request) int { return number(r.URL.Path, "/in/p") }))
	return w
}

func (w *ocean) now() time.Time { return time.Now().Add(time.Duration(w.ahead.Load())) }

// jump lets time pass at the fakes.
func (w *ocean) jump(by time.Duration) {
	w.ahead.Add(int64(by))
	if w.github != nil {
		w.github.Tick()
	}
}

func tokenOf(i int) string { return fmt.Sprintf("c4nary-token-%d-", i) }

// number is what follows a beginning in a text, -1 when there is none.
func number(text, after string) int {
	_, rest, found := strings.Cut(text, after)
	n := -1
	if _, err := fmt.Sscanf(rest, "%d", &n); err != nil || !found {
		return -1
	}
	return n
}

// ofToken tells a profile by its token.
func ofToken(r *http.Request) int {
	_, password, _ := r.BasicAuth()
	return number(r.Header.Get("Authorization")+password, "c4nary-token-")
}

// listen opens a port; what is returned has a handler serve there.
func (w *ocean) listen(name string) func(http.Handler) {
	s := httptest.NewUnstartedServer(nil)
	s.Config.ConnContext = func(ctx context.Context, _ net.Conn) context.Context {
		return context.WithValue(ctx, connected{}, time.Now())
	}
	w.addresses[name] = "http://" + s.Listener.Addr().String()
	return func(h http.Handler) {
		s.Config.Handler = h
		s.Start()
		w.Cleanup(s.Close)
	}
}

// serve has requests meet who waits for them, and looks at the marks after each.
func (w *ocean) serve(next http.Handler, of func(*http.Request) int) http.Handler {
	return http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // it died while it sent
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		m := &meeting{profile: of(r), class: classOf(r, body)}
		m.since, _ = r.Context().Value(connected{}).(time.Time)
		if w.meet != nil {
			w.meet(m)
		}
		if m.cut {
			panic(http.ErrAbortHandler)
		}
		made := httptest.NewRecorder()
		next.ServeHTTP(made, r)
		if m.profile >= 0 && (m.class == "mark" || m.class != "read" && w.github != nil) {
			w.watch(m.profile)
		}
		m.applied = true
		if w.meet != nil {
			w.meet(m)
		}
		if m.cut {
			panic(http.ErrAbortHandler)
		}
		maps.Copy(out.Header(), made.Header())
		out.WriteHeader(made.Code)
		_, _ = out.Write(made.Body.Bytes()) // it may be dead
	})
}

// classOf says what a request does, roughly.
func classOf(r *http.Request, body []byte) string {
	switch path := r.URL.Path; {
	case strings.HasSuffix(path, "/trigger/pipeline"):
		return "trigger"
	case strings.HasSuffix(path, "/git-receive-pack") && bytes.Contains(body, []byte("refs/pawl/quiet/")):
		return "mark"
	case strings.HasSuffix(path, "/git-receive-pack") && bytes.Contains(body, []byte("refs/pawl/ledger")):
		return "ledger"
	case strings.HasSuffix(path, "/git-receive-pack"):
		return "push"
	case strings.HasSuffix(path, "/merge"):
		return "merge"
	case strings.HasSuffix(path, "/graphql") && bytes.Contains(body, []byte("mutation")):
		return "mutation"
	case strings.HasPrefix(path, "/in/"):
		return "event"
	case r.Method != http.MethodGet && !strings.HasSuffix(path, "/git-upload-pack") && !strings.HasSuffix(path, "/graphql"):
		return "write"
	}
	return "read"
}

// launch makes the projects of a profile, and returns its files; config is what else its configuration says.
func (w *ocean) launch(i int, config string) map[string]string {
	apps := []string{"w"}
	if kindOf(i, w.n) != withdrawn {
		apps = append(apps, fmt.Sprintf("s%d", i%8), fmt.Sprintf("s%d", (i+3)%8))
	}
	switch {
	case kindOf(i, w.n) == off:
		config += "merge: off\n"
	case kindOf(i, w.n) == broken:
		config += "unknown: key\n"
	case config == "":
		config = "merge: {require: none}\n"
	}
	files := map[string]string{"values.yaml": "# versions\napps:\n"}
	for _, app := range apps {
		files["manifests/"+app+".yaml"] = fmt.Sprintf("sources: {image: {kind: dockerimage, spec: {image: org/%s, versionfilter: ^1.0.0}}}\ntargets: {yaml: {kind: yaml, spec: {file: values.yaml, key: $.apps.%s}}}\n", app, app)
		files["values.yaml"] += fmt.Sprintf("  %s: v1.0.0 # %s\n", app, app)
	}
	at := w.entries[i]
	forge := "repository: " + at.Repository
	if at.URL != "" {
		forge += fmt.Sprintf(", kind: %s, url: '%s'", at.Kind, at.URL)
	}
	config += fmt.Sprintf("forge: {%s, labels: [dependencies]}\nmirrors: {docker.io: '%s'}\nevents: {source: 'https://profiles.example/p%d', sinks: [{type: http, url: '%s/in/p%d'}]}\ndeploy:\n  projects:\n",
		forge, w.addresses["images.example"], i, w.addresses["events.example"], i)
	var projects []*gitlab.Project
	for k := range 2 {
		p := w.gitlab.Create(fmt.Sprintf("group/p%d-env-%d", i, k), gitlab.Settings{Triggers: []string{"trigger"}, Readers: []string{"reader"}})
		projects = append(projects, p)
		config += fmt.Sprintf("    - {name: env-%d, url: '%s', secret: TRIGGER, api: READER}\n", k, p.TriggerPathURL())
	}
	w.projects = append(w.projects, projects)
	files[".pawl.yaml"] = config
	return files
}

// index is the number of a profile by the name that reports have for it, -1 for none.
func (w *ocean) index(name string) int {
	return slices.IndexFunc(w.entries, func(p fleet.Profile) bool { return p.Name() == name })
}

// list writes the file of a fleet of those profiles that are wanted, and returns its name.
func (w *ocean) list(name string, want func(i int) bool) string {
	w.Helper()
	text := "version: 1\nprofiles:\n"
	for i := range w.n {
		if want(i) {
			forge := ""
			if at := w.entries[i]; at.URL != "" {
				forge = fmt.Sprintf(", forge: {kind: %s, url: '%s'}", at.Kind, at.URL)
			}
			text += fmt.Sprintf("  - {repository: %s, token: TOKEN_%d, env: [TRIGGER, READER]%s}\n", w.entries[i].Repository, i, forge)
		}
	}
	file := filepath.Join(w.dir, name)
	if err := os.WriteFile(file, []byte(text+"limits: {parallel: 4}\n"), 0o600); err != nil {
		w.Fatal(err)
	}
	return file
}

// environ is the environment of the processes.
func (w *ocean) environ() []string {
	all := []string{"HOME=" + w.dir, "TRIGGER=trigger", "READER=reader"}
	if w.github != nil {
		all = append(all, "GITHUB_API_URL="+w.page, "GITHUB_GRAPHQL_URL="+w.page+"/graphql", "GITHUB_SERVER_URL="+w.page)
	}
	for i := range w.n {
		token := w.token
		if token == "" {
			token = tokenOf(i)
		}
		all = append(all, fmt.Sprintf("TOKEN_%d=%s", i, token))
	}
	return all
}

// watch notes what is armed, and holds a new quiet mark against what is open at the time: nothing may be.
func (w *ocean) watch(i int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range w.repos[i].Pulls() {
		if p.AutoMerge {
			w.armed[fmt.Sprintf("%s#%d", w.entries[i].Repository, p.Number)] = true
		}
	}
	mark := ""
	for ref, id := range w.repos[i].Refs() {
		if strings.HasPrefix(ref, "refs/pawl/quiet/") {
			mark = ref + " " + id
		}
	}
	if mark != w.marks[i] && mark != "" {
		if left := w.restless(i); left != "" {
			w.Errorf("%s is marked as quiet, and %s", w.entries[i].Name(), left)
		}
	}
	w.marks[i] = mark
}

// restless says what is open in a profile, empty when nothing is.
func (w *ocean) restless(i int) string {
	repo := w.repos[i]
	for _, p := range repo.Pulls() {
		if p.State == "open" {
			return fmt.Sprintf("pull request #%d is open", p.Number)
		}
	}
	for ref, id := range repo.Refs() {
		if strings.HasPrefix(ref, "refs/heads/") && ref != "refs/heads/main" && !outlived(repo, ref, id) {
			return ref + " is there, of no pull request"
		}
	}
	book := w.ledger(i)
	for _, c := range book.Claims {
		if c.Open() {
			return fmt.Sprintf("the trigger of %s is %s", c.Project, c.State)
		}
	}
	for _, p := range book.Pulls {
		if p.End == "" {
			return fmt.Sprintf("the ledger says that pull request #%d is open", p.Number)
		}
	}
	if kept, _ := repo.File("refs/pawl/ledger", "pending.jsonl"); len(kept) > 0 {
		return "an event waits"
	}
	return ""
}

// outlived reports whether a branch is that of a pull request that has ended: nobody is at it, and the next one takes it over.
func outlived(repo depot, ref, id string) bool {
	return slices.ContainsFunc(repo.Pulls(), func(p github.Pull) bool {
		return "refs/heads/"+p.Head == ref && p.HeadSHA == id && p.State != "open"
	})
}

// book is what a ledger holds that two worlds may be compared by.
type book struct {
	Values []ledger.Value
	Vetoes []ledger.Veto
	Pulls  []ledger.Pull
	Claims []ledger.Claim
}

func (w *ocean) ledger(i int) (b book) {
	for _, file := range []string{"values.json", "vetoes.json", "pulls.json", "claims.json"} {
		if data, ok := w.repos[i].File("refs/pawl/ledger", file); ok {
			if err := json.Unmarshal(data, &b); err != nil {
				w.Errorf("org/p%d: %s: %v", i, file, err)
			}
		}
	}
	return b
}

var (
	// autoMerge is what an event of a merge may say otherwise when it is told again: this GitHub does not show any more what was armed.
	autoMerge = regexp.MustCompile(`"autoMerge":(true|false)`)

	stamps = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`)
	uuids  = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
)

// portrait is all that a profile and its projects hold and were told, but for what differs from world to world: addresses, times,
// ids of commits, and numbers of pipelines.
func (w *ocean) portrait(i int) string {
	repo := w.repos[i]
	refs := repo.Refs()
	var text strings.Builder
	data, _ := repo.File("main", "values.yaml")
	fmt.Fprintf(&text, "%s", data)
	for _, c := range repo.Log("main") {
		fmt.Fprintf(&text, "commit %s %q %v\n", c.Author, c.Message, c.Files)
	}
	for _, p := range repo.Pulls() {
		fmt.Fprintf(&text, "pull #%d %s merged=%t %q %v %q %v\n", p.Number, p.State, p.Merged, p.Title, p.Labels, p.Body, p.Comments)
	}
	for _, ref := range slices.Sorted(maps.Keys(refs)) {
		switch {
		case strings.HasPrefix(ref, "refs/pawl/quiet/"):
			fmt.Fprintln(&text, "refs/pawl/quiet/T")
		case !outlived(repo, ref, refs[ref]): // who dies after it closed a pull request leaves its branch, as a merge does
			fmt.Fprintln(&text, ref)
		}
	}
	b := w.ledger(i)
	for _, v := range b.Values {
		if v.Commit != "" { // one that was found right may be noted later
			fmt.Fprintln(&text, "value", v.Place, v.Asker, v.Value, v.Version)
		}
	}
	for _, v := range b.Vetoes {
		fmt.Fprintln(&text, "veto", v.Place, v.Asker, v.Version, v.Pull)
	}
	for _, p := range b.Pulls {
		fmt.Fprintln(&text, "known pull", p.Number, p.End)
	}
	var claims []string
	for _, c := range b.Claims {
		claims = append(claims, fmt.Sprintf("claim %d %s %s %q pipeline=%t", c.Pull, c.Project, c.State, c.Message, c.PipelineID != 0))
	}
	slices.Sort(claims)
	fmt.Fprintln(&text, strings.Join(claims, "\n"))
	for _, p := range w.projects[i] {
		for _, made := range p.Pipelines() {
			fmt.Fprintln(&text, "pipeline", p.Path(), made.Ref, made.Variables["CD_MESSAGE"], made.Variables["CD_COMMIT_URL"])
		}
	}
	told := map[string]bool{}
	for _, e := range w.told(i) {
		if e.derived() && e.kind() != "automerge.enabled" { // whether it is armed depends on whether the checks were green by then
			told["told "+e.kind()+" "+pipelineNo.ReplaceAllString(e.Subject.ID, "/pipelines/N")+" "+e.CustomData.Pawl.Reason] = true
		}
	}
	fmt.Fprintln(&text, strings.Join(slices.Sorted(maps.Keys(told)), "\n"))
	all := strings.ReplaceAll(text.String(), w.entries[i].Repository, fmt.Sprintf("org/p%d", i))
	all = strings.ReplaceAll(all, w.bot, "pawl-bot")
	for name, address := range w.addresses {
		all = strings.NewReplacer(address, "https://"+name, strings.TrimPrefix(address, "http://"), name).Replace(all)
	}
	return uuids.ReplaceAllString(hexadecimal.ReplaceAllString(stamps.ReplaceAllString(all, "T"), "SHA"), "UUID")
}

// told are the events of a profile that came, each once; what is derived from the forge must come in the same bytes each time.
func (w *ocean) told(i int) []occurrence {
	all := w.receiver.Events()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, got := range all[w.read:] {
		var e occurrence
		if err := json.Unmarshal(got.Data, &e); err != nil {
			w.Errorf("%v: %s", err, got.Data)
			continue
		}
		e.raw = got.Data
		profile := number(e.Context.Source, "https://profiles.example/p")
		if first, known := w.first[e.Context.ID]; known {
			if e.derived() && autoMerge.ReplaceAllString(string(first), "") != autoMerge.ReplaceAllString(string(got.Data), "") {
				w.Errorf("org/p%d: told otherwise:\n%s\n%s", profile, first, got.Data)
			}
			continue
		}
		w.first[e.Context.ID] = got.Data
		w.events[profile] = append(w.events[profile], e)
	}
	w.read = len(all)
	return w.events[i]
}

// happened holds what was told of a profile against what its repository and its projects show, and counts what must be once.
func (w *ocean) happened(i int) {
	w.Helper()
	repo, name := w.repos[i], w.entries[i].Repository
	want := map[string]int{}
	pages := map[string]bool{}
	for _, p := range repo.Pulls() {
		subject := fmt.Sprintf("%s#%d", name, p.Number)
		want["change.created "+subject] = 1
		switch {
		case p.Merged:
			want["change.merged "+subject] = 1
			pages[w.page+"/"+name+"/commit/"+p.MergeCommit] = true
		case p.State == "closed":
			want["change.abandoned "+subject] = 1
		}
	}
	for _, p := range w.projects[i] {
		for _, made := range p.Pipelines() {
			if page := made.Variables["CD_COMMIT_URL"]; !pages[page] {
				w.Errorf("%s: %s was fired for %s, which no pull request brought", name, p.Path(), page)
			}
			want[fmt.Sprintf("pipelinerun.queued %s/pipelines/%d", p.Path(), made.ID)] = 1
		}
		for page := range pages {
			if n := p.Count(page); n != 1 {
				w.Errorf("%s: %d pipelines of %s for %s", name, n, p.Path(), page)
			}
		}
	}
	got := map[string]int{}
	all := w.told(i)
	w.mu.Lock()
	defer w.mu.Unlock()
	known := map[string]bool{}
	for _, e := range all {
		known[e.Context.ID] = true
		kind := e.kind() + " " + e.Subject.ID
		switch {
		case !e.derived() || e.kind() == "branch.created" || e.kind() == "change.updated": // see portrait
		case w.armed[e.Subject.ID] && e.kind() == "automerge.enabled": // who dies before it tells may find it merged, and GitHub does not show it any more
		default:
			got[kind]++
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		w.Errorf("%s: told was %v, and %v happened", name, got, want)
	}
	for _, e := range all {
		for _, l := range e.Context.Links {
			if e.derived() && !known[l.From.ContextID+l.Target.ContextID] {
				w.Errorf("%s: a link to no event: %s", name, e.raw)
			}
		}
	}
}

// honest holds a report against the repositories: what it says to be merged and fired is.
func (w *ocean) honest(report fleet.Report) {
	w.Helper()
	for _, one := range report.Profiles {
		i := w.index(one.Profile)
		if i < 0 {
			w.Errorf("a profile %q", one.Profile)
			continue
		}
		w.repos[i].Refs() // what is merged by now
		if one.State == fleet.Merged && !slices.ContainsFunc(w.repos[i].Log("main"), func(c github.Commit) bool { return c.SHA == one.Commit }) {
			w.Errorf("%s is said to be merged, and is not: %+v", one.Profile, one)
		}
		fired := 0
		for _, p := range w.projects[i] {
			fired += len(p.Pipelines())
		}
		if one.Fired > fired {
			w.Errorf("%s is said to have fired %d pipelines, and there are %d", one.Profile, one.Fired, fired)
		}
	}
}
