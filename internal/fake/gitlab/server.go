package gitlab

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// maxBody bounds what is read of one request.
	maxBody = 16 << 20
	api     = "/api/v4/"
)

// Options say how the server looks from outside. The zero value works.
type Options struct {
	// Now is the clock, by default the real one.
	Now func() time.Time
	// Address is where the server is, by default https://gitlab.example; the API is below its path. It can be set later.
	Address string
	// Zone is the instance's time zone, in which it writes every date; by default three hours east, as many are.
	Zone *time.Location
	// Before is called before each request without any lock held.
	Before func(Request)
}

// Server is one GitLab. Its methods may be called from several goroutines.
type Server struct {
	options Options

	mu       sync.Mutex
	address  *url.URL
	projects []*Project
	requests []Request
	people   []string
	lastID   int64
}

// New returns a GitLab without projects.
func New(options Options) *Server {
	if options.Now == nil {
		options.Now = time.Now
	}
	if options.Zone == nil {
		options.Zone = time.FixedZone("", 3*60*60)
	}
	s := &Server{options: options}
	s.SetAddress("https://gitlab.example")
	if options.Address != "" {
		s.SetAddress(options.Address)
	}
	return s
}

// SetAddress says where the server is, such as the URL of a listener with a path behind it. What is no URL is ignored.
func (s *Server) SetAddress(address string) {
	u, err := url.Parse(strings.TrimRight(address, "/"))
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.address = u
}

// Settings describe a project.
type Settings struct {
	// ID is the project's number; 0 gives it one.
	ID int64
	// Refs are its branches and tags, by default main.
	Refs []string
	// Triggers are its trigger tokens.
	Triggers []string
	// Readers are tokens of maintainers, Reporters of people who see pipelines but not their variables.
	Readers, Reporters []string
	// Statuses are what a new pipeline goes through, one step for each look at it; by default created, pending,
	// running, success.
	Statuses []string
	// Inputs are what the header of the project's .gitlab-ci.yml declares (spec.inputs), each with its pattern, empty for any text; nil
	// is no header. All have defaults. NoInputs is a version before 17.11, which does not know the parameter and drops it.
	Inputs   map[string]string
	NoInputs bool
	// NoVariables lets nobody set pipeline variables, as in new projects of gitlab.com. PayloadCounts is a version that takes the payload
	// that it adds itself for one, and so refuses every trigger (https://gitlab.com/gitlab-org/gitlab/-/issues/557381).
	NoVariables, PayloadCounts bool
	// Refusal makes GitLab refuse every trigger with this text, such as rules that let no job run.
	Refusal string
	// PerMinute is how many pipelines may be made in a minute, 0 = any number
	// (https://docs.gitlab.com/administration/settings/rate_limit_on_pipelines_creation/).
	PerMinute int
	// Unverified says that the owner of the trigger tokens has not told gitlab.com yet who they are.
	Unverified bool
	// Coverage is what GitLab says of the tests, in the form in which it says it: null, a text, once a number.
	Coverage any
	// Old leaves out what versions before 14 did not say: iid, source, name.
	Old bool
	// YAMLErrors makes every trigger end as a pipeline that failed before any job, which GitLab answers with 422.
	YAMLErrors string
	// Public lets everybody see it, Topics are what it is about, Archived and Mirror say what they say, Deleted is the day on which
	// it was marked for deletion.
	Public, Archived, Mirror bool
	Topics                   []string
	Deleted                  string
	// Files are those of the default branch; nil is a repository without any branch.
	Files map[string]string
}

// Create adds a project by its full path, such as group/sub/name.
func (s *Server) Create(path string, settings Settings) *Project {
	s.mu.Lock()
	defer s.mu.Unlock()
	if settings.ID == 0 {
		settings.ID = int64(len(s.projects) + 1)
	}
	if settings.Refs == nil {
		settings.Refs = []string{"main"}
	}
	if settings.Statuses == nil {
		settings.Statuses = []string{"created", "pending", "running", "success"}
	}
	p := &Project{server: s, path: path, settings: settings}
	s.projects = append(s.projects, p)
	return p
}

// project finds one by number or path; GitLab's paths ignore case.
func (s *Server) project(id string) *Project {
	for _, p := range s.projects {
		if id == strconv.FormatInt(p.settings.ID, 10) || strings.EqualFold(id, p.path) {
			return p
		}
	}
	return nil
}

// Requests returns every request so far, in order.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Request(nil), s.requests...)
}

// Key names what must not be triggered twice.
type Key struct{ Project, CommitURL string }

// Counts returns how many pipelines that run jobs each project has for each CD_COMMIT_URL.
func (s *Server) Counts() map[Key]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	counts := map[Key]int{}
	for _, p := range s.projects {
		p.arrive()
		for _, one := range p.pipelines {
			if one.YAMLErrors == "" {
				counts[Key{p.path, one.Variables[commitURL]}]++
			}
		}
	}
	return counts
}

func (s *Server) now() time.Time { return s.options.Now().UTC().Truncate(time.Millisecond) }

// Request is one request as it was received.
type Request struct {
	// Number counts them from 1.
	Number int
	Method string
	// Path is as sent, still URL-encoded; Query likewise.
	Path, Query string
	Header      http.Header
	Body        []byte
	// Operation is what was asked, empty when GitLab has no such endpoint; Project the path of the project, empty when
	// there is none.
	Operation Operation
	Project   string
	// Status is the answer's, 0 when none was sent.
	Status int
}

// Operation is one endpoint.
type Operation string

// The endpoints.
const (
	Trigger   Operation = "trigger"
	List      Operation = "list"
	Get       Operation = "get"
	Variables Operation = "variables"
	Projects  Operation = "projects"
	Tree      Operation = "tree"
	File      Operation = "file"
)

// String names the request without its header and body.
func (r Request) String() string {
	return fmt.Sprintf("%s %s?%s %d", r.Method, r.Path, r.Query, r.Status)
}
