package githubrelease

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/google/go-github/v60/github"

	"github.com/pawl-cd/pawl/internal/httpx"
)

// clean describes a failed request without the library's text, which holds the answer.
func (l lister) clean(err error, res *github.Response) error {
	var (
		failed *httpx.Error
		rate   *github.RateLimitError
	)
	switch {
	case errors.As(err, &failed):
		if errors.Is(failed.Err, httpx.ErrUnknownHost) && failed.Hint == "" {
			failed.Hint = "releases are asked at " + failed.Host + ", whatever GITHUB_API_URL says: name another server's API with `url` in the manifest, or under mirrors in .pawl.yaml"
		}
		return failed
	case errors.As(err, &rate):
		return waiting(rate)
	case res == nil || res.Response == nil:
		return httpx.Clean(err)
	case res.StatusCode >= http.StatusMultipleChoices:
		return l.refused(res.Response)
	default:
		return httpx.Malformed(res.Response, "the answer is no list of releases", "check that "+res.Request.URL.Host+" is the API of a GitHub server")
	}
}

// waiting describes a request that the library did not send because nothing remains of the quota.
func waiting(rate *github.RateLimitError) error {
	e := httpx.StatusError(rate.Response)
	e.Wait = max(time.Until(rate.Rate.Reset.Time), time.Second)
	return e
}

func (l lister) refused(res *http.Response) error {
	e := httpx.StatusError(res)
	host, token := res.Request.URL.Host, l.query.Token
	switch {
	case res.StatusCode == http.StatusUnauthorized && l.anonymous && token != "":
		e.Hint = fmt.Sprintf("%s wants a token, and %s was not sent: it is not set, or not bound to %s under secrets in .pawl.yaml", host, token, host)
	case res.StatusCode == http.StatusUnauthorized && l.anonymous:
		e.Hint = host + " wants a token: name its variable with `token` in the manifest"
	case res.StatusCode == http.StatusUnauthorized:
		e.Hint = host + " does not accept the token in " + token + ": check that it has not expired"
	case res.StatusCode == http.StatusForbidden && !l.anonymous:
		e.Hint = "the token in " + token + " does not allow reading the releases of " + l.query.Path
	case res.StatusCode == http.StatusNotFound && l.anonymous:
		e.Hint = "check owner and repository: " + l.query.Path + " does not exist, or is private and needs a token"
	case res.StatusCode == http.StatusNotFound:
		e.Hint = "check owner and repository: " + l.query.Path + " does not exist, or the token in " + token + " does not allow reading it"
	}
	return e
}
