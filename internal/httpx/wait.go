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
