package manifest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pawl-cd/pawl/internal/policy"
	"github.com/pawl-cd/pawl/internal/source"
)

// options are those of a profile on github.com with a token.
func options() Options {
	env := map[string]string{"GITHUB_TOKEN": "t0ken-canary", "GITHUB_ACTOR": "bot", "MIRROR": "registry.example"}
	return Options{
		Env:      func(name string) (string, bool) { v, ok := env[name]; return v, ok },
		Readable: []string{"GITHUB_ACTOR", "MIRROR", "UNSET"},
		Secrets:  []string{"GITHUB_TOKEN", "MERGE_TOKEN"},
		Bound:    func(name, base string) bool { return name == "GITHUB_TOKEN" && base == source.GitHubAPI },
	}
}

func loadOne(t *testing.T, text string) Manifest {
	t.Helper()
	all, err := Load(fstest.MapFS{"manifests/app.yaml": {Data: []byte(text)}}, nil, options())
	if err != nil || len(all) != 1 {
		t.Fatalf("loaded %d manifests, error %v", len(all), err)
	}
	return all[0]
}

const good = `name: Track app
sources:
  image:
    kind: dockerimage
    spec:
      image: org/app
      versionfilter:
        kind: semver
        pattern: ^1.0.0
    transformers:
      - trimprefix: v
      - addprefix: app:v
targets:
  yaml:
    kind: yaml
    spec:
      engine: yamlpath
      file: values.yaml
      key: $.app['image.name'].tag
policy:
  channel: infitx
  exclude: [1.2.3, '>=2']
  downgrade: follow
  rebuilds: follow
  hold: {version: v1.2.0, reason: leaks, until: 2026-12-31}
`

func TestLoad(t *testing.T) {
	t.Parallel()
	m := loadOne(t, good)
	if len(m.Problems) > 0 {
		t.Fatalf("problems: %v", m.Problems)
	}
	s, target := m.Sources[0], m.Targets[0]
	if want := (source.Query{Kind: source.Image, Host: "docker.io", Path: "org/app"}); s.Query != want || s.Name != "org/app" {
		t.Errorf("query %+v, name %q", s.Query, s.Name)
	}
	if got, err := s.Transform.Apply("v1.2.3"); got != "app:v1.2.3" || err != nil {
		t.Errorf("transformed: %q, %v", got, err)
	}
	if target.File != "values.yaml" || target.Key.String() != "$.app['image.name'].tag" || target.SourceID != "image" {
		t.Errorf("target: %+v", target)
	}
	until := time.Date(2026, 12, 31, 0, 0, 0, 0, time.UTC)
	if diff := cmp.Diff(&policy.Hold{Version: "v1.2.0", Reason: "leaks", Until: until}, m.Sources[0].Policy.Hold); diff != "" {
		t.Error(diff)
	}
	if m.Sources[0].Policy.Channel != "infitx" || len(m.Sources[0].Policy.Exclude) != 2 || m.Sources[0].Policy.Downgrade != policy.Follow || m.Sources[0].Policy.Rebuilds != policy.FollowRebuilds {
		t.Errorf("policy: %+v", m.Sources[0].Policy)
	}
}

// imageWith is the good manifest with another spec of its source.
func imageWith(spec string) string {
	return "sources: {s: {kind: dockerimage, spec: " + spec + "}}\ntargets: {t: {kind: yaml, spec: {file: v.yaml, key: $.a}}}\n"
}

func releaseWith(spec string) string {
	return "sources: {s: {kind: githubrelease, spec: " + spec + "}}\ntargets: {t: {kind: yaml, spec: {file: v.yaml, key: $.a}}}\n"
}

func targetWith(spec string) string {
	return "sources: {s: {kind: dockerimage, spec: {image: a/b, versionfilter: '*'}}}\ntargets:\n  t: {kind: yaml, spec: " + spec + "}\n"
}

// TestProblems is the list of what people get wrong, with what they are told.
func TestProblems(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, in string }{
		{"unknown word", imageWith("{image: a/b, versionfilterr: '*'}")},
		{"unknown top key", "source: {}\n" + imageWith("{image: a/b, versionfilter: '*'}")},
		{"camel case", imageWith("{image: a/b, versionFilter: '*'}")},
		{"wrong type", imageWith("{image: [a/b], versionfilter: '*'}")},
		{"no filter", imageWith("{image: a/b}")},
		{"bad range", imageWith("{image: a/b, versionfilter: {kind: semver, pattern: xyz}}")},
		{"bad regexp", imageWith("{image: a/b, versionfilter: {kind: regex, pattern: '('}}")},
		{"bad tag filter", imageWith("{image: a/b, tagfilter: '(', versionfilter: '*'}")},
		{"bad kind of filter", imageWith("{image: a/b, versionfilter: {kind: semvre}}")},
		{"kinds of filter of another tool", imageWith("{image: a/b, versionfilter: {kind: regex/time, regex: '^nightly-(.*)$', pattern: '20060102'}}")},
		{"target of another tool", strings.Replace(targetWith("{file: v.toml, key: a}"), "kind: yaml", "kind: toml", 1)},
		{"what decides", releaseWith("{owner: o, repository: r, key: hash, typefilter: {latest: true}, versionfilter: {kind: semver, pattern: 8.x, replaceall: {pattern: _, replacement: .}, strict: false}}") +
			"scms: {}\nconditions: {}\n"},
		{"what decides in a chart", strings.Replace(imageWith("{url: 'https://charts.example', name: c, versionincrement: minor, appversion: true, versionfilter: '*'}"), "dockerimage", "helmchart", 1)},
		{"where it is written", "sources: {s: {kind: dockerimage, spec: {image: a/b, versionfilter: '*', architectures: [linux/arm64]}}}\n" +
			"targets: {t: {kind: yaml, scmid: other, disablesourceinput: true, conditionids: [c], spec: {file: v.yaml, key: $.a, documentindex: 4, engine: go-yaml}}}\n"},
		{"image with tag", imageWith("{image: 'a/b:v1', versionfilter: '*'}")},
		{"image with digest", imageWith("{image: 'a/b@sha256:0', versionfilter: '*'}")},
		{"image with scheme", imageWith("{image: 'https://me:s3cret@ghcr.io/org/web', versionfilter: '*'}")},
		{"image in upper case", imageWith("{image: 'ghcr.io/Org/Web', versionfilter: '*'}")},
		{"image with two slashes", imageWith("{image: 'ghcr.io//web', versionfilter: '*'}")},
		{"image that ends in a slash", imageWith("{image: ghcr.io/web/, versionfilter: '*'}")},
		{"short image with tag", imageWith("{image: 'nginx:1.2', versionfilter: '*'}")},
		{"image with user", imageWith("{image: 'me:s3cret@ghcr.io/org/web', versionfilter: '*'}")},
		{"image with a space", imageWith("{image: a/b c, versionfilter: '*'}")},
		{"empty image", imageWith("{image: '', versionfilter: '*'}")},
		{"empty chart", strings.Replace(imageWith("{url: '', name: ' ', versionfilter: '*'}"), "dockerimage", "helmchart", 1)},
		{"empty release", releaseWith("{owner: '', repository: '', versionfilter: '*'}")},
		{"image with credentials", imageWith("{image: a/b, password: x, versionfilter: '*'}")},
		{"kind of another tool", "sources: {s: {kind: jenkins, spec: {}}}\ntargets: {t: {kind: yaml, spec: {file: v.yaml, key: $.a}}}\n"},
		{"secret in the file", releaseWith("{owner: o, repository: r, token: ghp_0123456789, versionfilter: '*'}")},
		{"secret elsewhere", imageWith("{image: 'a/{{ env \"GITHUB_TOKEN\" }}', versionfilter: '*'}")},
		{"variable not allowed", imageWith("{image: 'a/{{ requiredEnv \"HOME\" }}', versionfilter: '*'}")},
		{"variable not set", imageWith("{image: '{{ requiredEnv \"UNSET\" }}/b', versionfilter: '*'}")},
		{"variables not set", strings.NewReplacer("v.yaml", "'{{ env \"UNSET\" }}'", "$.a", "'{{ env \"UNSET\" }}'").Replace(
			releaseWith("{owner: '{{ env \"UNSET\" }}', repository: '{{ env \"UNSET\" }}', versionfilter: '*'}"))},
		{"token not allowed", releaseWith("{owner: o, repository: r, token: '{{ requiredEnv \"OTHER_TOKEN\" }}', versionfilter: '*'}")},
		{"token not allowed for a server", releaseWith("{owner: o, repository: r, url: 'https://git.example/api/v3', token: '{{ requiredEnv \"OTHER_TOKEN\" }}', versionfilter: '*'}")},
		{"token not set", releaseWith("{owner: o, repository: r, token: '{{ requiredEnv \"UNSET\" }}', versionfilter: '*'}")},
		{"other expression", imageWith("{image: 'a/{{ printf }}', versionfilter: '*'}")},
		{"token for another host", releaseWith("{owner: o, repository: r, url: 'https://evil.example/api/v3', token: '{{ requiredEnv \"GITHUB_TOKEN\" }}', versionfilter: '*'}")},
		{"drafts", releaseWith("{owner: o, repository: r, typefilter: {draft: true}, versionfilter: '*'}")},
		{"owner is a path", releaseWith("{owner: ../o, repository: r, versionfilter: '*'}")},
		{"user in URL", releaseWith("{owner: o, repository: r, url: 'https://me:s3cret@h.example', versionfilter: '*'}")},
		{"outside the root", targetWith("{file: ../v.yaml, key: $.a}")},
		{"outside, hidden", targetWith("{file: a/../../v.yaml, key: $.a}")},
		{"absolute", targetWith("{file: /etc/v.yaml, key: $.a}")},
		{"a URL", targetWith("{file: 'https://h.example/v.yaml', key: $.a}")},
		{"in git's folder", targetWith("{file: .git/config, key: $.a}")},
		{"bad JSONPath", targetWith("{file: v.yaml, key: '$.a['}")},
		{"key name", targetWith("{file: v.yaml, key: $.a~}")},
		{"no key", targetWith("{file: v.yaml}")},
		{"other engine", targetWith("{file: v.yaml, key: $.a, engine: dasel}")},
		{"value of another tool", targetWith("{file: v.yaml, key: $.a, value: x}")},
		{"no source with that id", "sources: {s: {kind: dockerimage, spec: {image: a/b, versionfilter: '*'}}}\ntargets: {t: {kind: yaml, sourceid: x, spec: {file: v.yaml, key: $.a}}}\n"},
		{"no sources", "targets: {t: {kind: yaml, spec: {file: v.yaml, key: $.a}}}\n"},
		{"transformer unknown", "sources: {s: {kind: dockerimage, spec: {image: a/b, versionfilter: '*'}, transformers: [{trimprefx: v}]}}\ntargets: {t: {kind: yaml, spec: {file: v.yaml, key: $.a}}}\n"},
		{"conditions that are asked", "conditions: {c: {kind: shell, spec: {command: 'true'}}, d: {kind: dockerimage, disablesourceinput: true, spec: {image: a/b}}, e: {kind: dockerimage, sourceid: x, spec: {image: 'A/b'}}, f: {kind: dockerimage, failwhen: true, spec: {image: a/b, username: u}}, g: {kind: dockerimage, failwhen: false, spec: {image: a/b, tag: '{{ source \"x\" }}-a'}}, h: {kind: gitea/tag, depends_on: [c], spec: {}}}\n" + imageWith("{image: a/b, versionfilter: '*'}")},
		{"words of later versions", "id: a\ndependson: [b]\n" + strings.Replace(targetWith("{file: v.yaml, key: $.a, keyonly: true}"), "kind: yaml,", "kind: toolversions, dependsonchange: true, depends_on: [x],", 1)},
		{"files and keys", targetWith("{file: v.yaml, files: [w.yaml], keys: [$.a, $.b, $.a]}")},
		{"document below", targetWith("{file: v.yaml, key: $.a, documentindex: -1}")},
		{"key of another engine", targetWith("{file: v.yaml, key: \"$.a[?(@.b=='c')]\", engine: go-yaml}")},
		{"two sources in a value", targetWith("{file: v.yaml, key: $.a, value: '{{ source \"s\" }}-{{ source \"s\" }}'}")},
		{"value of no source", targetWith("{file: v.yaml, key: $.a, value: '{{ source \"x\" }}'}")},
		{"values", imageWith("{image: '{{ .a.b }}/{{ env .c }}', versionfilter: '{{ .d | default \"^1\" }}'}")},
		{"templates that decide", "{{ if .x }}\n" + imageWith("{image: a/b, versionfilter: '*'}") + "{{ end }}\n"},
		{"transformer bad", "sources: {s: {kind: dockerimage, spec: {image: a/b, versionfilter: '*'}, transformers: [{find: '('}]}}\ntargets: {t: {kind: yaml, spec: {file: v.yaml, key: $.a}}}\n"},
		{"policy", imageWith("{image: a/b, versionfilter: '*'}") + "policy: {channel: 'a b', exclude: [xyz], downgrade: maybe, hold: {until: tomorrow}, loose: 7}\n"},
		{"two sources", "sources: {s: {kind: dockerimage, spec: {image: a/b, versionfilter: '*'}}, r: {kind: dockerimage, spec: {image: a/c, versionfilter: '*'}}}\ntargets: {t: {kind: yaml, spec: {file: v.yaml, key: $.a}}}\n"},
		{"chart URL", "sources: {s: {kind: helmchart, spec: {url: 'ftp://h.example', name: c, versionfilter: '*'}}}\ntargets: {t: {kind: yaml, spec: {file: v.yaml, key: $.a}}}\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := loadOne(t, c.in)
			var b strings.Builder
			for _, p := range m.Problems {
				word := "error"
				if p.Warning {
					word = "warning"
				}
				fmt.Fprintf(&b, "%s: %s: %s\n", p.Place(), word, p.Message)
				if p.Hint != "" {
					fmt.Fprintf(&b, "  hint: %s\n", p.Hint)
				}
			}
			got := b.String()
			if strings.Contains(got, "ghp_") || strings.Contains(got, "s3cret") || strings.Contains(got, "t0ken") {
				t.Errorf("a secret is shown: %s", got)
			}
			golden(t, "testdata/problems/"+strings.ReplaceAll(c.name, " ", "-")+".txt", got)
		})
	}
}

// TestWordsThatAreOff accepts settings of Updatecli that say that something is not wanted, without a word.
func TestWordsThatAreOff(t *testing.T) {
	t.Parallel()
	m := loadOne(t, "sources: {s: {kind: dockerimage, spec: {image: a/b, versionfilter: '*'}, transformers: [{quote: false, unquote: false, addprefix: v}]}}\n"+
		"conditions: {c: {kind: dockerimage, failwhen: false, disablesourceinput: false, spec: {image: a/b, tag: 'x-{{ source \"s\" }}'}}}\n"+
		"targets: {t: {kind: yaml, dependsonchange: false, disableconditions: false, spec: {file: v.yaml, key: $.a, keyonly: false, searchpattern: false}}}\n")
	if len(m.Problems) > 0 || len(m.Targets) != 1 || len(m.Targets[0].Conditions) != 1 {
		t.Fatalf("%v", m)
	}
	if tag, err := m.Targets[0].Conditions[0].Transform.Apply("1.0"); tag != "x-v1.0" || err != nil {
		t.Errorf("the condition asks for %q, %v", tag, err)
	}
}

// golden holds text against a file; PAWL_UPDATE=1 writes it.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if os.Getenv("PAWL_UPDATE") == "1" {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" || got == "" {
		t.Errorf("%s: %s", file, diff)
	}
}

func TestDirectories(t *testing.T) {
	t.Parallel()
	fsys := fstest.MapFS{
		"updatecli.d/b/app.yaml":    {Data: []byte(good)},
		"updatecli.d/a.yml":         {Data: []byte(good + "---\n" + good)},
		"updatecli.d/_partial.yaml": {Data: []byte("x")},
		"updatecli.d/readme.md":     {Data: []byte("x")},
		"updatecli.d/broken.yaml":   {Data: []byte("a: [")},
		"updatecli.d/empty.yaml":    {Data: []byte("# nothing\n")},
		"more/a.yaml":               {Data: []byte(good)},
	}
	all, err := Load(fsys, nil, options())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range all {
		got = append(got, fmt.Sprintf("%s %s %t", m.Name, m.File, m.Valid()))
	}
	want := []string{"a updatecli.d/a.yml true", "a#2 updatecli.d/a.yml true", "b/app updatecli.d/b/app.yaml true",
		"broken updatecli.d/broken.yaml false", "empty updatecli.d/empty.yaml true"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}

	all, err = Load(fsys, []string{"updatecli.d", "more"}, options())
	if err != nil {
		t.Fatal(err)
	}
	if last := all[1]; last.Name != "a" || last.Valid() {
		t.Errorf("a doubled name is accepted: %+v", last)
	}
	for _, dirs := range [][]string{{"absent"}, {"more/../.."}, nil} {
		if _, err := Load(fstest.MapFS{}, dirs, options()); err == nil {
			t.Errorf("no error for %v", dirs)
		}
	}
	beside := fstest.MapFS{"manifests/README.md": {}, ".updatecli/_partial.yaml": {}, "updatecli.d/a.yaml": {Data: []byte(good)}}
	if all, err := Load(beside, nil, options()); err != nil || len(all) != 1 || all[0].File != "updatecli.d/a.yaml" {
		t.Errorf("beside empty directories: %v, %v", all, err)
	}
	if _, err := Load(fstest.MapFS{"manifests/x.txt": {}}, nil, options()); !errors.Is(err, ErrNone) {
		t.Errorf("error %v", err)
	}
}

func TestReleaseTypes(t *testing.T) {
	t.Parallel()
	all := source.Listing{{Tag: "v1"}, {Tag: "v2-rc", Prerelease: true}}
	for _, c := range []struct {
		types ReleaseTypes
		want  int
		first string
	}{
		{ReleaseTypes{}, 1, "v1"},
		{ReleaseTypes{Prerelease: true}, 1, "v2-rc"},
		{ReleaseTypes{Release: true}, 1, "v1"},
		{ReleaseTypes{Release: true, Prerelease: true}, 2, "v1"},
	} {
		if got := c.types.Keep(all); len(got) != c.want || got[0].Tag != c.first {
			t.Errorf("%+v keeps %v", c.types, got)
		}
	}
}

func FuzzLoad(f *testing.F) {
	f.Add(good)
	f.Add(imageWith("{image: a/b, versionfilter: '*'}"))
	f.Add(releaseWith("{owner: o, repository: r, token: '{{ env \"GITHUB_TOKEN\" }}', versionfilter: {kind: regex/semver, regex: '(.*)'}}"))
	f.Fuzz(func(t *testing.T, text string) {
		all, err := Load(fstest.MapFS{"manifests/app.yaml": {Data: []byte(text)}}, nil, options())
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range all {
			for _, p := range m.Problems {
				if strings.Contains(p.Error()+p.Hint, "t0ken-canary") {
					t.Fatal("a secret is shown")
				}
			}
			for _, target := range m.Targets {
				if m.Valid() && (strings.HasPrefix(target.File, "/") || strings.Contains(target.File, "..") && strings.HasPrefix(target.File, "../")) {
					t.Fatalf("a path leaves the root: %q", target.File)
				}
			}
		}
	})
}

// locked is a directory whose files may be listed and not read.
type locked struct{ fstest.MapFS }

// ReadFile fails as an os.Root does.
func (locked) ReadFile(name string) ([]byte, error) {
	return nil, &fs.PathError{Op: "openat", Path: name, Err: fs.ErrPermission}
}

func TestFileThatCannotBeRead(t *testing.T) {
	t.Parallel()
	all, err := Load(locked{fstest.MapFS{"manifests/app.yaml": {Data: []byte(good)}}}, nil, options())
	if err != nil || len(all) != 1 || len(all[0].Problems) != 1 {
		t.Fatalf("%v, %v", all, err)
	}
	if got := all[0].Problems[0].Error(); got != "manifests/app.yaml: reading manifest: permission denied" {
		t.Error(got)
	}
}

// TestWritesDigest reads what a target writes; only what a registry holds has a digest.
func TestWritesDigest(t *testing.T) {
	t.Parallel()
	const targets = "targets: {t: {kind: yaml, writes: digest, spec: {file: a.yaml, key: $.digest}}}\npolicy: {digest: follow}\n"
	for kind, want := range map[string]string{
		"dockerimage, spec: {image: org/app, versionfilter: ^1}":                           "",
		"helmchart, spec: {url: 'oci://h.example/charts', name: app, versionfilter: ^1}":   "",
		"helmchart, spec: {url: 'https://h.example/charts', name: app, versionfilter: ^1}": "writes: digest: a helmchart has no digest",
		"githubrelease, spec: {owner: org, repository: app, versionfilter: ^1}":            "writes: digest: a githubrelease has no digest",
	} {
		all, err := Load(fstest.MapFS{"manifests/app.yaml": {Data: []byte("sources: {s: {kind: " + kind + "}}\n" + targets)}}, nil,
			Options{Env: func(string) (string, bool) { return "", false }})
		if err != nil {
			t.Fatal(err)
		}
		m := all[0]
		if !m.Targets[0].Digest || m.Sources[0].Policy.Digest != policy.FollowDigest {
			t.Errorf("%s: %+v %+v", kind, m.Targets[0], m.Sources[0].Policy)
		}
		if m.Valid() != (want == "") || want != "" && (!strings.Contains(m.Problems[0].Message, want) || m.Problems[0].Hint == "") {
			t.Errorf("%s: %v", kind, m.Problems)
		}
	}
}
