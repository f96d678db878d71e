package helm_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pawl-cd/pawl/internal/fake"
	"github.com/pawl-cd/pawl/internal/httpx"
	"github.com/pawl-cd/pawl/internal/source"
	"github.com/pawl-cd/pawl/internal/source/helm"
)

func chart(t *testing.T, base, name string) source.Query {
	t.Helper()
	q, err := source.ParseChart(base, name)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func tagsOf(l source.Listing) []string {
	var tags []string
	for _, r := range l {
		tags = append(tags, r.Tag)
	}
	return tags
}

// start serves charts on loopback in place of https://charts.example/helm.
func start(t *testing.T, handler http.Handler) (*fake.Faults, *httpx.Client, *helm.Client) {
	t.Helper()
	faults := fake.WithFaults(handler)
	server := httptest.NewServer(faults)
	t.Cleanup(server.Close)
	m, err := source.ParseMirrors(map[string]string{"https://charts.example": server.URL + "/mirror"})
	if err != nil {
		t.Fatal(err)
	}
	client := httpx.New(httpx.Config{Timeout: time.Second, Sleep: func(ctx context.Context, _ time.Duration) error { return ctx.Err() }})
	return faults, client, helm.New(helm.Config{HTTP: client, Mirrors: m})
}

func TestList(t *testing.T) {
	t.Parallel()
	_, _, client := start(t, fake.NewHelm(map[string][]string{
		"mojaloop":   {"15.1.0", "15.10.0", "15.2.0", "nightly", "15.1.0", "v15.3.0", "15.10.0-rc.1", "edge"},
		"moja-other": {"1.0.0"},
	}))
	got, err := client.List(t.Context(), chart(t, "https://charts.example/helm/", "mojaloop"))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"nightly", "edge", "15.1.0", "15.2.0", "v15.3.0", "15.10.0-rc.1", "15.10.0"}
	if diff := cmp.Diff(want, tagsOf(got)); diff != "" {
		t.Error(diff)
	}
}

func TestOneIndexForAllCharts(t *testing.T) {
	t.Parallel()
	charts := map[string][]string{}
	for i := range 20 {
		charts[fmt.Sprintf("chart-%d", i)] = []string{"1.0.0"}
	}
	faults, client, helmClient := start(t, fake.NewHelm(charts))
	var wg sync.WaitGroup
	for name := range charts {
		wg.Go(func() {
			if got, err := helmClient.List(t.Context(), chart(t, "https://charts.example/helm", name)); err != nil || len(got) != 1 {
				t.Errorf("%s: %v, %v", name, got, err)
			}
		})
	}
	wg.Wait()
	requests := faults.Requests()
	if len(requests) != 1 || requests[0].Path != "/mirror/helm/index.yaml" {
		t.Errorf("requests are %+v, want one for the index", requests)
	}
	if n := client.Requests()["charts.example"]; n != 1 {
		t.Errorf("%d requests counted for charts.example, want 1", n)
	}
}

func TestMissingChart(t *testing.T) {
	t.Parallel()
	_, _, client := start(t, fake.NewHelm(map[string][]string{"ingress-nginx": {"1.0.0"}, "redis": {"1.0.0"}}))
	for name, advice := range map[string]string{"ingres-nginx": `did you mean "ingress-nginx"?`, "zookeeper-operator": "check the chart's name"} {
		_, err := client.List(t.Context(), chart(t, "https://charts.example", name))
		var with interface{ Advice() string }
		if !errors.As(err, &with) || with.Advice() != advice {
			t.Errorf("%s: error is %v, want advice %q", name, err, advice)
		}
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	bomb := "a: &a [x,x,x,x,x,x,x,x,x,x]\n"
	for i := 'b'; i < 'j'; i++ {
		bomb += fmt.Sprintf("%c: &%c [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*%c,", i-1), 10), ","))
	}
	bomb += "entries:\n  redis: *i\n"
	tests := []struct {
		name         string
		fault        fake.Fault
		want, advice string
	}{
		{"404", fake.Fault{Status: 404}, "404", "no index.yaml"},
		{"401", fake.Fault{Status: 401}, "401", "wants a login"},
		{"HTML", fake.Fault{Body: "<!DOCTYPE html>\n<html><body>hunter22</body></html>"}, "index", "Helm repository"},
		{"a page of text", fake.Fault{Body: "hello"}, "index", "Helm repository"},
		{"no entries", fake.Fault{Body: "apiVersion: v1\n"}, "no entries", "Helm repository"},
		{"cut in the middle", fake.Fault{Body: "apiVersion: v1\nentries:\n  redis:\n  - version: \"1.0"}, "not the YAML", "Helm repository"},
		{"cut body", fake.Fault{Truncate: 60}, "ends too early", "later"},
		{"alias bomb", fake.Fault{Body: bomb}, "not the YAML", "Helm repository"},
		{"stall", fake.Fault{Stall: true}, "no answer within", "network"},
		{"429", fake.Fault{Status: 429, Header: http.Header{"Retry-After": {"3600"}}}, "asks to wait 3600 s", "asks to wait"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			faults, _, client := start(t, fake.NewHelm(map[string][]string{"redis": {"1.0.0"}}))
			faults.Set("/", tt.fault)
			_, err := client.List(t.Context(), chart(t, "https://charts.example", "redis"))
			var with interface{ Advice() string }
			if !errors.As(err, &with) || !strings.Contains(err.Error(), tt.want) || !strings.Contains(with.Advice(), tt.advice) {
				t.Errorf("error is %v, want %q", err, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), "hunter22") {
				t.Errorf("the error holds the answer: %v", err)
			}
		})
	}
}

func TestReadIndexLayouts(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, index string }{
		{"Helm's own", "apiVersion: v1\nentries:\n  redis:\n  - version: 1.0.0\n    name: redis\n  - version: 2.0.0\ngenerated: \"x\"\n"},
		{"indented sequence", "entries:\n    redis:\n        - version: 1.0.0\n        - version: 2.0.0\n"},
		{"sequence below its key", "entries:\n  redis:\n    - version: 1.0.0\n    - version: 2.0.0\n"},
		{"block text", "entries:\n  redis:\n  - description: |\n      entries:\n\n        - version: 9.9.9\n    version: 1.0.0\n  - version: 2.0.0\n"},
		{"text over lines", "entries:\n  redis:\n  - description: \"one\n\n      version: 9.9.9\"\n    version: 1.0.0\n  - version: '2.0.0'\n"},
		{"JSON", `{"apiVersion":"v1","entries":{"redis":[{"version":"1.0.0"},{"version":"2.0.0"}]}}`},
		{"CRLF", "apiVersion: v1\r\nentries:\r\n  redis:\r\n  - version: 1.0.0\r\n  - version: 2.0.0\r\n"},
		{"flow", "entries:\n  redis: [{version: 1.0.0}, {version: 2.0.0}]\n"},
		{"anchors across charts", "entries:\n  a:\n  - version: &v 1.0.0\n  redis:\n  - version: *v\n  - version: 2.0.0\n"},
		{"document marker", "---\nentries:\n  redis:\n  - version: 1.0.0\n  - version: 2.0.0\n"},
		{"comments", "# generated\nentries:\n  # charts\n  redis:\n  - version: 1.0.0 # first\n  - version: 2.0.0\n"},
		{"quoted chart", "entries:\n  \"redis\":\n  - version: 1.0.0\n  - version: 2.0.0\n"},
		{"null chart", "entries:\n  empty:\n  redis:\n  - version: 1.0.0\n  - version: 2.0.0\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			index, err := helm.ReadIndex(strings.NewReader(tt.index))
			if err != nil {
				t.Fatal(err)
			}
			got, err := index.Listing("redis")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{"1.0.0", "2.0.0"}, tagsOf(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func BenchmarkReadIndex(b *testing.B) {
	data := largeIndex(20_000)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := helm.ReadIndex(strings.NewReader(data)); err != nil {
			b.Fatal(err)
		}
	}
}

// largeIndex is an index with so many versions, spread over 100 charts.
func largeIndex(versions int) string {
	var s strings.Builder
	s.WriteString("apiVersion: v1\nentries:\n")
	for c := range 100 {
		fmt.Fprintf(&s, "  chart-%d:\n", c)
		for v := range versions / 100 {
			fmt.Fprintf(&s, "  - apiVersion: v2\n    appVersion: %d.0.0\n    created: \"2026-01-02T03:04:05Z\"\n    description: A chart of many\n    digest: 8d3c1b\n    name: chart-%[2]d\n    urls:\n    - https://charts.example/chart-%[2]d-1.%[1]d.0.tgz\n    version: 1.%[1]d.0\n", v, c)
		}
	}
	s.WriteString("generated: \"2026-01-02T03:04:05Z\"\n")
	return s.String()
}
