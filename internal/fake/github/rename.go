package github

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// Rename gives a repository another name. GitHub sends requests for the old one on to the repository's number.
func (r *Repo) Rename(name string) {
	r.lock()
	defer r.unlock()
	old := strings.ToLower(r.FullName())
	delete(r.server.repos, old)
	r.server.renamed[old] = r
	r.name = name
	r.server.repos[strings.ToLower(r.FullName())] = r
}

// movedTo is the answer to a request for a repository that has another name now, nil when it has not.
func (s *Server) movedTo(req *http.Request) *reply {
	prefix, rest, found := strings.Cut(req.URL.EscapedPath(), "/repos/")
	parts := strings.SplitN(rest, "/", 3)
	if !found || prefix != "" && prefix != "/api/v3" || len(parts) < 2 {
		return nil
	}
	r := s.renamed[strings.ToLower(parts[0]+"/"+parts[1])]
	if r == nil {
		return nil
	}
	place := s.base(req) + prefix + "/repositories/" + itoa(r.id)
	if len(parts) == 3 {
		place += "/" + parts[2]
	}
	if req.URL.RawQuery != "" {
		place += "?" + req.URL.RawQuery
	}
	status := http.StatusTemporaryRedirect
	if req.Method == http.MethodGet || req.Method == http.MethodHead {
		status = http.StatusMovedPermanently
	}
	return &reply{status: status, header: http.Header{"Location": {place}}, body: obj{
		"message": "Moved Permanently", "url": place, "documentation_url": "https://docs.github.com/rest/guides/best-practices-for-using-the-rest-api#follow-redirects",
	}}
}

// base is the scheme and the host that a request was sent to.
func (s *Server) base(req *http.Request) string {
	if req.URL.Host != "" {
		return req.URL.Scheme + "://" + req.URL.Host
	}
	return "http://" + req.Host
}

// described is a request as GitHub describes it: by the name of its repository.
func (s *Server) described(req *http.Request) *http.Request {
	prefix, rest, found := strings.Cut(req.URL.EscapedPath(), "/repositories/")
	if !found || prefix != "" && prefix != "/api/v3" {
		return req
	}
	out := req.Clone(req.Context())
	out.URL.RawPath = prefix + "/" + strings.Join(s.named(strings.Split("repositories/"+rest, "/")), "/")
	out.URL.Path, _ = url.PathUnescape(out.URL.RawPath)
	return out
}

// named returns the segments of a path with a repository's number replaced by its name.
func (s *Server) named(segments []string) []string {
	if len(segments) < 2 || segments[0] != "repositories" {
		return segments
	}
	id, err := strconv.ParseInt(segments[1], 10, 64)
	for _, r := range s.repos {
		if err == nil && r.id == id {
			return append([]string{"repos", r.owner, r.name}, segments[2:]...)
		}
	}
	return segments
}
