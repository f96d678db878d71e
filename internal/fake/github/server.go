package github

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"sort"
	"strings"
	"sync"
	"time"
)

// maxBody bounds what is read of one request.
const maxBody = 64 << 20

// ErrDropped is what the in-memory transport returns for a reply that a Fault swallowed.
var ErrDropped = errors.New("fake github: connection reset before the reply was read")

// Options say how the server looks from outside. The zero value works.
type Options struct {
	Now            func() time.Time    // default time.Now
	API            string              // base of the API's own links, default https://api.github.com
	Web            string              // base of links for people, default https://github.com
	Dir            string              // keep every repository at Dir/owner/name.git as well
	Identities     map[string]Identity // who a token stands for
	MergeableReads int                 // how many reads of a moved pull request answer `mergeable: null`
	CallsPerHour   int                 // primary rate limit of each identity, 0 = none
	WritesPerMin   int                 // secondary rate limit of each identity, 0 = none
	WritesPerHour  int                 // the same for an hour
	Before         func(Call)          // called before each request, without any lock held: wait, or act as a person
	// Check sees each request and the answer to it, even when the answer is then dropped; but for a success that a Fault
	// made up.
	Check func(req *http.Request, body []byte, status int, header http.Header, answer []byte)
}

// Server is one GitHub. Its methods may be called from several goroutines.
type Server struct {
	options Options
	routes  []route
	mu      sync.Mutex
	repos   map[string]*Repo // by lower-case owner/name
	renamed map[string]*Repo // by what they were called before
	users   map[string]Identity
	// organizations are owners that are no persons, in lower case.
	organizations []string
	nextID        int64
	calls         []Call
	writes        int
	faults        []*Fault
	budget        map[string]*budget
}

// New returns a GitHub without repositories.
func New(options Options) *Server {
	if options.Now == nil {
		options.Now = time.Now
	}
	if options.API == "" {
		options.API = "https://api.github.com"
	}
	if options.Web == "" {
		options.Web = "https://github.com"
	}
	s := &Server{options: options, routes: compile(routes()), repos: map[string]*Repo{}, renamed: map[string]*Repo{}, users: map[string]Identity{}, budget: map[string]*budget{}}
	s.enrol()
	return s
}

// enrol gives the identities their numbers, in the order of their logins.
func (s *Server) enrol() {
	byLogin := map[string]Identity{}
	for _, identity := range s.options.Identities {
		byLogin[identity.Login] = identity
	}
	logins := make([]string, 0, len(byLogin))
	for login := range byLogin {
		logins = append(logins, login)
	}
	sort.Strings(logins)
	for _, login := range logins {
		s.register(byLogin[login])
	}
}

func (s *Server) id() int64 {
	s.nextID++
	return s.nextID
}

// ServeHTTP answers one request. A dropped reply closes the connection.
func (s *Server) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, maxBody))
	if err != nil {
		http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
		return
	}
	answer := s.exchange(req, body)
	if answer.drop {
		hangUp(w)
		return
	}
	for name, values := range answer.header {
		w.Header()[name] = values
	}
	w.Header().Set("Date", s.now().Format(http.TimeFormat))
	w.WriteHeader(answer.status)
	_, _ = w.Write(answer.data) // the client is gone when this fails
}

func hangUp(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	_ = conn.Close() // nothing was written
}

// RoundTripper serves requests to any host in memory, without a socket. It returns ErrDropped for a dropped reply.
func (s *Server) RoundTripper() http.RoundTripper { return transport{s} }

type transport struct{ server *Server }

// RoundTrip implements http.RoundTripper.
func (t transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	body, err := readBody(req)
	if err != nil {
		return nil, err
	}
	answer := t.server.exchange(req, body)
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	if answer.drop {
		return nil, ErrDropped
	}
	header := answer.header.Clone()
	if header == nil {
		header = http.Header{}
	}
	header.Set("Date", t.server.now().Format(http.TimeFormat))
	return &http.Response{
		StatusCode: answer.status, Status: http.StatusText(answer.status),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: header, Request: req,
		Body: io.NopCloser(bytes.NewReader(answer.data)), ContentLength: int64(len(answer.data)),
	}, nil
}

func readBody(req *http.Request) ([]byte, error) {
	if req.Body == nil {
		return nil, nil
	}
	defer req.Body.Close()
	return io.ReadAll(io.LimitReader(req.Body, maxBody))
}

// Create adds a repository without commits. Owner and name are taken from "owner/name".
func (s *Server) Create(fullName string, settings Settings) *Repo {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.create(fullName, settings, newStore(), nil)
}

func (s *Server) create(fullName string, settings Settings, objects *store, parent *Repo) *Repo {
	owner, name, _ := strings.Cut(fullName, "/")
	if settings.DefaultBranch == "" {
		settings.DefaultBranch = "main"
	}
	repo := &Repo{
		server: s, id: s.id(), owner: owner, name: name, settings: settings, store: objects, parent: parent,
		created: s.now(), refs: map[string]string{}, pulls: map[int]*pull{}, live: map[int]*pull{}, protections: map[string]Protection{},
		checks: map[string][]*check{}, labels: map[string]*label{},
	}
	s.person(owner)
	s.repos[strings.ToLower(fullName)] = repo
	return repo
}

// Repo returns a repository by "owner/name", or nil.
func (s *Server) Repo(fullName string) *Repo {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.repos[strings.ToLower(fullName)]
}

// Tick lets happen what GitHub does by itself: auto-merges and the merge queue, as far as the clock has come.
func (s *Server) Tick() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tick()
}

func (s *Server) tick() {
	for _, r := range s.sorted(func(r *Repo) bool { return len(r.live)+len(r.queue) > 0 }) {
		r.advance()
	}
}

// sorted lists the repositories of which something is so by name, so that the same calls always do the same.
func (s *Server) sorted(wanted func(r *Repo) bool) []*Repo {
	var names []string
	for name, r := range s.repos {
		if wanted(r) {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	all := make([]*Repo, 0, len(names))
	for _, name := range names {
		all = append(all, s.repos[name])
	}
	return all
}

func (s *Server) now() time.Time { return s.options.Now().UTC().Truncate(time.Second) }
