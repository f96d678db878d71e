package helm_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pawl-cd/pawl/internal/httpx"
	"github.com/pawl-cd/pawl/internal/source"
	"github.com/pawl-cd/pawl/internal/source/helm"
)

// index writes an index of so many charts with so many versions each, as Helm lays it out: most versions plain, one in four
// with a text that only the YAML library reads. It is never held as a whole.
type index struct{ charts, versions int }

func (x index) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	out := bufio.NewWriter(w)
	defer out.Flush()
	_, _ = io.WriteString(out, "apiVersion: v1\nentries:\n")
	for c := range x.charts {
		fmt.Fprintf(out, "  chart-%d:\n", c)
		for v := range x.versions {
			description := "A chart of many"
			if v%4 == 1 {
				description = "'Ein Paket für: vieles'"
			}
			fmt.Fprintf(out, "  - apiVersion: v2\n    appVersion: %d.0.0\n    created: \"2026-01-02T03:04:05Z\"\n    description: %s\n    digest: 8d3c1b\n"+
				"    name: chart-%d\n    urls:\n    - https://charts.example/chart-%[3]d-1.%[1]d.0.tgz\n    version: 1.%[1]d.0\n", v, description, c)
		}
	}
	_, _ = io.WriteString(out, "generated: \"2026-01-02T03:04:05Z\"\n")
}

// read lists the last chart of an index over HTTP, and returns how many bytes the heap grew to meanwhile.
func (x index) read(t testing.TB) (peak uint64) {
	t.Helper()
	server := httptest.NewServer(x)
	defer server.Close()
	client := helm.New(helm.Config{HTTP: httpx.New(httpx.Config{Timeout: 5 * time.Minute})})
	q := source.Query{Kind: source.HelmChart, Host: "charts.example", Base: server.URL, Path: fmt.Sprintf("chart-%d", x.charts-1)}
	stop := watch(&peak)
	got, err := client.List(t.Context(), q)
	stop()
	if err != nil || len(got) != x.versions || got[len(got)-1].Tag != fmt.Sprintf("1.%d.0", x.versions-1) {
		t.Fatalf("%d versions, %v", len(got), err)
	}
	return peak
}

// watch notes the size of the heap until it is stopped, what is garbage included.
func watch(peak *uint64) (stop func()) {
	runtime.GC()
	var wg sync.WaitGroup
	done := make(chan struct{})
	wg.Go(func() {
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				*peak = max(*peak, m.HeapInuse+m.StackInuse)
			}
		}
	})
	return func() { close(done); wg.Wait() }
}

// sizes are indexes of about 6, 20 and 60 MB.
var sizes = []index{{100, 275}, {100, 920}, {100, 2750}}

// BenchmarkIndex fetches and reads large indexes; MB-peak is the most that the heap held at a time.
func BenchmarkIndex(b *testing.B) {
	for _, x := range append(sizes, index{80_000, 1}, index{260_000, 1}) {
		var size counting
		x.ServeHTTP(&size, nil)
		b.Run(fmt.Sprintf("%dMB-%dcharts", size.n>>20, x.charts), func(b *testing.B) {
			b.SetBytes(size.n)
			b.ReportAllocs()
			var peak uint64
			for b.Loop() {
				peak = max(peak, x.read(b))
			}
			b.ReportMetric(float64(peak)/1e6, "MB-peak")
		})
	}
}

// counting is an answer of which only the size is kept.
type counting struct{ n int64 }

func (c *counting) Header() http.Header { return http.Header{} }
func (c *counting) WriteHeader(int)     {}
func (c *counting) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	return len(p), nil
}

// TestAttackerLargeIndexTakesLittleMemory reads 60 MB, which took 2.6 GB. It runs alone, for nothing else may be on the heap.
func TestAttackerLargeIndexTakesLittleMemory(t *testing.T) {
	if peak := sizes[2].read(t); peak > 256e6 {
		t.Errorf("it took %d MB, want 256 at most", peak/1e6)
	}
}

// TestAttackerManyCharts reads indexes of many charts, in the layout that is read line by line, as JSON and in one that is
// left to the library: eight times the charts took sixty-four times as long.
func TestAttackerManyCharts(t *testing.T) {
	t.Parallel()
	for name, layout := range map[string]struct{ head, chart, between, tail string }{
		"lines":   {"entries:\n", "  chart-%d:\n  - version: 1.0.0\n", "", ""},
		"odd":     {"entries:\n", "  chart-%d:\n  - version: '1.0.0'\n", "", ""},
		"JSON":    {`{"entries":{`, `"chart-%d":[{"version":"1.0.0"}]`, ",", "}}"},
		"library": {"entries: {\n", "  chart-%d: [{version: 1.0.0}]", ",\n", "\n}\n"},
	} {
		t.Run(name, func(t *testing.T) {
			took := func(charts int) time.Duration {
				var text strings.Builder
				text.WriteString(layout.head)
				for i := range charts {
					if i > 0 {
						text.WriteString(layout.between)
					}
					fmt.Fprintf(&text, layout.chart, i)
				}
				text.WriteString(layout.tail)
				begin := time.Now()
				x, err := helm.ReadIndex(strings.NewReader(text.String()))
				if err != nil {
					t.Fatal(err)
				}
				if l, err := x.Listing(fmt.Sprintf("chart-%d", charts-1)); err != nil || len(l) != 1 {
					t.Fatal(l, err)
				}
				return time.Since(begin)
			}
			few, many := took(10_000), took(80_000)
			few = max(few, took(10_000)) // the machine may have become busy meanwhile
			if many > 30*few && many > 3*time.Second {
				t.Errorf("10,000 charts took %s, 80,000 %s", few, many)
			}
			t.Logf("10,000 charts took %s, 80,000 %s", few, many)
		})
	}
}
