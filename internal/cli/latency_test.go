package cli_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pawl-cd/pawl/internal/fake/github"
)

// TestDispatchToPipelines takes the time from the start of a run to the pipelines that it fires, where a request at the forge
// takes 100 ms and nothing else takes any: with an empty ledger, and with one that knows an earlier run.
func TestDispatchToPipelines(t *testing.T) {
	bubble(t, func(t *testing.T) {
		d := newDeployStage(t, 2, github.Settings{}, "")
		for _, ledger := range []string{"empty", "filled"} {
			tag := d.publish("a")
			begin := time.Now()
			var mu sync.Mutex
			var fired []time.Duration
			over := d.transport().(hosts)
			for _, host := range []string{"api.github.com", "github.com"} {
				over[host] = slowly{over[host], func() time.Duration { return tick }}
			}
			lab := over["gitlab.example"]
			over["gitlab.example"] = transport(func(r *http.Request) (*http.Response, error) {
				if r.Method == http.MethodPost && strings.Contains(r.URL.Path, "/trigger/pipeline") {
					mu.Lock()
					fired = append(fired, time.Since(begin))
					mu.Unlock()
				}
				return lab.RoundTrip(r)
			})
			code, _, printed := d.command(over, nil, "run")
			if code != 0 || d.value("a") != tag || len(fired) != 2 {
				t.Fatalf("%s: exit code %d, a is %s, %d pipelines: %s", ledger, code, d.value("a"), len(fired), printed)
			}
			t.Logf("ledger %s: fired after %s, done after %s", ledger, fired, time.Since(begin))
			if last := max(fired[0], fired[1]); last > 1500*time.Millisecond {
				t.Errorf("ledger %s: the pipelines are fired after %s", ledger, last)
			}
		}
	})
}
