package fake

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// Auth is how a registry wants to be asked.
type Auth string

// The ways in which a registry wants to be asked.
const (
	NoAuth     Auth = ""
	BasicAuth  Auth = "basic"
	BearerAuth Auth = "bearer"
)

// allowed checks the credentials for the tags or manifests of a repository, and challenges a request without.
func (r *Registry) allowed(w http.ResponseWriter, req *http.Request, repository string, listing bool) bool {
	action := r.options.Product.action(listing)
	if r.options.Auth == NoAuth || slices.Contains(r.options.Public, repository) || repository == "" && r.open() {
		return true
	}
	challenge, enough := `Basic realm="fake"`, r.known(req)
	if r.options.Product == ECR {
		challenge = fmt.Sprintf(`Basic realm=%q,service="ecr.amazonaws.com"`, ownURL(req)+"/")
	}
	if r.options.Auth == BearerAuth {
		challenge, enough = r.bearer(req, repository, action)
	}
	if enough {
		return true
	}
	w.Header().Set("WWW-Authenticate", challenge)
	r.refuse(w, http.StatusUnauthorized, unauthorized(repository, action))
	return false
}

// open reports whether /v2/ lets everyone in, whatever the repositories want.
func (r *Registry) open() bool { return r.options.OpenPing || r.options.Product == Zot }

// bearer is the challenge for a token, and whether the request has one that is enough.
func (r *Registry) bearer(req *http.Request, repository, action string) (challenge string, enough bool) {
	challenge = fmt.Sprintf(`Bearer realm="%s%s",service=%q`, ownURL(req), r.options.Product.tokenPath(), r.service(req))
	token, _ := strings.CutPrefix(req.Header.Get("Authorization"), "Bearer ")
	scopes, given := r.scopes(token)
	switch {
	case repository == "" && r.options.Product == GHCR:
		return challenge + `,scope="repository:user/image:pull"`, false
	case repository == "":
		return challenge, false
	}
	challenge += fmt.Sprintf(`,scope="repository:%s:%s"`, repository, action)
	granted := slices.ContainsFunc(scopes, func(s string) bool {
		of, actions := repositoryOf(s)
		return of == repository && slices.Contains(actions, action)
	})
	if _, there := r.find(repository); given && !there && r.options.Product.hides() {
		return challenge + `,error="insufficient_scope"`, false
	}
	return challenge, granted
}

func (r *Registry) service(req *http.Request) string {
	if r.options.Product == ACR {
		return req.Host
	}
	return "fake"
}

func (r *Registry) known(req *http.Request) bool {
	user, password, ok := req.BasicAuth()
	return ok && user == r.options.User && password == r.options.Password
}

// scopes are what a token was given for.
func (r *Registry) scopes(token string) (scopes []string, given bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	scopes, given = r.tokens[token]
	return scopes, given
}

// Expire makes the registry forget every token that it gave.
func (r *Registry) Expire() {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.tokens)
}

// token gives a token (https://distribution.github.io/distribution/spec/auth/token/), also for an identity token by OAuth2.
func (r *Registry) token(w http.ResponseWriter, req *http.Request) {
	_ = req.ParseForm() // what cannot be read is not there
	scopes, identity := req.Form["scope"], req.Form.Get("refresh_token")
	known := r.known(req)
	if req.Method == http.MethodPost {
		scopes = strings.Fields(req.Form.Get("scope"))
		known = req.Form.Get("grant_type") == "refresh_token" && identity != "" && identity == r.options.Identity
	}
	hidden := slices.ContainsFunc(scopes, func(s string) bool {
		of, _ := repositoryOf(s)
		_, there := r.find(of)
		return !there
	})
	switch {
	case r.options.Auth != BearerAuth || req.Form.Get("service") != r.service(req) || len(scopes) == 0:
		r.refuse(w, http.StatusBadRequest, unsupported)
		return
	case r.options.Product == GHCR && (hidden || r.options.User != "" && !known):
		r.refuse(w, http.StatusForbidden, denied)
		return
	case r.options.User != "" && !known:
		r.refuse(w, http.StatusUnauthorized, unauthorized("", ""))
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.given++
	token := base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "token-%d-%s", r.given, scopes))
	r.tokens[token] = scopes
	name := "token"
	if r.options.Product == ACR {
		name = "access_token"
	}
	r.write(w, map[string]any{name: token, "expires_in": 300})
}

func ownURL(req *http.Request) string {
	if req.TLS != nil {
		return "https://" + req.Host
	}
	return "http://" + req.Host
}
