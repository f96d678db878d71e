package cli_test

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pawl-cd/pawl/internal/cli"
	"github.com/pawl-cd/pawl/internal/redact"
)

// BenchmarkDoor tells which part of a run the removal of secrets is: everything that was printed and every version that was
// listed passes it once more, with the secrets of a large profile, and the time of
// that is held against the run's: as a person waits, and of the processor alone.
func BenchmarkDoor(b *testing.B) {
	var secrets []string
	for i := range 60 {
		secrets = append(secrets, fmt.Sprintf("glptt-%032x", i*7919))
	}
	for _, c := range []struct {
		name    string
		profile func(testing.TB) (string, benchWorld)
		latency time.Duration
	}{{"60/50ms", ownProfile, 50 * time.Millisecond}, {"6000/0ms", largeProfile(6000, 3300), 0}} {
		b.Run(c.name, func(b *testing.B) {
			root, w := c.profile(b)
			w.Latency = c.latency
			config := mirrored(b, serveApart(b, w))
			var run, door spent
			for b.Loop() {
				var out, errs strings.Builder
				start := stamped(b)
				code := cli.Run(b.Context(), []string{"plan", "--root", root, "--config", config, "-o", "json", "-v"}, cli.System{Out: &out, Err: &errs,
					Env: os.LookupEnv, Environ: func() []string {
						var all []string
						for i, secret := range secrets {
							all = append(all, fmt.Sprintf("T%d_TOKEN=%s", i, secret))
						}
						return all
					}, Now: time.Now, Sleep: nil})
				run.add(b, start)
				if code != cli.OK {
					b.Fatalf("exit code %d: %.1000s", code, errs.String())
				}
				runtime.GC() // what the run left is not the door's
				start = stamped(b)
				r := redact.New(secrets...)
				for _, text := range []string{out.String(), errs.String()} {
					wr := r.Writer(&strings.Builder{})
					for line := range strings.Lines(text) {
						_, _ = wr.Write([]byte(line))
					}
				}
				for _, tags := range w.Images {
					if r.Holds(strings.Join(tags, "\n")) {
						b.Fatal(tags)
					}
				}
				door.add(b, start)
			}
			b.ReportMetric(100*door.waited.Seconds()/run.waited.Seconds(), "%-of-run")
			b.ReportMetric(100*door.used.Seconds()/run.used.Seconds(), "%-of-processor")
		})
	}
}

// stamp is a time, and how much of the processors this process had used by then.
type stamp struct {
	at   time.Time
	used time.Duration
}

func stamped(b *testing.B) stamp {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return stamp{time.Now(), time.Duration(u.Utime.Nano() + u.Stime.Nano())}
}

// spent is how long something took.
type spent struct{ waited, used time.Duration }

func (s *spent) add(b *testing.B, since stamp) {
	b.Helper()
	m := stamped(b)
	s.waited += m.at.Sub(since.at)
	s.used += m.used - since.used
}
