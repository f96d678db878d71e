package github_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	gh "github.com/google/go-github/v60/github"

	"github.com/pawl-cd/pawl/internal/fake/conformance"
)

func asResponse(err error, into **gh.ErrorResponse) bool { return errors.As(err, into) }

// described loads GitHub's descriptions once for all tests.
var described = sync.OnceValues(conformance.FromEnvironment)

// conformance checks every exchange against GitHub's own descriptions when they are installed.
func conform(t *testing.T) func(*http.Request, []byte, int, http.Header, []byte) {
	t.Helper()
	descriptions, err := described()
	if err != nil {
		t.Fatal(err)
	}
	if descriptions == nil {
		return nil
	}
	checker := descriptions.Checker()
	t.Cleanup(func() {
		for _, violation := range checker.Violations() {
			t.Error(violation)
		}
	})
	return checker.Exchange
}

// accepted says whether an error is only go-github's word for 202.
func accepted(err error) bool {
	var later *gh.AcceptedError
	return errors.As(err, &later)
}

// answered is a raw answer.
type answered struct {
	status int
	header http.Header
	body   string
}

// send asks without a library; redirects are not followed.
func (w *world) send(t *testing.T, method, token, path, body string) answered {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, w.url+path, strings.NewReader(body))
	must(t, err)
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(req)
	must(t, err)
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	must(t, err)
	return answered{res.StatusCode, res.Header, string(data)}
}
