package github_test

import (
	"errors"
	"net/http"
	"testing"

	gh "github.com/google/go-github/v60/github"
)

func asResponse(err error, into **gh.ErrorResponse) bool { return errors.As(err, into) }

// conformance checks every exchange against GitHub's own descriptions when they are installed.
func conformance(*testing.T) func(*http.Request, []byte, int, http.Header, []byte) { return nil }
