package registry

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"path"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/pawl-cd/pawl/internal/httpx"
)

// authorization returns the header that the registry wants for a repository. It is fresh when repeating the request
// with a new token cannot help: there is none, or it has just been exchanged.
func (s *session) authorization(ctx context.Context, repo string) (header string, fresh bool, err error) {
	config, err := authn.Authorization(ctx, s.auth)
	if err != nil {
		return "", false, &credentialsError{host: s.place.Host, err: err}
	}
	if config.RegistryToken != "" {
		return "Bearer " + config.RegistryToken, true, nil
	}
	if !strings.EqualFold(s.challenge.Scheme, "bearer") {
		return basic(config), true, nil
	}
	token, err := s.tokens.Do(repo, func() (string, error) {
		fresh = true
		return s.exchange(ctx, repo)
	})
	if err != nil {
		return "", fresh, err
	}
	return "Bearer " + token, fresh, nil
}

func basic(c *authn.AuthConfig) string {
	switch {
	case c.Username != "" && c.Password != "":
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(c.Username+":"+c.Password))
	case c.Auth != "":
		return "Basic " + c.Auth
	default:
		return ""
	}
}

// exchange gets a token for pulling from a repository.
func (s *session) exchange(ctx context.Context, repo string) (string, error) {
	scope := "repository:" + path.Join(s.prefix, repo) + ":" + transport.PullScope
	token, err := transport.Exchange(ctx, s.registry, s.auth, s.transport, []string{scope}, s.challenge)
	if err != nil {
		return "", s.tokenError(err, repo)
	}
	if token.Token != "" {
		return token.Token, nil
	}
	return token.AccessToken, nil
}

// tokenError describes a failed exchange. The library's text may hold the token server's answer, so it is not used.
func (s *session) tokenError(err error, repo string) error {
	var (
		failed  *httpx.Error
		refused *transport.Error
	)
	switch {
	case errors.As(err, &failed):
		return failed
	case errors.As(err, &refused) && refused.Request != nil:
		e := httpx.StatusError(&http.Response{StatusCode: refused.StatusCode, Request: refused.Request})
		e.Hint = s.hint(refused.StatusCode, repo)
		return e
	}
	e := &httpx.Error{
		Method: http.MethodGet, Host: s.place.Host, Path: "/v2/", Err: httpx.ErrMalformed,
		Reason: "no token from its token server",
		Hint:   "check that " + s.place.Host + " is a registry and names its token server by a public address or its own",
	}
	if realm, err := url.Parse(s.challenge.Parameters["realm"]); err == nil && realm.Host != "" {
		e.Reason = "no token from its token server " + realm.Host
	}
	return e
}

// clean keeps of the library's errors what may be shown.
func (s *session) clean(err error, at string) error {
	var refused *transport.Error
	if errors.As(err, &refused) && refused.Request != nil {
		return s.refused(&http.Response{StatusCode: refused.StatusCode, Request: refused.Request}, at)
	}
	return httpx.Clean(err)
}

// refused describes an answer without the thing asked for.
func (s *session) refused(res *http.Response, repo string) error {
	e := httpx.StatusError(res)
	e.Hint = s.hint(res.StatusCode, repo)
	return e
}

func (s *session) hint(status int, repo string) string {
	host := s.place.Host
	if host == "index.docker.io" {
		host = "docker.io"
	}
	anonymous := s.auth == authn.Anonymous
	switch {
	case status == http.StatusUnauthorized && anonymous, status == http.StatusForbidden && anonymous:
		return "set credentials with `docker login " + host + "`: " + repo + " is private or does not exist"
	case status == http.StatusUnauthorized:
		return "the credentials for " + host + " are not accepted: run `docker login " + host + "` again"
	case status == http.StatusForbidden:
		return "the credentials for " + host + " do not allow reading " + repo
	case status == http.StatusNotFound:
		return "check the name: " + host + " has no " + repo + ", or it is private"
	default:
		return ""
	}
}

// credentialsError is a docker config or credential helper that does not work.
type credentialsError struct {
	host string
	err  error
}

// Error names the host; the helper's own words follow.
func (e *credentialsError) Error() string {
	return "finding credentials for " + e.host + ": " + e.err.Error()
}

// Unwrap returns the cause.
func (e *credentialsError) Unwrap() error { return e.err }

// Advice names the file to look at.
func (e *credentialsError) Advice() string {
	return "check the docker config (~/.docker/config.json or $DOCKER_CONFIG) and its credential helpers"
}
