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

// RegistryOptions describes a registry.
type RegistryOptions struct {
	// Product is whose manners it has; the default is the reference registry.
	Product Product
	// Tags are the tags of each repository, listed in the order given. Nil tags are written as null.
	Tags map[string][]string
	// Auth is how it wants to be asked; User and Password are the only credentials, Identity the only identity token.
	// With BearerAuth and no User, everyone gets a token.
	Auth                     Auth
	User, Password, Identity string
	// OpenPing lets everyone in at /v2/; Public are the repositories that everyone may read.
	OpenPing bool
	Public   []string
	// PageSize is the most tags of a page, 0 for the product's; with OddPages their number changes from page to page.
	PageSize int
	OddPages bool
	// Strict refuses to be asked for more than PageSize, as the reference registry does.
	Strict bool
	// IgnoreLast gives the first page whatever it is asked for.
	IgnoreLast bool
	// Links writes the Link of a next page, a path with a query; the default is `<path>; rel="next"`.
	Links func(path string) string
	// Missing are tags, as repository:tag, that are listed but do not exist.
	Missing []string
	// RefuseHEAD is the status with which HEAD of a manifest is refused, 0 for not.
	RefuseHEAD int
	// NoDigest leaves the digest of manifests to be computed.
	NoDigest bool
}

// Registry is a container registry with the part of the OCI distribution protocol that reads.
type Registry struct {
	options RegistryOptions
	mux     *http.ServeMux

	mu     sync.Mutex
	tags   map[string][]string
	tokens map[string][]string
	given  int
	// looks counts the questions after a tag, as repository:tag.
	looks map[string]int
	// again counts how often a tag, as repository:tag, was pushed once more.
	again map[string]int
}

// NewRegistry returns a registry.
func NewRegistry(o RegistryOptions) *Registry {
	r := &Registry{options: o, mux: http.NewServeMux(), tags: map[string][]string{}, tokens: map[string][]string{}, again: map[string]int{}}
	for repository, tags := range o.Tags {
		r.SetTags(repository, tags...)
	}
	r.mux.HandleFunc("GET "+o.Product.tokenPath(), r.token)
	r.mux.HandleFunc("POST "+o.Product.tokenPath(), r.token)
	r.mux.HandleFunc("GET /v2/{$}", r.ping)
	r.mux.HandleFunc("/v2/", r.serve)
	r.mux.HandleFunc("/repository/", func(w http.ResponseWriter, _ *http.Request) { r.refuse(w, http.StatusBadRequest, unsupported) })
	return r
}

// SetTags replaces the tags of a repository.
func (r *Registry) SetTags(repository string, tags ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tags[repository] = slices.Clone(tags)
}

// Retag pushes another image to a tag, which gets another digest.
func (r *Registry) Retag(repository, tag string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.again[repository+":"+tag]++
}

// Looks is how often a tag, as repository:tag, was asked for.
func (r *Registry) Looks(name string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.looks[name]
}

// content is the manifest of a tag as it is now.
func (r *Registry) content(repository, tag string) []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	body := manifest(repository, tag)
	for range r.again[repository+":"+tag] {
		body = append(body, '\n') // other bytes, the same JSON
	}
	return body
}

// Digest returns the digest of a tag as this registry tells it.
func Digest(repository, tag string) string { return digestOf(manifest(repository, tag)) }

func digestOf(content []byte) string {
	sum := sha256.Sum256(content)
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
	if r.allowed(w, req, "", false) {
		r.write(w, struct{}{})
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
	r.refuse(w, http.StatusNotFound, unsupported)
}

func (r *Registry) manifest(w http.ResponseWriter, req *http.Request, repository, tag string) {
	if req.Method == http.MethodHead && r.options.RefuseHEAD != 0 {
		r.refuse(w, r.options.RefuseHEAD, unsupported)
		return
	}
	if !r.allowed(w, req, repository, false) {
		return
	}
	r.mu.Lock()
	if r.looks == nil {
		r.looks = map[string]int{}
	}
	r.looks[repository+":"+tag]++
	r.mu.Unlock()
	tags, _ := r.find(repository)
	if !slices.Contains(tags, tag) || slices.Contains(r.options.Missing, repository+":"+tag) {
		r.refuse(w, http.StatusNotFound, manifestUnknown(tag))
		return
	}
	body := r.content(repository, tag)
	w.Header().Set("Content-Type", "application/vnd.oci.image.index.v1+json")
	if !r.options.NoDigest {
		w.Header().Set("Docker-Content-Digest", digestOf(body))
		w.Header().Set("Etag", `"`+digestOf(body)+`"`)
	}
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
	if !r.allowed(w, req, repository, true) {
		return
	}
	tags, ok := r.find(repository)
	if !ok {
		r.refuse(w, http.StatusNotFound, nameUnknown(repository))
		return
	}
	n, err := strconv.Atoi(req.URL.Query().Get("n"))
	if err != nil {
		n = 0
	}
	most, status, fault := r.options.Product.limit()
	if r.options.Strict {
		most, status, fault = r.options.PageSize, http.StatusBadRequest, registryFault{Code: "PAGINATION_NUMBER_INVALID", Message: "invalid number of results requested", Detail: map[string]int{"n": n}}
	}
	if status != 0 && n > most {
		if strings.Contains(fault.Message, "%d") {
			fault.Message = fmt.Sprintf(fault.Message, n, most)
		}
		r.refuse(w, status, fault)
		return
	}
	start, end := r.page(tags, req.URL.Query(), n, most)
	if end < len(tags) {
		if next := r.options.Product.next(req, repository, tags[end-1], end, n); next != "" {
			w.Header().Set("Link", r.link(next))
		}
	}
	r.write(w, map[string]any{"name": repository, "tags": tags[start:end]})
}

// page finds a page's place in the list.
func (r *Registry) page(tags []string, query url.Values, n, most int) (start, end int) {
	if !r.options.Product.ordered() {
		return 0, len(tags)
	}
	start = r.after(tags, query)
	size := r.options.PageSize
	limited := most > 0 && (n > 0 || r.options.Product != Distribution) // which gives all to those who name no number
	if limited && (size == 0 || most < size) {
		size = most
	}
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

// after is the index of the first tag after those that were given: `last` is a tag, also one that is no longer there, and
// `next_page` is nobody's business but the registry's.
func (r *Registry) after(tags []string, query url.Values) int {
	last := query.Get("last")
	if r.options.Product == OldQuay {
		text, _ := base64.RawURLEncoding.DecodeString(query.Get("next_page"))
		n, _ := strconv.Atoi(strings.TrimPrefix(string(text), "page:"))
		return min(max(n, 0), len(tags))
	}
	if last == "" || r.options.IgnoreLast {
		return 0
	}
	if i := slices.Index(tags, last); i >= 0 {
		return i + 1
	}
	if i := slices.IndexFunc(tags, func(t string) bool { return t > last }); i >= 0 {
		return i
	}
	return len(tags)
}

func opaque(end int) string {
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "page:%d", end))
}

func nextQuery(last string, n int) string {
	query := "last=" + url.QueryEscape(last)
	if n > 0 {
		query += fmt.Sprintf("&n=%d", n)
	}
	return query
}

func (r *Registry) link(next string) string {
	if r.options.Links != nil {
		return r.options.Links(next)
	}
	return "<" + next + `>; rel="next"`
}

// write answers with a value in the product's content type.
func (r *Registry) write(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", r.options.Product.json())
	writeJSON(w, v)
}

func writeJSON(w http.ResponseWriter, v any) {
	if w.Header().Get("Content-Type") == "" {
		w.Header().Set("Content-Type", "application/json")
	}
	_ = json.NewEncoder(w).Encode(v) // the client has left
}
