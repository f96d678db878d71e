package github_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	fake "github.com/pawl-cd/pawl/internal/fake/github"
	"github.com/pawl-cd/pawl/internal/forge"
)

// TestGraphQLReadsAreRepeated lets GitHub's front end fail: what only reads is asked again, though it is a POST, and a
// mutation is not.
func TestGraphQLReadsAreRepeated(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout} {
		w := newWorld(t, fake.Settings{AutoMerge: true}, nil)
		w.repo.Protect("main", fake.Protection{Checks: []string{"ci"}})
		_, p := w.propose()
		count := func(word string) (n int) {
			for _, c := range w.fake.Calls() {
				if strings.HasPrefix(c.Operation, word) {
					n++
				}
			}
			return n
		}
		before := count("query viewer")
		w.fake.Inject(fake.Fault{Status: status, Message: "<html>Unicorn</html>", Times: 2, Match: func(c fake.Call) bool { return strings.HasPrefix(c.Operation, "query viewer") }})
		_, err := w.client.OpenRepository(context.Background())
		w.must(err)
		if got := count("query viewer") - before; got != 3 {
			t.Errorf("%d: a read is sent %d times, want 3", status, got)
		}
		armed := forge.Order{Number: p.Number, Method: "squash", Authority: w.authority(w.repo.Head("main"), named("ci"), time.Hour)}
		w.fake.Inject(fake.Fault{Status: status, Times: 1, Match: func(c fake.Call) bool { return c.Operation == enable }})
		calls := len(w.fake.Calls())
		_, _ = w.client.Merge(context.Background(), armed) // the machine looks before it asks again
		var seen []string
		for _, c := range w.fake.Calls()[calls:] {
			seen = append(seen, short(c))
		}
		if text := strings.Join(seen, ", "); strings.Contains(text, enable+", "+enable) || !strings.Contains(text, enable) {
			t.Errorf("%d: a mutation is repeated without a look: %s", status, text)
		}
	}
}

// TestDequeuedAllTheSame takes a pull request out of the queue, and GitHub answers that it cannot, though it did.
func TestDequeuedAllTheSame(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake.Settings{AutoMerge: true}, nil)
	w.repo.Protect("main", fake.Protection{Checks: []string{"ci"}, Queue: true, Ruleset: true, Build: time.Hour})
	head, p := w.propose()
	green("ci")(w, head.HeadSHA)
	order := forge.Order{Number: p.Number, Method: "squash", Authority: w.authority(w.repo.Head("main"), named("ci"), time.Hour)}
	_, err := w.client.Merge(context.Background(), order)
	w.must(err)
	if shown, _ := w.repo.Pull(p.Number); !shown.Queued {
		t.Fatal("it is not in the queue")
	}
	done := `{"data":{"dequeuePullRequest":null},"errors":[{"type":"UNPROCESSABLE","path":["dequeuePullRequest"],"message":"Failed to remove pull request from merge queue"}]}`
	w.fake.Inject(fake.Fault{Status: 200, Message: done, Apply: true, Match: func(c fake.Call) bool { return c.Operation == dequeue }})
	w.repo.SetCheck(head.HeadSHA, fake.Check{Name: "ci", Conclusion: "failure"})
	result, err := w.client.Merge(context.Background(), order)
	if shown, _ := w.repo.Pull(p.Number); err != nil || result.Outcome != forge.Refused || shown.Queued {
		t.Errorf("it ends with %+v, %v; queued %t", result, err, shown.Queued)
	}
}
