package ledger_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pawl-cd/pawl/internal/ledger"
)

// How the profile of the year lives: five runs a day that may find something, for at night nobody releases; of each
// image one release in ten days; three days of age.
const (
	dailyRuns   = 5
	yearlyRuns  = 365 * dailyRuns
	releaseOdds = 10 * 25 / 7
	yearlyAge   = 3 * 24 * time.Hour
	maxYearly   = 1 << 20
)

// service is one image of the profile: the release that stands in its file, and those above it with when each was seen.
type service struct {
	name, manifest string
	source         string
	at             int
	above          []int
	born           map[int]time.Time
	released       int
}

func (s *service) purl(v int) string { return "pkg:docker/acme/" + s.name + "@" + tagOf(v) }
func (s *service) place() ledger.Place {
	return ledger.Place{File: "apps/" + s.name + "/values.yaml", Key: "$.image.tag"}
}
func (s *service) asker() ledger.Asker {
	return ledger.Asker{Manifest: s.manifest, Digest: digestOf(s.manifest, 0)}
}
func tagOf(v int) string                 { return fmt.Sprintf("v1.%d.0", v) }
func digestOf(name string, v int) string { return fmt.Sprintf("sha256:%064x", len(name)*1000+v) }

// year lives through a year; each step uses the transitions that runs and commands use.
type year struct {
	r        *rand.Rand
	begin    time.Time
	now      time.Time
	services []*service
	l        ledger.Ledger
	pull     int
	lifts    map[time.Time][]ledger.Lever
	waiting  []ledger.Pending
}

func newYear(images int) *year {
	y := &year{r: rand.New(rand.NewPCG(1, uint64(images))), begin: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
		lifts: map[time.Time][]ledger.Lever{}}
	y.l, _ = ledger.DecodeSealed(nil, ledger.Key{Secret: []byte("a long random text"), Repository: "acme/profile"})
	for i := range images {
		name := fmt.Sprintf("service-%03d", i)
		s := &service{name: name, manifest: "apps/" + name, source: "docker.io/acme/" + name, born: map[int]time.Time{}}
		y.services = append(y.services, s)
	}
	return y
}

// working says that people work and release.
func (y *year) working() bool {
	return y.now.Weekday() != time.Saturday && y.now.Weekday() != time.Sunday
}

func (y *year) chance(of int) bool { return y.r.IntN(of) == 0 }

// run is one run of the profile; one that finds nothing new writes nothing.
func (y *year) run(n int) {
	y.now = y.begin.AddDate(0, 0, n/dailyRuns).Add(time.Duration(8+2*(n%dailyRuns)) * time.Hour)
	y.brakes()
	updates := y.plan()
	if len(updates) == 0 {
		return
	}
	y.propose(n, updates)
	if !y.chance(100) {
		y.merge(n, updates)
	}
	y.hand(n, len(updates))
}

// brakes pulls some and lifts those whose time has come; every third one ends by itself.
func (y *year) brakes() {
	for _, one := range y.lifts[y.now] {
		y.l = y.l.Lift(one.Kind, one.Subject)
	}
	for _, s := range y.services {
		what := y.r.IntN(300 * dailyRuns)
		if what > 2 {
			continue
		}
		one := ledger.Lever{Kind: ledger.Hold, Subject: s.manifest, Reason: "load test of the week", By: "alice", At: y.now,
			Base: sha(y.pull)}
		switch what { // each about once a year
		case 1:
			one.Kind, one.Subject, one.Reason = ledger.Quarantine, s.purl(s.at), "errors in production since noon"
		case 2:
			one.Kind, one.Subject, one.Reason = ledger.Withdrawn, s.purl(y.r.IntN(s.released+1)), "deleted"
		}
		end := y.now.Add(72 * time.Hour)
		if one.Kind == ledger.Withdrawn || y.chance(3) {
			one.Until = end
		} else {
			y.lifts[end] = append(y.lifts[end], one)
		}
		y.l = y.l.Hear(y.now, one)
	}
}

// plan sees what is new, has gates judge it, and returns the services that move.
func (y *year) plan() (updates []*service) {
	var seen []ledger.Sighting
	var denied []ledger.Denial
	news := false
	for _, s := range y.services {
		if y.working() && y.chance(releaseOdds) {
			news = true
			s.released++
			s.above, s.born[s.released] = append(s.above, s.released), y.now
		}
		for _, v := range s.above[max(0, len(s.above)-3):] {
			seen = append(seen, ledger.Sighting{Source: s.source, Tag: tagOf(v), Digest: digestOf(s.name, v), At: s.born[v]})
			if v%15 == 0 {
				denied = append(denied, ledger.Denial{Gate: "scan", Key: digestOf(s.name, v), Source: s.source, Tag: tagOf(v),
					Detail: strings.Repeat("CVE-2026-12345 critical openssl 3.0.1\n", 10), At: s.born[v]})
			}
		}
		if _, held := y.l.LeverOf(ledger.Hold, s.manifest, y.now); !held && y.next(s) > 0 {
			updates = append(updates, s)
		}
	}
	if !news && len(updates) == 0 {
		return nil
	}
	passed := y.passed()
	y.l = y.l.Sight(seen, passed).Deny(denied, func(ledger.Denial) bool { return false }, passed)
	return updates
}

// next is the release that a service may move to, 0 for none.
func (y *year) next(s *service) int {
	for _, v := range slices.Backward(s.above) {
		if v%15 != 0 && y.now.Sub(s.born[v]) >= yearlyAge {
			return v
		}
	}
	return 0
}

// passed says of a version what the plan's own function says.
func (y *year) passed() func(source, tag string) bool {
	at := map[string]int{}
	for _, s := range y.services {
		at[s.source] = s.at
	}
	return func(source, tag string) bool {
		v, err := strconv.Atoi(strings.TrimSuffix(strings.TrimPrefix(tag, "v1."), ".0"))
		return err == nil && v < at[source]
	}
}

// propose records the pull request; once in a month people close one.
func (y *year) propose(n int, updates []*service) {
	y.pull++
	y.l = y.l.Hold(y.held(updates))
	if y.chance(dailyRuns * 30) {
		var vetoes []ledger.Veto
		for _, s := range updates {
			no := ledger.Veto{Place: s.place(), Asker: s.asker(), Version: tagOf(y.next(s)), Pull: y.pull, At: y.now}
			vetoes = append(vetoes, no)
		}
		p := ledger.Pull{Number: y.pull, At: y.now, End: ledger.EndClosed, Files: []string{}}
		y.l = y.l.Veto(vetoes...).Settle(p)
		y.pull++
		y.l = y.l.Hold(y.held(updates))
	}
	y.l, _ = y.l.Report([]string{fmt.Sprintf("gate-missing of run %d", n)}, y.now)
}

func (y *year) held(updates []*service) ledger.Pull {
	p := ledger.Pull{Number: y.pull, Branch: "pawl/update", Head: sha(y.pull), Diff: digestOf("diff", y.pull), At: y.now}
	for _, s := range updates {
		p.Files = append(p.Files, s.place().File)
		p.Updates = append(p.Updates, ledger.PullUpdate{Place: s.place(), Manifest: s.manifest, Old: tagOf(s.at),
			New: tagOf(y.next(s)), Version: tagOf(y.next(s))})
	}
	return p
}

func sha(n int) string { return fmt.Sprintf("%040x", 0xabc000000+n) }

// merge writes the values, ends the pull request, and deploys to three projects.
func (y *year) merge(n int, updates []*service) {
	commit := sha(1_000_000 + n)
	end := y.held(updates)
	end.End, end.Commit, end.Updates = ledger.EndMerged, commit, nil
	var written []ledger.Value
	for _, s := range updates {
		s.at = y.next(s)
		s.above = slices.DeleteFunc(s.above, func(v int) bool { return v <= s.at })
		maps.DeleteFunc(s.born, func(v int, _ time.Time) bool { return v <= s.at })
		written = append(written, ledger.Value{Place: s.place(), Asker: s.asker(), Value: tagOf(s.at), Version: tagOf(s.at),
			Commit: commit, At: y.now})
	}
	y.l = y.l.Written(written...).Settle(end)
	one := ledger.Claim{Commit: commit, CommitURL: "https://github.com/acme/profile/commit/" + commit,
		Message: "chore: update " + updates[0].name + " and others", MergedAt: y.now, Pull: y.pull, Chain: chain(n),
		Server: "https://gitlab.example.com", Path: "platform/environments/deploy", Ref: "main", At: y.now,
		Run: fmt.Sprintf("acme/profile/%d/1", 7_000_000_000+n)}
	var fresh []ledger.Claim
	y.l, fresh, _ = y.l.Claim(one, "dev", "staging", "production")
	for i, c := range fresh {
		fresh[i] = y.answer(c, n)
	}
	y.l = y.l.Answer(fresh...).Compact(y.now, ledger.Limits{})
}

// answer is what GitLab says: one trigger of fifty is refused, and the next pipeline brings its commit.
func (y *year) answer(c ledger.Claim, n int) ledger.Claim {
	c.State, c.Queued, c.PipelineID = ledger.Accepted, y.now, int64(900_000+n)
	c.URL = fmt.Sprintf("https://gitlab.example.com/platform/environments/deploy/-/pipelines/%d", c.PipelineID)
	if y.chance(50) {
		c.State, c.PipelineID, c.URL, c.Detail = ledger.Refused, 0, "", "404 Not Found: Project"
		y.l = y.l.Cover(ledger.Claim{Commit: c.Commit, Project: c.Project, CoveredBy: sha(n + 1), At: y.now})
	}
	return c
}

func chain(n int) string { return fmt.Sprintf("%08x-0000-5000-8000-%012x", n, n) }

// hand gives the events to two receivers; for one day of sixty the second one is down.
func (y *year) hand(n, updates int) {
	settled := map[string]time.Time{}
	for i := range 4 + 2*updates {
		settled[chain(n*100+i)] = y.now
	}
	cursors := []ledger.Cursor{{Sink: "https://events.example/in", Settled: settled}}
	var done, waiting []ledger.Pending
	if n/dailyRuns%60 == 59 {
		for id := range settled {
			body := fmt.Sprintf(`{"id":%q,"type":"dev.cdevents.change.found.0.1.0","body":%q}`, id, strings.Repeat("x", 700))
			waiting = append(waiting, ledger.Pending{Sink: "audit", ID: id, Source: "github.com/acme/profile",
				Event: json.RawMessage(body)})
		}
	} else {
		done = y.waiting
		cursors = append(cursors, ledger.Cursor{Sink: "audit", Settled: settled})
	}
	y.l, _ = y.l.Advance(cursors...).Keep(done, waiting)
	y.waiting = y.l.Pending
}

// sizes are those of the ledger's files.
func sizes(t *testing.T, l ledger.Ledger) (total int, files map[string]int) {
	t.Helper()
	s, err := l.Encode()
	if err != nil {
		t.Fatal(err)
	}
	files = map[string]int{}
	for name, text := range s {
		files[name] = len(text)
		total += len(text)
	}
	return total, files
}

// TestLedgerOfAYear lives a year of profiles: what is never forgotten would show.
func TestLedgerOfAYear(t *testing.T) {
	t.Parallel()
	for _, images := range []int{30, 100, 300} {
		t.Run(fmt.Sprint(images), func(t *testing.T) {
			t.Parallel()
			y, most := newYear(images), 0
			var half, files map[string]int
			for n := range yearlyRuns {
				if y.run(n); n%100 != 99 {
					continue
				}
				size := 0
				size, files = sizes(t, y.l)
				if most = max(most, size); n < yearlyRuns/2 {
					half = files
				}
			}
			t.Logf("%d images: at most %d KiB; %v after half of the year, %v at its end", images, most>>10, half, files)
			if most >= maxYearly {
				t.Errorf("%d bytes", most)
			}
			for name, size := range files {
				if was := half[name]; size > 16<<10 && size > was+was/2 {
					t.Errorf("%s grows: %d bytes after half of the year, %d at its end", name, was, size)
				}
			}
		})
	}
}

// TestForgetting: the last pipelines of a project and what it was not brought outlive their age, and what a merge changed
// is kept for two weeks.
func TestForgetting(t *testing.T) {
	t.Parallel()
	day := func(n int) time.Time { return time.Date(2026, 1, 1+n, 0, 0, 0, 0, time.UTC) }
	var l ledger.Ledger
	for n := range 6 {
		one := ledger.Claim{Commit: sha(n), Project: "dev", State: ledger.Accepted, At: day(n)}
		owed := ledger.Claim{Commit: sha(n), Project: "off", State: ledger.Refused, At: day(10 * n)}
		merged := ledger.Pull{Number: n + 1, End: ledger.EndMerged, At: day(5 * n), Files: []string{"a"}, Diff: "d"}
		l = l.Answer(one, owed).Settle(merged)
	}
	l = l.Compact(day(100), ledger.Limits{})
	var kept []string
	for _, c := range l.Claims {
		kept = append(kept, c.Project+c.Commit[39:])
	}
	if want := []string{"off1", "off2", "dev3", "off3", "dev4", "off4", "dev5", "off5"}; !slices.Equal(kept, want) {
		t.Errorf("kept %v, want %v", kept, want)
	}
	for i, p := range l.Pulls {
		if told := i >= 3; told != (len(p.Files) > 0 && p.Diff != "") {
			t.Errorf("%+v", p)
		}
	}
}

// TestLapsedLevers: one that ended is kept for a month and goes without a word, by the time of who pulls another one: a
// lever that somebody dated forward ends no other.
func TestLapsedLevers(t *testing.T) {
	t.Parallel()
	day := func(n int) time.Time { return time.Date(2026, 1, 1+n, 0, 0, 0, 0, time.UTC) }
	hold := func(name string, at, until time.Time) ledger.Lever {
		return ledger.Lever{Kind: ledger.Hold, Subject: name, Reason: "test", At: at, Until: until}
	}
	lasting, long := hold("lasting", day(0), time.Time{}), hold("long", day(0), day(300))
	old := ledger.Ledger{}.Brake(hold("ended", day(0), day(1)), lasting, long)
	for n, want := range map[int]int{30: 4, 32: 4, 33: 3, 330: 3, 340: 2} {
		next := old.Brake(hold("new", day(n), time.Time{}))
		if said := old.Said(next); len(next.Levers) != want || strings.Contains(said, "lift") {
			t.Errorf("day %d: %d levers, said %q", n, len(next.Levers), said)
		}
	}
	forged := ledger.Ledger{Levers: slices.Insert(slices.Clone(old.Levers), 1, hold("forged", day(9000), time.Time{}))}
	if next := forged.Brake(hold("new", day(2), time.Time{})); len(next.Levers) != 5 {
		t.Errorf("%d levers", len(next.Levers))
	}
	if said := old.Said(old.Lift(ledger.Hold, "long")); said != "lift hold long" {
		t.Errorf("said %q", said)
	}
}
