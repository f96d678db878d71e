package gitlab

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// obj is a JSON object.
type obj = map[string]any

// reply is an answer before it is written.
type reply struct {
	status int
	header http.Header
	data   []byte
}

func answer(status int, body any) reply {
	data, err := json.Marshal(body)
	if err != nil {
		return reply{status: http.StatusInternalServerError, header: http.Header{}, data: []byte(err.Error())}
	}
	return reply{status: status, header: http.Header{"Content-Type": {"application/json"}}, data: data}
}

// refuse is GitLab's usual refusal; fault is that of a parameter.
func refuse(status int, message any) reply { return answer(status, obj{"message": message}) }
func fault(message string) reply           { return answer(http.StatusBadRequest, obj{"error": message}) }

// call is one request on its way.
type call struct {
	server   *Server
	project  *Project
	req      *http.Request
	body     []byte
	id       string
	pipeline string
	ref      string
	// name is that of a file.
	name string
}

// endpoint is one route below projects/:id/.
type endpoint struct {
	operation Operation
	method    string
	path      *regexp.Regexp
	serve     func(*call) reply
}

func endpoints() []endpoint {
	return []endpoint{
		{Trigger, http.MethodPost, regexp.MustCompile(`^(?:ref/(?P<ref>.+)/)?trigger/pipeline/?$`), (*call).trigger},
		{List, http.MethodGet, regexp.MustCompile(`^pipelines/?$`), (*call).list},
		{Get, http.MethodGet, regexp.MustCompile(`^pipelines/(?P<pipeline>\d+)/?$`), (*call).get},
		{Tree, http.MethodGet, regexp.MustCompile(`^repository/tree/?$`), (*call).tree},
		{File, http.MethodGet, regexp.MustCompile(`^repository/files/(?P<file>[^/.]+)/?$`), (*call).file},
		{Variables, http.MethodGet, regexp.MustCompile(`^pipelines/(?P<pipeline>\d+)/variables/?$`), (*call).variables},
	}
}

// exchange answers one request between the faults that were asked for, and keeps a record of it.
func (s *Server) exchange(req *http.Request, body []byte) outcome {
	s.mu.Lock()
	c, route, wrongMethod := s.route(req, body)
	record := Request{Number: len(s.requests) + 1, Method: req.Method, Path: req.URL.EscapedPath(), Query: req.URL.RawQuery,
		Header: req.Header.Clone(), Body: body, Operation: route.operation}
	if c.project != nil {
		record.Project = c.project.path
	}
	s.requests = append(s.requests, record)
	s.mu.Unlock()
	if s.options.Before != nil {
		s.options.Before(record)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	out := c.perform(route, wrongMethod)
	if out.header != nil {
		limits(out.header, s.now())
	}
	s.requests[record.Number-1].Status = out.status
	return out
}

// limits are the headers of the rate limit, which nearly every answer has.
func limits(header http.Header, now time.Time) {
	header.Set("RateLimit-Limit", "2000")
	header.Set("RateLimit-Observed", "13")
	header.Set("RateLimit-Remaining", "1987")
	header.Set("RateLimit-Reset", strconv.FormatInt(now.Add(time.Minute).Unix(), 10))
	header.Set("RateLimit-ResetTime", now.Add(time.Minute).UTC().Format(http.TimeFormat))
}

// route finds the endpoint and the project of a request.
func (s *Server) route(req *http.Request, body []byte) (c *call, found endpoint, wrongMethod bool) {
	c = &call{server: s, req: req, body: body}
	if found, of, ok := s.listing(req); ok {
		c.id = of
		return c, found, false
	}
	rest, below := strings.CutPrefix(req.URL.EscapedPath(), s.address.EscapedPath()+api+"projects/")
	if !below {
		return c, endpoint{}, false
	}
	id, rest, _ := strings.Cut(rest, "/")
	if id, err := url.PathUnescape(id); err == nil {
		c.id, c.project = id, s.project(id)
	}
	for _, e := range endpoints() {
		parts := e.path.FindStringSubmatch(rest)
		if parts == nil {
			continue
		}
		if e.method != req.Method {
			wrongMethod = true
			continue
		}
		if i := e.path.SubexpIndex("pipeline"); i > 0 {
			c.pipeline = parts[i]
		}
		if i := e.path.SubexpIndex("file"); i > 0 {
			c.name, _ = url.PathUnescape(parts[i])
		}
		if i := e.path.SubexpIndex("ref"); i > 0 {
			c.ref, _ = url.PathUnescape(parts[i])
		}
		return c, e, false
	}
	return c, endpoint{}, wrongMethod
}

// perform applies the request, before or instead of a fault.
func (c *call) perform(route endpoint, wrongMethod bool) outcome {
	var f *Fault
	if c.project != nil {
		c.project.arrive()
		f = c.project.strike(route.operation)
	}
	if f != nil && f.Apply && f.Late > 0 {
		c.project.late = append(c.project.late, lateTrigger{c.server.now().Add(f.Late), func() { route.serve(c) }})
		return f.outcome(nil)
	}
	if f != nil && !f.Apply && f.Truncate == 0 {
		return f.outcome(nil)
	}
	out := answer(http.StatusNotFound, obj{"error": "404 Not Found"})
	switch {
	case route.serve != nil:
		out = route.serve(c)
	case wrongMethod:
		out = answer(http.StatusMethodNotAllowed, obj{"error": "405 Not Allowed"})
	}
	if f != nil {
		return f.outcome(&out)
	}
	return outcome{reply: out}
}

// reader answers who may not read the project's pipelines: a private project is hidden from strangers.
func (c *call) reader(all bool) *reply {
	token := c.token()
	known := slices.ContainsFunc(c.server.projects, func(p *Project) bool {
		return slices.Contains(p.settings.Readers, token) || slices.Contains(p.settings.Reporters, token)
	})
	if token != "" && !known {
		out := refuse(http.StatusUnauthorized, "401 Unauthorized")
		return &out
	}
	if c.project == nil || token == "" || !slices.Contains(c.project.settings.Readers, token) && !slices.Contains(c.project.settings.Reporters, token) {
		out := refuse(http.StatusNotFound, "404 Project Not Found")
		return &out
	}
	if all && !slices.Contains(c.project.settings.Readers, token) {
		out := refuse(http.StatusForbidden, "403 Forbidden")
		return &out
	}
	return nil
}

// token is the one that identifies a person (https://docs.gitlab.com/ee/api/rest/authentication/).
func (c *call) token() string {
	if bearer, found := strings.CutPrefix(c.req.Header.Get("Authorization"), "Bearer "); found {
		return bearer
	}
	return c.req.Header.Get("Private-Token")
}

func readBody(body io.ReadCloser) ([]byte, error) {
	if body == nil {
		return nil, nil
	}
	defer body.Close()
	return io.ReadAll(io.LimitReader(body, maxBody))
}
