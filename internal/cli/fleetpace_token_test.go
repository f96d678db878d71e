package cli

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/pawl-cd/pawl/internal/fleet"
)

type answered func(r *http.Request) (*http.Response, error)

func (f answered) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestPacedToken counts for a token what is asked with it, and nothing else that its profile asks the same host: what a strange
// token or somebody without one may not do there holds nobody back.
func TestPacedToken(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 28, 1, 0, 0, 0, time.UTC)
	basic := func(password string) string {
		return "Basic " + base64.StdEncoding.EncodeToString([]byte("x-access-token:"+password))
	}
	for _, c := range []struct {
		token, name, value string
		own                bool
	}{
		{"mine", "Authorization", "Bearer mine", true}, {"mine", "Authorization", basic("mine"), true}, {"mine", "Private-Token", "mine", true},
		{"mine", "Authorization", "token mine", true}, {"mine", "Authorization", "Bearer other", false}, {"mine", "Authorization", basic("other"), false},
		{"mine", "Private-Token", "other", false}, {"mine", "Accept", "x", false}, {"", "Accept", "x", true}, {"", "Authorization", "Bearer other", false},
	} {
		pace := fleet.NewPace(1)
		turn, _ := pace.Begin("lane", fleet.GitHubBudget, true, now)
		p := &paced{turn: turn, hosts: []string{"other.example", "api.github.com"}, token: c.token, now: func() time.Time { return now }, next: answered(func(*http.Request) (*http.Response, error) {
			w := httptest.NewRecorder()
			w.Header().Set("X-Ratelimit-Remaining", "0")
			w.Header().Set("X-Ratelimit-Reset", "3600")
			w.WriteHeader(http.StatusForbidden)
			return w.Result(), nil
		})}
		r := httptest.NewRequest(http.MethodPost, "https://API.github.com:443/repos/o/r/dispatches", http.NoBody)
		r.Header.Set(c.name, c.value)
		if _, err := p.RoundTrip(r); err != nil {
			t.Fatal(err)
		}
		turn.End()
		if _, wait := pace.Begin("lane", fleet.GitHubBudget, true, now); turn.Stopped() != c.own || (wait > 0) != c.own {
			t.Errorf("a profile with the token %q that sends %s %q: stopped is %t, the next one waits %s", c.token, c.name, c.value, turn.Stopped(), wait)
		}
	}
}
