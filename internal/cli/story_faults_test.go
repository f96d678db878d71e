package cli_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/pawl-cd/pawl/internal/fake/github"
)

// kindsSince are the derived events of the receiver from a number on, as "type subject".
func (s *storyStage) kindsSince(n int) []string {
	s.Helper()
	var all []string
	for _, got := range s.receiver.Events()[n:] {
		var e occurrence
		s.must(nil, json.Unmarshal(got.Data, &e))
		if e.derived() {
			all = append(all, e.kind()+" "+e.Subject.ID)
		}
	}
	return all
}

// TestStoryDeployWithoutPulls: a token that may not read pull requests does not keep a deployment from firing.
func TestStoryDeployWithoutPulls(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newStoryStage(t, 2, github.Settings{}, "  by: push\n")
		s.publish("a")
		s.play(1, 0)
		s.stage.github.Inject(github.Fault{Times: 99, Status: 403, Message: "Resource not accessible by integration", Match: func(c github.Call) bool {
			return c.Method == http.MethodGet && strings.HasSuffix(c.Path, "/pulls")
		}})
		code, report, printed := s.command(s.network(), s.environment(2), "deploy", "--commit", s.repo.Head("main"))
		if code != 0 || report.Deploy == nil || s.projects[0].Count(s.head()) != 1 {
			t.Errorf("exit code %d: %s", code, printed)
		}
	})
}

// TestStoryDeployWithoutOutbox: a disk that takes nothing does not take the chain from the pipelines.
func TestStoryDeployWithoutOutbox(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newStoryStage(t, 1, github.Settings{}, "  by: push\n")
		s.publish("a")
		s.play(1, 0)
		state := s.state
		s.state = "/dev/null/nowhere"
		code, _, printed := s.command(s.network(), s.environment(2), "deploy", "--commit", s.repo.Head("main"))
		if code != 0 {
			t.Fatalf("exit code %d: %s", code, printed)
		}
		s.state = state
		if code, _, printed = s.command(s.network(), s.environment(3), "deploy", "--commit", s.repo.Head("main")); code != 0 {
			t.Fatalf("exit code %d: %s", code, printed)
		}
		s.oneChain()
		if !slices.ContainsFunc(s.events(), func(e occurrence) bool { return e.derived() && e.kind() == "pipelinerun.queued" }) {
			t.Error("the pipeline is not told of")
		}
	})
}
