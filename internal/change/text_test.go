package change

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var hostile = []string{
	"$(x)", "`id`", "a\nPawl-Update: x y z -> w", "@file", "@user", "#1", "GH-1", "[x](javascript:alert(1))", "<!-- -->", "-->",
	"a|b", "\\|", "\u202egnp", "a\u200bb", strings.Repeat("x", 10_000), strings.Repeat("%", 10_000), "[skip ci]", "***NO_CI***",
	"--- a", "", `""`, "%41", "\xff\xfe", "a b -> c", "é", "https://evil.example/x", "www.evil.example", "\r\n\x00\x1b[31m",
	"![i](http://x/y.png)", "</details>", "--!>", "v1.0.0+build", "1:x", "$['a b'][0].c",
}

func sets() map[string]Set {
	u := func(name, key, old, new string) Update {
		return Update{Manifest: name, Target: "yaml", File: "values.yaml", Key: key, Old: old, New: new, Version: new,
			Reason: "newest-match", Source: Source{"dockerimage", "mojaloop/" + name}}
	}
	release := Update{Manifest: "cli", File: "tools.yaml", Document: 1, Key: "$['a.b']", Old: "v1.0.0", New: "v1.1.0",
		Version: "v1.1.0", Reason: "newest-match", Source: Source{"githubrelease", "cli/cli"}}
	chart := Update{Manifest: "charts/nginx", File: "values.yaml", Key: "$.nginx", Old: "1.0.0", New: "1.0.1", Version: "1.0.1",
		Reason: "pinned-down", Source: Source{"helmchart", "https://charts.example/stable#nginx"}}
	one := u("central-ledger", "$.a.image.tag", "v19.13.0-infitx.26", "v19.13.0-infitx.27")
	many := []Update{one, u("quoting", "$.q", "v1", "v2"), release, chart, u("quoting", "$.r", "v0", "v2"), u("zeta", "$.z", "", "v1")}
	var evil []Update
	for i, text := range hostile {
		next := hostile[(i+1)%len(hostile)]
		evil = append(evil, Update{Manifest: text, File: next, Key: text, Old: next, New: text, Version: text, Reason: next,
			Source: Source{[]string{"dockerimage", "helmchart", "githubrelease"}[i%3], text}})
	}
	return map[string]Set{
		"one":   {Base: "b1", Chain: ChainID("https://x", "b1", "d"), Updates: []Update{one}, Upstream: "https://ci.example/job/1?a=b"},
		"three": {Base: "b1", Chain: "chain", Updates: []Update{one, release, chart}, Upstream: "$(curl evil)"},
		"many": {Base: "b1", Updates: many,
			Held:   []Note{{"oracle", "people-edit", "pawl wrote v2 and a person changed it to v1", "wait for a version newer than v2"}},
			Failed: []Note{{"broken", "source-failed", "listing tags of docker.io/x/y: 404\n@everyone", ""}}},
		"hostile": {Base: "b1", Chain: hostile[2], Updates: evil, Upstream: "javascript:alert(1)//`@x",
			Held: []Note{{hostile[3], hostile[7], hostile[14], hostile[8]}}},
	}
}

func TestGolden(t *testing.T) {
	t.Parallel()
	needs := map[string]Requirement{"one": {Mode: RequireNamed, Names: []string{"ci", "a | `b`"}}, "three": {Mode: RequireNone}}
	for name, s := range sets() {
		body, err := Body(s, needs[name])
		if err != nil {
			t.Fatal(err)
		}
		for kind, got := range map[string]string{"title": Title(s) + "\n", "body": body, "message": CommitMessage(s).String()} {
			path := filepath.Join("testdata", name+"."+kind+".golden")
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", path, diff)
			}
		}
	}
}

func TestTitle(t *testing.T) {
	t.Parallel()
	u := func(name, old, new string) Update { return Update{Manifest: name, Old: old, New: new} }
	long := strings.Repeat("l", 100)
	tests := []struct {
		name    string
		updates []Update
		want    string
	}{
		{"nothing", nil, ""},
		{"one", []Update{u("a", "v1", "v2")}, "a v1 -> v2"},
		{"two of one manifest", []Update{u("a", "v1", "v3"), u("a", "v2", "v3"), u("a", "v1", "v3")}, "a v1 -> v3, a v2 -> v3"},
		{"three", []Update{u("c", "1", "2"), u("b", "", "2"), u("a", "1", "2")}, `a 1 -> 2, b "" -> 2, c 1 -> 2`},
		{"four", []Update{u("a", "1", "2"), u("b", "1", "2"), u("c", "1", "2"), u("d", "1", "2")}, "4 updates: a, b, c +1"},
		{"four of three", []Update{u("a", "1", "2"), u("a", "0", "2"), u("b", "1", "2"), u("c", "1", "2")}, "4 updates: a, b, c"},
		{"five of four", []Update{u("a", "1", "2"), u("b", "1", "2"), u("c", "1", "2"), u("d", "1", "2"), u("d", "0", "2")}, "5 updates: a, b, c +2"},
		{"two long", []Update{u("a", long, "2"), u("b", long, long)}, "2 updates: a, b"},
		{"one long", []Update{u("a", "1", strings.Repeat("@", 200))}, "a 1 -> " + strings.Repeat("%40", 27) + "..."},
		{"one long URL", []Update{u("a", "https://x/"+long+long+"/v1", "https://x/"+long+long+"/v2")}, "a ...v1 -> ...v2"},
		{"pinned", []Update{u("a", "v1@sha256:"+strings.Repeat("01", 32), "v2@sha256:"+strings.Repeat("ab", 32))},
			"a v1%40sha256:010101010101... -> v2%40sha256:abababababab..."},
		{"colons", []Update{u("fixes", "https://github.com/o/r/issues/1", "x:v1:tada:")}, "fixes https%3A//github.com/o/r/issues/1 -> x:v1%3Atada%3A"},
	}
	for _, tt := range tests {
		if got := Title(Set{Updates: tt.updates}); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

// checkTexts holds the invariants of everything that is written for a set.
func checkTexts(t *testing.T, s Set) {
	t.Helper()
	title, message := Title(s), CommitMessage(s)
	if title != message.Subject || len(title) > MaxTitle || len(s.Updates) > 0 && title == "" {
		t.Errorf("title %q, subject %q", title, message.Subject)
	}
	for _, text := range []string{title, message.Subject} {
		if strings.ContainsAny(text, "@#[]()<`\\|$*\n\r'&!{}") || !printable(text) {
			t.Errorf("not inert: %q", text)
		}
	}
	if text := message.String(); !printable(text) || strings.ContainsAny(text, "@#`<\\|()") || strings.Contains(text, "\n---") {
		t.Errorf("message is not inert: %q", text)
	}
	got := ParseTrailers(message.String())
	if len(got.Updates)+got.Omitted != len(s.Updates) || got.Omitted == 0 && len(s.Chain) < 300 && got.Chain != s.Chain {
		t.Errorf("%d updates gave %d and %d omitted, chain %q", len(s.Updates), len(got.Updates), got.Omitted, got.Chain)
	}
	for i, u := range got.Updates {
		w := s.sorted()[i]
		if u.place() != w.place() || u.Old != w.Old || u.New != w.New {
			t.Errorf("trailer %+v of %+v", u, w)
		}
	}
	checkBody(t, s)
}

func checkBody(t *testing.T, s Set) {
	t.Helper()
	body, err := Body(s, Requirement{Mode: RequireNamed, Names: []string{s.Upstream}})
	if err != nil {
		t.Fatal(err)
	}
	if len(body) > MaxBody || !printable(body) || strings.Contains(body, "@") || strings.Contains(body, "](javascript") {
		t.Errorf("body of %d bytes is not inert:\n%.2000q", len(body), body)
	}
	if strings.Count(body, "<") != 1 || strings.Count(body, "-->") != 1 || !strings.HasSuffix(body, "-->\n") {
		t.Errorf("comment is not closed exactly once at the end:\n%.2000q", body)
	}
	for line := range strings.SplitSeq(body, "\n") {
		if strings.HasPrefix(line, "| ") && strings.Count(line, "|") != 6 || strings.Count(line, "`")%2 != 0 {
			t.Errorf("row: %q", line)
		}
	}
	m, ok := ParseMetadata(body + "\n<!-- pawl:closed -->")
	if !ok || m.Digest != s.Digest() || len(m.Updates)+m.Omitted != len(s.Updates) {
		t.Errorf("metadata %v %+v", ok, m)
	}
	for i, u := range m.Updates {
		w := s.sorted()[i]
		want := MetadataUpdate{w.Manifest, w.File, w.Document, w.Key, w.Old, w.New, w.Version, w.Artifact, w.Reason}
		if text := strings.Join([]string{w.Manifest, w.File, w.Key, w.Old, w.New, w.Version}, " "); strings.ToValidUTF8(text, "") == text && u != want {
			t.Errorf("metadata %+v of %+v", u, want)
		}
	}
}

func printable(text string) bool {
	return strings.IndexFunc(text, func(r rune) bool { return r != '\n' && (r > unicode.MaxASCII || r < ' ' || r == 0x7f) }) < 0
}

func TestTextsAreInert(t *testing.T) {
	t.Parallel()
	for _, s := range sets() {
		checkTexts(t, s)
	}
	for _, a := range hostile {
		for _, b := range hostile {
			checkTexts(t, Set{Chain: a, Upstream: b, Updates: []Update{{Manifest: a, File: b, Key: a, Old: b, New: a, Reason: b}},
				Failed: []Note{{a, b, b, a}}})
		}
	}
	checkTexts(t, Set{Updates: []Update{{Manifest: strings.Repeat("x://a", 100_000), Key: strings.Repeat("[$.:", 100_000)}}})
	big := Set{}
	for range 3_000 {
		big.Updates = append(big.Updates, Update{Manifest: strings.Repeat("m", 50), File: "f", Key: "$.k", Old: "1", New: "2"})
	}
	checkTexts(t, big)
}

func FuzzTexts(f *testing.F) {
	for i, text := range hostile {
		f.Add(text, hostile[(i+5)%len(hostile)], hostile[(i+9)%len(hostile)], uint8(i))
	}
	f.Fuzz(func(t *testing.T, a, b, c string, n uint8) {
		s := Set{Chain: a, Base: b, Upstream: c, Held: []Note{{a, b, c, a}}}
		for i := range int(n%6) + 1 {
			s.Updates = append(s.Updates, Update{Manifest: a, File: b, Key: c, Document: i, Old: b, New: c, Version: a, Reason: c,
				Source: Source{[]string{"dockerimage", "helmchart", "githubrelease"}[i%3], a}})
		}
		checkTexts(t, s)
	})
}

func FuzzParse(f *testing.F) {
	for _, s := range sets() {
		body, err := Body(s, Requirement{})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body)
		f.Add(CommitMessage(s).String())
	}
	f.Fuzz(func(t *testing.T, text string) {
		if m, ok := ParseMetadata(text); ok && m.Schema != MetadataSchema {
			t.Errorf("accepted %+v", m)
		}
		if got := ParseTrailers(text); len(got.Updates) > strings.Count(text, UpdateTrailer) {
			t.Errorf("%d updates of %q", len(got.Updates), text)
		}
	})
}

// git reads from the message exactly what was written, hostile texts included.
func TestTrailersReadByGit(t *testing.T) {
	t.Parallel()
	for name, s := range sets() {
		message := CommitMessage(s).String()
		cmd := exec.Command("git", "interpret-trailers", "--parse")
		cmd.Stdin = strings.NewReader(message)
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		last := message[strings.LastIndex(message, "\n\n")+2:]
		if diff := cmp.Diff(last, string(out)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if got := bytes.Count(out, []byte(UpdateTrailer+": ")); got+ParseTrailers(message).Omitted != len(s.Updates) {
			t.Errorf("%s: git reads %d updates of %d", name, got, len(s.Updates))
		}
	}
}

func TestCheckBranchAgreesWithGit(t *testing.T) {
	t.Parallel()
	names := append([]string{DefaultBranch, "pawl/update-2", "a", "-a", "a/", "/a", "a//b", "a..b", "a.lock", "a.lock/b", ".a", "a/.b",
		"a.", "a@{b", "a@b", "a b", "a~", "a^", "a:", "a?", "a*", "a[", `a\b`, "HEAD", "a\x7f", "a\x01", "é"}, hostile...)
	for _, name := range names {
		if len(name) > 200 || strings.Contains(name, "\x00") {
			continue
		}
		err := exec.Command("git", "check-ref-format", "--branch", name).Run()
		if got := CheckBranch(name); (got == nil) != (err == nil) {
			t.Errorf("%q: got %v, git says %v", name, got, err)
		}
	}
}

// git reads "@" with --branch as another name of HEAD; as a branch of its own it is refused.
func TestCheckBranchRefusesAt(t *testing.T) {
	t.Parallel()
	if err := CheckBranch("@"); err == nil {
		t.Error(`"@" passed`)
	}
}

func TestFreshBranch(t *testing.T) {
	t.Parallel()
	taken := map[string]bool{"pawl/update-2": true}
	got := FreshBranch(DefaultBranch, func(name string) bool { return taken[name] })
	if got != "pawl/update-3" || !OwnBranch(DefaultBranch, got) {
		t.Errorf("got %q", got)
	}
	for _, name := range []string{"", "pawl/update-1", "pawl/update-02", "pawl/update-x", "pawl/updat", "x/pawl/update"} {
		if OwnBranch(DefaultBranch, name) {
			t.Errorf("%q counts as ours", name)
		}
	}
}

func TestChainID(t *testing.T) {
	t.Parallel()
	a, b := ChainID("s", "b", "d"), ChainID("s", "bd", "")
	if a == b || len(a) != 36 || a[14] != '5' || !strings.ContainsRune("89ab", rune(a[19])) || a != ChainID("s", "b", "d") {
		t.Errorf("got %s and %s", a, b)
	}
}

func TestDigestIgnoresOrder(t *testing.T) {
	t.Parallel()
	s := sets()["many"]
	want := s.Digest()
	s.Updates[0], s.Updates[3] = s.Updates[3], s.Updates[0]
	s.Upstream, s.Base, s.Chain = "x", "y", "z"
	if s.Digest() != want {
		t.Error("the digest depends on the order or on what is not changed")
	}
	s.Updates[0].New += "x"
	if s.Digest() == want {
		t.Error("the digest misses a value")
	}
}

// TestParseMessage: the manifest of an update is read from the line that names it, unless two lines say the same.
func TestParseMessage(t *testing.T) {
	t.Parallel()
	a := Update{Manifest: "infra/a", File: "v w.yaml", Key: "$.a", Old: "1 x", New: "2"}
	b, c, d := a, a, a
	b.Manifest, b.File = "b", "b.yaml"
	c.Manifest, c.Key, c.Old = "c", "$.c", "9"
	d.Manifest, d.Key, d.Old = "d", "$.d", "9"
	message := CommitMessage(Set{Updates: []Update{a, b, c, d}, Chain: "x"}).String()
	got := map[string]string{}
	for _, u := range ParseMessage(message).Updates {
		got[u.File+" "+u.Key] = u.Manifest
	}
	want := map[string]string{"v w.yaml $.a": "infra/a", "b.yaml $.a": "b", "v w.yaml $.c": "", "v w.yaml $.d": ""}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if other := ParseMessage("Merge\n\n- a b -> c in d\n"); len(other.Updates) != 0 {
		t.Errorf("%+v", other)
	}
}
