package cli_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pawl-cd/pawl/internal/fake/github"
	"github.com/pawl-cd/pawl/internal/ledger"
	"github.com/pawl-cd/pawl/internal/policy"
)

// gateModel is a history of one value with verdicts that flip, versions that are withdrawn, forged ledgers, and, where it is slow, pull
// requests whose checks end long after the run, at a GitHub that could merge them when nobody looks.
type gateModel struct {
	*stage
	random *rand.Rand
	slow   bool
	tags   []string
	// gone are the versions that the registry lost, told those of which an event said so, bad those that the scanner refuses now.
	gone, told, bad map[string]bool
	// barred are the quarantined ones; passed are those that a verdict let through for a run that went on.
	barred, passed map[string]bool
	ever           []string
	trail          []string
	// waits says that the checks of a pull request have not ended yet.
	waits bool
	// said is what the last run printed.
	said string
}

func (m *gateModel) say(format string, args ...any) {
	m.trail = append(m.trail, fmt.Sprintf(format, args...))
}

func (m *gateModel) fail(format string, args ...any) {
	m.Helper()
	m.Fatalf("%s\n%s", fmt.Sprintf(format, args...), strings.Join(m.trail, "\n"))
}

// there are the versions that the registry lists.
func (m *gateModel) there() []string {
	return slices.DeleteFunc(slices.Clone(m.tags), func(tag string) bool { return m.gone[tag] })
}

func (m *gateModel) publish() { m.registry.SetTags("org/a", m.there()...) }

func (m *gateModel) act() {
	pick := func() string { return m.tags[m.random.IntN(len(m.tags))] }
	switch m.random.IntN(10) {
	case 0, 1, 2:
		m.tags = append(m.tags, fmt.Sprintf("v1.%d.0", len(m.tags)))
		m.publish()
		m.say("published %s", m.tags[len(m.tags)-1])
	case 3, 4:
		tag := pick()
		m.bad[tag] = !m.bad[tag]
		m.say("the scanner refuses %s: %t", tag, m.bad[tag])
	case 5:
		if tag := pick(); tag != "v1.0.0" {
			m.gone[tag] = !m.gone[tag]
			m.publish()
			m.say("%s is gone: %t", tag, m.gone[tag])
		}
	case 6:
		tag := pick()
		m.told[tag] = true
		raw := sent("0.5.1", "artifact.deleted.0.2.0", "pkg:oci/a?repository_url=docker.io/org/a&tag="+tag, "{}")
		m.say("told that %s is deleted", tag)
		m.holds(func() { m.receive(raw, false, nil, "--verdicts", m.verdicts()) })
	case 7, 8:
		if tag := pick(); m.barred[tag] {
			m.sealed(0, "unquarantine", "org/a:"+tag, "--no-run")
			delete(m.barred, tag)
			delete(m.told, tag) // lifts what events said too
			m.say("lifted the quarantine of %s", tag)
		} else {
			m.barred[tag] = true
			m.say("quarantined %s", tag)
			m.holds(func() { m.sealed(0, "quarantine", "org/a:"+tag, "--reason", "x", "--no-run") })
		}
	case 9:
		m.forge()
	}
}

// forge writes into the ledger what would loosen, without its key.
func (m *gateModel) forge() {
	data, there := m.repo.File("pawl-ledger", "levers.json")
	if !there {
		return
	}
	text := strings.ReplaceAll(string(data), `"kind": "quarantine"`, `"kind": "nothing"`)
	files := map[string][]byte{"levers.json": []byte(text), "verdicts.json": []byte(`{"schema":"` + ledger.BrakeSchema + `","verdicts":[]}`)}
	_, err := m.repo.Push("pawl-ledger", "mallory", files, "Update the ledger")
	m.must(nil, err)
	m.say("somebody took all quarantines and denials out of the ledger")
}

// holds has something happen, lets GitHub merge what it may, and holds what became of the value against the model.
func (m *gateModel) holds(happen func()) {
	m.Helper()
	before := m.value("a")
	happen()
	if m.slow && !m.waits {
		m.pass(10 * time.Minute)
		m.github.Tick()
	}
	now := m.value("a")
	leaves := m.barred[now] || m.gone[now] && m.told[now] // a way down asks no gate
	for _, p := range m.repo.Pulls() {
		if (p.AutoMerge || p.Queued) && !leaves {
			m.fail("what a gate let pass for one run is left to GitHub")
		}
	}
	if now == before {
		return
	}
	m.say("%s -> %s", before, now)
	down := policy.Compare(now, before) < 0
	left := m.barred[before] || m.gone[before] && m.told[before]
	switch {
	case m.barred[now]:
		m.fail("a quarantined version is on the base")
	case down && !left:
		m.fail("it went down, and nobody asked for it")
	case down && !slices.Contains(m.ever, now):
		m.fail("it went down to what was never here")
	case !down && !m.passed[now]:
		m.fail("no gate let %s pass", now)
	case m.gone[now] && !(m.slow && down):
		m.fail("%s cannot be pulled", now)
	}
	m.ever = append(m.ever, now)
}

// play judges and runs.
func (m *gateModel) play() {
	m.Helper()
	var bad []string
	for tag, refused := range m.bad {
		if refused {
			bad = append(bad, "docker.io/org/a:"+tag+"@")
		}
	}
	m.local("bad", strings.Join(append(bad, "nothing@"), "\n")+"\n")
	_, shown, _ := m.pawl(map[string]string{"LEDGER_KEY": ledgerKey}, "ledger", "show", "--file", filepath.Join(m.root, "ledger.json"))
	m.local("values.yaml", string(m.base()))
	code, out, errs := m.pawl(map[string]string{"MERGE_TOKEN": "-", "PATH": os.Getenv("PATH")}, "gates", "--verdicts", m.verdicts(), "--ledger", filepath.Join(m.root, "ledger.json"))
	if code != 0 && code != 3 {
		m.fail("pawl gates: exit code %d: %s%s%s", code, shown, out, errs)
	}
	m.say("gates: %s", out)
	m.passed = map[string]bool{}
	for _, tag := range m.tags {
		m.passed[tag] = !m.bad[tag]
	}
	before := m.value("a")
	m.waits = m.slow && m.random.IntN(2) == 0
	defer func() { m.waits = false }()
	m.say("run at %s, merged later: %t", before, m.waits)
	run := func() {
		code, out, errs := m.pawl(map[string]string{"LEDGER_KEY": ledgerKey}, "run", "--verdicts", m.verdicts())
		if m.said = out + errs; code != 0 && code != 3 {
			m.fail("pawl run: exit code %d: %s%s", code, out, errs)
		}
	}
	if m.holds(run); m.slow && !m.waits {
		m.holds(run) // its checks have ended by now
	}
	if m.waits || m.barred[m.value("a")] || m.barred[before] || m.gone[before] {
		return
	}
	looked := 0
	for _, tag := range slices.Backward(m.there()) { // what is best of the three highest
		if policy.Compare(tag, before) <= 0 || looked == 3 {
			break
		}
		if m.barred[tag] {
			continue
		}
		if looked++; !m.bad[tag] {
			if policy.Compare(m.value("a"), tag) < 0 && m.value("a") == before {
				m.fail("%s passes every gate and was not taken: %s", tag, m.said)
			}
			break
		}
	}
}

func (m *gateModel) base() []byte {
	data, _ := m.repo.File("main", "values.yaml")
	return data
}

// TestGatesModel plays random histories of publications, verdicts that flip, withdrawals, quarantines and forged ledgers, with merges at once
// and with merges that a later run makes, at a GitHub that would merge by itself. Only ways down are left to it; what is quarantined or was denied
// is not merged; nothing goes down
// but from what is quarantined or withdrawn, and then to what was here; what passes is taken; a ledger that somebody else wrote
// loosens nothing.
func TestGatesModel(t *testing.T) {
	t.Parallel()
	for seed := range brakeSeeds() {
		t.Run(strconv.Itoa(seed), func(t *testing.T) {
			t.Parallel()
			m := &gateModel{random: rand.New(rand.NewPCG(uint64(seed), 16)), slow: seed%2 == 1, tags: []string{"v1.0.0"}, ever: []string{"v1.0.0"},
				gone: map[string]bool{}, told: map[string]bool{}, bad: map[string]bool{}, barred: map[string]bool{}, passed: map[string]bool{}}
			settings, merge := github.Settings{}, "merge: {require: none}\n"
			if m.slow {
				settings, merge = checks(github.Check{Name: "ci", Conclusion: "success", After: 5 * time.Minute}), "merge: {wait: 0s}\n"
				settings.AutoMerge = true
			}
			m.stage = newStage(t, settings, merge+strings.NewReplacer(noChecks, "", "gates: [scan]}", "gates: [scan], withdrawn: replace}").Replace(gated)+"events: {source: 'https://github.com/acme/profile', accept: ['https://ci.example']}\nledger: {ref: refs/heads/pawl-ledger, key: LEDGER_KEY}\n", unchecked)
			if m.slow {
				m.repo.Protect("main", github.Protection{Checks: []string{"ci"}})
			}
			m.program(`if grep -qF "${1%@*}@" bad; then exit 2; fi`)
			m.local("verdicts.json", `{"schema":"pawl.verdicts/1","verdicts":[]}`)
			for range 25 {
				m.act()
				if m.random.IntN(2) == 0 {
					m.play()
				}
			}
		})
	}
}
