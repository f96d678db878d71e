// Package source holds the values of the second stage: what to ask (Query), what exists (Listing) and how a version
// becomes the text that is written (Transform). It does no I/O; the clients live in the packages below it.
package source

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/pawl-cd/pawl/internal/fault"
)

// ErrNotFound is returned by a client when the version asked for does not exist.
var ErrNotFound = errors.New("not found")

// EmptyError is an empty listing of which it is known why it is empty; it is no failure.
type EmptyError struct {
	// Detail says what there is instead, Hint what to do.
	Detail, Hint string
}

// Error returns the detail.
func (e *EmptyError) Error() string { return e.Detail }

// hubRegistry is the host that answers for Docker Hub.
const hubRegistry = "registry-1.docker.io"

// GitHubAPI is where releases are asked when a manifest names no other place.
const GitHubAPI = "https://api.github.com"

// Query names one source in canonical form: two manifests that track one source hold equal queries, whatever their
// spelling, so a Query is the key of a run's snapshot. It is comparable and holds no secret.
type Query struct {
	// Kind says which client answers.
	Kind Kind
	// Host is the logical host before mirrors, as people write it: docker.io, ghcr.io, mojaloop.github.io.
	Host string
	// Base is the URL below which Path is found, without a final slash: the Helm repository's, the GitHub API's, or
	// oci://host/prefix for a chart in a registry. It is empty for images, whose place is Host, and the whole URL of a git
	// repository.
	Base string
	// Path is what is asked for: the image's repository (library/nginx), the chart's name, or owner/repository.
	Path string
	// Token names the environment variable that holds the token, empty for none.
	Token string
}

// OCI reports whether the source is answered by a container registry: every image, and charts at oci://.
func (q Query) OCI() bool { return q.Kind == Image || strings.HasPrefix(q.Base, "oci://") }

// Release is one version that exists at a source.
type Release struct {
	// Tag is the version in the source's own spelling.
	Tag string
	// Prerelease is GitHub's own flag; other kinds leave it false.
	Prerelease bool
	// Published is when GitHub published an immutable release, which nobody can date back; zero for everything else.
	Published time.Time
}

// Listing is what exists at a source, in the order that the filter kinds "regex" and "latest" rely on: a registry's
// own, Helm ascending by semver, GitHub ascending by publication.
type Listing []Release

// ParseImage reads an image reference without tag or digest as a manifest writes it. Its error has an Advice.
func ParseImage(image string) (Query, error) {
	repo, err := name.NewRepository(image)
	if fault := imageFault(image, err != nil || !spelled(repo)); fault != nil {
		return Query{}, fault
	}
	return Query{Kind: Image, Host: logicalHost(repo.RegistryStr()), Path: repo.RepositoryStr()}, nil
}

// unreadable is the error of a text that names no image; it is repeated without what may be secret in it.
func unreadable(image, message, hint string) error {
	return fault.New(hint, "reading image %q: %s", image, message)
}

// imageFault says what is wrong with a reference, nil for nothing. Some of what the library accepts cannot exist.
func imageFault(image string, refused bool) error {
	const example = "write e.g. ghcr.io/org/app; the tag is chosen by versionfilter"
	bare, digest, _ := strings.Cut(image, "@")
	last := image[strings.LastIndexByte(image, '/')+1:]
	name, _, tagged := strings.Cut(last, ":")
	switch lower := strings.ToLower(image); {
	case strings.Contains(image, "://"):
		rest := withoutScheme(image)
		if rest == "" {
			return unreadable(shown(image), "an image has no scheme", example)
		}
		return unreadable(shown(image), "an image has no scheme", "write "+shown(rest))
	case strings.HasPrefix(digest, "sha256:"), strings.HasPrefix(digest, "sha512:"):
		return unreadable(bare, "want an image without digest", "write "+bare+"; the version is chosen by versionfilter")
	case strings.Contains(image, "@"):
		return unreadable(shown(image), "want [HOST/]REPOSITORY without tag or digest", example)
	case strings.HasPrefix(image, "/"), strings.HasSuffix(image, "/"), strings.Contains(image, "//"):
		return unreadable(image, "there is nothing before, after or between its slashes", example)
	case refused && tagged && name != "":
		return unreadable(image, "want an image without tag", "write "+strings.TrimSuffix(image, last)+name+"; the tag is chosen by versionfilter")
	case refused && lower != image:
		return unreadable(image, "a repository is written in lower case", "write "+lower)
	case refused:
		return unreadable(image, "want [HOST/]REPOSITORY without tag or digest", example)
	}
	return nil
}

// withoutScheme is the image that somebody meant who copied an address: that of a page at Docker Hub, or a name with a tag.
func withoutScheme(address string) string {
	_, image, _ := strings.Cut(address, "://")
	if page, ok := strings.CutPrefix(image, "hub.docker.com/"); ok {
		image = strings.TrimPrefix(strings.TrimPrefix(page, "r/"), "_/")
	}
	image = strings.Trim(image, "/")
	if at := strings.LastIndexByte(image, ':'); at > strings.LastIndexByte(image, '/') && strings.Contains(image, "/") {
		image = image[:at]
	}
	return image
}

// ParseChart reads the URL of a Helm repository (http, https or oci) and the name of a chart in it.
func ParseChart(repository, chart string) (Query, error) {
	base, host, err := parseBase(repository, "http", "https", "oci")
	if err != nil {
		return Query{}, fmt.Errorf("reading Helm repository: %w", err)
	}
	if base != "" && strings.HasPrefix(base, "oci://") {
		if repo, err := name.NewRepository(strings.TrimPrefix(base, "oci://") + "/" + chart); err != nil || !spelled(repo) {
			return Query{}, fmt.Errorf("reading Helm repository: %q is not a place in a registry", base+"/"+chart)
		}
		host = logicalHost(host)
	}
	return Query{Kind: HelmChart, Host: host, Base: base, Path: chart}, nil
}

// ParseReleases reads the owner and repository of GitHub releases; api is the base URL of the API, empty for
// github.com, token the name of the variable with the token.
func ParseReleases(api, owner, repository, token string) (Query, error) {
	if api == "" {
		api = GitHubAPI
	}
	base, host, err := parseBase(api, "http", "https")
	if err != nil {
		return Query{}, fmt.Errorf("reading GitHub API: %w", err)
	}
	for _, part := range []string{owner, repository} {
		if part == "" || part == "." || part == ".." || strings.ContainsAny(part, "/?#%\\ \t\r\n") {
			return Query{}, fmt.Errorf("reading GitHub repository: %q is not a name", part)
		}
	}
	return Query{Kind: GitHubRelease, Host: host, Base: base, Path: owner + "/" + repository, Token: token}, nil
}

// ParseGit reads the URL that a git repository is cloned from; it is asked over https, on this machine over http too.
func ParseGit(repository, token string) (Query, error) {
	base, host, err := parseBase(repository, "https", "http")
	if err != nil {
		return Query{}, fmt.Errorf("reading git repository: %w", err)
	}
	u, err := url.Parse(base)
	switch {
	case err != nil || strings.Trim(u.Path, "/") == "":
		return Query{}, fmt.Errorf("reading git repository: %q names a host alone", base)
	case u.Scheme == "http" && u.Hostname() != "localhost" && u.Hostname() != "127.0.0.1" && u.Hostname() != "::1":
		return Query{}, fmt.Errorf("reading git repository: %q: want the scheme https", base)
	}
	return Query{Kind: GitTag, Host: host, Base: base, Path: strings.TrimSuffix(strings.Trim(u.Path, "/"), ".git"), Token: token}, nil
}

// parseBase returns the URL without its final slash, and its host.
func parseBase(text string, schemes ...string) (base, host string, err error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return "", "", fmt.Errorf("%q is not an absolute URL", text)
	}
	if u.User != nil {
		return "", "", fmt.Errorf("the URL of %s holds user information", u.Host)
	}
	if u.RawQuery != "" || u.Fragment != "" {
		return "", "", fmt.Errorf("the URL of %s holds a query or fragment", u.Host)
	}
	for _, s := range schemes {
		if u.Scheme == s {
			return strings.TrimRight(text, "/"), u.Host, nil
		}
	}
	return "", "", fmt.Errorf("%q: want the scheme %s", text, strings.Join(schemes, " or "))
}

// logicalHost undoes the other spellings of Docker Hub: the registry library's, and the one that charts are written with.
func logicalHost(registry string) string {
	if registry == name.DefaultRegistry || registry == hubRegistry {
		return "docker.io"
	}
	return registry
}
