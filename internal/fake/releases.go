package fake

import (
	"crypto/sha1"
	"fmt"
	"hash/fnv"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Release is one release of a repository at GitHub.
type Release struct {
	ID         int64  `json:"id"`
	Tag        string `json:"tag_name"`
	Prerelease bool   `json:"prerelease"`
	Draft      bool   `json:"draft"`
	// Immutable reports that nobody can change it any more.
	Immutable bool `json:"immutable"`
	// Published is when it was published; GitHub tells none of a draft.
	Published time.Time `json:"published_at"`
	// Undated says no time of publication, as some servers with GitHub's API do.
	Undated bool `json:"-"`
	// Committed is the date of the tagged commit, which GitHub calls created_at. Without one it is the same day for all,
	// as it is for releases of one commit.
	Committed time.Time `json:"created_at"`
}

// oneCommit is the date of the commit that releases without a date of their own tag.
var oneCommit = time.Date(2019, 10, 8, 7, 32, 36, 0, time.UTC)

// body is the release as GitHub writes it.
func (r Release) body(repository string) map[string]any {
	committed := r.Committed
	if committed.IsZero() {
		committed = oneCommit
	}
	var published, text any
	if !r.Draft {
		text = "What is new."
	}
	if !r.Draft && !r.Undated {
		published = stamp(r.Published)
	}
	author := map[string]any{"login": "releaser", "id": 8149784, "node_id": "MDQ6VXNlcjgxNDk3ODQ=", "type": "User"}
	return map[string]any{
		"id": r.ID, "node_id": fmt.Sprintf("RE_%d", r.ID), "tag_name": r.Tag, "target_commitish": "main", "name": r.Tag, "body": text,
		"url": fmt.Sprintf("https://api.github.com/repos/%s/releases/%d", repository, r.ID), "author": author, "assets": []any{},
		"html_url": "https://github.com/" + repository + "/releases/tag/" + r.Tag,
		"draft":    r.Draft, "prerelease": r.Prerelease, "immutable": r.Immutable, "created_at": stamp(committed), "published_at": published,
	}
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// ReleasesOptions describes the releases of a GitHub server.
type ReleasesOptions struct {
	// Releases are those of each owner/repository, listed in the order given.
	Releases map[string][]Release
	// Tags are those of each owner/repository, beside those of its releases.
	Tags map[string][]string
	// Token is the only one that is accepted; empty accepts requests without.
	Token string
	// Prefix is where the API begins, such as /api/v3.
	Prefix string
	// Remaining is the quota that the first answer reports, 0 for none.
	Remaining int
	// Links writes the Link header for the URL of the next page; the default is GitHub's: next and last.
	Links func(url string) string
	// Header is added to every answer.
	Header http.Header
}

// NewReleases returns a handler with the part of GitHub's API that lists releases and tags, paged by Link.
func NewReleases(o ReleasesOptions) http.Handler {
	mux := http.NewServeMux()
	for _, place := range []string{"/repos/{owner}/{repository}", "/repositories/{id}"} {
		mux.HandleFunc("GET "+o.Prefix+place+"/releases", func(w http.ResponseWriter, r *http.Request) {
			o.serve(w, r, o.releases)
		})
		mux.HandleFunc("GET "+o.Prefix+place+"/tags", func(w http.ResponseWriter, r *http.Request) {
			o.serve(w, r, o.tags)
		})
	}
	return mux
}

// serve checks the token and answers with one page of what the list holds of a repository.
func (o ReleasesOptions) serve(w http.ResponseWriter, r *http.Request, list func(repository string) ([]map[string]any, bool)) {
	all, ok := list(o.repository(r))
	limits(w.Header())
	for name, values := range o.Header {
		w.Header()[name] = values
	}
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
	start := min((page-1)*size, len(all))
	end := min(start+size, len(all))
	if link := o.link(r, page, size, len(all)); link != "" {
		w.Header().Add("Link", link)
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Etag", fmt.Sprintf(`W/"%x"`, sha1.Sum([]byte(fmt.Sprint(all[start:end])))))
	writeJSON(w, all[start:end])
}

// limits are what GitHub tells of the quota with every answer.
func limits(h http.Header) {
	for name, value := range map[string]string{"Limit": "5000", "Remaining": "4999", "Used": "1", "Reset": "32503680000", "Resource": "core"} {
		h.Set("X-Ratelimit-"+name, value)
	}
}

// repository is the one that is asked for, by its name or by its number.
func (o ReleasesOptions) repository(r *http.Request) string {
	id := r.PathValue("id")
	if id == "" {
		return r.PathValue("owner") + "/" + r.PathValue("repository")
	}
	for _, all := range [][]string{slices.Collect(maps.Keys(o.Releases)), slices.Collect(maps.Keys(o.Tags))} {
		for _, name := range all {
			if repositoryID(name) == id {
				return name
			}
		}
	}
	return ""
}

// repositoryID is the number by which Links name a repository.
func repositoryID(name string) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(name)) // never fails
	return strconv.FormatUint(uint64(h.Sum32()), 10)
}

func (o ReleasesOptions) releases(repository string) ([]map[string]any, bool) {
	releases, ok := o.Releases[repository]
	_, tagged := o.Tags[repository]
	all := []map[string]any{}
	for _, r := range releases {
		all = append(all, r.body(repository))
	}
	return all, ok || tagged
}

func (o ReleasesOptions) tags(repository string) ([]map[string]any, bool) {
	tags := slices.Clone(o.Tags[repository])
	for _, r := range o.Releases[repository] {
		if !r.Draft {
			tags = append(tags, r.Tag)
		}
	}
	all := []map[string]any{}
	for _, tag := range tags {
		sha := fmt.Sprintf("%x", sha1.Sum([]byte(tag)))
		commit := map[string]any{"sha": sha, "url": "https://api.github.com/repos/" + repository + "/commits/" + sha}
		all = append(all, map[string]any{"name": tag, "node_id": "REF_" + tag, "commit": commit})
	}
	_, ok := o.releases(repository)
	return all, ok
}

// link is the Link header of a page: GitHub's order is prev, next, last, first, and one page has none.
func (o ReleasesOptions) link(r *http.Request, page, size, all int) string {
	last := (all + size - 1) / size
	what := r.URL.Path[strings.LastIndex(r.URL.Path, "/"):]
	at := func(n int) string {
		return fmt.Sprintf("%s%s/repositories/%s%s?per_page=%d&page=%d", ownURL(r), o.Prefix, repositoryID(o.repository(r)), what, size, n)
	}
	var links []string
	add := func(n int, rel string) { links = append(links, "<"+at(n)+`>; rel="`+rel+`"`) }
	if page > 1 {
		add(page-1, "prev")
	}
	if page < last {
		if o.Links != nil {
			return o.Links(at(page + 1))
		}
		add(page+1, "next")
		add(last, "last")
	}
	if page > 1 {
		add(1, "first")
	}
	return strings.Join(links, ", ")
}

func number(r *http.Request, name string, usual int) int {
	if n, err := strconv.Atoi(strings.TrimSpace(r.URL.Query().Get(name))); err == nil && n > 0 {
		return n
	}
	return usual
}

func gitHubError(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	writeJSON(w, map[string]string{
		"message": message, "documentation_url": "https://docs.github.com/rest/releases/releases#list-releases", "status": strconv.Itoa(status),
	})
}
