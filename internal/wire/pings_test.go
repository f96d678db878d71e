package wire

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"
)

type asking func(r *http.Request) (*http.Response, error)

func (f asking) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// ping asks, and returns what was answered.
func (p *pings) ping(ctx context.Context, t *testing.T, address string, headers ...string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	res, err := p.RoundTrip(r)
	if err != nil {
		return err.Error()
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// newPings returns pings over a registry that answers with a number each time, and with as much as asked for.
func newPings(padding int, clock *time.Time) *pings {
	asked := 0
	return &pings{known: map[string]*ping{}, now: func() time.Time { return *clock }, next: asking(func(*http.Request) (*http.Response, error) {
		asked++
		w := httptest.NewRecorder()
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = w.WriteString(strconv.Itoa(asked) + strings.Repeat(".", padding))
		return w.Result(), nil
	})}
}

// TestPingsOwn shares the answer to a question that anybody asks, and no other one: not what somebody's headers may have got, and
// not what another address says that only looks the same.
func TestPingsOwn(t *testing.T) {
	t.Parallel()
	const at = "https://r.example/v2/"
	clock := time.Date(2026, 11, 28, 1, 0, 0, 0, time.UTC)
	for name, ask := range map[string][]string{
		"a token of GitLab's": {at, "Private-Token", "secret"}, "a login": {at, "Authorization", "Basic x"}, "a cookie": {at, "Cookie", "x"}, "a part": {at, "Range", "bytes=0-1"}, "another path": {"https://r.example/v2%2F"},
	} {
		p := newPings(0, &clock)
		if got := p.ping(t.Context(), t, ask[0], ask[1:]...); got != "1" {
			t.Errorf("%s: %s", name, got)
		}
		for range 2 {
			if got := p.ping(t.Context(), t, at, "User-Agent", "pawl"); got != "2" {
				t.Errorf("after %s somebody else got answer %s", name, got)
			}
		}
		if got := p.ping(t.Context(), t, ask[0], ask[1:]...); got != "3" {
			t.Errorf("%s, again: %s", name, got)
		}
		if got := p.ping(t.Context(), t, "https://R.example/v2/"); got != "2" {
			t.Errorf("%s, by another name: %s", name, got)
		}
	}
	p := newPings(0, &clock)
	p.ping(t.Context(), t, at)
	clock = clock.Add(pingLife)
	if got := p.ping(t.Context(), t, at); got != "2" {
		t.Errorf("after its time: %s", got)
	}
}

// TestPingsLarge passes on as it is what is too large to be kept for many hosts.
func TestPingsLarge(t *testing.T) {
	t.Parallel()
	clock := time.Date(2026, 11, 28, 1, 0, 0, 0, time.UTC)
	for _, padding := range []int{maxPing, 100 << 10} {
		p := newPings(padding, &clock)
		for n := 1; n < 3; n++ {
			if got := p.ping(t.Context(), t, "https://r.example/v2/"); got != strconv.Itoa(n)+strings.Repeat(".", padding) {
				t.Errorf("question %d, %d bytes: %d bytes that begin with %.1s", n, padding, len(got), got)
			}
		}
		if len(p.known) > 0 {
			t.Errorf("%d bytes are kept", padding)
		}
	}
	p := newPings(0, &clock)
	small := p.next
	p.next = asking(func(r *http.Request) (*http.Response, error) {
		res, err := small.RoundTrip(r)
		res.Header.Set("X-Padding", strings.Repeat(".", maxPing))
		return res, err
	})
	if p.ping(t.Context(), t, "https://r.example/v2/"); len(p.known) > 0 {
		t.Error("large headers are kept")
	}
}

// TestPingsWait ends a question that waits for another one with its own context, and forgets no newer answer when an old one fails.
func TestPingsWait(t *testing.T) {
	t.Parallel()
	clock := time.Date(2026, 11, 28, 1, 0, 0, 0, time.UTC)
	p := newPings(0, &clock)
	good, hangs, goOn := p.next, make(chan bool), make(chan bool)
	p.next = asking(func(*http.Request) (*http.Response, error) {
		close(hangs)
		<-goOn
		return nil, context.DeadlineExceeded
	})
	ended := make(chan string)
	go func() { ended <- p.ping(context.Background(), t, "https://r.example/v2/") }()
	<-hangs
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got := p.ping(ctx, t, "https://r.example/v2/"); got != context.Canceled.Error() {
		t.Errorf("who waits got %s", got)
	}
	clock, p.next = clock.Add(pingLife), good
	if got := p.ping(t.Context(), t, "https://r.example/v2/"); got != "1" {
		t.Errorf("a later question got %s", got)
	}
	close(goOn)
	if got := <-ended; got != context.DeadlineExceeded.Error() {
		t.Errorf("the first one got %s", got)
	}
	if got := p.ping(t.Context(), t, "https://r.example/v2/"); got != "1" {
		t.Errorf("the newer answer was forgotten: %s", got)
	}
}
