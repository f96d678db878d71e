package httpx

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
)

// maxRedirects is how many redirects one request may take.
const maxRedirects = 10

// Authorize returns a RoundTripper that sends the value as Authorization to one place only: a request to another host,
// port or scheme, such as a redirect's, goes out without it.
func Authorize(next http.RoundTripper, place *url.URL, value string) http.RoundTripper {
	return authorized{next: next, scheme: place.Scheme, host: address(place), value: value}
}

type authorized struct {
	next                http.RoundTripper
	scheme, host, value string
}

// RoundTrip adds the header where it belongs.
func (a authorized) RoundTrip(req *http.Request) (*http.Response, error) {
	if a.value != "" && req.URL.Scheme == a.scheme && address(req.URL) == a.host {
		req = req.Clone(req.Context())
		req.Header.Set("Authorization", a.value)
	}
	return a.next.RoundTrip(req)
}

// SamePlace reports whether two URLs have the same scheme, host and port.
func SamePlace(a, b *url.URL) bool { return a.Scheme == b.Scheme && address(a) == address(b) }

// address is the host in lower case with its port.
func address(u *url.URL) string {
	host, port := strings.ToLower(u.Hostname()), u.Port()
	switch {
	case port != "":
		return host + ":" + port
	case u.Scheme == "http":
		return host + ":80"
	default:
		return host + ":443"
	}
}

// NewClient returns a client over a RoundTripper that follows redirects, but never from https to http.
func NewClient(rt http.RoundTripper) *http.Client {
	return &http.Client{Transport: rt, CheckRedirect: checkRedirect}
}

func checkRedirect(req *http.Request, via []*http.Request) error {
	if len(via) >= maxRedirects {
		return errors.New("too many redirects")
	}
	if via[len(via)-1].URL.Scheme == "https" && req.URL.Scheme != "https" {
		return errors.New("refusing a redirect from https to " + req.URL.Scheme)
	}
	return nil
}
