package helm

import (
	"context"
	"encoding/base64"
	"net"
	"net/http"
	"net/url"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"

	"github.com/pawl-cd/pawl/internal/fault"
	"github.com/pawl-cd/pawl/internal/httpx"
)

// dockerConfig names the file that credentials are looked for in.
const dockerConfig = "the docker config (~/.docker/config.json or $DOCKER_CONFIG/config.json)"

func denied(res *http.Response) bool {
	return res.StatusCode == http.StatusUnauthorized || res.StatusCode == http.StatusForbidden
}

// login is what the docker config has for a repository's host.
type login struct {
	// header is the value of Authorization, empty for none.
	header string
	// without says why there is none, in the words of a hint.
	without string
}

// login finds credentials for a repository that has refused to answer without: those of the host that is really asked, for
// that host itself and not for one that it sends requests on to, and never in plain text over a network.
func (c *Client) login(ctx context.Context, place *url.URL, res *http.Response) (login, error) {
	at := res.Request.URL
	switch {
	case !httpx.SamePlace(at, place):
		return login{without: place.Host + " sends the request on to " + at.Host + ", which wants a login and gets none: write its URL in the manifest"}, nil
	case place.Scheme != "https" && !loopback(place.Hostname()):
		return login{without: place.Host + " wants a login, which is not sent over http: write https:// in its url or in mirrors"}, nil
	}
	registry, err := name.NewRegistry(place.Host)
	if err != nil {
		return login{}, noCredentials(place.Host, err)
	}
	auth, err := authn.Resolve(ctx, c.config.Keychain, repository{registry, place.Host + place.Path})
	if err != nil {
		return login{}, noCredentials(place.Host, err)
	}
	config, err := authn.Authorization(ctx, auth)
	if err != nil {
		return login{}, noCredentials(place.Host, err)
	}
	switch {
	case config.Username != "" && config.Password != "":
		return login{header: "Basic " + base64.StdEncoding.EncodeToString([]byte(config.Username+":"+config.Password))}, nil
	case config.Auth != "":
		return login{header: "Basic " + config.Auth}, nil
	}
	return login{without: place.Host + ` wants a login: write {"auths": {"` + place.Host + `": {"auth": "..."}}} into ` + dockerConfig +
		", where ... is user:password in base64; docker login knows registries only"}, nil
}

// repository is a Helm repository as a keychain knows it: by its host and path, else by its host.
type repository struct {
	name.Registry
	at string
}

// String returns the host and path.
func (r repository) String() string { return r.at }

// loopback reports whether a host is this machine.
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// refused describes an answer without an index; l is what was found for a repository that wants a login.
func refused(res *http.Response, base string, l login) error {
	e := httpx.StatusError(res)
	switch {
	case res.StatusCode == http.StatusNotFound:
		e.Hint = "check the URL: there is no index.yaml at " + base
	case denied(res) && l.header != "":
		e.Hint = "the credentials for " + res.Request.URL.Host + " in " + dockerConfig + " are not accepted, or do not allow reading " + base
	case denied(res):
		e.Hint = l.without
	}
	return e
}

// noCredentials is the error of a docker config or credential helper that does not work; the helper's own words follow.
func noCredentials(host string, err error) error {
	return fault.New("check "+dockerConfig+" and its credential helpers", "finding credentials for %s: %w", host, err)
}
