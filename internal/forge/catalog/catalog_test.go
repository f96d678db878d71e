package catalog_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pawl-cd/pawl/internal/fault"
	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/forge/catalog"
	"github.com/pawl-cd/pawl/internal/httpx"
)

// server answers in memory, and notes what it is asked.
type server struct {
	answer func(r *http.Request) (status int, body any)
	asked  []string
}

// RoundTrip implements http.RoundTripper.
func (s *server) RoundTrip(r *http.Request) (*http.Response, error) {
	s.asked = append(s.asked, r.URL.RequestURI())
	status, body := s.answer(r)
	text, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: status, Header: http.Header{}, Request: r, Body: io.NopCloser(strings.NewReader(string(text))), ContentLength: int64(len(text))}, nil
}

func client(t *testing.T, kind string, s *server) *catalog.Client {
	t.Helper()
	c, err := catalog.New(catalog.Config{
		HTTP: httpx.New(httpx.Config{Transport: s, Sleep: func(context.Context, time.Duration) error { return nil }}),
		Kind: kind, URL: "https://forge.example/at", Token: "t0ken", Clean: func(text string) string { return text }, Now: time.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

type object = map[string]any

// TestOldGitea has a server that gives less than it is asked for, names no next page, and does not say topics.
func TestOldGitea(t *testing.T) {
	t.Parallel()
	const most = 30
	s := &server{answer: func(r *http.Request) (int, any) {
		q := r.URL.Query()
		if r.URL.Path == "/at/api/v1/users/acme" {
			return 200, object{"id": 7}
		}
		page, err := strconv.Atoi(q.Get("page"))
		if err != nil || q.Get("uid") != "7" || q.Get("exclusive") != "true" || q.Get("topic") != "true" || q.Get("q") != "pawl" {
			t.Errorf("asked %s", r.URL)
		}
		data := []object{}
		for i := (page - 1) * most; i < min(page*most, 100); i++ {
			data = append(data, object{"full_name": fmt.Sprintf("acme/p%03d", i), "archived": i == 3, "mirror": i == 4})
		}
		return 200, object{"ok": true, "data": data}
	}}
	all, err := client(t, "gitea", s).List(t.Context(), forge.Wanted{Owner: "acme", Topic: "pawl"})
	if err != nil || len(all) != 100 || all[3].Frozen != forge.FrozenArchived || all[4].Frozen != forge.FrozenMirror || all[99] != (forge.Listed{Name: "acme/p099"}) || len(s.asked) != 6 {
		t.Errorf("%d repositories for %v, %v", len(all), s.asked, err)
	}
}

// TestTop looks into repositories: what is not there is none, and a busy server is asked again.
func TestTop(t *testing.T) {
	t.Parallel()
	for kind, dir := range map[string]string{"github": "dir", "gitea": "dir", "gitlab": "tree"} {
		busy := 2
		s := &server{answer: func(r *http.Request) (int, any) {
			switch {
			case strings.Contains(r.URL.Path, "none"):
				return 404, object{"message": "404 Tree Not Found"}
			case busy > 0:
				busy--
				return 503, nil
			}
			return 200, []object{{"name": "manifests", "type": dir}, {"name": ".pawl.yaml", "type": "file"}}
		}}
		c := client(t, kind, s)
		got, err := c.Top(t.Context(), "acme/shop")
		if err != nil || fmt.Sprint(got) != "[manifests/ .pawl.yaml]" || len(s.asked) != 3 {
			t.Errorf("%s: %v, %v, asked %v", kind, got, err, s.asked)
		}
		if got, err := c.Top(t.Context(), "acme/none"); err != nil || got != nil {
			t.Errorf("%s, of nothing: %v, %v", kind, got, err)
		}
	}
}

// TestFile reads a file, and nothing that is none.
func TestFile(t *testing.T) {
	t.Parallel()
	for kind, path := range map[string]string{"github": "/at/repos/acme/shop/contents/.pawl.yaml", "gitea": "/at/api/v1/repos/acme/shop/contents/.pawl.yaml",
		"gitlab": "/at/api/v4/projects/acme%2Fshop/repository/files/%2Epawl%2Eyaml?ref=HEAD"} {
		answer := object{"type": "file", "encoding": "base64", "content": "bWVy\nZ2U6IG9mZgo=\n"}
		s := &server{answer: func(*http.Request) (int, any) { return 200, answer }}
		c := client(t, kind, s)
		if data, err := c.File(t.Context(), "acme/shop", ".pawl.yaml"); err != nil || string(data) != "merge: off\n" || s.asked[0] != path {
			t.Errorf("%s: %q, %v, asked %v", kind, data, err, s.asked)
		}
		for _, bad := range []object{{"type": "symlink", "target": "/etc/passwd"}, {"type": "file", "encoding": "none", "content": ""}, {"encoding": "base64", "content": "%"}, {}} {
			answer = bad
			if data, err := c.File(t.Context(), "acme/shop", ".pawl.yaml"); err == nil {
				t.Errorf("%s: %v is %q", kind, bad, data)
			}
		}
	}
}

// TestAnswers has answers that lack what they should have, or do not end: each is an error with a hint.
func TestAnswers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		kind   string
		answer func(r *http.Request) any
		says   string
	}{
		{"gitea", func(*http.Request) any { return object{} }, "the answer holds no id of users/acme"},
		{"gitea", func(*http.Request) any { return object{"id": 7, "ok": true} }, "the answer holds no listing"},
		{"gitea", func(*http.Request) any { return object{"id": 7, "ok": false, "data": []object{}} }, "the answer holds no listing"},
		{"gitea", func(*http.Request) any {
			return object{"id": 7, "ok": true, "data": slices.Repeat([]object{{"full_name": "acme/x"}}, 5000)}
		}, "there are more than 100000 repositories"},
		{"gitlab", func(*http.Request) any { return nil }, "the answer holds no projects"},
		{"gitlab", func(*http.Request) any { return object{} }, "the answer holds no JSON of the kind that GitLab sends"},
		{"github", func(*http.Request) any { return nil }, "the answer holds no JSON of the kind that GitHub sends"},
	} {
		s := &server{answer: func(r *http.Request) (int, any) { return 200, c.answer(r) }}
		all, err := client(t, c.kind, s).List(t.Context(), forge.Wanted{Owner: "acme"})
		if err == nil || all != nil || !strings.Contains(err.Error(), c.says) || fault.Hint(err) == "" {
			t.Errorf("%s: %v, %v (%s), want %s", c.kind, all, err, fault.Hint(err), c.says)
		}
	}
	// A listing by the last number has to go on.
	s := &server{answer: func(*http.Request) (int, any) {
		return 200, []object{{"id": 7, "path_with_namespace": "acme/x", "topics": []string{}}}
	}}
	if _, err := client(t, "gitlab", s).List(t.Context(), forge.Wanted{}); err == nil || !strings.Contains(err.Error(), "the answer holds no project after the last one") || len(s.asked) != 2 {
		t.Errorf("the same page again: %v, asked %v", err, s.asked)
	}
	for _, bad := range []catalog.Config{{Kind: "svn", URL: "https://forge.example"}, {Kind: "gitea", URL: "ftp://forge.example"}, {Kind: "github", URL: "https://u:p@forge.example"}} {
		bad.HTTP = httpx.New(httpx.Config{})
		if _, err := catalog.New(bad); err == nil {
			t.Errorf("%s at %s is a forge", bad.Kind, bad.URL)
		}
	}
}
