package wire

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	dockerconfig "github.com/docker/cli/cli/config"
	"github.com/docker/cli/cli/config/credentials"
	"github.com/docker/cli/cli/config/types"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"

	"github.com/pawl-cd/pawl/internal/config"
	"github.com/pawl-cd/pawl/internal/fault"
	"github.com/pawl-cd/pawl/internal/fleet"
	"github.com/pawl-cd/pawl/internal/httpx"
	"github.com/pawl-cd/pawl/internal/source"
)

// Tenant is what a profile has that shares its process with others.
type Tenant struct {
	// Docker is the directory of its docker configuration, empty for none.
	Docker string
	// Listings are shared with those whose credentials for a source are the same.
	Listings *fleet.Listings
	// listed counts the versions that were listed for it.
	listed atomic.Int64
}

// MaxReleases is how many versions the sources of a tenant may list in all: what is listed stays in memory until the fleet is done.
const MaxReleases = 1_000_000

// Refused says what in a profile's configuration would reach beyond the profile in a process with others, nil for nothing.
func (t *Tenant) Refused(c config.Config) error {
	switch {
	case len(c.Gates) > 0:
		return fault.New("run pawl gates and pawl run --verdicts for this profile in a job of its own", "gates: a profile of a fleet has no programs")
	case slices.ContainsFunc(c.Events.Sinks, func(s config.Sink) bool { return s.Type == "file" }):
		return fault.New("use a sink of the type http or kafka", "events.sinks: a profile of a fleet writes no files")
	case slices.ContainsFunc(c.Events.Sinks, func(s config.Sink) bool { return s.CA != "" }):
		return fault.New("have the operator add the certificate to those of the system", "events.sinks: a profile of a fleet reads no files beside it: ca")
	}
	return nil
}

// keys are the credentials for registries: those of the process, or the tenant's.
func (w Wire) keys() keychain {
	switch {
	case w.Tenant == nil:
		return keychain{authn.DefaultKeychain, w.Redactor}
	case w.Tenant.Docker == "":
		return keychain{authn.NewMultiKeychain(), w.Redactor}
	}
	return keychain{dockerDirectory(w.Tenant.Docker), w.Redactor}
}

// dockerDirectory are the credentials of one docker configuration. Docker's own reader would add those of the variable
// DOCKER_AUTH_CONFIG, which is the operator's, and look elsewhere for what it does not find.
type dockerDirectory string

// Resolve finds the credentials for a registry.
func (d dockerDirectory) Resolve(target authn.Resource) (authn.Authenticator, error) {
	f, err := os.Open(filepath.Join(string(d), dockerconfig.ConfigFileName))
	if errors.Is(err, fs.ErrNotExist) {
		return authn.Anonymous, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the docker configuration: %w", err)
	}
	defer f.Close()
	file, err := dockerconfig.LoadFromReader(f)
	if err != nil {
		return nil, fmt.Errorf("reading the docker configuration: %w", err)
	}
	var empty types.AuthConfig
	for _, key := range []string{target.String(), target.RegistryStr()} {
		if key == name.DefaultRegistry {
			key = authn.DefaultAuthKey
		}
		store := credentials.NewFileStore(file)
		if helper := cmp.Or(file.CredentialHelpers[key], file.CredentialsStore); helper != "" {
			store = credentials.NewNativeStore(file, helper)
		}
		found, err := store.Get(key)
		if err != nil {
			return nil, fmt.Errorf("reading the docker configuration: %w", err)
		}
		found.ServerAddress = ""
		if found != empty {
			return authn.FromConfig(authn.AuthConfig{Username: found.Username, Password: found.Password, Auth: found.Auth,
				IdentityToken: found.IdentityToken, RegistryToken: found.RegistryToken}), nil
		}
	}
	return authn.Anonymous, nil
}

// shared lists a source once for all tenants for whom the answer is the same: who ask in the same place, with the same
// credentials and patience. What anybody's credentials list is shown to nobody who has others.
func (s *Sources) shared(ctx context.Context, q source.Query) (source.Listing, error) {
	key, private, err := s.key(ctx, q)
	if err != nil { // who lists says what is wrong
		return s.list(ctx, q)
	}
	done, err := s.turn(ctx, q.Host)
	if err != nil {
		return nil, err
	}
	defer done()
	return s.wire.Tenant.Listings.Get(ctx, key, private, s.asking(q))
}

// turn waits until the tenant has few enough listings of a host under way. What it only waits to ask for is nobody's yet, so
// that others who need it do not stand in its line.
func (s *Sources) turn(ctx context.Context, host string) (done func(), err error) {
	turns, _ := s.turns.Do(host, func() (chan struct{}, error) { return make(chan struct{}, s.wire.concurrency(host)), nil })
	select {
	case turns <- struct{}{}:
		return func() { <-turns }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// ListingDigest is the digest of what a tenant's source lists.
func (s *Sources) ListingDigest(ctx context.Context, q source.Query) (sum [sha256.Size]byte, err error) {
	key, private, err := s.key(ctx, q)
	if err != nil {
		return sum, err
	}
	return s.wire.Tenant.Listings.Digest(httpx.WithAllowance(ctx, httpx.NewAllowance(s.timeout(q.Host))), key, private, s.asking(q))
}

func (s *Sources) asking(q source.Query) func(context.Context) (source.Listing, error) {
	return func(ctx context.Context) (listing source.Listing, err error) {
		defer s.wire.Caught(&err)
		if listing, err = s.list(ctx, q); err != nil {
			return nil, err
		}
		if s.wire.Tenant.listed.Add(int64(len(listing))) > MaxReleases {
			return nil, fault.New("track fewer sources, or run the profile in a job of its own", "the sources of the profile list more than %d versions in all", MaxReleases)
		}
		return listing, nil
	}
}

// key is all that a listing depends on; private says that credentials are among it.
func (s *Sources) key(ctx context.Context, q source.Query) (key fleet.Key, private bool, err error) {
	if q.Kind == source.GitHubRelease {
		q = s.releases.Asked(q) // with the token of another one for the same repository
	}
	base, _ := s.wire.Config.Mirrors.URL(q.Base)
	on := struct {
		Query   source.Query
		Base    string
		Mirror  source.Endpoint
		Timeout time.Duration
		Token   string
		Logins  []*authn.AuthConfig
	}{Query: q, Base: base, Timeout: s.timeout(q.Host)}
	on.Query.Token = "" // a name; what it holds counts
	if q.Token != "" {
		on.Token = s.wire.token(q.Token, placeOf(base))
	}
	switch at, parsed := url.Parse(base); {
	case q.OCI():
		on.Mirror, _ = s.wire.Config.Mirrors.Registry(q.Host)
		on.Logins, err = s.logins(ctx, cmp.Or(on.Mirror.Host, q.Host), path.Join(on.Mirror.Prefix, q.Repository()))
	case parsed != nil:
		return key, false, parsed
	case q.Kind == source.HelmChart:
		on.Logins, err = s.logins(ctx, at.Host, at.Path)
	}
	if err != nil {
		return key, false, err
	}
	private = on.Token != "" || slices.ContainsFunc(on.Logins, func(one *authn.AuthConfig) bool { return *one != authn.AuthConfig{} })
	text, err := json.Marshal(on)
	return sha256.Sum256(text), private, err
}

// logins are the credentials that the tenant has at a host: for a place there, and for all of it.
func (s *Sources) logins(ctx context.Context, host, at string) ([]*authn.AuthConfig, error) {
	registry, err := name.NewRegistry(host)
	if err != nil {
		return nil, fmt.Errorf("%s is no registry: %w", host, err)
	}
	var all []*authn.AuthConfig
	for _, where := range []string{registry.RegistryStr() + "/" + strings.Trim(at, "/"), host + "/" + strings.TrimLeft(at, "/"), registry.RegistryStr()} {
		auth, err := s.keys.ResolveContext(ctx, asked{registry, where})
		if err != nil {
			return nil, err
		}
		one, err := authn.Authorization(ctx, auth)
		if err != nil {
			return nil, fmt.Errorf("finding the credentials for %s: %w", host, err)
		}
		all = append(all, one)
	}
	return all, nil
}

// asked is a place in a registry as a keychain knows it.
type asked struct {
	name.Registry
	at string
}

// String returns the place.
func (a asked) String() string { return a.at }
