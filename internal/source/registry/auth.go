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

	"github.com/pawl-cd/pawl/internal/fault"
	"github.com/pawl-cd/pawl/internal/httpx"
)

// grant is what a token is given for: the challenge that asks for it, in the words of the registry.
type grant struct{ realm, service, scope string }

// authorization is what goes along with a request.
type authorization struct {
	// header is the value of Authorization, empty for none.
	header string
	// fresh says that repeating the request with a new token cannot help: there is none, or it has just been exchanged.
	fresh bool
	grant grant
}

// authorization returns what the registry wants for a part of a repository. Nobody who has not asked for credentials
// gets any.
func (s *session) authorization(ctx context.Context, of part) (authorization, error) {
	challenge, own := s.wanted(of)
	if challenge.Scheme == "" {
		return authorization{fresh: true}, nil
	}
	auth, err := s.credentials(ctx)
	if err != nil {
		return authorization{}, err
	}
	config, err := authn.Authorization(ctx, auth)
	if err != nil {
		return authorization{}, noCredentials(s.place.Host, err)
	}
	if config.RegistryToken != "" {
		return authorization{header: "Bearer " + config.RegistryToken, fresh: true}, nil
	}
	if !strings.EqualFold(challenge.Scheme, "bearer") {
		return authorization{header: basic(config), fresh: true}, nil
	}
	a := authorization{grant: s.grant(of, challenge, own)}
	token, err := s.tokens.Do(a.grant, func() (string, error) {
		a.fresh = true
		return s.exchange(ctx, of.repo, auth, challenge, a.grant.scope)
	})
	a.header = "Bearer " + token
	return a, err
}

// wanted returns the challenge that a part of a repository is asked with, and whether it is the part's own.
func (s *session) wanted(of part) (*transport.Challenge, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if own, ok := s.own[of]; ok {
		return own, true
	}
	return s.challenge, false
}

// learn remembers what an answer wants for a part of a repository, and reports whether that is something new. Only the
// registry itself is believed, not whom it sends a request on to: a challenge says where credentials go.
func (s *session) learn(of part, res *http.Response) bool {
	if !httpx.SamePlace(res.Request.URL, s.place) {
		return false
	}
	asked := challengeOf(res.Header)
	if asked == nil {
		return false
	}
	asked.Insecure = s.challenge.Insecure
	before, own := s.wanted(of)
	same := strings.EqualFold(before.Scheme, asked.Scheme) &&
		(asked.Scheme == "basic" || s.grant(of, before, own) == s.grant(of, asked, true))
	if same {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.own[of] = asked
	return true
}

// grant is what a challenge asks for. The scope that a part's own challenge names is used as it is; that of the
// registry as a whole is of no use (ghcr.io names "repository:user/image:pull"), so pulling is asked for.
func (s *session) grant(of part, c *transport.Challenge, own bool) grant {
	scope := "repository:" + path.Join(s.prefix, of.repo) + ":" + transport.PullScope
	if named := strings.Join(strings.Fields(c.Parameters["scope"]), " "); own && named != "" {
		scope = named
	}
	return grant{realm: c.Parameters["realm"], service: c.Parameters["service"], scope: scope}
}

// credentials are those of the host that is really asked; they are looked up when somebody wants them.
func (s *session) credentials(ctx context.Context) (authn.Authenticator, error) {
	return s.auth.Do(struct{}{}, func() (authn.Authenticator, error) {
		auth, err := authn.Resolve(ctx, s.keychain, s.registry)
		if err != nil {
			return nil, noCredentials(s.registry.RegistryStr(), err)
		}
		return auth, nil
	})
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

// exchange gets a token for a scope, several of which are divided by spaces.
func (s *session) exchange(ctx context.Context, repo string, auth authn.Authenticator, c *transport.Challenge, scope string) (string, error) {
	token, err := transport.Exchange(ctx, s.registry, auth, s.transport, strings.Fields(scope), c)
	if err != nil {
		return "", s.tokenError(ctx, err, repo, c)
	}
	if token.Token != "" {
		return token.Token, nil
	}
	return token.AccessToken, nil
}

// tokenError describes a failed exchange. The library's text may hold the token server's answer, so it is not used.
func (s *session) tokenError(ctx context.Context, err error, repo string, c *transport.Challenge) error {
	var (
		failed  *httpx.Error
		refused *transport.Error
	)
	switch {
	case errors.As(err, &failed):
		return failed
	case errors.As(err, &refused) && refused.Request != nil:
		e := httpx.StatusError(&http.Response{StatusCode: refused.StatusCode, Request: refused.Request})
		e.Hint = s.hint(ctx, refused.StatusCode, repo, true)
		return e
	}
	e := &httpx.Error{
		Method: http.MethodGet, Host: s.place.Host, Path: "/v2/", Err: httpx.ErrMalformed,
		Reason: "no token from its token server",
		Hint:   "check that " + s.place.Host + " is a registry and names its token server by a public address or its own",
	}
	if realm, err := url.Parse(c.Parameters["realm"]); err == nil && realm.Host != "" {
		e.Reason = "no token from its token server " + realm.Host
	}
	return e
}

// clean keeps of the library's errors what may be shown.
func (s *session) clean(ctx context.Context, err error, at string) error {
	var refused *transport.Error
	if errors.As(err, &refused) && refused.Request != nil {
		return s.refused(ctx, &http.Response{StatusCode: refused.StatusCode, Request: refused.Request}, at)
	}
	return httpx.Clean(err)
}

// refused describes an answer without the thing asked for.
func (s *session) refused(ctx context.Context, res *http.Response, repo string) error {
	e := httpx.StatusError(res)
	e.Hint = s.hint(ctx, res.StatusCode, repo, res.Request.Header.Get("Authorization") != "")
	return e
}

// hint says what to do about a status; sent says whether credentials went along.
func (s *session) hint(ctx context.Context, status int, repo string, sent bool) string {
	host := s.place.Host
	if host == "index.docker.io" {
		host = "docker.io"
	}
	denied := status == http.StatusUnauthorized || status == http.StatusForbidden
	switch {
	case denied && s.anonymous(ctx):
		return "set credentials with `docker login " + host + "`: " + repo + " is private or does not exist"
	case denied && !sent:
		return host + " refuses " + repo + " and asks for no credentials, so none were sent: a proxy may stand before the registry"
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

// anonymous reports whether there are no credentials for the registry.
func (s *session) anonymous(ctx context.Context) bool {
	auth, err := s.credentials(ctx)
	return err == nil && auth == authn.Anonymous
}

// noCredentials is the error of a docker config or credential helper that does not work; the helper's own words follow.
func noCredentials(host string, err error) error {
	return fault.New("check the docker config (~/.docker/config.json or $DOCKER_CONFIG) and its credential helpers", "finding credentials for %s: %w", host, err)
}
