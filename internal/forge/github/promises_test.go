package github_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	fake "github.com/pawl-cd/pawl/internal/fake/github"
	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/forge/conformance"
	"github.com/pawl-cd/pawl/internal/forge/github"
)

// promised is a GitHub in memory that holds the files of the promises.
type promised struct{ *world }

func TestPromises(t *testing.T) {
	t.Parallel()
	conformance.Promises(t, func(t *testing.T) conformance.World {
		t.Helper()
		w := promised{newWorld(t, fake.Settings{}, nil)}
		w.time.at = time.Now()
		modes := map[string]string{}
		files := map[string][]byte{file: nil, "README.md": nil}
		for path, text := range conformance.Files {
			mode, data, _ := strings.Cut(text, ":")
			files[path] = []byte(data)
			if mode != "100644" {
				modes[path] = mode
			}
		}
		_, err := w.repo.Push("main", "alice", files, "begin")
		w.must(err)
		_, err = w.repo.Chmod("main", "alice", modes)
		w.must(err)
		return w
	})
}

// Client is the client of a new run.
func (w promised) Client(as ...string) forge.Forge {
	return w.connect(append(as, token)[0], func(c *github.Config) { c.Ledger = conformance.Ledger })
}

// Over is one that calls before each of its requests.
func (w promised) Over(before func(r *http.Request)) forge.Forge {
	return w.over(conformance.Over(w.fake.RoundTripper(), before), token, func(c *github.Config) { c.Ledger = conformance.Ledger })
}

// Push is alice's.
func (w promised) Push(branch string, files map[string]string) string {
	return w.push(branch, "alice", files)
}

// Close is alice's.
func (w promised) Close(number int) { w.must(w.repo.Close(number, "alice")) }

// Label is alice's.
func (w promised) Label(number int, label string) { w.must(w.repo.Label(number, label)) }

// Protect requires checks on main.
func (w promised) Protect(checks ...string) { w.repo.Protect("main", fake.Protection{Checks: checks}) }

// Status sets a check run.
func (w promised) Status(commit, name, state string) {
	if state == "pending" {
		state = ""
	}
	w.repo.SetCheck(commit, fake.Check{Name: name, Conclusion: state})
}

// Open counts the open pull requests.
func (w promised) Open() int {
	n := 0
	for _, p := range w.repo.Pulls() {
		if p.State == "open" {
			n++
		}
	}
	return n
}

// Commits are those on main.
func (w promised) Commits() [][]string {
	var all [][]string
	for _, c := range w.repo.Log("main") {
		all = append(all, c.Files)
	}
	return all
}

// Settle lets the fake do what comes later.
func (w promised) Settle() { w.fake.Tick() }
