package httpx

import (
	"context"
	"errors"
	"net"
	"net/http"
	"syscall"
	"time"
)

// Transport is an http.RoundTripper for the requests of one label. It answers with the whole body in memory, so a
// response need not be closed. An answer that a repetition could mend (429, 408, 5xx) is an *Error when repetition did
// not; other statuses are ordinary responses.
type Transport struct {
	client  *Client
	host    *host
	label   string
	maxBody int64
	repeats bool
	budget  time.Duration
	until   time.Time
}

// Transport returns the transport for requests that are counted and limited under a label: the logical host, also
// when a mirror or a token server is asked on its behalf.
func (c *Client) Transport(label string) *Transport {
	return &Transport{client: c, host: c.host(label), label: label, maxBody: c.config.MaxBody, budget: c.config.Budget}
}

// WithMaxBody returns a transport that bounds bodies at n bytes.
func (t *Transport) WithMaxBody(n int64) *Transport {
	c := *t
	c.maxBody = n
	return &c
}

// Repeating returns a transport that repeats a request of any method as it does a GET: for calls that do no harm when
// the first of two was carried out after all. A request with a body needs its GetBody.
func (t *Transport) Repeating() *Transport {
	c := *t
	c.repeats = true
	return &c
}

// Until returns a transport that begins no attempt after a time: for a request that does harm when it comes late.
func (t *Transport) Until(end time.Time) *Transport {
	c := *t
	c.budget, c.until = min(t.budget, max(0, end.Sub(t.client.config.Now()))), end
	return &c
}

// RoundTrip sends the request, repeatedly if it is a GET or HEAD, or the transport is Repeating, and the failure may pass.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	budget := t.budget
	for attempt := 1; ; attempt++ {
		if err := t.enter(req, &budget); err != nil {
			return nil, err
		}
		res, err := t.attempt(req, attempt)
		wait, again := t.verdict(req, res, err, attempt)
		if !again {
			return t.answer(req, res, err)
		}
		if err == nil {
			err = StatusError(res)
		}
		if wait = t.tell(res, wait); wait == 0 {
			continue
		}
		if err := t.wait(req, &budget, wait, err); err != nil {
			return nil, err
		}
	}
}

// answer turns the last attempt into what RoundTrip returns.
func (t *Transport) answer(req *http.Request, res *http.Response, err *Error) (*http.Response, error) {
	switch {
	case err != nil:
		return nil, err
	case t.repeatable(req) && (transient(res.StatusCode) || limited(res)):
		return nil, StatusError(res)
	default:
		return res, nil
	}
}

// verdict says whether the request should be sent again, and after which wait.
func (t *Transport) verdict(req *http.Request, res *http.Response, err *Error, attempt int) (time.Duration, bool) {
	if !t.repeatable(req) {
		if err == nil && limited(res) {
			t.tell(res, t.asked(res, attempt))
		}
		return 0, false
	}
	if err != nil {
		return failureWait(err, attempt), attempt < t.client.config.Attempts && passing(err, attempt)
	}
	if !limited(res) && !transient(res.StatusCode) {
		return 0, false
	}
	wait := t.asked(res, attempt)
	if attempt >= t.client.config.Attempts {
		t.tell(res, wait)
		return 0, false
	}
	return wait, true
}

// asked is the wait that the answer asks for, or else the usual one.
func (t *Transport) asked(res *http.Response, attempt int) time.Duration {
	if d, ok := RetryAfter(res.Header, t.client.config.Now()); ok {
		return d
	}
	return backoff(attempt)
}

// tell makes all requests of the label wait when the answer says that there were too many, and returns what is left
// for this one to wait on its own. A wait that nobody can afford fails this request alone: the limit may be that of one
// repository, and the others find out for themselves.
func (t *Transport) tell(res *http.Response, wait time.Duration) time.Duration {
	if res == nil || !limited(res) || wait > t.client.config.Budget {
		return wait
	}
	t.host.pause(t.client.config.Now().Add(wait))
	return 0
}

// enter takes a slot, after waiting while the host wants to be left alone. No slot is held while waiting.
func (t *Transport) enter(req *http.Request, budget *time.Duration) error {
	for {
		if d := t.host.paused(t.client.config.Now()); d > 0 {
			cause := newError(req, http.StatusTooManyRequests)
			if err := t.wait(req, budget, d, cause); err != nil {
				return err
			}
			continue
		}
		if err := t.host.acquire(req.Context()); err != nil {
			closeBody(req)
			return t.failure(req.Context(), req, err)
		}
		now := t.client.config.Now()
		late := !t.until.IsZero() && now.After(t.until)
		if !late && t.host.paused(now) <= 0 {
			return nil
		}
		t.host.release()
		if late {
			closeBody(req)
			cause := newError(req, 0)
			cause.Reason, cause.Err = ErrLate.Error(), ErrLate
			return cause
		}
	}
}

// wait sleeps within the budget; beyond it, the cause is returned at once with what the host asked for.
func (t *Transport) wait(req *http.Request, budget *time.Duration, d time.Duration, cause *Error) error {
	if d > *budget || !allowanceOf(req.Context()).wait(d) {
		cause.Wait = d
		closeBody(req)
		return cause
	}
	*budget -= d
	if err := t.client.config.Sleep(req.Context(), d); err != nil {
		closeBody(req)
		return t.failure(req.Context(), req, err)
	}
	return nil
}

func closeBody(req *http.Request) {
	if req.Body != nil {
		_ = req.Body.Close() // the request is not sent; there is nothing to do about a failure
	}
}

func (t *Transport) repeatable(req *http.Request) bool {
	if t.repeats {
		return req.Body == nil || req.Body == http.NoBody || req.GetBody != nil
	}
	return req.Method == http.MethodGet || req.Method == http.MethodHead || req.Method == ""
}

// passing reports whether a failure without an answer may be gone at the next attempt. A stall or an unknown name is
// not; a refused connection gets one more chance.
func passing(err *Error, attempt int) bool {
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return false
	case errors.Is(err, ErrRefused):
		return attempt == 1
	default:
		return errors.Is(err, ErrConnection) || errors.Is(err, ErrTruncated)
	}
}

func failureWait(err *Error, attempt int) time.Duration {
	if errors.Is(err, ErrRefused) {
		return 100 * time.Millisecond
	}
	return backoff(attempt)
}

// failure describes why no whole answer came; ctx is the attempt's own.
func (t *Transport) failure(ctx context.Context, req *http.Request, cause error) *Error {
	e := newError(req, 0)
	e.Reason, e.Err = classify(req.Context(), ctx, cause)
	switch {
	case errors.Is(e.Err, ErrTimeout):
		e.Reason = "no answer within " + t.client.config.Timeout.String()
	case errors.Is(e.Err, ErrConnection):
		e.Reason = t.client.Clean(cause.Error())
	case spokePlainly(cause):
		e.Reason = "the host speaks HTTP where HTTPS was expected"
		e.Hint = e.Host + " speaks no TLS: write http:// in its url or in mirrors"
	}
	if proxy := throughProxy(cause); proxy != "" {
		e.Reason, e.Hint = proxy, "check HTTPS_PROXY and NO_PROXY"
	}
	if via := req.Response; via != nil && via.Request != nil {
		e.From = via.Request.URL.Host + via.Request.URL.Path
	}
	return e
}

// classify returns the text for a failure, and its sentinel.
func classify(whole, attempt context.Context, cause error) (reason string, sentinel error) {
	var dns *net.DNSError
	switch {
	case whole.Err() != nil:
		return "stopped", whole.Err()
	case attempt.Err() != nil, isTimeout(cause):
		return ErrTimeout.Error(), ErrTimeout
	case errors.As(cause, &dns) && dns.IsNotFound:
		return ErrUnknownHost.Error(), ErrUnknownHost
	case errors.Is(cause, syscall.ECONNREFUSED):
		return ErrRefused.Error(), ErrRefused
	case errors.Is(cause, ErrTooLarge), errors.Is(cause, ErrTruncated):
		return cause.Error(), cause
	case isTLS(cause):
		return cause.Error(), ErrTLS
	default:
		return cause.Error(), ErrConnection
	}
}

func isTimeout(err error) bool {
	var t net.Error
	return errors.As(err, &t) && t.Timeout()
}
