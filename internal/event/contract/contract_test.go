package contract_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/pawl-cd/pawl/internal/event/contract"
)

const published = `{"context":{"specversion":"0.5.1","id":"1","source":"https://ci.example","type":"dev.cdevents.artifact.published.0.3.0",` +
	`"timestamp":"2026-03-02T08:30:00Z"},"subject":{"id":"pkg:oci/a?tag=1","content":{"user":"ci"}}}`

const older = `{"context":{"version":"0.4.1","id":"1","source":"https://ci.example","type":"dev.cdevents.artifact.published.0.2.0",` +
	`"timestamp":"2026-03-02T08:30:00Z"},"subject":{"id":"pkg:oci/a?tag=1","type":"artifact","content":{}}}`

// ours is an event with a part of ours.
func ours(kind, content, pawl string) string {
	return `{"context":{"specversion":"0.5.1","id":"1","source":"https://bot.example","type":"` + kind + `","timestamp":"2026-03-02T08:30:00Z"},` +
		`"subject":{"id":"o/p#1","content":` + content + `},"customData":` + pawl + `}`
}

func TestValidate(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, raw, want string }{
		{"published", published, ""},
		{"published in 0.4", older, ""},
		{"another tool's type", strings.Replace(published, "dev.cdevents.artifact.published", "dev.cdeventsx.tool-quota.exceeded", 1), ""},
		{"a standard type that means nothing here", strings.Replace(published, "artifact.published", "incident.reported", 1), ""},
		{"our own type of a version to come", strings.Replace(published, "dev.cdevents.artifact.published.0", "dev.cdeventsx.pawl-version.found.7", 1), ""},
		{"no JSON", `{`, "reading the event"},
		{"two values", published + published, "reading the event"},
		{"no object", `[]`, "/context/specversion"},
		{"empty", `{}`, "/context/specversion"},
		{"0.3", strings.Replace(older, "0.4.1", "0.3.0", 1), "/context/specversion"},
		{"0.4 without the subject's type", strings.Replace(older, `"type":"artifact",`, "", 1), "/subject: type is missing"},
		{"unknown key", strings.Replace(published, `"subject"`, `"extra":1,"subject"`, 1), `"extra" is not known`},
		{"wrong content", strings.Replace(published, `"user":"ci"`, `"user":1`, 1), "/subject/content/user: want [string]"},
		{"wrong type", strings.Replace(published, ".0.3.0", "", 1), "/context/type"},
		{"time", strings.Replace(published, "T08:30:00Z", "", 1), "/context/timestamp"},
		{"our part", ours("dev.cdevents.change.updated.0.3.0", `{}`, `{"pawl":{"headSha":"a","updates":[]}}`), ""},
		{"another tool's part", ours("dev.cdevents.change.updated.0.3.0", `{}`, `{"tool":1}`), ""},
		{"101 updates", ours("dev.cdevents.change.updated.0.3.0", `{}`, `{"pawl":{"headSha":"a","updates":[`+
			strings.Repeat(`{"manifest":"m","file":"f","key":"k","from":"1","to":"2"},`, 100)+`{"manifest":"m","file":"f","key":"k","from":"1","to":"2"}]}}`),
			"/customData/pawl/updates: more than 100 items"},
		{"a long reason", ours("dev.cdeventsx.pawl-artifact.quarantined.0.1.0", `{"reason":"`+strings.Repeat("x", 2001)+`"}`, `{}`), "longer than 2000"},
		{"both cases of a part", ours("dev.cdevents.pipelinerun.queued.0.3.0", `{}`, `{"pawl":{"step":"deploy","run":"1"}}`), "/customData/pawl"},
		{"too long", published + strings.Repeat(" ", contract.MaxSize), "longer than"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			err := contract.Validate([]byte(c.raw))
			switch {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("got %v, want %q", err, c.want)
			}
			var invalid *contract.InvalidError
			if errors.As(err, &invalid) && !strings.Contains(invalid.Advice(), "pawl events schema") {
				t.Errorf("advice %q", invalid.Advice())
			}
		})
	}
}

// TestProblemsAreBounded: an event may be wrong in many places and repeat long texts.
func TestProblemsAreBounded(t *testing.T) {
	t.Parallel()
	keys := ""
	for i := range 200 {
		keys += `"` + strings.Repeat(string(rune('a'+i%26)), 500+i) + `":1,`
	}
	err := contract.Validate([]byte(strings.Replace(published, `"content":{"user":"ci"}`, `"content":{`+keys+`"user":1}`, 1)))
	if err == nil || len(err.Error()) > 10_000 {
		t.Errorf("%d bytes", len(err.Error()))
	}
}

// FuzzValidate: whatever a file holds, the answer is short and nothing breaks.
func FuzzValidate(f *testing.F) {
	f.Add([]byte(published))
	f.Add([]byte(older))
	f.Add([]byte(strings.Replace(published, "dev.cdevents.artifact.published.0.3", "dev.cdeventsx.pawl-version.found.0.1", 1)))
	f.Add([]byte(strings.Replace(published, `"subject"`, `"customData":{"pawl":{"step":"run"}},"subject"`, 1)))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if err := contract.Validate(raw); err != nil && len(err.Error()) > 10_000 {
			t.Fatalf("%d bytes", len(err.Error()))
		}
	})
}
