package source

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
)

// Endpoint is where a registry is really asked.
type Endpoint struct {
	// Scheme is http or https, as written.
	Scheme string
	// Host is the host with its port.
	Host string
	// Prefix goes before the repository's name, without slashes around it; it may be empty.
	Prefix string
}

// Mirrors says where to really ask: for a registry's host, or for what lies below a URL. The zero value mirrors
// nothing.
type Mirrors struct {
	registries map[string]Endpoint
	prefixes   []prefixMirror
}

type prefixMirror struct{ from, to string }

// ParseMirrors reads the configuration's mirrors: a registry's host, or an http or https URL below which a Helm
// repository or API lies, to the URL that answers in its place.
func ParseMirrors(written map[string]string) (Mirrors, error) {
	m := Mirrors{registries: map[string]Endpoint{}}
	var errs []error
	for _, from := range slices.Sorted(maps.Keys(written)) {
		if err := m.add(from, written[from]); err != nil {
			errs = append(errs, fmt.Errorf("reading mirror of %q: %w", shown(from), err))
		}
	}
	slices.SortFunc(m.prefixes, func(a, b prefixMirror) int {
		return cmp.Or(cmp.Compare(len(b.from), len(a.from)), cmp.Compare(a.from, b.from))
	})
	return m, errors.Join(errs...)
}

func (m *Mirrors) add(from, to string) error {
	target, err := parseMirrorURL(to)
	if err != nil {
		return err
	}
	if strings.Contains(from, "://") {
		return m.addPrefix(from, target)
	}
	return m.addRegistry(from, target)
}

func (m *Mirrors) addPrefix(from string, target *url.URL) error {
	u, err := parseMirrorURL(from)
	if err != nil {
		return err
	}
	p := prefixMirror{from: text(u), to: text(target)}
	if slices.ContainsFunc(m.prefixes, func(o prefixMirror) bool { return o.from == p.from }) {
		return errors.New("it is mirrored twice")
	}
	m.prefixes = append(m.prefixes, p)
	return nil
}

func (m *Mirrors) addRegistry(from string, target *url.URL) error {
	host, err := mirroredHost(from)
	if err != nil {
		return err
	}
	if _, ok := m.registries[host]; ok {
		return errors.New("it is mirrored twice")
	}
	m.registries[host] = Endpoint{Scheme: target.Scheme, Host: target.Host, Prefix: strings.Trim(target.Path, "/")}
	return nil
}

// Registry returns where the registry of a logical host is really asked, and whether that is a mirror.
func (m Mirrors) Registry(host string) (Endpoint, bool) {
	e, ok := m.registries[strings.ToLower(host)]
	return e, ok
}

// URL returns the mirror's URL for an http or https URL, by the longest mirrored prefix that ends where a part of the
// path ends; without one it returns the URL itself and false.
func (m Mirrors) URL(raw string) (string, bool) {
	u, err := url.Parse(raw)
	if err != nil {
		return raw, false
	}
	whole := text(u)
	for _, p := range m.prefixes {
		rest, ok := strings.CutPrefix(whole, p.from)
		if ok && (rest == "" || rest[0] == '/') {
			return p.to + rest, true
		}
	}
	return raw, false
}

// shown is what may be repeated in a message: neither user information nor a query, which may be secrets.
func shown(from string) string {
	from = from[strings.LastIndexByte(from, '@')+1:]
	if i := strings.IndexAny(from, "?#"); i >= 0 {
		from = from[:i]
	}
	return from
}

func mirroredHost(from string) (string, error) {
	host := strings.ToLower(from)
	if u, err := url.Parse("https://" + host); err != nil || u.Host != host || u.Hostname() == "" {
		return "", errors.New("want a host, or a URL that begins with http:// or https://")
	}
	if host == name.DefaultRegistry || host == hubRegistry {
		return "docker.io", nil
	}
	return host, nil
}

// parseMirrorURL reads an http or https URL that holds nothing but a host and a path.
func parseMirrorURL(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return nil, errors.New("want a URL")
	}
	switch {
	case u.User != nil:
		return nil, errors.New("a URL with user information: credentials belong into the docker config or the environment")
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("scheme %q: want http:// or https://", u.Scheme)
	case u.Hostname() == "":
		return nil, errors.New("a URL without host")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, errors.New("a URL with query or fragment")
	case hasDots(u.Path):
		return nil, errors.New("a URL with . or .. in its path")
	}
	u.Host = strings.ToLower(u.Host)
	return u, nil
}

func hasDots(path string) bool {
	return slices.ContainsFunc(strings.Split(path, "/"), func(p string) bool { return p == "." || p == ".." })
}

// text is the URL with its host in lower case and without a final slash.
func text(u *url.URL) string {
	return u.Scheme + "://" + strings.ToLower(u.Host) + strings.TrimRight(u.EscapedPath(), "/")
}
