package fake

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Auth is how a registry wants to be asked.
type Auth string

// The ways in which a registry wants to be asked.
const (
	NoAuth     Auth = ""
	BasicAuth  Auth = "basic"
	BearerAuth Auth = "bearer"
)

// RegistryOptions describes a registry.
type RegistryOptions struct {
	// Tags are the tags of each repository, listed in the order given.
	Tags map[string][]string
	// Auth is how it wants to be asked; User and Password are the only credentials. With BearerAuth and no User,
	// everyone gets a token.
	Auth           Auth
	User, Password string
	// PageSize is the most tags of a page, 0 for all; with OddPages their number changes from page to page.
	PageSize int
	OddPages bool
	// Strict refuses to be asked for more than PageSize, as the reference registry does.
	Strict bool
	// Links writes the Link of a next page, a path with a query; the default is `<path>; rel="next"`.
	Links func(path string) string
	// Missing are tags, as repository:tag, that are listed but do not exist.
	Missing []string
}

// Registry is a container registry with the part of the OCI distribution protocol that reads.
type Registry struct {
	options RegistryOptions
	mux     *http.ServeMux

	mu     sync.Mutex
	tags   map[string][]string
	tokens map[string]string
}

// NewRegistry returns a registry.
func NewRegistry(o RegistryOptions) *Registry {
	r := &Registry{options: o, mux: http.NewServeMux(), tags: map[string][]string{}, tokens: map[string]string{}}
	for repository, tags := range o.Tags {
		r.SetTags(repository, tags...)
	}
	r.mux.HandleFunc("GET /token", r.token)
	r.mux.HandleFunc("GET /v2/{$}", r.ping)
	r.mux.HandleFunc("/v2/", r.serve)
	return r
}

// SetTags replaces the tags of a repository.
func (r *Registry) SetTags(repository string, tags ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tags[repository] = slices.Clone(tags)
}

// Digest returns the digest of a tag as this registry tells it.
func Digest(repository, tag string) string {
	sum := sha256.Sum256(manifest(repository, tag))
	return "sha256:" + hex.EncodeToString(sum[:])
}

func manifest(repository, tag string) []byte {
	return fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[],"annotations":{"name":%q}}`, repository+":"+tag)
}

// ServeHTTP answers a request.
func (r *Registry) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	w.Header().Set("Docker-Distribution-Api-Version", "registry/2.0")
	r.mux.ServeHTTP(w, req)
}

func (r *Registry) ping(w http.ResponseWriter, req *http.Request) {
	if r.allowed(w, req, "") {
		writeJSON(w, struct{}{})
	}
}

func (r *Registry) serve(w http.ResponseWriter, req *http.Request) {
	path := strings.TrimPrefix(req.URL.Path, "/v2/")
	read := req.Method == http.MethodGet || req.Method == http.MethodHead
	repository, ok := strings.CutSuffix(path, "/tags/list")
	if ok && req.Method == http.MethodGet {
		r.list(w, req, repository)
		return
	}
	if i := strings.LastIndex(path, "/manifests/"); i > 0 && read {
		r.manifest(w, req, path[:i], path[i+len("/manifests/"):])
		return
	}
	refuse(w, http.StatusNotFound, "UNSUPPORTED")
}

func (r *Registry) manifest(w http.ResponseWriter, req *http.Request, repository, tag string) {
	if !r.allowed(w, req, repository) {
		return
	}
	tags, _ := r.find(repository)
	if !slices.Contains(tags, tag) || slices.Contains(r.options.Missing, repository+":"+tag) {
		refuse(w, http.StatusNotFound, "MANIFEST_UNKNOWN")
		return
	}
	body := manifest(repository, tag)
	w.Header().Set("Content-Type", "application/vnd.oci.image.index.v1+json")
	w.Header().Set("Docker-Content-Digest", Digest(repository, tag))
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body)
}

func (r *Registry) find(repository string) ([]string, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	tags, ok := r.tags[repository]
	return tags, ok
}

func (r *Registry) list(w http.ResponseWriter, req *http.Request, repository string) {
	if !r.allowed(w, req, repository) {
		return
	}
	tags, ok := r.find(repository)
	if !ok {
		refuse(w, http.StatusNotFound, "NAME_UNKNOWN")
		return
	}
	n, err := strconv.Atoi(req.URL.Query().Get("n"))
	if err != nil {
		n = 0
	}
	if r.options.Strict && n > r.options.PageSize {
		refuse(w, http.StatusBadRequest, "PAGINATION_NUMBER_INVALID")
		return
	}
	start, end := r.page(tags, req.URL.Query().Get("last"), n)
	if end < len(tags) {
		next := fmt.Sprintf("/v2/%s/tags/list?last=%s&n=%d", repository, url.QueryEscape(strconv.Itoa(end)), n)
		w.Header().Set("Link", r.link(next))
	}
	writeJSON(w, map[string]any{"name": repository, "tags": tags[start:end]})
}

// page finds a page's place in the list. The cursor is opaque to clients: the number of tags before the page.
func (r *Registry) page(tags []string, last string, n int) (start, end int) {
	start, _ = strconv.Atoi(last)
	start = min(max(start, 0), len(tags))
	size := r.options.PageSize
	if n > 0 && (size == 0 || n < size) {
		size = n
	}
	if size == 0 {
		return start, len(tags)
	}
	if r.options.OddPages {
		size = 1 + (start*7+3)%size
	}
	return start, min(start+size, len(tags))
}

func (r *Registry) link(next string) string {
	if r.options.Links != nil {
		return r.options.Links(next)
	}
	return "<" + next + `>; rel="next"`
}

// allowed checks the credentials, and challenges a request without.
func (r *Registry) allowed(w http.ResponseWriter, req *http.Request, repository string) bool {
	switch r.options.Auth {
	case BasicAuth:
		if r.known(req) {
			return true
		}
		w.Header().Set("WWW-Authenticate", `Basic realm="fake"`)
	case BearerAuth:
		token, _ := strings.CutPrefix(req.Header.Get("Authorization"), "Bearer ")
		if r.granted(token, repository) {
			return true
		}
		challenge := fmt.Sprintf(`Bearer realm="%s/token",service="fake"`, ownURL(req))
		if repository != "" {
			challenge += fmt.Sprintf(`,scope="repository:%s:pull"`, repository)
		}
		w.Header().Set("WWW-Authenticate", challenge)
	default:
		return true
	}
	refuse(w, http.StatusUnauthorized, "UNAUTHORIZED")
	return false
}

func (r *Registry) known(req *http.Request) bool {
	user, password, ok := req.BasicAuth()
	return ok && user == r.options.User && password == r.options.Password
}

func (r *Registry) granted(token, repository string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	scope, ok := r.tokens[token]
	return ok && repository != "" && scope == "repository:"+repository+":pull"
}

// Expire makes the registry forget every token that it gave.
func (r *Registry) Expire() {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.tokens)
}

func (r *Registry) token(w http.ResponseWriter, req *http.Request) {
	q := req.URL.Query()
	switch {
	case r.options.Auth != BearerAuth || q.Get("service") != "fake" || q.Get("scope") == "":
		refuse(w, http.StatusBadRequest, "UNSUPPORTED")
		return
	case r.options.User != "" && !r.known(req):
		refuse(w, http.StatusUnauthorized, "UNAUTHORIZED")
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	token := base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "token-%d-%s", len(r.tokens), q.Get("scope")))
	r.tokens[token] = q.Get("scope")
	writeJSON(w, map[string]any{"token": token, "expires_in": 300})
}

func ownURL(req *http.Request) string {
	if req.TLS != nil {
		return "https://" + req.Host
	}
	return "http://" + req.Host
}

func refuse(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	writeJSON(w, map[string]any{"errors": []map[string]string{{"code": code, "message": strings.ToLower(code)}}})
}

func writeJSON(w http.ResponseWriter, v any) {
	if w.Header().Get("Content-Type") == "" {
		w.Header().Set("Content-Type", "application/json")
	}
	_ = json.NewEncoder(w).Encode(v) // the client has left
}
