package cli_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/pawl-cd/pawl/internal/fake"
	"github.com/pawl-cd/pawl/internal/fleet"
)

// pingsOf counts the questions of a fleet how a registry wants its clients to log in.
func pingsOf(s *squadron) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.seen {
		if strings.HasPrefix(r, "GET https://index.docker.io/v2/ ") {
			n++
		}
	}
	return n
}

// TestPings has a fleet ask each registry once how to log in, whatever its profiles then do there.
func TestPings(t *testing.T) {
	t.Parallel()
	const n = 6
	s := newSquadron(t, n, noChecks)
	s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
	if _, by := s.run(0); by["org/p5"].State != fleet.Merged {
		t.Errorf("%+v", by)
	}
	if got := pingsOf(s); got != 1 {
		t.Errorf("%d profiles asked %d times", n, got)
	}
}

// TestPingsFail has the first question fail: everybody else asks, and goes on.
func TestPingsFail(t *testing.T) {
	t.Parallel()
	for name, broken := range map[string]http.RoundTripper{
		"refused": roundTrip(func(*http.Request) (*http.Response, error) { return nil, errors.New("broken") }),
		"failing": fake.Network{"index.docker.io": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) })},
		"cut": roundTrip(func(r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(iotest.ErrReader(io.ErrUnexpectedEOF)), Request: r}, nil
		}),
	} {
		s := newSquadron(t, 4, noChecks)
		s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
		good, first := s.others, make(chan bool, 1)
		first <- true
		s.others = roundTrip(func(r *http.Request) (*http.Response, error) {
			if r.URL.Path == "/v2/" {
				select {
				case <-first:
					return broken.RoundTrip(r)
				default:
				}
			}
			return good.RoundTrip(r)
		})
		if report, _ := s.run(0); fmt.Sprint(report.Tally()) != "[{merged 4}]" {
			t.Errorf("%s: %+v", name, report)
		}
	}
}
