package github

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
)

// Call is one request as it was received.
type Call struct {
	Number    int    // counts all calls, from 1
	Write     int    // counts the writing calls, from 1; 0 for a reading one
	Method    string // GraphQL is POST
	Path      string // as sent, unescaped
	Query     string
	Operation string // the route, for example "POST /repos/{owner}/{repo}/git/refs", or "mutation createCommitOnBranch"
	Writing   bool
	Identity  string // login, empty when anonymous
	Status    int    // of the reply, also when it was dropped
	Dropped   bool
}

// context is what a handler gets.
type context struct {
	server *Server
	req    *http.Request
	body   []byte
	who    Identity
	repo   *Repo
	vars   map[string]string
	query  url.Values
}

// decode reads the JSON body into v; the reply says what is wrong with it.
func (c *context) decode(v any) *reply {
	if len(c.body) == 0 {
		return nil
	}
	err := json.Unmarshal(c.body, v)
	if err == nil {
		return nil
	}
	wrong := fail(http.StatusBadRequest, "Problems parsing JSON")
	if json.Valid(c.body) {
		wrong = unprocessable("Invalid request.\n\n" + err.Error())
	}
	return &wrong
}

// exchange answers one request and keeps a record of it.
func (s *Server) exchange(req *http.Request, body []byte) answer {
	s.mu.Lock()
	call, matched := s.record(req, body)
	before := s.options.Before
	s.mu.Unlock()
	if before != nil {
		before(call)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.answer(req, body, call, matched)
	s.calls[call.Number-1].Status = out.status
	s.calls[call.Number-1].Dropped = out.drop
	_, gits := asSmart(req) // of which the descriptions say nothing
	if s.options.Check != nil && out.status != 0 && !out.invented && !gits {
		s.options.Check(s.described(req), body, out.status, out.header, out.data)
	}
	return out
}

func (s *Server) record(req *http.Request, body []byte) (Call, match) {
	found := s.findRoute(req, body)
	who, _ := s.authenticate(req.Header)
	call := Call{
		Number: len(s.calls) + 1, Method: req.Method, Path: req.URL.Path, Query: req.URL.RawQuery,
		Operation: found.operation, Writing: found.writing, Identity: who.Login,
	}
	if call.Writing {
		s.writes++
		call.Write = s.writes
	}
	s.calls = append(s.calls, call)
	return call, found
}

// answer applies the request between the faults that were asked for.
func (s *Server) answer(req *http.Request, body []byte, call Call, matched match) answer {
	fault := s.fault(call)
	if fault != nil && !fault.Apply {
		return fault.answer(nil)
	}
	s.tick()
	who, _ := s.authenticate(req.Header)
	done := s.handle(req, body, call, matched)
	_, gits := asSmart(req)
	if !gits {
		done = s.finish(req, call, who, done)
	}
	out := done.encode()
	if !gits {
		if len(out.data) > 0 && out.status < 300 {
			out.header.Set("Etag", tag(out.data))
		}
		s.limitHeaders(req, out.header)
	}
	s.persist()
	if fault != nil {
		return fault.answer(&out)
	}
	return out
}

// archived is said to every change of an archived repository.
const archived = "Repository was archived so is read-only."

func (s *Server) handle(req *http.Request, body []byte, call Call, matched match) reply {
	who, refused := s.authenticate(req.Header)
	if request, gits := asSmart(req); gits {
		if refused != nil {
			return login("Invalid username or token. Password authentication is not supported for Git operations.")
		}
		return request.serve(&context{server: s, req: req, body: body, who: who})
	}
	if refused != nil {
		return *refused
	}
	if limited := s.limit(who, call, counter(req)); limited != nil {
		return *limited
	}
	if moved := s.movedTo(req); moved != nil {
		return *moved
	}
	if matched.handler == nil {
		return notFound()
	}
	c := &context{server: s, req: req, body: body, who: who, vars: matched.vars, query: req.URL.Query()}
	if name, inRepo := matched.vars["owner"]; inRepo {
		c.repo = s.repos[strings.ToLower(name+"/"+matched.vars["repo"])]
		if c.repo == nil || !who.sees(c.repo) {
			return notFound()
		}
	}
	if call.Writing && (who.Login == "" || who.ReadOnly) {
		return forbidden(who)
	}
	if call.Writing && c.repo != nil && c.repo.settings.Archived {
		return fail(http.StatusForbidden, archived)
	}
	return matched.handler(c)
}

// Calls returns every request so far, in order.
func (s *Server) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Call(nil), s.calls...)
}

// Writes counts the writing calls so far; the next one has this number plus one.
func (s *Server) Writes() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.writes
}
