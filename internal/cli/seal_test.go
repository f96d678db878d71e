package cli_test

import (
	"strings"
	"testing"
	"time"

	"github.com/pawl-cd/pawl/internal/fake/github"
)

const (
	sealedConfig = "merge: {require: none}\npolicy: {age: 3h}\nledger: {ref: refs/heads/pawl-ledger, key: LEDGER_KEY}\n"
	ledgerKey    = "0d9f-canary-of-the-ledger"
)

// sealed runs a command with the ledger's key.
func (s *stage) sealed(want int, args ...string) string {
	s.Helper()
	code, out, errs := s.pawl(map[string]string{"LEDGER_KEY": ledgerKey}, args...)
	if code != want || strings.Contains(out+errs, ledgerKey) {
		s.Fatalf("pawl %s: exit code %d, want %d: %s%s", strings.Join(args, " "), code, want, out, errs)
	}
	return out + errs
}

// overwrite replaces a file of the ledger, as anybody may who may push, and puts the ledger back to an older commit when it has no name.
func (s *stage) overwrite(name, old, new string) {
	s.Helper()
	data, there := s.repo.File("pawl-ledger", name)
	if !there || !strings.Contains(string(data), old) {
		s.Fatalf("%s of the ledger holds no %q: %s", name, old, data)
	}
	_, err := s.repo.Push("pawl-ledger", "mallory", map[string][]byte{name: []byte(strings.Replace(string(data), old, new, 1))}, "Update the ledger")
	s.must(nil, err)
}

// TestSealedLedger forges sightings and lifts in a ledger that has a key: nothing comes earlier and nothing comes back because of it.
func TestSealedLedger(t *testing.T) {
	t.Parallel()
	s := newStage(t, github.Settings{}, sealedConfig)
	s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
	s.sealed(0, "run")
	s.overwrite("seen.json", "2026-03-01T12:00:00Z", "2025-03-01T12:00:00Z")
	s.pass(time.Hour)
	if s.sealed(0, "run"); s.value("a") != "v1.0.0" {
		t.Errorf("a forged sighting counts: a is %s", s.value("a"))
	}
	s.pass(2 * time.Hour)
	if s.sealed(0, "run"); s.value("a") != "v1.1.0" {
		t.Errorf("the true sighting does not count: a is %s", s.value("a"))
	}

	s.sealed(0, "quarantine", "org/a:v1.1.0", "--reason", "broken")
	s.overwrite("levers.json", `"kind": "quarantine"`, `"kind": "nothing"`)
	if s.sealed(0, "run"); s.value("a") != "v1.0.0" {
		t.Errorf("a forged lift counts: a is %s", s.value("a"))
	}
	s.says(s.sealed(4, "run", "--fail-on", "x"), "", "want any or new")
	code, _, errs := s.pawl(nil, "run")
	if code != 4 || !strings.Contains(errs, "ledger.key: the variable LEDGER_KEY is not set") {
		t.Errorf("exit code %d: %s", code, errs)
	}
	code, _, errs = s.pawl(nil, "unquarantine", "org/a:v1.1.0")
	if code != 4 || !strings.Contains(errs, "brakes may be pulled without it, not lifted") {
		t.Errorf("exit code %d: %s", code, errs)
	}
	s.brake(0, "hold", "b", "--reason", "without the key") // tightens
	if v := standing(s.status(), "b"); v.State != "held" && v.State != "current" || len(s.status().Brakes) < 2 {
		t.Errorf("%+v", s.status().Brakes)
	}
	s.sealed(0, "unquarantine", "org/a:v1.1.0")
	s.sealed(0, "run")
	s.pass(4 * time.Hour)
	if s.sealed(0, "run"); s.value("a") != "v1.1.0" {
		t.Errorf("lifted with the key: a is %s", s.value("a"))
	}
}

// TestSealNeverGoesBack brings an older ledger back whose seal is right: nothing is merged until a person accepts it.
func TestSealNeverGoesBack(t *testing.T) {
	t.Parallel()
	s := newStage(t, github.Settings{}, strings.Replace(sealedConfig, "policy: {age: 3h}\n", "", 1))
	s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
	s.registry.SetTags("org/b", "v1.0.0", "v1.1.0")
	s.sealed(0, "run")
	s.sealed(0, "hold", "c", "--reason", "x")
	old := s.repo.Head("pawl-ledger")
	s.sealed(0, "quarantine", "org/a:v1.1.0", "--reason", "broken")
	s.sealed(0, "run")
	if s.value("a") != "v1.0.0" {
		t.Fatalf("a is %s", s.value("a"))
	}
	s.must(nil, s.repo.SetBranch("pawl-ledger", old))
	s.registry.SetTags("org/b", "v1.0.0", "v1.1.0", "v1.2.0")
	s.says(s.sealed(3, "run"), "", "ledger-lost: the ledger's seal is number 1, and changes were merged under number 2", "somebody brought an older ledger back")
	if s.value("a") != "v1.0.0" || s.value("b") != "v1.1.0" {
		t.Errorf("a %s, b %s", s.value("a"), s.value("b"))
	}
	s.says(s.sealed(0, "ledger", "accept", "--dry-run"), "ledger: would be sealed anew as it is, above number 2")
	s.says(s.sealed(0, "ledger", "accept"), "ledger: sealed anew as it is, above number 2")
	if s.sealed(0, "run"); s.value("b") != "v1.2.0" {
		t.Errorf("after it was accepted b is %s", s.value("b"))
	}
}

// TestValidateNamesWhoIsTrusted says on whom ages rest, where nothing else does.
func TestValidateNamesWhoIsTrusted(t *testing.T) {
	t.Parallel()
	for config, warned := range map[string]bool{
		"policy: {age: 3h}\n": true, "policies: [{match: org/a, age: 3h}]\n": true, "policies: [{match: org/z, age: 3h}]\n": false, "policy: {age: 0}\n": false,
		"policy: {age: 3h}\nledger: {key: K}\n": false, "policy: {age: 3h}\nledger: refs/heads/pawl-ledger\n": false, "policy: {age: 3h}\nledger: {ref: refs/x/y}\n": true,
	} {
		s := newStage(t, github.Settings{}, config)
		code, out, errs := s.pawl(nil, "validate")
		if said := strings.Contains(out+errs, "is as good as everybody who may push"); code != 0 || said != warned {
			t.Errorf("%q: exit code %d: %s%s", config, code, out, errs)
		}
	}
}

// TestSealOfWhatARunHeard shows that a change is merged under the number of the ledger that asked for it: the ledger from before, which lacks
// the quarantine, is an older one.
func TestSealOfWhatARunHeard(t *testing.T) {
	t.Parallel()
	config := strings.Replace(sealedConfig, "policy: {age: 3h}\n", "", 1) + "events: {source: 'https://github.com/acme/profile', accept: ['https://ci.example'], key: EVENTS_KEY}\n"
	s := newStage(t, github.Settings{}, config)
	s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
	s.sealed(0, "run")
	s.sealed(0, "hold", "c", "--reason", "x")
	old := s.repo.Head("pawl-ledger")
	raw := barringEvent(badTag, `{"reason":"CVE-2026-1"}`)
	if code, _, errs := s.receive(raw, false, nil, "--signature", signatureOf(raw, eventsKey)); code != 0 || s.value("a") != "v1.0.0" {
		t.Fatalf("exit code %d, a is %s: %s", code, s.value("a"), errs)
	}
	s.must(nil, s.repo.SetBranch("pawl-ledger", old))
	s.says(s.sealed(3, "run"), "", "ledger-lost: the ledger's seal is number 1, and changes were merged under number 2")
	if s.value("a") != "v1.0.0" {
		t.Errorf("a is %s", s.value("a"))
	}
}
