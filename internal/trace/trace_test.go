package trace_test

import (
	"encoding/hex"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/pawl-cd/pawl/internal/fake/otlp"
	"github.com/pawl-cd/pawl/internal/trace"
)

// counter makes ids that differ.
func counter() func(into []byte) {
	n := 0
	return func(into []byte) {
		n++
		into[0], into[1], into[2] = byte(n), byte(n>>8), 1
	}
}

// clock goes on by a second with each look.
func clock() func() time.Time {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	return func() time.Time {
		now = now.Add(time.Second)
		return now
	}
}

func same(text string) string { return text }

// decode encodes a trace, and decodes it as a collector does.
func decode(t *testing.T, r *trace.Recorder, clean func(string) string) (spans []*tracepb.Span, dropped int) {
	t.Helper()
	body, dropped, err := r.Encode(nil, clean)
	if err != nil {
		t.Fatal(err)
	}
	data, err := otlp.Decode(body)
	if err != nil {
		t.Fatalf("%v: %.2000s", err, body)
	}
	return data.GetResourceSpans()[0].GetScopeSpans()[0].GetSpans(), dropped
}

// TestSpans holds what becomes of spans: whose child each is, how long it took, and that every text of it is cleaned.
func TestSpans(t *testing.T) {
	t.Parallel()
	parent := trace.Parent{Trace: trace.ID{1}, Span: trace.SpanID{2}, Sampled: true, State: "a=secret"}
	recorder := trace.New(parent, clock(), counter())
	ctx, root := recorder.Root(t.Context(), "root")
	step, span := trace.Start(ctx, "step", trace.Internal)
	_, inner := trace.Start(step, "secret inner", trace.Client)
	inner.Set("a", "secret")
	inner.Set("n", 3)
	inner.Set("b", true)
	inner.Fail("secret message")
	inner.End()
	inner.End()
	span.Rename("known later")
	span.End()
	_, _ = trace.Start(ctx, "left behind", trace.Internal)
	root.End()
	spans, dropped := decode(t, recorder, func(text string) string { return strings.ReplaceAll(text, "secret", "***") })
	if len(spans) != 4 || dropped != 0 {
		t.Fatalf("%d spans, %d dropped", len(spans), dropped)
	}
	const remote = 0x200
	for i, want := range []struct {
		name   string
		parent string
		took   time.Duration
		flags  uint32
	}{
		{"root", string(parent.Span[:]), 6 * time.Second, remote},
		{"known later", string(spans[0].GetSpanId()), 3 * time.Second, 0},
		{"*** inner", string(spans[1].GetSpanId()), time.Second, 0},
		{"left behind", string(spans[0].GetSpanId()), 2 * time.Second, 0},
	} {
		s := spans[i]
		if took := time.Duration(s.GetEndTimeUnixNano() - s.GetStartTimeUnixNano()); s.GetName() != want.name || string(s.GetParentSpanId()) != want.parent || took != want.took ||
			s.GetFlags()&remote != want.flags || string(s.GetTraceId()) != string(parent.Trace[:]) || s.GetTraceState() != "a=***" {
			t.Errorf("want %+v, have %v", want, s)
		}
	}
	if s := spans[2]; s.GetStatus().GetCode() != tracepb.Status_STATUS_CODE_ERROR || s.GetStatus().GetMessage() != "*** message" || s.GetKind() != tracepb.Span_SPAN_KIND_CLIENT ||
		s.GetAttributes()[0].GetValue().GetStringValue() != "***" || s.GetAttributes()[1].GetValue().GetIntValue() != 3 || !s.GetAttributes()[2].GetValue().GetBoolValue() {
		t.Errorf("%v", s)
	}
}

// TestNothing shows that nothing is recorded and nothing breaks where no trace is.
func TestNothing(t *testing.T) { //nolint:paralleltest // it counts allocations
	ctx, span := trace.Start(t.Context(), "a", trace.Client)
	if ctx != t.Context() || span != nil {
		t.Error("there is a span")
	}
	if n := testing.AllocsPerRun(100, func() {
		_, s := trace.Start(ctx, "a", trace.Client)
		s.Set("a", "b")
		s.Rename("c")
		s.Fail("d")
		s.End()
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestCut cuts texts after they were cleaned, so no part of a secret stays that stands where one is cut, and no character is halved.
func TestCut(t *testing.T) {
	t.Parallel()
	recorder := trace.New(trace.Parent{}, clock(), counter())
	_, root := recorder.Root(t.Context(), strings.Repeat("x", 1020)+"secret")
	root.Set("a", strings.Repeat("x", 1019)+"secret")
	root.Set("b", "x"+strings.Repeat("ä", 600))
	root.Set("c", strings.Repeat("x", 1024))
	root.Fail(strings.Repeat("y", 2000))
	root.End()
	spans, _ := decode(t, recorder, func(text string) string { return strings.ReplaceAll(text, "secret", "***") })
	s := spans[0]
	have := []string{s.GetName(), s.GetStatus().GetMessage()}
	for _, a := range s.GetAttributes() {
		have = append(have, a.GetValue().GetStringValue())
	}
	want := []string{strings.Repeat("x", 1020) + "***", strings.Repeat("y", 1024), strings.Repeat("x", 1019) + "***", "x" + strings.Repeat("ä", 511), strings.Repeat("x", 1024)}
	if !slices.Equal(have, want) {
		t.Errorf("want %q, have %q", want, have)
	}
}

// TestBounded counts what does not fit; what fits has its parent in the trace.
func TestBounded(t *testing.T) {
	t.Parallel()
	recorder := trace.New(trace.Parent{}, time.Now, counter())
	ctx, root := recorder.Root(t.Context(), "root")
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for range trace.MaxSpans / 4 {
				_, span := trace.Start(ctx, "request", trace.Client)
				span.Set("n", 1)
				span.End()
			}
		})
	}
	group.Wait()
	full, span := trace.Start(ctx, "more", trace.Internal)
	if _, below := trace.Start(full, "below", trace.Internal); span != nil || below != nil {
		t.Error("there is room")
	}
	root.End()
	spans, dropped := decode(t, recorder, same)
	if len(spans) != trace.MaxSpans || dropped != 3 {
		t.Errorf("%d spans, %d dropped", len(spans), dropped)
	}
	ids := map[string]bool{}
	for _, s := range spans {
		ids[string(s.GetSpanId())] = true
	}
	for _, s := range spans[1:] {
		if string(s.GetParentSpanId()) != string(spans[0].GetSpanId()) {
			t.Fatalf("%v", s)
		}
	}
	if len(ids) != trace.MaxSpans {
		t.Errorf("%d ids", len(ids))
	}
}

// FuzzReadParent reads whatever the variables hold: a parent is whole or none, written again it is what was read, and its state
// never is more than one line of printable ASCII.
func FuzzReadParent(f *testing.F) {
	const good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	f.Add(good, "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE")
	f.Add("cc"+good[2:]+"-more", "a=b")
	f.Add(strings.ToUpper(good), " a = b , ")
	f.Add("ff"+good[2:], "a=\n")
	f.Fuzz(func(t *testing.T, traceparent, tracestate string) {
		p := trace.ReadParent(traceparent, tracestate)
		if p == (trace.Parent{}) {
			return
		}
		if p.Trace == (trace.ID{}) || p.Span == (trace.SpanID{}) {
			t.Fatalf("%q is half a parent: %+v", traceparent, p)
		}
		if want := hex.EncodeToString(p.Trace[:]) + "-" + hex.EncodeToString(p.Span[:]); !strings.Contains(traceparent, want) {
			t.Errorf("%q is read as %s", traceparent, want)
		}
		if strings.ContainsFunc(p.State, func(r rune) bool { return (r < ' ' || r > '~') && r != '\t' }) || len(p.State) > 4096 || p.State != "" && !strings.Contains(p.State, "=") {
			t.Errorf("the state %q", p.State)
		}
		if again := trace.ReadParent("00-"+hex.EncodeToString(p.Trace[:])+"-"+hex.EncodeToString(p.Span[:])+"-0"+map[bool]string{true: "1", false: "0"}[p.Sampled], p.State); again != p {
			t.Errorf("%+v is read again as %+v", p, again)
		}
	})
}
