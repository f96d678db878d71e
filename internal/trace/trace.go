// Package trace records what a run does as the spans of one trace, as values in memory. A context without a span records
// nothing: Start then returns it as it is, and a nil *Span, whose methods do nothing. Clock and randomness are passed in.
package trace

import (
	"context"
	"sync"
	"time"
)

// MaxSpans bounds the spans of a trace; further ones are counted as dropped.
const MaxSpans = 10_000

// The kinds of spans, as OTLP numbers them.
const (
	Internal = 1
	Client   = 3
)

// ID names a trace; all zeros is none.
type ID [16]byte

// SpanID names a span within its trace; all zeros is none.
type SpanID [8]byte

// Recorder collects the spans of one trace. It is safe for concurrent use.
type Recorder struct {
	now    func() time.Time
	random func(into []byte)
	parent Parent

	mu      sync.Mutex
	spans   []*Span
	dropped int
}

// Span is one piece of work.
type Span struct {
	recorder   *Recorder
	name       string
	kind       int
	id, parent SpanID
	begin, end time.Time
	attributes []Attribute
	failed     bool
	message    string
}

// Attribute is a key with a string, an int or a bool.
type Attribute struct {
	Key   string
	Value any
}

type key struct{}

// New returns the recorder of a trace that goes on from a parent, or is a new one when there is none. Random fills what it
// is given with bytes that no other process has.
func New(parent Parent, now func() time.Time, random func(into []byte)) *Recorder {
	if parent.Trace == (ID{}) {
		random(parent.Trace[:])
	}
	return &Recorder{now: now, random: random, parent: parent}
}

// Root starts the first span, and returns a context below which others are recorded.
func (r *Recorder) Root(ctx context.Context, name string) (context.Context, *Span) {
	return r.start(ctx, r.parent.Span, name, Internal)
}

// Start starts a span below that of the context.
func Start(ctx context.Context, name string, kind int) (context.Context, *Span) {
	above, _ := ctx.Value(key{}).(*Span)
	if above == nil {
		return ctx, nil
	}
	return above.recorder.start(ctx, above.id, name, kind)
}

// start drops a span beyond the bound; what is below it is then recorded below its parent.
func (r *Recorder) start(ctx context.Context, parent SpanID, name string, kind int) (context.Context, *Span) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.spans) >= MaxSpans {
		r.dropped++
		return ctx, nil
	}
	s := &Span{recorder: r, name: name, kind: kind, parent: parent, begin: r.now()}
	r.random(s.id[:])
	r.spans = append(r.spans, s)
	return context.WithValue(ctx, key{}, s), s
}

// Set adds an attribute.
func (s *Span) Set(key string, value any) {
	if s == nil {
		return
	}
	s.recorder.mu.Lock()
	defer s.recorder.mu.Unlock()
	s.attributes = append(s.attributes, Attribute{key, value})
}

// Fail marks the span as failed; the message may be empty.
func (s *Span) Fail(message string) {
	if s == nil {
		return
	}
	s.recorder.mu.Lock()
	defer s.recorder.mu.Unlock()
	s.failed, s.message = true, message
}

// Rename gives the span another name, for work that is known by what became of it.
func (s *Span) Rename(name string) {
	if s == nil {
		return
	}
	s.recorder.mu.Lock()
	defer s.recorder.mu.Unlock()
	s.name = name
}

// End ends the span. Only the first end counts; a span without one ends when the trace is encoded.
func (s *Span) End() {
	if s == nil {
		return
	}
	s.recorder.mu.Lock()
	defer s.recorder.mu.Unlock()
	if s.end.IsZero() {
		s.end = s.recorder.now()
	}
}
