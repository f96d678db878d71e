package github_test

import (
	"errors"
	"net/http"
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
