package cli_test

import (
	"context"
	"encoding/hex"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/pawl-cd/pawl/internal/cli"
	"github.com/pawl-cd/pawl/internal/fake"
	"github.com/pawl-cd/pawl/internal/fake/github"
	"github.com/pawl-cd/pawl/internal/fake/otlp"
)

// attributesOf are the attributes of a span as texts.
func attributesOf(s *tracepb.Span) map[string]string {
	all := map[string]string{}
	for _, a := range s.GetAttributes() {
		all[a.GetKey()] = a.GetValue().String()
	}
	return all
}

// TestTrace looks at the trace of a whole run, whose hosts repeat every secret: one root, every span below another.
func TestTrace(t *testing.T) {
	dockerConfig(t)
	for _, status := range []int{0, 200, 401, 422} {
		synctest.Test(t, func(t *testing.T) {
			a := newAviary(t)
			var over http.RoundTripper = a
			if status > 0 {
				over = &parrot{aviary: a, host: "private.example", status: status}
			}
			printed := a.fly(over, 1, "run", "-o", "json")
			received, raw, _, faults := a.collector.Received()
			if len(received) != 1 || len(raw) != 1 || len(faults) > 0 {
				t.Fatalf("received %d traces in %d requests, %v: %s", len(received), len(raw), faults, printed)
			}
			a.clean("the trace", raw[0])
			spans := received[0].GetScopeSpans()[0].GetSpans()
			byID, names, roots := map[string]*tracepb.Span{}, map[string]int{}, 0
			for _, s := range spans {
				byID[string(s.GetSpanId())] = s
				names[s.GetName()]++
			}
			if len(byID) != len(spans) {
				t.Errorf("%d spans have %d ids", len(spans), len(byID))
			}
			below := map[string]int{}
			for _, s := range spans {
				if got := hex.EncodeToString(s.GetTraceId()); got != "0af7651916cd43dd8448eb211c80319c" || s.GetTraceState() != "rojo=00f067aa0ba902b7" {
					t.Errorf("%s is of the trace %s, state %s", s.GetName(), got, s.GetTraceState())
				}
				if hex.EncodeToString(s.GetParentSpanId()) == "b7ad6b7169203331" {
					roots++
					continue
				}
				parent := byID[string(s.GetParentSpanId())]
				if parent == nil {
					t.Fatalf("%s has no parent", s.GetName())
				}
				if s.GetStartTimeUnixNano() < parent.GetStartTimeUnixNano() || s.GetEndTimeUnixNano() < s.GetStartTimeUnixNano() {
					t.Errorf("%s begins before %s, or ends before it begins", s.GetName(), parent.GetName())
				}
				if s.GetKind() == tracepb.Span_SPAN_KIND_CLIENT {
					below[parent.GetName()+" "+attributesOf(s)["server.address"]]++
					if url := attributesOf(s)["url.full"]; !strings.Contains(url, "https://") || strings.ContainsAny(url, "?@") {
						t.Errorf("the address %s", url)
					}
				}
			}
			if roots != 1 {
				t.Errorf("%d spans are right below the caller's", roots)
			}
			want := []string{"pawl run", "read", "plan", "propose", "merge", "deploy", "list dockerimage", "list helmchart", "list githubrelease"}
			for _, name := range want {
				if names[name] == 0 {
					t.Errorf("there is no span %q: %v", name, names)
				}
			}
			for _, pair := range []string{"read api.github.com", "deploy gitlab.example", "list helmchart charts.example", "list dockerimage index.docker.io"} {
				host := strings.Fields(pair)
				if !slices.ContainsFunc(slices.Collect(maps.Keys(below)), func(k string) bool {
					return strings.HasPrefix(k, strings.Join(host[:len(host)-1], " ")) && strings.Contains(k, host[len(host)-1])
				}) {
					t.Errorf("no request %q: %v", pair, below)
				}
			}
			if slices.ContainsFunc(slices.Collect(maps.Keys(below)), func(k string) bool { return strings.Contains(k, "collector") }) {
				t.Errorf("the sending of the trace is in it: %v", below)
			}
		})
	}
}

// TestTraceOff asks for nothing, and nothing is sent.
func TestTraceOff(t *testing.T) {
	dockerConfig(t)
	for name, value := range map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "", "OTEL_SDK_DISABLED": "TRUE", "OTEL_TRACES_EXPORTER": "none",
		"OTEL_TRACES_SAMPLER": "always_off", "TRACEPARENT": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"} {
		synctest.Test(t, func(t *testing.T) {
			a := newAviary(t)
			a.env[name] = value
			a.secrets = map[string]string{}
			printed := a.fly(a, 1, "plan")
			if _, raw, _, _ := a.collector.Received(); len(raw) > 0 || !strings.Contains(printed, "v1.1.0") {
				t.Errorf("%s=%s: %d requests: %s", name, value, len(raw), printed)
			}
		})
	}
}

// TestTraceOfAnInterruptedRun hands over what there is: the run, failed with its exit code, and the step and the request that it
// ended in.
func TestTraceOfAnInterruptedRun(t *testing.T) {
	t.Parallel()
	s := newStage(t, github.Settings{}, noChecks)
	collector := &otlp.Collector{}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var out, errs strings.Builder
	sys := s.system(&out, &errs, map[string]string{"MERGE_TOKEN": canary, "OTEL_EXPORTER_OTLP_ENDPOINT": "https://collector.example"})
	sys.Transport = hosts{"collector.example": fake.Network{"collector.example": collector}, "": transport(func(req *http.Request) (*http.Response, error) {
		stop()
		<-req.Context().Done()
		return nil, req.Context().Err()
	})}
	if code := cli.Run(ctx, []string{"run", "--root", s.root}, sys); code != cli.Interrupted || strings.Contains(errs.String(), "trace") {
		t.Fatalf("exit code %d: %s%s", code, out.String(), errs.String())
	}
	received, raw, _, faults := collector.Received()
	if len(received) != 1 || len(raw) != 1 || len(faults) > 0 {
		t.Fatalf("received %d traces in %d requests: %v", len(received), len(raw), faults)
	}
	spans := received[0].GetScopeSpans()[0].GetSpans()
	failed := map[string]string{}
	for _, span := range spans {
		if span.GetStatus().GetCode() == tracepb.Status_STATUS_CODE_ERROR {
			about := attributesOf(span)
			failed[span.GetName()] = about["process.exit.code"] + about["error.type"]
		}
	}
	want := map[string]string{"pawl run": "int_value:130", "read": "", "POST": `string_value:"cancelled"`}
	if len(spans[0].GetParentSpanId()) != 0 || !maps.Equal(failed, want) {
		t.Errorf("failed are %q: %v", failed, spans)
	}
}
