package cli_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pawl-cd/pawl/internal/cli"
	"github.com/pawl-cd/pawl/internal/fake/github"
	"github.com/pawl-cd/pawl/internal/policy"
)

// brakeModel is what a history of one value must have come to: which versions exist, which are barred, and since when a run
// knows each of them.
type brakeModel struct {
	*stage
	random *rand.Rand
	age    time.Duration
	tags   []string
	// barred are the quarantined versions, seen when a run that planned first saw a version with its digest, ever what stood on the base.
	barred map[string]bool
	// A killed run may have seen it: maybe is the earliest that can be.
	seen, maybe map[string]time.Time
	ever        []string
	// held, back and paused say which lever is pulled; goal is the version that the rollback or the hold names.
	held, back, paused bool
	goal               string
	trail              []string
}

func (m *brakeModel) say(format string, args ...any) {
	m.trail = append(m.trail, fmt.Sprintf(format, args...))
}

func (m *brakeModel) fail(format string, args ...any) {
	m.Helper()
	m.Fatalf("%s\n%s", fmt.Sprintf(format, args...), strings.Join(m.trail, "\n"))
}

// act does one thing that people, publishers or the clock do.
func (m *brakeModel) act() {
	pick := func() string { return m.tags[m.random.IntN(len(m.tags))] }
	switch m.random.IntN(12) {
	case 0, 1, 2:
		m.tags = append(m.tags, fmt.Sprintf("v1.%d.0", len(m.tags)))
		m.registry.SetTags("org/a", m.tags...)
		m.say("published %s", m.tags[len(m.tags)-1])
	case 3:
		if tag := pick(); tag != m.value("a") {
			m.registry.Retag("org/a", tag)
			delete(m.seen, tag)
			delete(m.maybe, tag)
			m.say("pushed %s again", tag)
		}
	case 4, 5:
		tag := pick()
		m.brake(0, "quarantine", "org/a:"+tag, "--reason", "x")
		m.barred[tag] = true
		m.say("quarantined %s", tag)
	case 6:
		tag := pick()
		code := 0
		if len(m.barred) > 0 && !m.barred[tag] {
			code = cli.Usage // one of the others may be meant
		}
		m.brake(code, "unquarantine", "org/a:"+tag)
		delete(m.barred, tag)
		m.say("lifted the quarantine of %s", tag)
	case 7:
		if m.held = !m.held; m.held {
			m.brake(0, "hold", "a", "--reason", "x")
		} else {
			m.brake(0, "unhold", "a")
			m.back, m.goal = false, ""
		}
		m.say("hold %t", m.held)
	case 8:
		if !m.back {
			m.goal = m.ever[m.random.IntN(len(m.ever))]
			m.brake(0, "rollback", "a", "--reason", "x", "--to", m.goal)
			m.back = true
			m.say("rollback to %s", m.goal)
		} else {
			m.brake(0, "unhold", "a")
			m.held, m.back, m.goal = false, false, ""
			m.say("lifted the rollback")
		}
	case 9:
		if m.paused = !m.paused; m.paused {
			m.brake(0, "pause", "--reason", "x")
		} else {
			m.brake(0, "resume")
		}
		m.say("pause %t", m.paused)
	default:
		by := time.Duration(m.random.IntN(200)) * time.Minute
		if m.random.IntN(2) == 0 {
			by = m.age - time.Minute
		}
		m.pass(by)
		m.say("%s later", by)
	}
}

// run runs, now and then until it is killed, and holds what it did against the model.
func (m *brakeModel) play() {
	m.Helper()
	before, log, killed := m.value("a"), len(m.repo.Log("main")), m.random.IntN(4) == 0
	if killed {
		after := m.random.IntN(30)
		begun := len(m.github.Calls())
		m.github.Inject(github.Fault{Match: func(c github.Call) bool { return c.Number > begun+after }, Times: 1 << 20})
	}
	code, out, errs := m.pawl(nil, "run")
	m.github.Heal()
	now, at := m.value("a"), m.clock()
	m.say("run at %s: %s -> %s, exit code %d, killed %t", at.Format(time.TimeOnly), before, now, code, killed)
	if more := len(m.repo.Log("main")) - log; now != before && more != 1 || now == before && more != 0 {
		m.fail("%d commits", more)
	}
	down, named := policy.Compare(now, before) < 0, m.back && now == m.goal
	first, known := m.maybe[now]
	switch {
	case now == before:
	case m.paused:
		m.fail("it is paused")
	case m.barred[now]:
		m.fail("it wrote a quarantined version")
	case down && !m.barred[before] && !named:
		m.fail("it went down without a brake")
	case down && !slices.Contains(m.ever, now):
		m.fail("it went down to what was never here")
	case !down && !named && m.barred[before] == false && m.held:
		m.fail("it is held")
	case !down && !named && (!known || at.Before(first.Add(m.age))):
		m.fail("it took a version before its time: seen %s", first)
	}
	if killed {
		m.see(m.maybe, before, at)
		return // it may have recorded anything up to there
	}
	if code != 0 && code != cli.Partial {
		m.fail("exit code %d: %s%s", code, out, errs)
	}
	if m.barred[now] && !m.paused && code != cli.Partial {
		m.fail("it stays at a quarantined version and says nothing: %s", out)
	}
	below := func(tag string) bool { return !m.barred[tag] && policy.Compare(tag, now) < 0 }
	if m.barred[now] && !m.paused && slices.ContainsFunc(m.ever, below) {
		m.fail("it stays at a quarantined version, and %v were here", m.ever)
	}
	if now != before {
		m.ever = append(m.ever, now)
	}
	if m.paused {
		return
	}
	if !m.held && !m.back && !m.barred[now] && !m.barred[before] {
		for _, tag := range m.tags {
			if first, known := m.seen[tag]; known && !m.barred[tag] && !at.Before(first.Add(m.age)) && policy.Compare(tag, now) > 0 && m.near(tag, now) {
				m.fail("%s is old enough and was not taken", tag)
			}
		}
	}
	if !m.back && (!m.held || m.barred[before]) { // nobody looks up from what is rolled back
		m.see(m.maybe, before, at)
		m.see(m.seen, before, at)
	}
	for tag := range m.seen {
		if policy.Compare(tag, now) <= 0 {
			delete(m.seen, tag) // the value has passed it: should it come into question again, it starts anew
		}
	}
}

// see notes the versions that a run looks at: the three highest that compete above a value.
func (m *brakeModel) see(seen map[string]time.Time, value string, at time.Time) {
	looked := 0
	for _, tag := range slices.Backward(m.tags) {
		if policy.Compare(tag, value) <= 0 || looked == 3 {
			return
		}
		if m.barred[tag] {
			continue
		}
		looked++
		first, known := seen[tag]
		if !known {
			seen[tag] = at
		} else if !at.Before(first.Add(m.age)) {
			return // it was taken
		}
	}
}

// near reports that a version is among the three candidates that are looked at.
func (m *brakeModel) near(tag, value string) bool {
	above := 0
	for _, other := range m.tags {
		if !m.barred[other] && policy.Compare(other, tag) > 0 && policy.Compare(other, value) > 0 {
			above++
		}
	}
	return above < 3
}

// brakeSeeds is how many histories are played.
func brakeSeeds() int {
	if n, err := strconv.Atoi(os.Getenv("PAWL_SEEDS")); err == nil {
		return n
	}
	return 6
}

// TestBrakesModel plays random histories of publications, pushes over a tag, quarantines, holds, rollbacks, pauses, clocks and
// killed runs. No quarantined version is written; nothing goes down but by a brake, and then to what was here; nothing is taken before
// its age; what is old enough is taken; a pause is a pause; once every brake is lifted the newest version comes.
func TestBrakesModel(t *testing.T) {
	t.Parallel()
	for seed := range brakeSeeds() {
		t.Run(strconv.Itoa(seed), func(t *testing.T) {
			t.Parallel()
			m := &brakeModel{random: rand.New(rand.NewPCG(uint64(seed), 15)), age: 2 * time.Hour, tags: []string{"v1.0.0"}, ever: []string{"v1.0.0"},
				barred: map[string]bool{}, seen: map[string]time.Time{}, maybe: map[string]time.Time{}}
			m.stage = newStage(t, github.Settings{}, noChecks+"policy: {age: 2h}\n", unchecked)
			for range 25 {
				m.act()
				if m.random.IntN(2) == 0 {
					m.play()
				}
			}
			for tag := range m.barred {
				m.brake(0, "unquarantine", "org/a:"+tag)
			}
			m.pawl(nil, "unhold", "a")
			m.brake(0, "resume")
			m.run(0)
			m.pass(m.age)
			m.run(0)
			if newest := m.tags[len(m.tags)-1]; m.value("a") != newest {
				m.fail("every brake is lifted, and it is %s, not %s", m.value("a"), newest)
			}
		})
	}
}
