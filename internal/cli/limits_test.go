package cli_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pawl-cd/pawl/internal/cli"
	"github.com/pawl-cd/pawl/internal/fake/github"
)

const secondary = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."

// refusals are the ways in which GitHub says that there were too many requests, each asking for a wait
// (https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api#exceeding-the-rate-limit).
func refusals() map[string]struct {
	fault   github.Fault
	waits   time.Duration
	graphQL bool
} {
	type refusal = struct {
		fault   github.Fault
		waits   time.Duration
		graphQL bool
	}
	limited := `{"data":null,"errors":[{"type":"RATE_LIMITED","message":"API rate limit already exceeded for user ID 1."}]}`
	since2026 := `{"errors":[{"type":"RATE_LIMIT","code":"graphql_rate_limit","message":"API rate limit already exceeded for user ID 1."}]}`
	someday := `{"errors":[{"type":"TOO_MANY","message":"API Rate Limit exceeded"}]}`
	slower := `{"errors":[{"message":"` + secondary + `"}]}`
	reset := func(after time.Duration) http.Header {
		return http.Header{"X-Ratelimit-Remaining": {"0"}, "X-Ratelimit-Reset": {strconv.FormatInt(time.Now().Add(after).Unix(), 10)}}
	}
	wait := func(seconds string) http.Header { return http.Header{"Retry-After": {seconds}} }
	return map[string]refusal{
		"403 with Retry-After":         {github.Fault{Status: 403, Message: secondary, Header: wait("7")}, 7 * time.Second, false},
		"429 with Retry-After":         {github.Fault{Status: 429, Message: secondary, Header: wait("11")}, 11 * time.Second, false},
		"403 until the reset":          {github.Fault{Status: 403, Message: "API rate limit exceeded", Header: reset(40 * time.Second)}, 39 * time.Second, false},
		"429 until the reset":          {github.Fault{Status: 429, Message: "API rate limit exceeded", Header: reset(40 * time.Second)}, 39 * time.Second, false},
		"403 without a time":           {github.Fault{Status: 403, Message: secondary}, time.Minute, false},
		"429 without a time":           {github.Fault{Status: 429}, time.Minute, false},
		"GraphQL's 200 until reset":    {github.Fault{Status: 200, Message: limited, Header: reset(40 * time.Second)}, 39 * time.Second, true},
		"GraphQL's 200 of 2026":        {github.Fault{Status: 200, Message: since2026, Header: reset(40 * time.Second)}, 39 * time.Second, true},
		"GraphQL's 200 with some left": {github.Fault{Status: 200, Message: since2026, Header: http.Header{"X-Ratelimit-Remaining": {"4711"}}}, time.Minute, true},
		"GraphQL's 200 of some day":    {github.Fault{Status: 200, Message: someday}, time.Minute, true},
		"GraphQL's 200, Retry-After":   {github.Fault{Status: 200, Message: slower, Header: wait("13")}, 13 * time.Second, true},
		"GraphQL's 200 without a time": {github.Fault{Status: 200, Message: slower}, time.Minute, true},
	}
}

// TestRunLimits refuses each call of a run in turn because there were too many: the run waits as it is told, sends it
// again and ends as if nothing had been.
func TestRunLimits(t *testing.T) {
	t.Parallel()
	if _, err := described(); err != nil { // read once, outside the bubbles
		t.Fatal(err)
	}
	fresh := func(t *testing.T) *stage {
		s := newStage(t, github.Settings{}, noChecks, unchecked)
		s.bubble = true
		s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
		return s
	}
	var calls []github.Call
	synctest.Test(t, func(t *testing.T) {
		s := fresh(t)
		s.run(0)
		calls = s.github.Calls()
	})
	for name := range refusals() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, struck := range calls {
				synctest.Test(t, func(t *testing.T) {
					c := refusals()[name] // with the bubble's time
					if c.graphQL && struck.Path != "/graphql" {
						return
					}
					s, begin := fresh(t), time.Now()
					left := 0 // of those that run at the same time any may come first
					for _, call := range calls {
						if call.Operation == struck.Operation && call.Number <= struck.Number {
							left++
						}
					}
					c.fault.Match = func(call github.Call) bool {
						if call.Operation == struck.Operation {
							left--
						}
						return call.Operation == struck.Operation && left == 0
					}
					s.github.Inject(c.fault)
					report := s.run(0)
					if !struck.Writing && c.fault.Header == nil && c.fault.Status == http.StatusTooManyRequests {
						c.waits = 0 // reading is tried again soon, see TestRunLimitsReading
					}
					if took := time.Since(begin); took < c.waits || took > c.waits+10*time.Second {
						t.Errorf("%s: it took %s, want a wait of %s", struck.Operation, took, c.waits)
					}
					more := 0
					if c.waits >= 10*time.Second {
						more = 3 // what people said is read once more after a wait, in three calls at most
					}
					if again := report.Calls - len(calls); s.value("a") != "v1.1.0" || len(s.repo.Pulls()) != 1 || len(s.repo.Log("main")) != 2 || again < 0 || again > more || len(s.github.Calls()) != report.Calls+1 {
						t.Errorf("%s: a is %s, %d pull requests, %d calls, %d requests", struck.Operation, s.value("a"), len(s.repo.Pulls()), report.Calls, len(s.github.Calls()))
					}
				})
			}
		})
	}
}

// TestRunLimitsReading refuses to be read, without a word on when to come back, more often than is tried at once.
func TestRunLimitsReading(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, github.Settings{}, noChecks, unchecked)
		s.bubble = true
		s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
		s.github.Inject(github.Fault{Status: http.StatusTooManyRequests, Times: 6, Match: func(c github.Call) bool { return strings.HasSuffix(c.Path, "/pulls") && !c.Writing }})
		begin := time.Now()
		if s.run(0); s.value("a") != "v1.1.0" || time.Since(begin) < time.Minute {
			t.Errorf("a is %s after %s", s.value("a"), time.Since(begin))
		}
	})
}

// TestRunLimitsForLong shows that a run which is to wait for longer than it may ends and says so, and that the next one
// finishes its work.
func TestRunLimitsForLong(t *testing.T) {
	t.Parallel()
	for _, operation := range []string{"POST /repos/{owner}/{repo}/pulls", "query viewer repository", "PUT /repos/{owner}/{repo}/pulls/{pull_number}/merge"} {
		synctest.Test(t, func(t *testing.T) {
			s := newStage(t, github.Settings{}, noChecks, unchecked)
			s.bubble = true
			s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
			s.github.Inject(github.Fault{Status: 403, Message: secondary, Header: http.Header{"Retry-After": {"3600"}}, Match: func(c github.Call) bool { return c.Operation == operation }})
			begin := time.Now()
			code, out, errs := s.pawl(nil, "run")
			if took := time.Since(begin); code != cli.Failure || took > time.Minute || !strings.Contains(errs, "pawl: hint: ") || !strings.Contains(errs, "wait 3600 s") {
				t.Errorf("%s: exit code %d after %s: %s%s", operation, code, took, out, errs)
			}
			if s.run(0); s.value("a") != "v1.1.0" || len(s.repo.Pulls()) != 1 {
				t.Errorf("%s: a is %s, %d pull requests", operation, s.value("a"), len(s.repo.Pulls()))
			}
		})
	}
}

// TestRunSlowly lets GitHub take one writing call a minute, by its own count, which leaves git out.
func TestRunSlowly(t *testing.T) {
	t.Parallel()
	if _, err := described(); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, github.Settings{}, noChecks, func(o *github.Options) { o.WritesPerMin = 1 })
		s.bubble = true
		s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
		begin := time.Now()
		report := s.run(0)
		if took := time.Since(begin); s.value("a") != "v1.1.0" || took < 2*time.Minute || took > 6*time.Minute {
			t.Errorf("a is %s after %s: %+v", s.value("a"), took, report.Merge)
		}
		t.Logf("%d writing calls took %s", s.github.Writes(), time.Since(begin))
	})
}
