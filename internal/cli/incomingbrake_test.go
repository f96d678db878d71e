package cli_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/pawl-cd/pawl/internal/event"
	"github.com/pawl-cd/pawl/internal/fake"
	"github.com/pawl-cd/pawl/internal/fake/github"
	"github.com/pawl-cd/pawl/internal/run"
)

const (
	eventsKey = "0d9f" + "canary-of-events"
	heeding   = "merge: {require: none}\nevents: {source: 'https://github.com/acme/profile', accept: ['https://ci.example'], key: EVENTS_KEY}\n"
	badTag    = "pkg:oci/a?repository_url=docker.io/org/a&tag=v1.1.0"
)

// signatureOf is what the sender puts beside an event.
func signatureOf(raw, key string) string {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(raw))
	return hex.EncodeToString(mac.Sum(nil))
}

// barringEvent is a quarantine that a scanner tells.
func barringEvent(subject, content string) string {
	return sent("0.5.1", "pawl-artifact.quarantined.0.1.0", subject, content)
}

// atBad is a profile whose a is at v1.1.0, merged by pawl.
func atBad(t *testing.T, config string) *stage {
	s := newStage(t, github.Settings{}, config)
	s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
	s.run(0)
	return s
}

// TestSignedQuarantine shows that an event whose bytes are signed does what the command does, in the run that it starts.
func TestSignedQuarantine(t *testing.T) {
	t.Parallel()
	raw := barringEvent(badTag, `{"reason":"CVE-2026-1","user":"scanner"}`)
	for name, c := range map[string]struct{ subject, prefix string }{
		"by tag": {badTag, ""}, "with sha256=": {badTag, "sha256="},
		"by digest": {"pkg:oci/a@" + fake.Digest("org/a", "v1.1.0") + "?repository_url=docker.io/org/a", ""},
		"as docker": {"pkg:docker/org/a@v1.1.0", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := atBad(t, heeding)
			raw := strings.Replace(raw, badTag, c.subject, 1)
			code, report, errs := s.receive(raw, false, nil, "--signature", c.prefix+signatureOf(raw, eventsKey))
			if code != 0 || s.value("a") != "v1.0.0" {
				t.Fatalf("exit code %d, a is %s: %s", code, s.value("a"), errs)
			}
			s.says(s.after(report), "v1.0.0 update quarantined", "CVE-2026-1 (scanner at "+sender+")")
			if b := s.status().Brakes; len(b) != 1 || b[0].By != "scanner at "+sender {
				t.Errorf("the brakes are %+v", b)
			}
			if message := s.repo.Log("refs/pawl/ledger"); !strings.Contains(message[len(message)-1].Message+message[0].Message+allMessages(s), "quarantine pkg:oci/a") {
				t.Error("the history of the ledger does not tell it")
			}
			if _, related := links(t, report, event.ChangeCreated, "CAUSED_BY"); related != "271069a8" {
				t.Errorf("the change is caused by %q", related)
			}
			var created string
			for _, e := range toldOf(t, report, event.ChangeCreated) {
				created += e
			}
			if !strings.Contains(created, "ROLLBACK_OF") {
				t.Errorf("the change takes nothing back: %s", created)
			}
			if out := toldOf(t, report, event.ArtifactExcluded); len(out) != 1 || !strings.Contains(out[0], "CVE-2026-1") || !strings.Contains(out[0], "271069a8") {
				t.Errorf("what is barred is told as %v", out)
			}
		})
	}
}

// toldOf are the events of a type that a run told.
func toldOf(t *testing.T, report run.Report, name string) []string {
	t.Helper()
	var all []string
	for _, e := range report.Events {
		var text bytes.Buffer
		if err := json.Compact(&text, e); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(text.String(), name+".") {
			all = append(all, text.String())
		}
	}
	return all
}

func allMessages(s *stage) string {
	var all []string
	for _, c := range s.repo.Log("refs/pawl/ledger") {
		all = append(all, c.Message)
	}
	return strings.Join(all, "\n")
}

// TestUnsignedQuarantine shows that an event without a signature, or an old one, bars the version and moves nothing.
func TestUnsignedQuarantine(t *testing.T) {
	t.Parallel()
	raw := barringEvent(badTag, `{"reason":"CVE-2026-1"}`)
	t.Run("not taken", func(t *testing.T) {
		t.Parallel()
		s := newStage(t, github.Settings{}, heeding)
		s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
		code, report, errs := s.receive(raw, false, nil)
		s.says(s.after(report), "v1.0.0 held quarantined v1.1.0 is quarantined: CVE-2026-1")
		if s.says(errs, "", "its bytes are not signed: the version is barred, and no value is moved"); code != 0 {
			t.Errorf("exit code %d", code)
		}
		s.says(s.judged(), "v1.0.0 held quarantined") // later runs know it too
		s.brake(0, "unquarantine", "org/a:v1.1.0")
		s.says(s.judged(), "v1.1.0 update")
	})
	t.Run("not left", func(t *testing.T) {
		t.Parallel()
		s := atBad(t, heeding)
		_, report, _ := s.receive(raw, false, nil)
		s.says(s.after(report), "v1.1.0 held quarantined v1.1.0 is quarantined: CVE-2026-1", "v1.1.0 stays")
		s.registry.SetTags("org/a", "v1.0.0", "v1.1.0", "v1.2.0")
		s.says(s.judged(), "v1.2.0 update newest-match")
	})
	t.Run("old", func(t *testing.T) {
		t.Parallel()
		s := atBad(t, heeding)
		s.pass(48 * time.Hour)
		_, report, errs := s.receive(raw, false, nil, "--signature", signatureOf(raw, eventsKey))
		s.says(s.after(report), "v1.1.0 held quarantined")
		s.says(errs, "", "which is not lately")
	})
	t.Run("a person's word stays", func(t *testing.T) {
		t.Parallel()
		s := atBad(t, heeding)
		s.brake(0, "quarantine", "org/a:v1.1.0", "--reason", "mine")
		_, report, _ := s.receive(raw, false, nil)
		s.says(s.after(report), "v1.0.0 update quarantined", "mine (pawl-bot)")
	})
	t.Run("until", func(t *testing.T) {
		t.Parallel()
		s := newStage(t, github.Settings{}, heeding)
		s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
		s.receive(barringEvent(badTag, `{"reason":"x","until":"2026-03-01T13:00:00Z"}`), false, nil)
		s.pass(2 * time.Hour)
		s.says(s.judged(), "v1.1.0 update")
	})
}

// TestWrongSignature ends the run before it does anything.
func TestWrongSignature(t *testing.T) {
	t.Parallel()
	raw := barringEvent(badTag, `{"reason":"CVE-2026-1"}`)
	for name, c := range map[string]struct{ config, signature, want string }{
		"another key":    {heeding, signatureOf(raw, "other"), "error: --signature: it is not that of this event"},
		"another event":  {heeding, signatureOf(raw+" ", eventsKey), "error: --signature: it is not that of this event"},
		"no hex":         {heeding, "zz", "error: --signature: it is not that of this event"},
		"no key":         {listening, signatureOf(raw, eventsKey), "error: --signature: events.key is not set"},
		"an unset key":   {strings.Replace(heeding, "EVENTS_KEY", "ABSENT_KEY", 1), signatureOf(raw, eventsKey), "error: --signature: the variable ABSENT_KEY is not set"},
		"until no time":  {heeding, "-", "error: --event: reading the incoming event: subject.content.until is no time"},
		"without reason": {heeding, "-", "a quarantine has one"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := atBad(t, c.config)
			text, args := raw, []string{"--signature", c.signature}
			if c.signature == "-" {
				text, args = barringEvent(badTag, map[string]string{"until no time": `{"reason":"x","until":"soon"}`, "without reason": `{}`}[name]), nil
			}
			writes := s.github.Writes()
			code, _, errs := s.receive(text, false, nil, args...)
			if code != 4 || !strings.Contains(errs, c.want) || s.github.Writes() != writes || strings.Contains(errs, eventsKey) {
				t.Errorf("exit code %d, %d writes: %s", code, s.github.Writes()-writes, errs)
			}
		})
	}
}

// TestWithdrawn shows what becomes of a value whose version was deleted: the registry has the last word, policy.withdrawn the next.
func TestWithdrawn(t *testing.T) {
	t.Parallel()
	raw := sent("0.5.1", "artifact.deleted.0.2.0", badTag, "{}")
	for name, c := range map[string]struct{ config, tags, want string }{
		"replace":              {heeding + "policy: {withdrawn: replace}\n", "v1.0.0", "v1.0.0 update quarantined"},
		"replace, a newer one": {heeding + "policy: {withdrawn: replace}\n", "v1.0.0 v1.2.0", "v1.2.0 update quarantined"},
		"still there":          {heeding + "policy: {withdrawn: replace}\n", "v1.0.0 v1.1.0", "v1.1.0"},
		"hold":                 {heeding, "v1.0.0", "v1.1.0 held"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := atBad(t, c.config)
			s.registry.SetTags("org/a", strings.Fields(c.tags)...)
			code, report, errs := s.receive(raw, false, nil)
			if s.says(s.after(report), c.want); code != 0 {
				t.Errorf("exit code %d: %s", code, errs)
			}
			if b := s.status().Brakes; len(b) != 1 || b[0].Kind != "withdrawn" || b[0].Until.IsZero() {
				t.Errorf("the brakes are %+v", b)
			}
			if c.want == "v1.0.0 update quarantined" {
				s.says(s.after(report), "", "v1.1.0 is withdrawn: deleted")
			}
		})
	}
	t.Run("nobody told", func(t *testing.T) {
		t.Parallel()
		s := atBad(t, heeding+"policy: {withdrawn: replace}\n")
		s.registry.SetTags("org/a", "v1.0.0")
		s.says(s.judged(), "v1.1.0 held")
	})
	t.Run("a later run", func(t *testing.T) {
		t.Parallel()
		s := atBad(t, heeding+"policy: {withdrawn: replace}\n")
		s.receive(raw, false, nil)
		s.registry.SetTags("org/a", "v1.0.0")
		s.says(s.judged(), "v1.0.0 update quarantined")
	})
}
