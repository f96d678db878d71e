package httpx

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxWait bounds what a header can make of itself; it is far beyond every budget.
const maxWait = 365 * 24 * time.Hour

// RetryAfter returns how long an answer asks to wait: Retry-After in seconds or as a date (RFC 9110, 10.2.3), else
// GitHub's X-RateLimit-Reset (seconds since 1970) when nothing remains. It is never negative.
func RetryAfter(header http.Header, now time.Time) (time.Duration, bool) {
	if text := strings.TrimSpace(header.Get("Retry-After")); text != "" {
		if seconds, err := strconv.ParseInt(text, 10, 64); err == nil {
			return bounded(seconds), true
		}
		if date, err := http.ParseTime(text); err == nil {
			return min(max(date.Sub(now), 0), maxWait), true
		}
	}
	if header.Get("X-Ratelimit-Remaining") == "0" {
		if reset, err := strconv.ParseInt(header.Get("X-Ratelimit-Reset"), 10, 64); err == nil {
			return min(max(time.Unix(reset, 0).Sub(now), 0), maxWait), true
		}
	}
	return 0, false
}

// Limited reports whether an answer says that there were too many requests, and how long it asks to wait: a minute when it does
// not say.
func Limited(res *http.Response, now time.Time) (time.Duration, bool) {
	if !limited(res) {
		return 0, false
	}
	if d, ok := RetryAfter(res.Header, now); ok {
		return d, true
	}
	return time.Minute, true
}

// Quota returns how many requests of a kind are left until a time, where an answer tells both: GitHub's X-RateLimit headers, whose
// kind is the resource, or GitLab's RateLimit headers. A reset that is no date is a number of seconds.
func Quota(header http.Header, now time.Time) (kind string, left int, reset time.Time, ok bool) {
	left, ok = remaining(header)
	text := header.Get("X-Ratelimit-Reset")
	if text == "" {
		text = header.Get("Ratelimit-Reset")
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if !ok || err != nil || n < 0 {
		return "", 0, time.Time{}, false
	}
	if kind = header.Get("X-Ratelimit-Resource"); kind != "graphql" {
		kind = "core" // of what pawl asks
	}
	if n > int64(maxWait/time.Second) {
		n -= now.Unix()
	}
	return kind, left, now.Add(bounded(n)).Truncate(time.Second), true
}

func bounded(seconds int64) time.Duration {
	return time.Duration(min(max(seconds, 0), int64(maxWait/time.Second))) * time.Second
}

// backoff is the wait when the host does not say: half a second, then twice as long each time.
func backoff(attempt int) time.Duration {
	return 500 * time.Millisecond << min(attempt-1, 6)
}

// transient reports whether a status may pass. 501 does not: the host does not know the method.
func transient(status int) bool {
	return status == http.StatusRequestTimeout || status >= 500 && status != http.StatusNotImplemented
}

// limited reports whether the answer says that there were too many requests. GitHub says so with 403, and either
// nothing remaining or a Retry-After.
func limited(res *http.Response) bool {
	switch res.StatusCode {
	case http.StatusTooManyRequests:
		return true
	case http.StatusForbidden:
		return res.Header.Get("X-Ratelimit-Remaining") == "0" || res.Header.Get("Retry-After") != ""
	default:
		return false
	}
}
