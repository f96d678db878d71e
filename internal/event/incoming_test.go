package event_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/pawl-cd/pawl/internal/event"
	"github.com/pawl-cd/pawl/internal/source"
)

const ci = "https://ci.example/acme/ledger"

// sent is an event as another tool sends it.
func sent(kind, version, id, content string) string {
	spec, typed := `"specversion":"0.5.1"`, ""
	if version == "0.4.1" {
		spec, typed = `"version":"0.4.1"`, `"type":"artifact",`
	}
	return fmt.Sprintf(`{"context":{%s,"id":%q,"source":%q,"type":%q,"timestamp":"2026-03-02T08:30:00.5+01:00","chainId":%q},"subject":{%s"id":%q,"content":%s}}`,
		spec, incomingID, ci, kind, chain, typed, id, content)
}

const image = "pkg:oci/ledger@" + digest + "?repository_url=docker.io/acme/ledger&tag=v1.3.0"

func published(version string) string {
	return sent("dev.cdevents.artifact.published."+map[string]string{"0.4.1": "0.2.0", "0.5.1": "0.3.0"}[version], version, image, `{"user":"ci bot\n<b>"}`)
}

func wrap(t string, data string) string {
	return fmt.Sprintf(`{"specversion":"1.0","id":%q,"source":%q,"type":%q,"time":"2026-03-02T08:30:00Z","datacontenttype":"application/json",%s}`, incomingID, ci, t, data)
}

func TestParse(t *testing.T) {
	t.Parallel()
	want := event.Incoming{ID: incomingID, Source: ci, Chain: chain, Name: event.ArtifactPublished, At: time.Date(2026, 3, 2, 7, 30, 0, 5e8, time.UTC),
		Artifact: source.ImageArtifact("docker.io/acme/ledger", "v1.3.0", digest), Image: "docker.io/acme/ledger", Tag: "v1.3.0", User: "ci bot <b>"}
	v5 := published("0.5.1")
	for name, raw := range map[string]string{
		"0.5.1":            v5,
		"0.4.1":            published("0.4.1"),
		"structured":       wrap("dev.cdevents.artifact.published.0.3.0", `"data":`+v5),
		"structured 0.4.1": wrap("dev.cdevents.artifact.published.0.2.0", `"data":`+published("0.4.1")),
		"base64":           wrap("dev.cdevents.artifact.published.0.3.0", `"data_base64":"`+base64.StdEncoding.EncodeToString([]byte(v5))+`"`),
		"spaces":           " \n" + v5 + "\n",
		"0.5.0":            strings.Replace(v5, "0.5.1", "0.5.0", 1),
	} {
		got, err := event.Parse([]byte(raw), []string{"https://other.example", "https://ci.example"}, about().Source)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v %s", name, err, diff)
		}
	}
}

func TestParseKinds(t *testing.T) {
	t.Parallel()
	helm := "pkg:helm/redis@1.0.0?repository_url=https:%2F%2Fcharts.example"
	for _, c := range []struct {
		name, raw string
		check     func(in event.Incoming) bool
	}{
		{"deleted", sent("dev.cdevents.artifact.deleted.0.2.0", "0.5.1", image, `{"user":"me"}`),
			func(in event.Incoming) bool {
				return in.Name == event.ArtifactDeleted && in.User == "me" && in.Image == "" && in.Artifact.Tag == "v1.3.0"
			}},
		{"deleted in 0.4.1", sent("dev.cdevents.artifact.deleted.0.1.0", "0.4.1", image, `{}`),
			func(in event.Incoming) bool { return in.Name == event.ArtifactDeleted && in.Ignored == "" }},
		{"quarantined", sent("dev.cdeventsx.pawl-artifact.quarantined.0.1.0", "0.5.1", image, `{"reason":"CVE\u0000\n 1"}`),
			func(in event.Incoming) bool { return in.Name == event.ArtifactQuarantined && in.Reason == "CVE 1" }},
		{"a chart is no image", sent("dev.cdevents.artifact.published.0.3.0", "0.5.1", helm, `{}`),
			func(in event.Incoming) bool { return in.Image == "" && in.Tag == "" && in.Artifact.Version == "1.0.0" }},
		{"registry only", sent("dev.cdevents.artifact.published.0.3.0", "0.5.1", "pkg:oci/ledger?repository_url=ghcr.io/acme&tag=1", `{}`),
			func(in event.Incoming) bool { return in.Image == "ghcr.io/acme/ledger" && in.Tag == "1" }},
		{"no repository", sent("dev.cdevents.artifact.published.0.3.0", "0.5.1", "pkg:oci/ledger?tag=1", `{}`),
			func(in event.Incoming) bool { return in.Image == "" && in.Tag == "" }},
		{"the type docker", sent("dev.cdevents.artifact.published.0.3.0", "0.5.1", "pkg:docker/acme/ledger@v1-X", `{}`),
			func(in event.Incoming) bool { return in.Image == "acme/ledger" && in.Tag == "v1-X" }},
		{"docker with a digest", sent("dev.cdevents.artifact.published.0.3.0", "0.5.1", "pkg:docker/acme/ledger@sha256:ab?repository_url=quay.io&tag=1", `{}`),
			func(in event.Incoming) bool { return in.Image == "quay.io/acme/ledger" && in.Tag == "1" }},
		{"unknown type", sent("dev.cdevents.incident.reported.0.3.0", "0.5.1", "x", `{"anything":1}`),
			func(in event.Incoming) bool { return in.Ignored != "" && in.Image == "" }},
		{"a version of the type to come", sent("dev.cdevents.artifact.published.1.0.0", "0.5.1", "x", `{}`),
			func(in event.Incoming) bool { return in.Ignored != "" }},
		{"a specification to come", strings.Replace(published("0.5.1"), "0.5.1", "0.6.0", 1),
			func(in event.Incoming) bool { return in.Ignored != "" && in.Image == "" }},
		{"0.3", strings.Replace(published("0.4.1"), "0.4.1", "0.3.0", 1),
			func(in event.Incoming) bool { return in.Ignored != "" && in.Image == "" }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			in, err := event.Parse([]byte(c.raw), []string{"https://ci.example/"}, about().Source)
			if err != nil || !c.check(in) {
				t.Errorf("%+v, %v", in, err)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	good := published("0.5.1")
	for _, c := range []struct{ name, raw, want string }{
		{"too long", good + strings.Repeat(" ", event.MaxIncoming), "longer than 65536 bytes"},
		{"empty", "", "not a JSON object"},
		{"list", "[]", "not a JSON object"},
		{"two", good + good, "not a JSON object"},
		{"no context", `{"subject":{}}`, "no context"},
		{"cut", good[:len(good)-1], "not a JSON object"},
		{"number for text", strings.Replace(good, `"`+incomingID+`"`, "1", 1), "not a JSON object"},
		{"no id", strings.Replace(good, incomingID, "", 1), "no id, source or type"},
		{"long id", strings.Replace(good, incomingID, strings.Repeat("x", 501), 1), "at most 500"},
		{"newline in the chain", strings.Replace(good, chain, `a\nPawl-Update: x`, 1), "visible ASCII"},
		{"no time", strings.Replace(good, "2026-03-02T", "2026-03-02 ", 1), "timestamp"},
		{"no purl", sent("dev.cdevents.artifact.published.0.3.0", "0.5.1", "docker.io/acme/ledger:v1", `{}`), "not a package URL"},
		{"no content", sent("dev.cdevents.artifact.deleted.0.2.0", "0.5.1", image, `null`), "content"},
		{"user is a list", sent("dev.cdevents.artifact.deleted.0.2.0", "0.5.1", image, `{"user":[]}`), "content"},
		{"quarantined without reason", sent("dev.cdeventsx.pawl-artifact.quarantined.0.1.0", "0.5.1", image, `{"user":"me"}`), "reason is missing"},
		{"CloudEvent without data", wrap("dev.cdevents.artifact.published.0.3.0", `"data":null`), "no context"},
		{"CloudEvent with text", wrap("dev.cdevents.artifact.published.0.3.0", `"data":"x"`), "no CDEvent"},
		{"CloudEvent of another type", wrap("dev.cdevents.artifact.deleted.0.2.0", `"data":`+good), "not those of the CDEvent"},
		{"CloudEvent of another source", strings.Replace(wrap("dev.cdevents.artifact.published.0.3.0", `"data":`+good), ci, "https://ci.example/x", 1), "not those of the CDEvent"},
		{"CloudEvent of another id", strings.Replace(wrap("dev.cdevents.artifact.published.0.3.0", `"data":`+good), incomingID, "2", 1), "not those of the CDEvent"},
		{"another source", strings.Replace(good, ci, "https://ci.example.evil/x", 1), "not accepted"},
		{"prefix of a word", strings.Replace(good, ci, "https://ci.examples", 1), "not accepted"},
		{"user-info", strings.Replace(good, ci, "https://ci.example@evil/", 1), "not accepted"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			in, err := event.Parse([]byte(c.raw), []string{"https://ci.example"}, about().Source)
			var refused *event.IncomingError
			if !errors.As(err, &refused) || !strings.Contains(err.Error(), c.want) || refused.Advice() == "" {
				t.Errorf("%+v, %v, want %q", in, err, c.want)
			}
		})
	}
	if _, err := event.Parse([]byte(good), nil, ""); err == nil {
		t.Error("with no source accepted every source is")
	}
}

// TestLoop: what this instance told means nothing to it, even where its source is accepted.
func TestLoop(t *testing.T) {
	t.Parallel()
	for _, own := range []string{ci, ci + "/"} {
		in, err := event.Parse([]byte(published("0.5.1")), []string{"https://ci.example"}, own)
		if err != nil || in.Ignored == "" || in.Image != "" {
			t.Errorf("%+v, %v", in, err)
		}
	}
	for _, s := range story(t, about()) {
		in, err := event.Parse(s.message.Body, []string{about().Source}, about().Source)
		if err != nil || in.Ignored == "" {
			t.Errorf("%+v, %v", in, err)
		}
	}
}

// FuzzParse: whatever comes in, what comes out is bounded and inert, and only from a source that is accepted.
func FuzzParse(f *testing.F) {
	f.Add([]byte(published("0.5.1")))
	f.Add([]byte(published("0.4.1")))
	f.Add([]byte(wrap("dev.cdevents.artifact.published.0.3.0", `"data":`+published("0.5.1"))))
	f.Add([]byte(sent("dev.cdeventsx.pawl-artifact.quarantined.0.1.0", "0.5.1", image, `{"reason":"x","user":"y"}`)))
	raw, err := os.ReadFile("schemas/samples/artifact.quarantined@0.full.sample.json")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Fuzz(func(t *testing.T, raw []byte) {
		in, err := event.Parse(raw, []string{"https://ci.example"}, "https://bot.example")
		if err != nil {
			var refused *event.IncomingError
			if !errors.As(err, &refused) || !cmp.Equal(in, event.Incoming{}) || len(err.Error()) > 1000 {
				t.Fatalf("%+v, %v", in, err)
			}
			return
		}
		if in.Ignored == "" && in.Source != "https://ci.example" && !strings.HasPrefix(in.Source, "https://ci.example/") {
			t.Fatalf("accepted %q", in.Source)
		}
		for _, text := range []string{in.ID, in.Source, in.Chain, in.Name, in.Image, in.Tag, in.Artifact.Name, in.Artifact.Version} {
			if len(text) > 4000 || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }) {
				t.Fatalf("%q of %+v", text, in)
			}
		}
		for _, text := range []string{in.User, in.Reason} {
			if len(text) > 500 || strings.ContainsFunc(text, unicode.IsControl) {
				t.Fatalf("%q of %+v", text, in)
			}
		}
		if in.Artifact.Name == "" {
			return
		}
		again, err := source.ParseArtifact(in.Artifact.String())
		if err != nil && len(in.Artifact.String()) <= 2000 || err == nil && again != in.Artifact {
			t.Fatalf("%+v is written %s and read %+v, %v", in.Artifact, in.Artifact, again, err)
		}
	})
}

// TestParseTime shows that a time which no report can hold is left out, and the event counts all the same.
func TestParseTime(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"9999-12-31T23:59:59-01:00", "0001-01-01T00:00:00+01:00"} {
		raw := strings.Replace(published("0.5.1"), "2026-03-02T08:30:00.5+01:00", at, 1)
		if in, err := event.Parse([]byte(raw), []string{ci}, ""); err != nil || !in.At.IsZero() || in.Tag != "v1.3.0" {
			t.Errorf("%s: %v %+v", at, err, in)
		}
	}
}
