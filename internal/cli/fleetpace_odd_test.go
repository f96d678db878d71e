package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pawl-cd/pawl/internal/cli"
	"github.com/pawl-cd/pawl/internal/fake"
	"github.com/pawl-cd/pawl/internal/fake/github"
	"github.com/pawl-cd/pawl/internal/fleet"
)

// callsOf are the requests of a user at the forge.
func (s *squadron) callsOf(who string) (all []github.Call) {
	for _, call := range s.github.Calls() {
		if call.Identity == who {
			all = append(all, call)
		}
	}
	return all
}

// TestFleetPaceForever has a forge say no to one token for ever: its profiles are tried three times each and not more, all requests
// are counted, and another token's profile does not notice.
func TestFleetPaceForever(t *testing.T) {
	t.Parallel()
	s, now, _ := newConvoy(t, 4, "parallel: 1")
	s.write("version: 1\nprofiles:\n  - {repository: org/p0, token: TOKEN_0}\n  - {repository: org/p1, token: TOKEN_0}\n  - {repository: org/p2, token: TOKEN_0}\n  - {repository: org/p3, token: TOKEN_3}\nlimits: {parallel: 1, deadline: 20h}\n")
	s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
	s.github.Inject(github.Fault{Match: func(c github.Call) bool { return c.Identity == "bot-0" }, Times: 1 << 30, Status: http.StatusTooManyRequests, Message: "no", Header: http.Header{"Retry-After": {"3600"}}})
	began := now()
	report, by := s.run(3)
	if by["org/p3"].State != fleet.Merged || by["org/p0"].State != fleet.Failed || by["org/p2"].State != fleet.Failed {
		t.Errorf("%+v", report)
	}
	tries := map[string]int{}
	for _, call := range s.callsOf("bot-0") {
		tries[call.Path]++
	}
	if asked := len(s.callsOf("bot-0")); asked > 3*3*3 || asked < 3*3 {
		t.Errorf("%d requests: %v", len(s.callsOf("bot-0")), tries)
	}
	if more := report.Calls - len(s.github.Calls()); more < 0 || more > 9 { // one that fails may end another one that is not sent yet
		t.Errorf("the report counts %d requests, the forge %d: %+v", report.Calls, len(s.github.Calls()), report.Profiles)
	}
	if took := now().Sub(began); took > 10*time.Hour {
		t.Errorf("it took %s", took)
	}
}

// TestFleetPaceTold has the fleet's time end, by the clock of the machine, while one profile hangs and another waits for what its
// token may do: it says why.
func TestFleetPaceTold(t *testing.T) {
	t.Parallel()
	for _, command := range []string{"run", "list"} {
		s := newSquadron(t, 4, noChecks)
		s.write("version: 1\nprofiles:\n  - {repository: org/p0, token: TOKEN_0}\n  - {repository: org/p1, token: TOKEN_0}\n  - {repository: org/p2, token: TOKEN_2}\nlimits: {parallel: 2, deadline: 2s}\n")
		s.sleep = func(ctx context.Context, d time.Duration) {
			select {
			case <-ctx.Done():
			case <-time.After(d):
			}
		}
		s.github.Inject(github.Fault{Match: func(c github.Call) bool { return c.Identity == "bot-0" }, Times: 1 << 30, Status: http.StatusTooManyRequests, Message: "no", Header: http.Header{"Retry-After": {"3600"}}})
		s.before = func(r *http.Request) error {
			if strings.Contains(r.URL.Path, "/org/p2") {
				<-r.Context().Done()
				return r.Context().Err()
			}
			return nil
		}
		code, out, errs := s.pawl("fleet", command, "--snapshot", t.TempDir()+"/snapshot")
		if said := out + errs; code != 3 || !strings.Contains(said, "what api.github.com lets TOKEN_0 do was used up before the fleet's time was over") || !strings.Contains(said, "the next run goes on; give the profiles") {
			t.Errorf("fleet %s: exit code %d: %s%s", command, code, out, errs)
		}
	}
}

// TestFleetPaceHangs has a forge stop a profile and then let it hang: that costs its time once, and is told.
func TestFleetPaceHangs(t *testing.T) {
	t.Parallel()
	s := newSquadron(t, 1, noChecks)
	s.write("version: 1\nprofiles:\n  - {repository: org/p0, token: TOKEN_0}\nlimits: {profile: 2s}\n")
	s.github.Inject(github.Fault{Times: 1, Status: http.StatusTooManyRequests, Message: "no", Header: http.Header{"Retry-After": {"1"}}})
	var mu sync.Mutex
	asked := 0
	s.before = func(r *http.Request) error {
		mu.Lock()
		asked++
		first := asked == 1
		mu.Unlock()
		if first {
			return nil
		}
		<-r.Context().Done()
		return r.Context().Err()
	}
	_, by := s.run(3)
	if one := by["org/p0"]; one.State != fleet.Late || one.Detail == "" || one.Seconds >= 4 { // two tries hang for four
		t.Errorf("%+v", one)
	}
}

// TestFleetPaceInterrupted interrupts a fleet while it waits for what a token may do.
func TestFleetPaceInterrupted(t *testing.T) {
	t.Parallel()
	s, _, _ := newConvoy(t, 24, "deadline: 3h", func(o *github.Options) { o.WritesPerMin, o.WritesPerHour = 80, 500 })
	s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	wait := s.sleep
	s.sleep = func(ctx context.Context, d time.Duration) {
		if wait(ctx, d); ctx.Err() == nil && d > 5*time.Second {
			interrupt()
		}
	}
	var out, errs bytes.Buffer
	code := cli.Run(ctx, []string{"fleet", "run", "--fleet", s.file, "--output", "json"}, s.system(&out, &errs))
	var report fleet.Report
	if err := json.Unmarshal(out.Bytes(), &report); err != nil || code != cli.Interrupted || len(report.Profiles) != 24 {
		t.Fatalf("exit code %d, %v: %s%s", code, err, &out, &errs)
	}
	validFleet(t, out.String())
	late := 0
	for _, one := range report.Profiles {
		if one.State == fleet.Late {
			if late++; !strings.HasPrefix(one.Detail, "the fleet was interrupted before it ") || one.Hint == "" {
				t.Errorf("%+v", one)
			}
		} else if one.State != fleet.Merged {
			t.Errorf("%+v", one)
		}
	}
	if late < 2 {
		t.Errorf("%d late", late)
	}
}

// TestFleetPaceAgain has a forge stop a profile once it has merged: the report still tells what the first try did, and receivers can
// tell what the second one says from what they know.
func TestFleetPaceAgain(t *testing.T) {
	t.Parallel()
	s, now, _ := newConvoy(t, 1, "deadline: 20h")
	s.env["GITHUB_RUN_ID"], s.env["GITHUB_RUN_ATTEMPT"] = "77", "1"
	var mu sync.Mutex
	told := map[string]string{}
	s.others = fake.Network{"index.docker.io": s.registry, "sink.example": http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		id := r.Header.Get("Ce-Id")
		if known, ok := told[id]; ok && strings.Contains(known, "dev.cdevents.pipelinerun.") && known != string(body) {
			t.Errorf("event %q was %s, and now is %s", id, known, body)
		}
		told[id] = string(body)
	})}
	s.push(0, map[string]string{".pawl.yaml": noChecks + "events: {source: 'https://x.example', sinks: [{type: http, url: 'https://sink.example'}]}\n"})
	s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
	merged, began := false, now()
	s.github.Inject(github.Fault{Match: func(c github.Call) bool {
		was := merged && now().Sub(began) < time.Minute
		merged = merged || strings.Contains(strings.ToLower(c.Operation), "merge")
		return was
	}, Times: 1 << 30, Status: http.StatusForbidden, Message: "no", Header: http.Header{"Retry-After": {"3600"}}})
	report, by := s.run(0)
	one := by["org/p0"]
	if one.State != fleet.Merged || one.Commit == "" || one.Pull == "" || one.Changes != 1 || s.value(0, "a") != "v1.1.0" || report.Calls != len(s.github.Calls()) {
		t.Errorf("%d requests: %+v", len(s.github.Calls()), one)
	}
	ends := 0
	for _, event := range told {
		if strings.Contains(event, "dev.cdevents.pipelinerun.finished.") {
			ends++
		}
	}
	if ends != 2 {
		t.Errorf("%d ends of runs were told, not that of both tries: %v", ends, told)
	}
}
