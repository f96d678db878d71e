package registry_test

import (
	"fmt"
	"net/http/httptest"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/pawl-cd/pawl/internal/fake"
	"github.com/pawl-cd/pawl/internal/httpx"
	"github.com/pawl-cd/pawl/internal/source"
	"github.com/pawl-cd/pawl/internal/source/registry"
)

// BenchmarkList lists many repositories of 200 tags on one host that takes 50 ms to answer. "floor" is how often the
// time is that of ceil(requests / 16) answers one after the other.
func BenchmarkList(b *testing.B) {
	const latency = 50 * time.Millisecond
	for _, tt := range []struct {
		repositories int
		auth         fake.Auth
	}{{33, fake.NoAuth}, {33, fake.BearerAuth}, {3300, fake.NoAuth}} {
		b.Run(fmt.Sprintf("%d%s", tt.repositories, tt.auth), func(b *testing.B) {
			o := fake.RegistryOptions{Tags: map[string][]string{}, Auth: tt.auth}
			var queries []source.Query
			for i := range tt.repositories {
				o.Tags[fmt.Sprintf("org/app%d", i)] = numbered(200)
				queries = append(queries, source.Query{Kind: source.Image, Host: "docker.io", Path: fmt.Sprintf("org/app%d", i)})
			}
			faults := fake.WithFaults(fake.NewRegistry(o))
			faults.Set("/", fake.Fault{Latency: latency})
			server := httptest.NewServer(faults)
			defer server.Close()
			mirrors, err := source.ParseMirrors(map[string]string{"docker.io": server.URL})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			requests := 0
			for b.Loop() {
				client := httpx.New(httpx.Config{})
				listAll(b, registry.New(registry.Config{HTTP: client, Mirrors: mirrors, Keychain: keys{}}), queries)
				requests = client.Requests()["docker.io"]
			}
			b.ReportMetric(float64(requests), "requests")
			b.ReportMetric(float64(b.Elapsed()/time.Duration(b.N))/float64(time.Duration((requests+15)/16)*latency), "floor")
			var memory runtime.MemStats
			runtime.ReadMemStats(&memory)
			b.ReportMetric(float64(memory.Sys)/1e6, "MB-sys")
		})
	}
}

func listAll(b *testing.B, client *registry.Client, queries []source.Query) {
	var wg sync.WaitGroup
	for _, q := range queries {
		wg.Go(func() {
			if l, err := client.List(b.Context(), q); err != nil || len(l) != 200 {
				b.Errorf("%d tags, %v", len(l), err)
			}
		})
	}
	wg.Wait()
}
