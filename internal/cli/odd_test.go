package cli_test

import (
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/pawl-cd/pawl/internal/cli"
	"github.com/pawl-cd/pawl/internal/fake/github"
)

// oddAnswer replaces one answer of GitHub, by its number, after the request was carried out.
type oddAnswer struct {
	next   http.RoundTripper
	mu     sync.Mutex
	number int
	status int
	body   string
}

func (o *oddAnswer) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := o.next.RoundTrip(req)
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.number--; o.number == 0 && err == nil {
		res.StatusCode, res.Body, res.ContentLength = o.status, io.NopCloser(strings.NewReader(o.body)), int64(len(o.body))
	}
	return res, err
}

// TestRunOddAnswers gives each call of a run in turn an answer that says yes and holds something else than it should: no
// panic, no wrong conclusion, and the next run ends with everything done once.
func TestRunOddAnswers(t *testing.T) {
	t.Parallel()
	fresh := func(t *testing.T) *stage {
		s := newStage(t, github.Settings{}, noChecks, unchecked)
		s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
		return s
	}
	plain := fresh(t)
	plain.run(0)
	calls := plain.github.Calls()
	answers := map[string]*oddAnswer{
		"null": {status: 200, body: "null"}, "nothing, 204": {status: 204}, "nothing, 200": {status: 200}, "an object": {status: 200, body: "{}"},
		"a list": {status: 200, body: "[]"}, "a list of null": {status: 200, body: "[null]"}, "a text": {status: 200, body: `"ok"`},
		"a page": {status: 200, body: "<html>hello</html>"}, "half an answer": {status: 200, body: `{"sha":"12`},
		"no data": {status: 200, body: `{"data":null}`}, "empty data": {status: 200, body: `{"data":{"repository":null,"viewer":null}}`},
		"lists of nothing": {status: 200, body: `{"total_count":1,"check_runs":null,"statuses":null,"commits":[null],"tree":null,"sha":null,"object":null}`},
	}
	for name, answer := range answers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for i, call := range calls {
				if i%stride(5) != 0 {
					continue
				}
				s := fresh(t)
				var out strings.Builder
				system := s.system(&out, &out, map[string]string{"MERGE_TOKEN": canary})
				system.Transport = router{&oddAnswer{next: s.github.RoundTripper(), number: i + 1, status: answer.status, body: answer.body}, s.network}
				code := cli.Run(t.Context(), []string{"run", "--root", s.root}, system)
				if code != 0 && code != 3 && (code != 1 || !strings.Contains(out.String(), "hint: ")) {
					t.Errorf("%s: exit code %d: %s", call.Operation, code, out.String())
				}
				if log := s.repo.Log("main"); len(log) > 2 || code == 0 && s.value("a") != "v1.1.0" && !aboutNothing(answer.body) {
					t.Errorf("%s: exit code %d, %d commits, a is %s: %s", call.Operation, code, len(log), s.value("a"), out.String())
				}
				s.run(0)
				if s.value("a") != "v1.1.0" || len(s.repo.Pulls()) != 1 || len(s.repo.Log("main")) != 2 || s.repo.Head("refs/pawl/ledger") == "" {
					t.Errorf("%s: after the next run a is %s, %d pull requests, %d commits: %s", call.Operation, s.value("a"), len(s.repo.Pulls()), len(s.repo.Log("main")), out.String())
				}
			}
		})
	}
}

// aboutNothing is an answer that a list may honestly have.
func aboutNothing(body string) bool { return body == "[]" }
