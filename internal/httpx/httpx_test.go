package httpx_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pawl-cd/pawl/internal/fake"
	"github.com/pawl-cd/pawl/internal/httpx"
	"github.com/pawl-cd/pawl/internal/redact"
)

// clock is a time that passes only by sleeping.
type clock struct {
	mu    sync.Mutex
	now   time.Time
	slept []time.Duration
}

func newClock() *clock { return &clock{now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Sleep(ctx context.Context, d time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	c.slept = append(c.slept, d)
	return ctx.Err()
}

func (c *clock) Slept() []time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.slept)
}

func serve(t *testing.T) (*fake.Faults, string) {
	t.Helper()
	f := fake.WithFaults(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "fine") }))
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	return f, server.URL
}

func get(t *testing.T, c *httpx.Client, method, address string) (*http.Response, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := httpx.NewClient(c.Transport("label.example")).Do(req)
	if err != nil {
		return nil, httpx.Clean(err)
	}
	return res, nil
}

func TestRepetition(t *testing.T) {
	t.Parallel()
	date := newClock().Now().Add(9 * time.Second).Format(http.TimeFormat)
	const s = time.Second
	tests := []struct {
		name   string
		fault  fake.Fault
		method string
		status int
		slept  []time.Duration
		wait   time.Duration
		sent   int
	}{
		{name: "500 once", fault: fake.Fault{Status: 500, Times: 1}, slept: []time.Duration{s / 2}, sent: 2},
		{name: "503 always", fault: fake.Fault{Status: 503}, status: 503, slept: []time.Duration{s / 2, s, 2 * s}, sent: 4},
		{name: "408 twice", fault: fake.Fault{Status: 408, Times: 2}, slept: []time.Duration{s / 2, s}, sent: 3},
		{name: "429 seconds", fault: fake.Fault{Status: 429, Times: 1, Header: http.Header{"Retry-After": {"7"}}}, slept: []time.Duration{7 * s}, sent: 2},
		{name: "429 date", fault: fake.Fault{Status: 429, Times: 1, Header: http.Header{"Retry-After": {date}}}, slept: []time.Duration{9 * s}, sent: 2},
		{name: "429 beyond the budget", fault: fake.Fault{Status: 429, Header: http.Header{"Retry-After": {"3600"}}}, status: 429, wait: time.Hour, sent: 1},
		{name: "503 beyond the budget", fault: fake.Fault{Status: 503, Header: http.Header{"Retry-After": {"61"}}}, status: 503, wait: 61 * s, sent: 1},
		{name: "429 until the budget is used", fault: fake.Fault{Status: 429, Header: http.Header{"Retry-After": {"25"}}}, status: 429, slept: []time.Duration{25 * s, 25 * s}, wait: 25 * s, sent: 3},
		{name: "GitHub's quota", fault: fake.Fault{Status: 403, Times: 1, Header: http.Header{"X-Ratelimit-Remaining": {"0"}, "X-Ratelimit-Reset": {"1767323055"}}}, slept: []time.Duration{10 * s}, sent: 2},
		{name: "403 is an answer", fault: fake.Fault{Status: 403}, sent: 1},
		{name: "404 is an answer", fault: fake.Fault{Status: 404}, sent: 1},
		{name: "POST is not repeated", fault: fake.Fault{Status: 503, Times: 1}, method: http.MethodPost, sent: 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			faults, address := serve(t)
			faults.Set("/", tt.fault)
			clock := newClock()
			client := httpx.New(httpx.Config{Sleep: clock.Sleep, Now: clock.Now})
			_, err := get(t, client, tt.method, address+"/x?token=hunter22")
			var failed *httpx.Error
			errors.As(err, &failed)
			switch {
			case tt.status == 0 && err != nil:
				t.Fatalf("error is %v", err)
			case tt.status != 0 && (failed == nil || failed.Status != tt.status || failed.Wait != tt.wait):
				t.Fatalf("error is %+v, want status %d and wait %s", err, tt.status, tt.wait)
			case failed != nil && strings.Contains(failed.Error()+failed.Advice(), "hunter22"):
				t.Errorf("the error holds the query: %v", failed)
			case tt.wait != 0 && !strings.Contains(failed.Advice(), "asks to wait"):
				t.Errorf("advice is %q", failed.Advice())
			}
			if diff := cmp.Diff(tt.slept, clock.Slept()); diff != "" {
				t.Errorf("slept: %s", diff)
			}
			if got := len(faults.Requests()); got != tt.sent || client.Requests()["label.example"] != tt.sent {
				t.Errorf("sent %d requests, counted %d, want %d", got, client.Requests()["label.example"], tt.sent)
			}
		})
	}
}

func TestRepeatingSendsTheWholeBodyAgain(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var bodies []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		data, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		if bodies = append(bodies, r.Method+" "+string(data)); len(bodies) < 3 {
			w.WriteHeader(http.StatusBadGateway)
		}
	}))
	t.Cleanup(server.Close)
	for _, tt := range []struct {
		name string
		body io.Reader
		want []string
		ok   bool
	}{
		{"with GetBody", strings.NewReader("told"), []string{"POST told", "POST told", "POST told"}, true},
		{"with an empty one", http.NoBody, []string{"POST ", "POST ", "POST "}, true},
		{"without", io.MultiReader(strings.NewReader("told")), []string{"POST told"}, false},
	} {
		bodies = nil
		clock := newClock()
		rt := httpx.New(httpx.Config{Sleep: clock.Sleep, Now: clock.Now}).Transport("x").Repeating()
		req, err := http.NewRequestWithContext(t.Context(), "POST", server.URL, tt.body)
		if err != nil {
			t.Fatal(err)
		}
		res, err := httpx.NewClient(rt).Do(req)
		if err != nil || (res.StatusCode == http.StatusOK) != tt.ok {
			t.Errorf("%s: %v, %v", tt.name, res, err)
		}
		if diff := cmp.Diff(tt.want, bodies); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
	}
}

func TestTooManyRequestsPausesTheHost(t *testing.T) {
	t.Parallel()
	faults, address := serve(t)
	faults.Set("/first", fake.Fault{Status: 429, Header: http.Header{"Retry-After": {"30"}}})
	clock := newClock()
	client := httpx.New(httpx.Config{Sleep: clock.Sleep, Now: clock.Now})
	start := clock.Now()
	if _, err := get(t, client, "POST", address+"/first"); err != nil { // a POST is not repeated, so it does not wait itself
		t.Fatal(err)
	}
	if _, err := get(t, client, "GET", address+"/second"); err != nil {
		t.Fatal(err)
	}
	if waited := clock.Now().Sub(start); waited != 30*time.Second {
		t.Errorf("the next request to the host waited %s, want 30s", waited)
	}
}

func TestTooLongAWaitFailsOneRequestAlone(t *testing.T) {
	t.Parallel()
	faults, address := serve(t)
	faults.Set("/first", fake.Fault{Status: 429, Header: http.Header{"Retry-After": {"3600"}}})
	clock := newClock()
	client := httpx.New(httpx.Config{Sleep: clock.Sleep, Now: clock.Now})
	_, err := get(t, client, "GET", address+"/first")
	var failed *httpx.Error
	if !errors.As(err, &failed) || failed.Wait != time.Hour {
		t.Errorf("error is %v, want one that tells to wait an hour", err)
	}
	if _, err := get(t, client, "GET", address+"/second"); err != nil {
		t.Errorf("another request to the host: %v", err)
	}
	if n := len(faults.Requests()); n != 2 {
		t.Errorf("%d requests, want 2", n)
	}
}

func TestNoSlotIsHeldWhileWaiting(t *testing.T) {
	t.Parallel()
	faults, address := serve(t)
	faults.Set("/failing", fake.Fault{Status: 503, Times: 1})
	var client *httpx.Client
	client = httpx.New(httpx.Config{
		Concurrency: func(string) int { return 1 },
		Sleep: func(ctx context.Context, _ time.Duration) error {
			if _, err := get(t, client, "GET", address+"/other"); err != nil {
				t.Error(err)
			}
			return ctx.Err()
		},
	})
	if _, err := get(t, client, "GET", address+"/failing"); err != nil {
		t.Error(err)
	}
	if n := faults.Count("GET", "/other"); n != 1 {
		t.Errorf("%d other requests while one waits, want 1", n)
	}
}

func TestUnknownHostOfANetwork(t *testing.T) {
	t.Parallel()
	client := httpx.New(httpx.Config{Transport: fake.Network{}})
	if _, err := get(t, client, "GET", "http://nowhere.example"); !errors.Is(err, httpx.ErrUnknownHost) {
		t.Errorf("error is %v, want %v", err, httpx.ErrUnknownHost)
	}
}

func TestNoWholeAnswer(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		fault fake.Fault
		want  error
		sent  int
	}{
		{"stall", fake.Fault{Stall: true}, httpx.ErrTimeout, 1},
		{"drip", fake.Fault{Drip: true}, httpx.ErrTimeout, 1},
		{"truncated body", fake.Fault{Truncate: 2}, httpx.ErrTruncated, 4},
		{"large body", fake.Fault{Body: strings.Repeat("x", 2000)}, httpx.ErrTooLarge, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			faults, address := serve(t)
			faults.Set("/", tt.fault)
			clock := newClock()
			client := httpx.New(httpx.Config{Sleep: clock.Sleep, Now: clock.Now, Timeout: 300 * time.Millisecond, MaxBody: 1000})
			start := time.Now()
			_, err := get(t, client, "GET", address)
			if !errors.Is(err, tt.want) {
				t.Errorf("error is %v, want %v", err, tt.want)
			}
			if took := time.Since(start); took > 3*time.Second {
				t.Errorf("it took %s", took)
			}
			if n := len(faults.Requests()); n != tt.sent {
				t.Errorf("sent %d requests, want %d", n, tt.sent)
			}
			var advice interface{ Advice() string }
			if !errors.As(err, &advice) || advice.Advice() == "" {
				t.Errorf("no advice for %v", err)
			}
		})
	}
}

func TestNoConnection(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	_, plain := serve(t)
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	secure.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)
	t.Cleanup(secure.Close)
	tests := []struct {
		name, address string
		want          error
		sent          int
		advice        string
	}{
		{"refused", "http://" + closed, httpx.ErrRefused, 2, "port"},
		{"unknown host", "http://no-such-host.invalid", httpx.ErrUnknownHost, 1, "spelling"},
		{"plain server", strings.Replace(plain, "http:", "https:", 1), httpx.ErrTLS, 1, " speaks no TLS: write http:// in its url or in mirrors"},
		{"unknown authority", secure.URL, httpx.ErrTLS, 1, "SSL_CERT_FILE"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			clock := newClock()
			transport := httpx.NewTransport()
			transport.Proxy = nil
			transport.DialContext = dialUnlessUnknown
			client := httpx.New(httpx.Config{Sleep: clock.Sleep, Now: clock.Now, Transport: transport})
			_, err := get(t, client, "GET", tt.address)
			if !errors.Is(err, tt.want) {
				t.Fatalf("error is %v, want %v", err, tt.want)
			}
			if n := client.Requests()["label.example"]; n != tt.sent {
				t.Errorf("sent %d requests, want %d", n, tt.sent)
			}
			var failed *httpx.Error
			if !errors.As(err, &failed) || !strings.Contains(failed.Advice(), tt.advice) {
				t.Errorf("advice for %v lacks %q", err, tt.advice)
			}
		})
	}
}

// dialUnlessUnknown answers for the resolver, which a machine without network leaves hanging or failing differently.
func dialUnlessUnknown(ctx context.Context, network, address string) (net.Conn, error) {
	if host, _, _ := net.SplitHostPort(address); strings.HasSuffix(host, ".invalid") {
		return nil, &net.OpError{Op: "dial", Net: network, Err: &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}}
	}
	return new(net.Dialer).DialContext(ctx, network, address)
}

func TestProxyThatIsNotThere(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ proxy, target, want string }{
		{"http://127.0.0.1:1", "http://api.example/x", "GET api.example/x: the proxy 127.0.0.1:1 refused the connection"},
		{"http://127.0.0.1:1", "https://api.example/x", "GET api.example/x: the proxy 127.0.0.1:1 refused the connection"},
		{"http://me:s3cret@proxy.invalid:8080", "https://api.example/x", "GET api.example/x: the proxy proxy.invalid is an unknown host"},
	} {
		place, err := url.Parse(c.proxy)
		if err != nil {
			t.Fatal(err)
		}
		transport := httpx.NewTransport()
		transport.Proxy, transport.DialContext = http.ProxyURL(place), dialUnlessUnknown
		_, err = get(t, httpx.New(httpx.Config{Sleep: newClock().Sleep, Transport: transport}), "GET", c.target)
		var failed *httpx.Error
		if !errors.As(err, &failed) || err.Error() != c.want || failed.Advice() != "check HTTPS_PROXY and NO_PROXY" {
			t.Errorf("%s through %s: %v", c.target, c.proxy, err)
		}
	}
}

// TestRedirectToNobody names the host that was asked as well as the one that it sent the request to.
func TestRedirectToNobody(t *testing.T) {
	t.Parallel()
	faults, address := serve(t)
	faults.Set("/v2", fake.Fault{Redirect: "https://login.invalid/in?token=s3cret"})
	transport := httpx.NewTransport()
	transport.Proxy, transport.DialContext = nil, dialUnlessUnknown
	_, err := get(t, httpx.New(httpx.Config{Transport: transport}), "GET", address+"/v2/")
	var failed *httpx.Error
	want := "GET " + strings.TrimPrefix(address, "http://") + "/v2/ redirects to login.invalid: unknown host"
	if !errors.As(err, &failed) || err.Error() != want || !strings.Contains(failed.Advice(), "spelling of login.invalid") {
		t.Errorf("have %v, want %s", err, want)
	}
}

func TestCancel(t *testing.T) {
	t.Parallel()
	faults, address := serve(t)
	faults.Set("/", fake.Fault{Stall: true})
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	req, err := http.NewRequestWithContext(ctx, "GET", address, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = httpx.New(httpx.Config{}).Transport("x").RoundTrip(req)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v, want %v", err, context.Canceled)
	}
	if n := len(faults.Requests()); n != 1 {
		t.Errorf("sent %d requests, want 1", n)
	}
}

func TestLimitAndReuse(t *testing.T) {
	t.Parallel()
	faults, address := serve(t)
	faults.Set("/", fake.Fault{Latency: 10 * time.Millisecond})
	client := httpx.New(httpx.Config{})
	var wg sync.WaitGroup
	for range 160 {
		wg.Go(func() {
			if _, err := get(t, client, "GET", address); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if peak := faults.Peak(); peak > 16 || peak < 8 {
		t.Errorf("%d requests were in flight, want at most 16 and many", peak)
	}
	remotes := map[string]bool{}
	for _, r := range faults.Requests() {
		remotes[r.Remote] = true
	}
	if len(remotes) > 20 {
		t.Errorf("%d connections for 160 requests, 16 at a time", len(remotes))
	}
}

func TestConcurrencyIsPerLabel(t *testing.T) {
	t.Parallel()
	faults, address := serve(t)
	faults.Set("/", fake.Fault{Latency: time.Millisecond})
	client := httpx.New(httpx.Config{Concurrency: func(label string) int { return len(label) - len("label.example") + 1 }})
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if _, err := get(t, client, "GET", address); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if peak := faults.Peak(); peak != 1 {
		t.Errorf("%d requests were in flight, want 1", peak)
	}
}

func TestAuthorizeStaysAtItsPlace(t *testing.T) {
	t.Parallel()
	other, otherAddress := serve(t)
	own, ownAddress := serve(t)
	own.Set("/away", fake.Fault{Redirect: otherAddress})
	place, err := url.Parse(ownAddress)
	if err != nil {
		t.Fatal(err)
	}
	rt := httpx.Authorize(httpx.New(httpx.Config{}).Transport("x"), place, "Bearer hunter22")
	for _, path := range []string{"/here", "/away"} {
		req, err := http.NewRequestWithContext(t.Context(), "GET", ownAddress+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := httpx.NewClient(rt).Do(req); err != nil {
			t.Fatal(err)
		}
	}
	for _, r := range own.Requests() {
		if r.Authorization != "Bearer hunter22" {
			t.Errorf("%s came with %q", r.Path, r.Authorization)
		}
	}
	if got := other.Requests(); len(got) != 1 || got[0].Authorization != "" {
		t.Errorf("the other host got %+v, want one request without a token", got)
	}
}

func TestRedirectsNeverLeaveTLS(t *testing.T) {
	t.Parallel()
	plain, address := serve(t)
	server := httptest.NewTLSServer(http.RedirectHandler(address, http.StatusFound))
	t.Cleanup(server.Close)
	client := httpx.New(httpx.Config{Transport: server.Client().Transport})
	_, err := get(t, client, "GET", server.URL)
	if err == nil || !strings.Contains(err.Error(), "refusing a redirect") {
		t.Errorf("error is %v", err)
	}
	if n := len(plain.Requests()); n != 0 {
		t.Errorf("%d requests went out in plain", n)
	}
}

func TestRemaining(t *testing.T) {
	t.Parallel()
	faults, address := serve(t)
	for _, h := range []http.Header{{"Ratelimit-Remaining": {"99;w=21600"}}, {"Ratelimit-Remaining": {"97;w=21600"}}, {"Ratelimit-Remaining": {"98;w=21600"}}} {
		faults.Set("/", fake.Fault{Header: h, Times: 1})
	}
	client := httpx.New(httpx.Config{})
	for range 4 {
		if _, err := get(t, client, "GET", address); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(map[string]int{"label.example": 97}, client.Remaining()); diff != "" {
		t.Error(diff)
	}
}

func TestLogHoldsNoSecret(t *testing.T) {
	t.Parallel()
	faults, address := serve(t)
	faults.Set("/", fake.Fault{Status: 404, Body: "hunter22"})
	var log bytes.Buffer
	client := httpx.New(httpx.Config{
		Redactor: redact.New("hunter22"),
		Log:      slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if _, err := get(t, client, "GET", address+"/in/hunter22/path?key=hunter22"); err != nil {
		t.Fatal(err)
	}
	if text := log.String(); strings.Contains(text, "hunter22") || !strings.Contains(text, "status=404") {
		t.Errorf("log is %s", text)
	}
}

// TestLearn shows that what a request carries is removed from what is shown later, whoever repeats it.
func TestLearn(t *testing.T) {
	t.Parallel()
	_, address := serve(t)
	const password, token = "passw0rd-of-a-registry", "eyJhbGciOi.A1b2C3d4E5f6G7h8I9j0.k1L2m3N4"
	client := httpx.New(httpx.Config{})
	for _, header := range []string{"Basic " + base64.StdEncoding.EncodeToString([]byte("me:"+password)), "Bearer " + token} {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		authorized := httpx.NewClient(httpx.Authorize(client.Transport("x"), u, header))
		if res, err := authorized.Get(address + "/"); err != nil || res.Body.Close() != nil {
			t.Fatal(err)
		}
	}
	if got := client.Clean(password + " and " + token); got != "*** and ***" {
		t.Errorf("got %s", got)
	}
}

// TestServerMakesNothingSecret has a server send us to an address with a password of its choice, such as the version that
// another one lists: it does not become a secret that is kept from being written.
func TestServerMakesNothingSecret(t *testing.T) {
	t.Parallel()
	faults, address := serve(t)
	const version = "v19.13.0-snapshot.1"
	faults.Set("/", fake.Fault{Status: 307, Header: http.Header{"Location": {strings.Replace(address, "://", "://x:"+version+"@", 1) + "/there"}}, Times: 1})
	client := httpx.New(httpx.Config{})
	res, err := get(t, client, "GET", address)
	if err != nil || res.Request.URL.Path != "/there" {
		t.Fatal(res, err)
	}
	if client.Known(version) != version || client.Clean(version) != version {
		t.Errorf("%s is gone: %s, %s", version, client.Known(version), client.Clean(version))
	}
}

func TestOnce(t *testing.T) {
	t.Parallel()
	var once httpx.Once[string, int]
	asked := 0
	failing := func() (int, error) { asked++; return asked, io.EOF }
	for range 3 {
		if v, err := once.Do("a", failing); v != 1 || !errors.Is(err, io.EOF) {
			t.Errorf("got %d, %v", v, err)
		}
	}
	once.Forget("a")
	if v, _ := once.Do("a", failing); v != 2 {
		t.Errorf("got %d after Forget, want 2", v)
	}
}

func FuzzRetryAfter(f *testing.F) {
	for _, s := range []string{"", "0", "7", "-3", "9223372036854775807", "99999999999999999999", "Fri, 02 Jan 2026 03:04:14 GMT", "x"} {
		f.Add(s, s)
	}
	now := newClock().Now()
	f.Fuzz(func(t *testing.T, after, reset string) {
		h := http.Header{"Retry-After": {after}, "X-Ratelimit-Remaining": {"0"}, "X-Ratelimit-Reset": {reset}}
		d, ok := httpx.RetryAfter(h, now)
		if d < 0 || !ok && d != 0 || d > 366*24*time.Hour {
			t.Errorf("RetryAfter(%q, %q) = %s, %v", after, reset, d, ok)
		}
	})
}

// TestQuota reads what forges tell of the requests that are left.
func TestQuota(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 28, 1, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		header map[string]string
		kind   string
		left   int
		reset  time.Duration
	}{
		{map[string]string{"X-RateLimit-Remaining": "4987", "X-RateLimit-Reset": "1795831200", "X-RateLimit-Resource": "core"}, "core", 4987, time.Unix(1795831200, 0).Sub(now)},
		{map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1795831200", "X-RateLimit-Resource": "graphql"}, "graphql", 0, time.Unix(1795831200, 0).Sub(now)},
		{map[string]string{"X-RateLimit-Remaining": "1", "X-RateLimit-Reset": "1795831200", "X-RateLimit-Resource": "something new"}, "core", 1, time.Unix(1795831200, 0).Sub(now)},
		{map[string]string{"RateLimit-Remaining": "1999", "RateLimit-Reset": "1795831200"}, "core", 1999, time.Unix(1795831200, 0).Sub(now)},
		{map[string]string{"RateLimit-Remaining": "7", "RateLimit-Reset": "30"}, "core", 7, 30 * time.Second},
		{map[string]string{"RateLimit-Remaining": "7", "RateLimit-Reset": "9223372036854775807"}, "core", 7, 365 * 24 * time.Hour},
		{map[string]string{"RateLimit-Remaining": "99;w=21600"}, "", -1, 0},
		{map[string]string{"RateLimit-Remaining": "-1", "RateLimit-Reset": "30"}, "", -1, 0},
		{map[string]string{"RateLimit-Remaining": "7", "RateLimit-Reset": "soon"}, "", -1, 0},
		{map[string]string{"RateLimit-Reset": "30"}, "", -1, 0},
	} {
		header := http.Header{}
		for name, value := range c.header {
			header.Set(name, value)
		}
		kind, left, reset, ok := httpx.Quota(header, now)
		if ok != (c.left >= 0) || ok && (kind != c.kind || left != c.left || reset.Sub(now) != c.reset) {
			t.Errorf("%v: %s %d in %s, %v", c.header, kind, left, reset.Sub(now), ok)
		}
	}
	for want, header := range map[time.Duration]http.Header{
		0:                {"X-Ratelimit-Remaining": {"5"}},
		90 * time.Second: {"Retry-After": {"90"}},
		time.Hour:        {"X-Ratelimit-Remaining": {"0"}, "X-Ratelimit-Reset": {strconv.FormatInt(now.Add(time.Hour).Unix(), 10)}},
	} {
		wait, ok := httpx.Limited(&http.Response{StatusCode: http.StatusForbidden, Header: header}, now)
		if wait != want || ok != (want > 0) {
			t.Errorf("%v: wait %s, %v, want %s", header, wait, ok, want)
		}
	}
	if wait, ok := httpx.Limited(&http.Response{StatusCode: http.StatusTooManyRequests, Header: http.Header{}}, now); !ok || wait != time.Minute {
		t.Errorf("too many: wait %s, %v", wait, ok)
	}
}
