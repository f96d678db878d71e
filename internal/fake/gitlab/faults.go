package gitlab

import (
	"net/http"
	"strconv"
	"time"
)

// Fault is a disturbance of a project's requests. The zero value breaks the connection before GitLab did anything.
type Fault struct {
	// On is the disturbed endpoint; empty is Trigger.
	On Operation
	// Times is how often it strikes, 0 = once.
	Times int
	// Apply lets GitLab do what was asked first; its own answer is lost.
	Apply bool
	// Late makes GitLab apply it only so much later by the server's clock, after the client has long gone.
	Late time.Duration
	// Status, Header and Body are the answer instead; without Status there is none.
	Status int
	Header http.Header
	Body   string
	// Stall lets the client wait until it gives up.
	Stall bool
	// Refuse refuses the connection; only the in-memory transport can, a listener breaks it.
	Refuse bool
	// Truncate applies the request, and cuts its answer after so many bytes while the length promises all of it.
	Truncate int
}

// Inject adds a fault. The first one that fits a request strikes.
func (p *Project) Inject(f Fault) {
	p.server.mu.Lock()
	defer p.server.mu.Unlock()
	f.Times = max(f.Times, 1)
	if f.On == "" {
		f.On = Trigger
	}
	p.faults = append(p.faults, &f)
}

// Heal removes the faults that have not struck yet.
func (p *Project) Heal() {
	p.server.mu.Lock()
	defer p.server.mu.Unlock()
	p.faults = nil
}

func (p *Project) strike(on Operation) *Fault {
	for _, f := range p.faults {
		if f.Times > 0 && f.On == on {
			f.Times--
			return f
		}
	}
	return nil
}

// outcome is what the client gets; real is the answer that it loses, nil when nothing was done.
func (f *Fault) outcome(real *reply) outcome {
	switch {
	case f.Truncate > 0:
		return outcome{reply: *real, truncate: f.Truncate}
	case f.Refuse:
		return outcome{refuse: true}
	case f.Stall:
		return outcome{stall: true}
	case f.Status == 0:
		return outcome{drop: true}
	}
	header := http.Header{"Content-Type": {"application/json"}}
	for name, values := range f.Header {
		header[http.CanonicalHeaderKey(name)] = values
	}
	return outcome{reply: reply{status: f.Status, header: header, data: []byte(f.Body)}}
}

func status(code int, apply bool) Fault {
	return Fault{Status: code, Apply: apply, Body: `{"message":"` + strconv.Itoa(code) + " " + http.StatusText(code) + `"}`}
}

// Unauthorized is what a proxy or a GitLab says that does not know the caller.
func Unauthorized() Fault { return status(http.StatusUnauthorized, false) }

// Forbidden is what GitLab says when the token's owner may not run pipelines.
func Forbidden() Fault { return status(http.StatusForbidden, false) }

// NotFound is what GitLab says for an unknown project and for a revoked token.
func NotFound() Fault { return status(http.StatusNotFound, false) }

// Unprocessable is what GitLab says when a pipeline could not be made.
func Unprocessable() Fault {
	return Fault{Status: http.StatusUnprocessableEntity, Body: `{"message":{"base":["Reference not found"]}}`}
}

// TooManyPipelines is what GitLab says when it made too many pipelines in a minute.
func TooManyPipelines() Fault {
	return Fault{Status: http.StatusBadRequest, Body: `{"message":{"base":["Too many pipelines created in the last minute. Try again later."]}}`}
}

// TooMany is GitLab's rate limit (https://docs.gitlab.com/ee/security/rate_limits.html); an empty text says no time.
func TooMany(retryAfter string) Fault {
	f := Fault{Status: http.StatusTooManyRequests, Header: http.Header{"Content-Type": {"text/plain"}}, Body: "Retry later\n"}
	if retryAfter != "" {
		f.Header.Set("Retry-After", retryAfter)
	}
	return f
}

// ErrorBefore and ErrorAfter are a 500 before and after the pipeline was made.
func ErrorBefore() Fault { return status(http.StatusInternalServerError, false) }

// ErrorAfter is a 500 after the pipeline was made.
func ErrorAfter() Fault { return status(http.StatusInternalServerError, true) }

// TimeoutBefore is no answer at all, and no pipeline.
func TimeoutBefore() Fault { return Fault{Stall: true} }

// TimeoutAfter is no answer at all, and a pipeline.
func TimeoutAfter() Fault { return Fault{Stall: true, Apply: true} }

// TimeoutLate is no answer at all, and a pipeline some time later.
func TimeoutLate(d time.Duration) Fault { return Fault{Stall: true, Apply: true, Late: d} }

// CutBefore breaks the connection without a pipeline.
func CutBefore() Fault { return Fault{} }

// CutAfter breaks the connection after the pipeline was made.
func CutAfter() Fault { return Fault{Apply: true} }

// RefusedConnection lets nobody connect.
func RefusedConnection() Fault { return Fault{Refuse: true} }

// Page is an HTML page with a status of success, as a proxy or a sign-in page in between answers.
func Page(apply bool) Fault {
	return Fault{Status: http.StatusOK, Apply: apply, Header: http.Header{"Content-Type": {"text/html"}}, Body: "<!DOCTYPE html><html><title>Sign in</title></html>"}
}

// BadGateway is the HTML page of a proxy whose GitLab did not answer in time.
func BadGateway(apply bool) Fault {
	return Fault{Status: http.StatusBadGateway, Apply: apply, Header: http.Header{"Content-Type": {"text/html"}}, Body: "<html><h1>502 Bad Gateway</h1></html>"}
}

// Truncated is an answer that ends too early, after the pipeline was made.
func Truncated() Fault { return Fault{Truncate: 40} }

// Faults are all ways in which a trigger can fail, by name.
func Faults() map[string]Fault {
	return map[string]Fault{
		"401": Unauthorized(), "403": Forbidden(), "404": NotFound(), "422": Unprocessable(), "429": TooMany("1"), "too many pipelines": TooManyPipelines(),
		"500 before": ErrorBefore(), "500 after": ErrorAfter(), "timeout before": TimeoutBefore(), "timeout after": TimeoutAfter(),
		"timeout late": TimeoutLate(30 * time.Second), "cut before": CutBefore(), "cut after": CutAfter(), "refused": RefusedConnection(),
		"page before": Page(false), "page after": Page(true), "502 before": BadGateway(false), "502 after": BadGateway(true), "truncated": Truncated(),
	}
}
