package kafka

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/twmb/franz-go/pkg/kerr"
)

// answers collects what becomes of the events of a batch. The client may answer after nobody waits any more.
type answers struct {
	mu   sync.Mutex
	errs []error
	has  []bool
	left sync.WaitGroup
}

func newAnswers(n int) *answers {
	a := &answers{errs: make([]error, n), has: make([]bool, n)}
	a.left.Add(n)
	return a
}

// set is called once for each event.
func (a *answers) set(i int, err error) {
	a.mu.Lock()
	a.errs[i], a.has[i] = err, true
	a.mu.Unlock()
	a.left.Done()
}

// wait returns the answers; those that have not come when the context ends are its error.
func (a *answers) wait(ctx context.Context) []error {
	done := make(chan struct{})
	go func() { a.left.Wait(); close(done) }()
	select {
	case <-done:
	case <-ctx.Done():
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	errs := make([]error, len(a.errs))
	for i := range errs {
		if errs[i] = a.errs[i]; !a.has[i] {
			errs[i] = ctx.Err()
		}
	}
	return errs
}

// Error is an event that the brokers did not take now and may take later.
type Error struct {
	topic   string
	brokers []string
	login   bool
	err     error
}

// Error returns the topic and the cause.
func (e *Error) Error() string { return fmt.Sprintf("producing to topic %s: %v", e.topic, e.err) }

// Unwrap returns the cause, one of package kerr's when a broker answered.
func (e *Error) Unwrap() error { return e.err }

// Advice returns the hint.
func (e *Error) Advice() string {
	unknown, wrong := new(x509.UnknownAuthorityError), new(tls.CertificateVerificationError)
	switch {
	case errors.Is(e.err, kerr.SaslAuthenticationFailed):
		return "set the variables that user and password name to those of a user of the brokers"
	case errors.As(e.err, unknown), errors.As(e.err, &wrong):
		return "name the certificates that signed those of the brokers with ca"
	}
	right := ""
	if e.login { // some brokers close the connection without a word
		right = ", and that user and password are right"
	}
	return fmt.Sprintf("check that the topic exists and that %s answers%s; the next run sends the events again", strings.Join(e.brokers, ", "), right)
}
