package page

import (
	"cmp"
	"encoding/json"
	"net/url"
	"regexp"
	"strings"

	"github.com/pawl-cd/pawl/internal/event"
	"github.com/pawl-cd/pawl/internal/run"
)

// maxProfile bounds the name of a profile, in bytes.
const maxProfile = 200

// profileOf names the profile that a report is about, as far as it says so: by its pull request, a commit, its events. The
// name is untrusted.
func profileOf(r run.Report) string {
	var pull, commit string
	if r.Pull != nil {
		pull = Repository(r.Pull.URL)
	}
	if r.Deploy != nil {
		commit = Repository(r.Deploy.URL)
	}
	if name := cmp.Or(pull, commit); name != "" {
		return name
	}
	source := ""
	for _, raw := range r.Events[:min(len(r.Events), maxEvents)] {
		change, from := subject(raw)
		if change != "" {
			return change
		}
		source = cmp.Or(source, from)
	}
	return source
}

// subject is the repository whose change an event is about, and the instance that tells the event.
func subject(raw json.RawMessage) (change, source string) {
	t, ok := read(raw)
	if !ok {
		return "", ""
	}
	if t.is(event.ChangeCreated, "") || t.is(event.ChangeUpdated, "") || t.is(event.ChangeMerged, "") {
		change, _, _ = strings.Cut(t.Subject.ID, "#")
	}
	u, err := url.Parse(t.Context.Source)
	switch {
	case err != nil || u.Host == "":
	case strings.Count(strings.Trim(u.Path, "/"), "/") == 1:
		source = strings.Trim(u.Path, "/")
	default:
		source = u.Host + strings.TrimSuffix(u.Path, "/")
	}
	return bounded(change), bounded(source)
}

// short is the form of an address that git takes besides URLs.
var short = regexp.MustCompile(`^[^/:]+:([^/].*)$`)

// Repository is OWNER/NAME of a repository, from the address of one of its pages or the one that git uses; empty when the
// address holds none.
func Repository(address string) string {
	path := ""
	if u, err := url.Parse(address); err == nil && u.Host != "" {
		path = u.Path
	} else if parts := short.FindStringSubmatch(address); parts != nil {
		path = parts[1]
	}
	parts := strings.SplitN(strings.Trim(path, "/"), "/", 3)
	if len(parts) < 2 || parts[0] == "" || parts[1] == "" {
		return ""
	}
	return bounded(parts[0] + "/" + strings.TrimSuffix(parts[1], ".git"))
}

func bounded(name string) string {
	if len(name) > maxProfile {
		return ""
	}
	return name
}

// titled is a page's title: what it says, whose it is, and who made it.
func titled(headline, profile string) string {
	if profile != "" {
		headline += " – " + visible(profile)
	}
	return headline + " – pawl"
}
