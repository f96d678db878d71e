package deploy

import (
	"errors"
	"net/netip"
	"net/url"
	"path"
	"regexp"
	"strings"
	"sync"
)

const addressHint = "write https://HOST/api/v4/projects/ID/trigger/pipeline, where ID is the project's number or its path with %2F for each slash"

// The parts of a trigger endpoint's path, still URL-encoded; and a project's number or unescaped path
// (https://docs.gitlab.com/ee/api/rest/#namespaced-paths).
var (
	endpointPath = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^(.*)/api/v4/projects/([^/]+)/trigger/pipeline/?$`) })
	projectID    = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^([1-9][0-9]{0,17}|[\w.-]+(/[\w.-]+)+)$`) })
)

// Endpoint splits the URL into the address of the GitLab, such as https://gitlab.example/sub, and the project's number
// or unescaped path, such as 19 or group/sub/name. The error never repeats the URL.
func (p Project) Endpoint() (base, project string, err error) {
	u, err := url.Parse(p.URL)
	switch {
	case p.URL == "":
		return "", "", errors.New("it is missing")
	case err != nil, u.Scheme != "https" && u.Scheme != "http", u.Hostname() == "":
		return "", "", errors.New("want an absolute http or https URL")
	case u.User != nil:
		return "", "", errors.New("it holds a user name or password")
	case u.RawQuery != "" || u.ForceQuery || strings.Contains(p.URL, "#"):
		return "", "", errors.New("it holds a query or fragment")
	}
	parts := endpointPath().FindStringSubmatch(u.EscapedPath())
	if parts == nil {
		return "", "", errors.New("it is not the trigger endpoint of one project")
	}
	project, err = url.PathUnescape(parts[2])
	if err != nil || !projectID().MatchString(project) || path.Clean(project) != project || strings.HasPrefix(project, "../") {
		return "", "", errors.New("it names no project by number or URL-encoded path")
	}
	if sub := parts[1]; sub != "" && (sub == "/" || sub != path.Clean(sub) || strings.Contains(sub, "%")) {
		return "", "", errors.New("its path holds empty, relative or encoded parts")
	}
	return u.Scheme + "://" + u.Host + parts[1], project, nil
}

// place names the GitLab project in one way, however its address is written: in any case, with or without the port that
// the scheme has anyway, with the dot that ends a full name, by another name of this machine. Whether a number and a path
// are the same project only that GitLab knows.
func (p Project) place() (string, error) {
	base, project, err := p.Endpoint()
	if err != nil {
		return "", err
	}
	u, err := url.Parse(base)
	if err != nil {
		return "", err
	}
	host, port := strings.ToLower(strings.TrimRight(u.Hostname(), ".")), u.Port()
	if ip, err := netip.ParseAddr(host); err == nil {
		ip = ip.Unmap()
		if host = ip.String(); ip.IsLoopback() || ip.IsUnspecified() {
			host = "localhost"
		}
	}
	if strings.HasSuffix(host, ".localhost") {
		host = "localhost"
	}
	if port == "80" && u.Scheme == "http" || port == "443" && u.Scheme == "https" {
		port = ""
	}
	return strings.ToLower(host + ":" + port + u.Path + " " + project), nil
}
