package change

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
)

var (
	repositoryForm = regexp.MustCompile(`^[a-z0-9]+([._-]+[a-z0-9]+)*(/[a-z0-9]+([._-]+[a-z0-9]+)*)*$`)
	githubForm     = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+$`)
	hostForm       = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?$`)
	// referring are the paths that make GitHub write a note at the other end of a link.
	referring = regexp.MustCompile(`(?i)/(issues|pull|pulls|discussions|commit|commits)(/|$)`)
)

// sourceLink returns a Markdown link to the page of an update's version, empty where none can be derived.
func sourceLink(u Update) string {
	word, address := u.Page()
	return link(word, address)
}

// Page is the address of what shows the new version, and a word for it: an image's tags, a release or its comparison with
// the one before, a chart's repository. Both are empty where none can be derived; the address is untrusted.
func (u Update) Page() (word, address string) {
	switch u.Source.Kind {
	case "dockerimage":
		return u.imagePage()
	case "githubrelease":
		return u.releasePage()
	case "helmchart":
		repository, _, _ := strings.Cut(u.Source.Name, "#")
		return "repository", repository
	default:
		return "", ""
	}
}

// imagePage knows the pages of the big registries.
func (u Update) imagePage() (word, address string) {
	host, path, found := strings.Cut(u.Source.Name, "/")
	if !found || !strings.ContainsAny(host, ".:") && host != "localhost" {
		host, path = "docker.io", u.Source.Name
	}
	if !repositoryForm.MatchString(path) {
		return "", ""
	}
	switch {
	case host == "docker.io" && strings.Contains(path, "/"):
		return "tags", "https://hub.docker.com/r/" + path + "/tags?name=" + url.QueryEscape(u.Version)
	case host == "docker.io":
		return "tags", "https://hub.docker.com/_/" + path + "/tags?name=" + url.QueryEscape(u.Version)
	case host == "quay.io":
		return "tags", "https://quay.io/repository/" + path + "?tab=tags"
	case host == "ghcr.io":
		return "package", "https://ghcr.io/" + path
	default:
		return "", ""
	}
}

// releasePage compares two releases where both values are tags, else shows the new one.
func (u Update) releasePage() (word, address string) {
	if !githubForm.MatchString(u.Source.Name) || u.Version == "" {
		return "", ""
	}
	base := "https://github.com/" + u.Source.Name
	if u.New == u.Version && u.Old != "" {
		return "compare", fmt.Sprintf("%s/compare/%s...%s", base, url.PathEscape(u.Old), url.PathEscape(u.New))
	}
	return "release", base + "/releases/tag/" + url.PathEscape(u.Version)
}

// link writes a Markdown link, or nothing when the target is not an inert https URL.
func link(text, target string) string {
	u, err := url.Parse(target)
	if err != nil || u.Scheme != "https" || u.User != nil || u.Opaque != "" || !hostForm.MatchString(u.Host) ||
		len(target) > 1000 || referring.MatchString(u.Path) {
		return ""
	}
	return fmt.Sprintf("[%s](%s)", text, inertURL("https://"+u.Host+u.EscapedPath()+query(u)))
}

func query(u *url.URL) string {
	if u.RawQuery == "" {
		return ""
	}
	return "?" + u.RawQuery
}

// inertURL percent-encodes what a URL may hold and Markdown gives a meaning.
func inertURL(target string) string {
	var out strings.Builder
	for _, c := range []byte(target) {
		if alphanumeric(c) || strings.IndexByte("-._/:?=&%+", c) >= 0 {
			out.WriteByte(c)
		} else {
			fmt.Fprintf(&out, "%%%02X", c)
		}
	}
	return out.String()
}
