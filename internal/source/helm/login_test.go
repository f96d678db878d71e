package helm_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"

	"github.com/pawl-cd/pawl/internal/fake"
	"github.com/pawl-cd/pawl/internal/httpx"
	"github.com/pawl-cd/pawl/internal/source"
	"github.com/pawl-cd/pawl/internal/source/helm"
)

const password = "hunter22-s3cret"

// keys is a docker config; it knows a resource by its whole name or by its host.
type keys map[string]authn.AuthConfig

func (k keys) Resolve(r authn.Resource) (authn.Authenticator, error) {
	for _, name := range []string{r.String(), r.RegistryStr()} {
		if c, ok := k[name]; ok {
			return authn.FromConfig(c), nil
		}
	}
	return authn.Anonymous, nil
}

var me = authn.AuthConfig{Username: "me", Password: password}

// internet is a transport for which every host is one of some servers on this machine, with TLS and without.
func internet(t *testing.T, hosts map[string]http.Handler) *http.Transport {
	t.Helper()
	addresses := map[string]string{}
	for host, handler := range hosts {
		plain, secure := httptest.NewServer(handler), httptest.NewTLSServer(handler)
		t.Cleanup(plain.Close)
		t.Cleanup(secure.Close)
		addresses[host+":80"] = plain.Listener.Addr().String()
		addresses[host+":443"] = secure.Listener.Addr().String()
	}
	return &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, addresses[address])
		},
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, // the certificates are those of a test
	}
}

// TestLogin asks private repositories: who gets what the docker config has, and what the others are told.
func TestLogin(t *testing.T) {
	t.Parallel()
	charts := fake.NewHelm(map[string][]string{"app": {"1.0.0", "1.1.0"}})
	send := func(to string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to+r.URL.Path, http.StatusFound) })
	}
	tests := []struct {
		name, base string
		keys       keys
		mirrors    map[string]string
		// ok says that the listing is got; advice is what is said where not.
		ok     bool
		advice string
		// basic are the hosts that get credentials.
		basic string
	}{
		{"by host", "https://private.example/a", keys{"private.example": me}, nil, true, "", "private.example"},
		{"by path", "https://private.example/a", keys{"private.example/a": me, "private.example": {Username: "me", Password: "other"}}, nil, true, "", "private.example"},
		{"encoded", "https://private.example", keys{"private.example": {Auth: "bWU6aHVudGVyMjItczNjcmV0"}}, nil, true, "", "private.example"},
		{"public", "https://public.example", keys{"public.example": me}, nil, true, "", ""},
		{"none", "https://private.example", keys{"elsewhere.example": me}, nil, false, `{"auths": {"private.example": {"auth": "..."}}}`, ""},
		{"wrong", "https://private.example", keys{"private.example": {Username: "me", Password: "wrong"}}, nil, false, "are not accepted", "private.example"},
		{"plain http", "http://private.example", keys{"private.example": me}, nil, false, "not sent over http", ""},
		{"sent on", "https://sender.example", keys{"sender.example": me, "private.example": me}, nil, false, "sends the request on to private.example", ""},
		{"sent on after the login", "https://guard.example", keys{"guard.example": me, "private.example": me}, nil, false, "docker config", "guard.example"},
		{"mirror", "https://private.example/a", keys{"private.example": me}, map[string]string{"https://private.example": "https://mirror.example"}, false, `{"auths": {"mirror.example"`, ""},
		{"mirror with its own", "https://private.example/a", keys{"mirror.example": me}, map[string]string{"https://private.example": "https://mirror.example"}, true, "", "mirror.example"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			hosts := map[string]*fake.Faults{}
			served := map[string]http.Handler{}
			for host, h := range map[string]http.Handler{
				"private.example": fake.WithLogin("me", password, charts), "mirror.example": fake.WithLogin("me", password, charts),
				"public.example": charts, "sender.example": send("https://private.example"), "guard.example": fake.WithLogin("me", password, send("https://private.example")),
			} {
				hosts[host] = fake.WithFaults(h)
				served[host] = hosts[host]
			}
			m, err := source.ParseMirrors(tt.mirrors)
			if err != nil {
				t.Fatal(err)
			}
			client := helm.New(helm.Config{HTTP: httpx.New(httpx.Config{Transport: internet(t, served)}), Mirrors: m, Keychain: tt.keys})
			got, err := client.List(t.Context(), chart(t, tt.base, "app"))
			var failed *httpx.Error
			if tt.ok && (err != nil || len(got) != 2) || !tt.ok && (!errors.As(err, &failed) || !strings.Contains(failed.Advice(), tt.advice)) {
				t.Errorf("%v, %v %+v", got, err, failed)
			}
			for host, h := range hosts {
				for i, r := range h.Requests() {
					if r.Authorization != "" && host != tt.basic || host == tt.basic && (r.Authorization != "") != (i > 0) {
						t.Errorf("%s got %q with request %d", host, r.Authorization, i)
					}
				}
			}
			if failed != nil && strings.Contains(failed.Error()+failed.Advice(), password) {
				t.Errorf("the password is shown: %v", failed)
			}
		})
	}
}

// TestBrokenKeychain shows that a repository which asks for no login is listed whatever the docker config is.
func TestBrokenKeychain(t *testing.T) {
	t.Parallel()
	charts := fake.NewHelm(map[string][]string{"app": {"1.0.0"}})
	network := fake.Network{"private.example": fake.WithLogin("me", password, charts), "public.example": charts}
	client := helm.New(helm.Config{HTTP: httpx.New(httpx.Config{Transport: network}), Keychain: brokenKeys{}})
	if got, err := client.List(t.Context(), chart(t, "https://public.example", "app")); err != nil || len(got) != 1 {
		t.Errorf("%v, %v", got, err)
	}
	_, err := client.List(t.Context(), chart(t, "https://private.example", "app"))
	var advice interface{ Advice() string }
	if !errors.As(err, &advice) || !strings.Contains(advice.Advice(), "credential helpers") {
		t.Errorf("error is %v", err)
	}
}

type brokenKeys struct{}

func (brokenKeys) Resolve(authn.Resource) (authn.Authenticator, error) {
	return nil, errors.New("helper failed")
}

// TestInterruptEndsTheReading cancels while an index is read.
func TestInterruptEndsTheReading(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	server := httptest.NewServer(index{50_000, 10})
	t.Cleanup(server.Close)
	transport := &cancelling{next: http.DefaultTransport, cancel: cancel}
	client := helm.New(helm.Config{HTTP: httpx.New(httpx.Config{Transport: transport})})
	if _, err := client.List(ctx, chart(t, server.URL, "chart-1")); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
}

// cancelling lets a whole answer through and then ends the context: what follows is the reading of it.
type cancelling struct {
	next   http.RoundTripper
	cancel func()
}

func (c *cancelling) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := c.next.RoundTrip(r.Clone(context.WithoutCancel(r.Context())))
	if err == nil {
		res.Body = ending{res.Body, c.cancel}
	}
	return res, err
}

type ending struct {
	io.ReadCloser
	end func()
}

func (e ending) Close() error {
	e.end()
	return e.ReadCloser.Close()
}
