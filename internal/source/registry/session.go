package registry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strings"
	"sync"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/pawl-cd/pawl/internal/httpx"
	"github.com/pawl-cd/pawl/internal/source"
)

// maxPageBody bounds one page of tags, in bytes; a page of 1000 tags of the greatest length is 131 kB.
const maxPageBody = 16 << 20

// session is what is known about one registry: where it is, how it wants to be asked, and the tokens it gave.
type session struct {
	// place is the scheme and host that are really asked; prefix goes before every repository.
	place     *url.URL
	prefix    string
	registry  name.Registry
	keychain  authn.Keychain
	transport http.RoundTripper
	// challenge is what the registry as a whole asks for; own are those of parts that ask for something else.
	challenge *transport.Challenge
	mu        sync.Mutex
	own       map[part]*transport.Challenge
	auth      httpx.Once[struct{}, authn.Authenticator]
	tokens    httpx.Once[grant, string]
}

// part is what may be protected in a way of its own: the tags or the manifests of a repository.
type part struct{ repo, kind string }

// The kinds of part.
const (
	tagsOf      = "tags"
	manifestsOf = "manifests"
	blobsOf     = "blobs"
)

// session returns the session of a logical host; the first to ask for it pings the registry.
func (c *Client) session(ctx context.Context, host string) (*session, error) {
	return c.sessions.Do(host, func() (*session, error) {
		s, err := c.locate(host)
		if err != nil {
			return nil, err
		}
		if err := s.ping(ctx); err != nil {
			return nil, err
		}
		return s, nil
	})
}

// locate finds out where a logical host is really asked. Only a mirror's scheme is fixed; otherwise it is https, or
// what the ping finds for a host on this machine or in a private network.
func (c *Client) locate(host string) (*session, error) {
	s := &session{
		transport: c.config.HTTP.Transport(host).WithMaxBody(maxPageBody), keychain: c.config.Keychain,
		own: map[part]*transport.Challenge{},
	}
	endpoint, mirrored := c.config.Mirrors.Registry(host)
	if !mirrored {
		endpoint = source.Endpoint{Host: host}
	}
	var options []name.Option
	if endpoint.Scheme == "http" {
		options = append(options, name.Insecure)
	}
	registry, err := name.NewRegistry(endpoint.Host, options...)
	if err != nil {
		return nil, fmt.Errorf("%q is not the host of a registry", endpoint.Host)
	}
	s.registry, s.prefix = registry, endpoint.Prefix
	s.place = &url.URL{Scheme: endpoint.Scheme, Host: registry.RegistryStr()}
	if mirrored {
		s.transport = pinned{next: s.transport, place: s.place}
	}
	return s, nil
}

// ping asks the registry how it wants to be asked.
func (s *session) ping(ctx context.Context) error {
	challenge, err := transport.Ping(ctx, s.registry, s.transport)
	if err != nil {
		return s.clean(ctx, err, "/v2/")
	}
	if s.place.Scheme == "" {
		s.place.Scheme = "https"
		if challenge.Insecure && s.registry.Scheme() == "http" {
			s.place.Scheme = "http"
		}
	}
	challenge.Insecure = s.place.Scheme == "http"
	s.challenge = challenge
	return nil
}

// url returns the URL of something in a repository.
func (s *session) url(repo, rest string) *url.URL {
	u := *s.place
	u.Path = "/v2/" + path.Join(s.prefix, repo) + "/" + rest
	return &u
}

// do sends one request about a part of a repository with what is wanted for it. When that is not accepted, the answer
// says what is: a registry may let everyone in and a repository not, and listing may need another scope than pulling. A
// token that is no longer accepted is replaced. Either happens once.
func (s *session) do(ctx context.Context, method string, of part, u *url.URL, accept string) (*http.Response, error) {
	first, err := s.authorization(ctx, of)
	if err != nil {
		return nil, err
	}
	res, err := s.send(ctx, method, u, accept, first.header)
	if err != nil || res.StatusCode != http.StatusUnauthorized || !s.learn(of, res) && first.fresh {
		return res, err
	}
	if !first.fresh {
		s.tokens.Forget(first.grant)
	}
	second, err := s.authorization(ctx, of)
	if err != nil || second.header == first.header && second.grant == (grant{}) {
		return res, err
	}
	return s.send(ctx, method, u, accept, second.header)
}

func (s *session) send(ctx context.Context, method string, u *url.URL, accept, authorization string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, u.String(), nil)
	if err != nil {
		return nil, errors.New("the repository's name makes no URL")
	}
	req.Header.Set("Accept", accept)
	client := httpx.NewClient(httpx.Authorize(s.transport, s.place, authorization))
	res, err := client.Do(req)
	if err != nil {
		return nil, httpx.Clean(err)
	}
	return res, nil
}

// pinned lets requests to a mirror out with the scheme as written only; the library would try https first on a
// loopback or private address.
type pinned struct {
	next  http.RoundTripper
	place *url.URL
}

var errScheme = errors.New("another scheme than the mirror's")

// RoundTrip refuses the mirror's host under another scheme.
func (p pinned) RoundTrip(req *http.Request) (*http.Response, error) {
	if strings.EqualFold(req.URL.Host, p.place.Host) && req.URL.Scheme != p.place.Scheme {
		return nil, errScheme
	}
	return p.next.RoundTrip(req)
}
