package recorded_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/pawl-cd/pawl/internal/fake/github"
)

// kindness changes an answer of a fake into a friendlier one than the real thing gives.
type kindness func(path, request string, got answered) answered

// differences holds the fakes against all that is recorded of them.
func differences(t *testing.T, kind kindness) []difference {
	t.Helper()
	all := load(t)
	var found []difference
	for n, scene := range scenes() {
		w := newWorld(t, kind, func(o *github.Options) {
			if n == 86 {
				o.CallsPerHour = 3
			}
		})
		got := scene(w)
		found = append(found, compare(all[n], got)...)
		found = append(found, beyond(n, got)...)
	}
	found = append(found, untold(newWorld(t, kind))...)
	slices.SortFunc(found, func(a, b difference) int { return a.n - b.n })
	return found
}

// beyond is what one exchange tells besides the form of its answer.
func beyond(n int, got answered) []difference {
	say := func(format string, args ...any) []difference { return []difference{{n, fmt.Sprintf(format, args...)}} }
	var list []map[string]any
	_ = json.Unmarshal(got.body, &list)
	switch n {
	case 3:
		if len(list) != 4 {
			return say("%d of 4 refs: matching-refs are never paged", len(list))
		}
	case 4:
		if len(list) != 2 || list[0]["ref"] != "refs/heads/rails-3.x" {
			return say("matching-refs are in lexical order")
		}
	case 48:
		if len(list) == 1 && list[0]["body"] != "" {
			return say("an empty body is %v", list[0]["body"])
		}
	case 41:
		created, _ := time.Parse(time.RFC3339, fmt.Sprint(list[0]["created_at"]))
		published, _ := time.Parse(time.RFC3339, fmt.Sprint(list[0]["published_at"]))
		if published.Sub(created) < time.Hour {
			return say("created_at is the date of publication")
		}
	case 53:
		var body struct{ Commit struct{ Message string } }
		_ = json.Unmarshal(got.body, &body)
		if !strings.Contains(body.Commit.Message, "\n\n* two\n\nCo-authored-by: a person <") {
			return say("GitHub's own message is %q", body.Commit.Message)
		}
	case 9:
		var body struct{ SHA string }
		if _ = json.Unmarshal(got.body, &body); body.SHA == "" {
			return say("no sha")
		}
	case 52, 60:
		var body struct{ Body string }
		if _ = json.Unmarshal(got.body, &body); body.Body != "ends\n" {
			return say("a body comes back as %q", body.Body)
		}
	}
	return nil
}

// untold is what is known of real answers and is in no recorded exchange: the login of a viewer, the zones of dates.
func untold(w *world) []difference {
	var found []difference
	got := w.ask("POST", "app", "/graphql", `{"query":"{viewer{login}}"}`)
	if !strings.Contains(string(got.body), `"login":"pawl[bot]"`) {
		found = append(found, difference{0, "viewer: " + string(got.body)})
	}
	zones := map[string]bool{}
	for range 6 {
		expiry := w.get("/git/ref/heads/main").header.Get("Github-Authentication-Token-Expiration")
		zones[expiry[strings.LastIndex(expiry, " ")+1:]] = true
	}
	if !zones["UTC"] || !zones["+0100"] || !zones["-0700"] {
		found = append(found, difference{0, fmt.Sprintf("zones of token expiry: %v", zones)})
	}
	return found
}

// TestFakesAreAsRecorded holds the fakes against the recordings: same status, fields, nulls, header names, Link, errors.
func TestFakesAreAsRecorded(t *testing.T) {
	t.Parallel()
	for _, d := range differences(t, nil) {
		t.Error(d)
	}
}

// rewrite is a kindness on the text of answers.
func rewrite(old, new string) kindness {
	return func(_, _ string, got answered) answered {
		got.body = []byte(strings.ReplaceAll(string(got.body), old, new))
		return got
	}
}

// reshape is a kindness on the JSON of answers: each object in turn.
func reshape(change func(path string, o map[string]any)) kindness {
	var walk func(path string, v any)
	walk = func(path string, v any) {
		switch v := v.(type) {
		case map[string]any:
			change(path, v)
			for _, one := range v {
				walk(path, one)
			}
		case []any:
			for _, one := range v {
				walk(path, one)
			}
		}
	}
	return func(path, _ string, got answered) answered {
		var v any
		if json.Unmarshal(got.body, &v) == nil {
			walk(path, v)
			got.body, _ = json.Marshal(v)
		}
		return got
	}
}

func matchingRefs(change func(list []map[string]any, header http.Header) []map[string]any) kindness {
	return func(path, _ string, got answered) answered {
		var list []map[string]any
		if strings.Contains(path, "/matching-refs/") && json.Unmarshal(got.body, &list) == nil {
			got.body, _ = json.Marshal(change(list, got.header))
		}
		return got
	}
}

// kindred is a kindness, and what the comparison has to say about it.
type kindred struct {
	kind  kindness
	finds string
}

// kindnesses are what fakes are wont to make easier.
func kindnesses() map[string]kindred {
	all := listKindnesses()
	maps.Copy(all, fieldKindnesses())
	maps.Copy(all, refusalKindnesses())
	return all
}

func listKindnesses() map[string]kindred {
	return map[string]kindred{
		"newline kept": {reshape(func(_ string, o map[string]any) {
			if text, ok := o["message"].(string); ok && o["tree"] != nil {
				o["message"] = text + "\n"
			}
		}), "ends in white space"},
		"RATE_LIMITED only": {rewrite(`"RATE_LIMIT"`, `"RATE_LIMITED"`), "type"},
		"Link on every page": {func(path, _ string, got answered) answered {
			if got.header.Get("Link") == "" && strings.HasPrefix(strings.TrimSpace(string(got.body)), "[") {
				got.header.Set("Link", fmt.Sprintf(`<https://api.github.com%s?page=1>; rel="first"`, path))
			}
			return got
		}, "Link:"},
		"created_at as order of releases": {reshape(func(_ string, o map[string]any) {
			if o["published_at"] != nil {
				o["created_at"] = o["published_at"]
			}
		}), "created_at"},
		"matching-refs sorted": {matchingRefs(func(list []map[string]any, _ http.Header) []map[string]any {
			sort.Slice(list, func(i, j int) bool { return fmt.Sprint(list[i]["ref"]) < fmt.Sprint(list[j]["ref"]) })
			return list
		}), "lexical order"},
		"matching-refs paged": {matchingRefs(func(list []map[string]any, h http.Header) []map[string]any {
			if len(list) > 1 {
				h.Set("Link", `<https://api.github.com/repositories/1/git/matching-refs/tags?page=2&per_page=1>; rel="next"`)
				return list[:1]
			}
			return list
		}), "never paged"},
	}
}

func fieldKindnesses() map[string]kindred {
	return map[string]kindred{
		"[bot] stripped": {rewrite(`"viewer":{"login":"pawl[bot]"`, `"viewer":{"login":"pawl"`), "viewer"},
		"merge_commit_sha null when open": {reshape(func(_ string, o map[string]any) {
			if o["state"] == "open" && o["merge_commit_sha"] != nil {
				o["merge_commit_sha"] = nil
			}
		}), "merge_commit_sha is null"},
		"null for an empty body": {reshape(func(_ string, o map[string]any) {
			if o["body"] == "" {
				o["body"] = nil
			}
		}), "body"},
		"a type for lost races": {func(_, request string, got answered) answered {
			if strings.Contains(request, "updateRefs") {
				got.body = []byte(strings.ReplaceAll(string(got.body), `{"message":"Something went wrong`, `{"type":"STALE_DATA","message":"Something went wrong`))
			}
			return got
		}, "an error has"},
	}
}

func refusalKindnesses() map[string]kindred {
	return map[string]kindred{
		"status always in errors": {func(path, _ string, got answered) answered {
			var o map[string]any
			if got.status >= 400 && json.Unmarshal(got.body, &o) == nil && strings.HasPrefix(path, "/repos/") {
				o["status"] = fmt.Sprint(got.status)
				got.body, _ = json.Marshal(o)
			}
			return got
		}, "status"},
		"one documentation_url, none left out": {func(path, _ string, got answered) answered {
			var o map[string]any
			if got.status >= 400 && json.Unmarshal(got.body, &o) == nil && !strings.Contains(path, "graphql") {
				o["documentation_url"] = "https://docs.github.com/rest"
				got.body, _ = json.Marshal(o)
			}
			return got
		}, "documentation_url"},
		"UTC only": {func(_, _ string, got answered) answered {
			if got.header.Get("Github-Authentication-Token-Expiration") != "" {
				got.header.Set("Github-Authentication-Token-Expiration", "2026-09-20 08:28:40 UTC")
			}
			return got
		}, "zones"},
		"no word of the merge queue": {rewrite("Changes must be made through the merge queue", "Pull Request is not mergeable"), "merge queue"},
		"rulesets in one line":       {rewrite(`Repository rule violations found\n\n`, ""), "rule violations"},
		"one counter for everything": {func(_, _ string, got answered) answered { got.header.Set("X-Ratelimit-Resource", "core"); return got }, "X-Ratelimit-Resource"},
		"links by name": {func(_, _ string, got answered) answered {
			got.header.Set("Link", strings.ReplaceAll(strings.ReplaceAll(got.header.Get("Link"), "/repositories/1/", "/repos/acme/profile/"), "/repositories/6/", "/repos/acme/profile/"))
			return got
		}, "Link:"},
		"no Location": {func(_, _ string, got answered) answered { got.header.Del("Location"); return got }, "Location"},
		"files on each page of a comparison": {reshape(func(path string, o map[string]any) {
			if strings.Contains(path, "/compare/") && o["total_commits"] != nil {
				o["files"] = []any{}
			}
		}), "files: true"},
	}
}

// TestKindFakesAreFound makes the fakes friendlier, in each way in turn: the comparison with the recordings finds it.
func TestKindFakesAreFound(t *testing.T) {
	t.Parallel()
	for name, k := range kindnesses() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found := differences(t, k.kind)
			if !slices.ContainsFunc(found, func(d difference) bool { return strings.Contains(d.String(), k.finds) }) {
				t.Errorf("nobody sees it: %v", found)
			}
		})
	}
}
