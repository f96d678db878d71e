package httpx

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"
)

// Why a request had no usable answer; each is found in an *Error with errors.Is.
var (
	ErrTimeout     = errors.New("no answer in time")
	ErrUnknownHost = errors.New("unknown host")
	ErrRefused     = errors.New("connection refused")
	ErrConnection  = errors.New("connection failed")
	ErrTLS         = errors.New("no trusted TLS connection")
	ErrTooLarge    = errors.New("the answer is larger")
	ErrTruncated   = errors.New("the answer ends too early")
	ErrMalformed   = errors.New("the answer makes no sense")
	ErrSpent       = errors.New("the allowance of time is spent")
	// ErrLate says that it was not sent, because its time was over (see Transport.Until).
	ErrLate = errors.New("not sent: its time is over")
)

// Error is a request that failed. Its text holds no query, header, user information or body.
type Error struct {
	// Method, Host and Path say what was asked; Host is the one really asked, with its port.
	Method, Host, Path string
	// From is the host and path that sent the request on to Host, empty when nobody did.
	From string
	// Status is the answer's, 0 when there was none.
	Status int
	// Wait is how long the host asks to be left alone, when that is beyond what pawl waits.
	Wait time.Duration
	// Reason says in words what a status does not.
	Reason string
	// Hint is the advice; empty chooses a general one.
	Hint string
	// Err is one of the sentinels above, or the context's error.
	Err error
}

// StatusError returns the error for an answer that is not the one hoped for.
func StatusError(res *http.Response) *Error { return newError(res.Request, res.StatusCode) }

// Malformed returns the error for an answer whose content is unusable for the given reason.
func Malformed(res *http.Response, reason, hint string) *Error {
	e := newError(res.Request, res.StatusCode)
	e.Err, e.Reason, e.Hint = ErrMalformed, reason, hint
	return e
}

func newError(req *http.Request, status int) *Error {
	method := req.Method
	if method == "" {
		method = http.MethodGet
	}
	return &Error{Method: method, Host: req.URL.Host, Path: req.URL.Path, Status: status}
}

// Error returns the request and what went wrong with it.
func (e *Error) Error() string {
	var b strings.Builder
	if e.From != "" {
		fmt.Fprintf(&b, "%s %s redirects to %s: ", e.Method, e.From, e.Host)
	} else {
		fmt.Fprintf(&b, "%s %s%s: ", e.Method, e.Host, e.Path)
	}
	switch {
	case e.Reason != "":
		b.WriteString(e.Reason)
	case e.Status != 0:
		fmt.Fprintf(&b, "%d %s", e.Status, http.StatusText(e.Status))
	default:
		b.WriteString("no answer")
	}
	if e.Wait > 0 {
		fmt.Fprintf(&b, " (asks to wait %s)", seconds(e.Wait))
	}
	return b.String()
}

// Unwrap returns the sentinel.
func (e *Error) Unwrap() error { return e.Err }

// Advice returns what a person can do about it.
func (e *Error) Advice() string {
	switch {
	case e.Wait > 0:
		return fmt.Sprintf("%s asks to wait %s: run again after that, or set credentials for a higher quota", e.Host, seconds(e.Wait))
	case e.Hint != "":
		return e.Hint
	case e.Err != nil:
		return e.connectionAdvice()
	default:
		return e.statusAdvice()
	}
}

func (e *Error) connectionAdvice() string {
	switch {
	case errors.Is(e.Err, ErrUnknownHost):
		return "check the spelling of " + e.Host + "; a network without internet needs HTTPS_PROXY, or another place for it under mirrors in .pawl.yaml"
	case errors.Is(e.Err, ErrRefused):
		return "check that " + e.Host + " is up and its port is right"
	case errors.Is(e.Err, ErrSpent):
		return e.Host + " is slow, or does not come to an end: run again later"
	case errors.Is(e.Err, ErrTimeout), errors.Is(e.Err, ErrConnection), errors.Is(e.Err, ErrTruncated):
		return e.Host + " does not answer properly: check the network and the proxy, or run again later"
	case errors.Is(e.Err, ErrLate):
		return "run again"
	case errors.Is(e.Err, ErrTLS):
		return "add the authority of " + e.Host + " with SSL_CERT_FILE; for a mirror without TLS write http://"
	case errors.Is(e.Err, ErrTooLarge), errors.Is(e.Err, ErrMalformed):
		return "check that " + e.Host + " is the right host: something else may be answering"
	default:
		return ""
	}
}

func (e *Error) statusAdvice() string {
	switch {
	case e.Status == http.StatusUnauthorized:
		return e.Host + " wants credentials"
	case e.Status == http.StatusForbidden:
		return "the credentials for " + e.Host + " do not allow this"
	case e.Status == http.StatusNotFound:
		return "check the name: it does not exist or is private"
	case e.Status == http.StatusTooManyRequests:
		return e.Host + " wants fewer requests: run again later, or set credentials for a higher quota"
	case transient(e.Status):
		return e.Host + " is failing: run again later"
	default:
		return "check that " + e.Host + " is the right host"
	}
}

// Clean returns the *Error inside an error of net/http or a library above it, whose own texts hold whole URLs; what
// holds none is described by its innermost cause.
func Clean(err error) error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	var u *url.Error
	if !errors.As(err, &u) {
		return err
	}
	failed := &Error{Method: strings.ToUpper(u.Op), Reason: u.Err.Error(), Err: u.Err}
	if at, err := url.Parse(u.URL); err == nil {
		failed.Host, failed.Path = at.Host, at.Path
	}
	return failed
}

func seconds(d time.Duration) string {
	return fmt.Sprintf("%d s", int64((d+time.Second-1)/time.Second))
}

func isTLS(err error) bool {
	var (
		verification *tls.CertificateVerificationError
		authority    x509.UnknownAuthorityError
		name         x509.HostnameError
		record       tls.RecordHeaderError
		alert        tls.AlertError
	)
	return errors.As(err, &verification) || errors.As(err, &authority) || errors.As(err, &name) ||
		errors.As(err, &record) || errors.As(err, &alert)
}

// spokePlainly reports whether something that is no TLS came on a TLS connection.
func spokePlainly(err error) bool {
	var record tls.RecordHeaderError
	return errors.As(err, &record)
}

// throughProxy says what is wrong with the proxy of a request, empty when it is not the proxy.
func throughProxy(err error) string {
	var proxy, dial *net.OpError
	if !errors.As(err, &proxy) || proxy.Op != "proxyconnect" {
		return ""
	}
	place := ""
	if errors.As(proxy.Err, &dial) && dial.Addr != nil {
		place = " " + dial.Addr.String()
	}
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns):
		return "the proxy " + dns.Name + " is an unknown host"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "the proxy" + place + " refused the connection"
	default:
		return "the proxy" + place + " does not answer"
	}
}
