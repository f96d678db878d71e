package fake

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Release is one release of a repository at GitHub.
type Release struct {
	ID         int64     `json:"id"`
	Tag        string    `json:"tag_name"`
	Prerelease bool      `json:"prerelease"`
	Draft      bool      `json:"draft"`
	Created    time.Time `json:"created_at"`
}

// ReleasesOptions describes the releases of a GitHub server.
type ReleasesOptions struct {
	// Releases are those of each owner/repository, listed in the order given.
	Releases map[string][]Release
	// Token is the only one that is accepted; empty accepts requests without.
	Token string
	// Prefix is where the API begins, such as /api/v3.
	Prefix string
	// Remaining is the quota that the first answer reports, 0 for none.
	Remaining int
	// Links writes the Link header for the URL of the next page; the default is `<url>; rel="next"`.
	Links func(url string) string
}

// NewReleases returns a handler with the part of GitHub's API that lists releases, paged by Link.
func NewReleases(o ReleasesOptions) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+o.Prefix+"/repos/{owner}/{repository}/releases", o.list)
	return mux
}

func (o ReleasesOptions) list(w http.ResponseWriter, r *http.Request) {
	releases, ok := o.Releases[r.PathValue("owner")+"/"+r.PathValue("repository")]
	if o.Remaining > 0 {
		w.Header().Set("X-Ratelimit-Remaining", strconv.Itoa(o.Remaining))
	}
	authorization := r.Header.Get("Authorization")
	switch {
	case o.Token != "" && authorization != "" && authorization != "Bearer "+o.Token:
		gitHubError(w, http.StatusUnauthorized, "Bad credentials")
		return
	case !ok, o.Token != "" && authorization == "":
		gitHubError(w, http.StatusNotFound, "Not Found")
		return
	}
	page, size := number(r, "page", 1), min(number(r, "per_page", 30), 100)
	start := min((page-1)*size, len(releases))
	end := min(start+size, len(releases))
	if end < len(releases) {
		w.Header().Set("Link", o.link(fmt.Sprintf("%s%s?page=%d&per_page=%d", ownURL(r), r.URL.Path, page+1, size)))
	}
	writeJSON(w, releases[start:end])
}

func (o ReleasesOptions) link(url string) string {
	if o.Links != nil {
		return o.Links(url)
	}
	return "<" + url + `>; rel="next"`
}

func number(r *http.Request, name string, usual int) int {
	if n, err := strconv.Atoi(strings.TrimSpace(r.URL.Query().Get(name))); err == nil && n > 0 {
		return n
	}
	return usual
}

func gitHubError(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	writeJSON(w, map[string]string{"message": message})
}
