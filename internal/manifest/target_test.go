package manifest

import (
	"fmt"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

// TestFilesAndKeys makes a target of each file and key.
func TestFilesAndKeys(t *testing.T) {
	t.Parallel()
	m := loadOne(t, targetWith("{files: [a.yaml, ./b.yaml], keys: [$.x, y], documentindex: 1}"))
	var got []string
	for _, target := range m.Targets {
		got = append(got, fmt.Sprint(target.ID, " ", target.File, " ", target.Key, " ", target.Document, " ", target.SourceID))
	}
	want := []string{"t a.yaml $.x 1 s", "t a.yaml y 1 s", "t b.yaml $.x 1 s", "t b.yaml y 1 s"}
	if diff := cmp.Diff(want, got); diff != "" || !m.Valid() {
		t.Error(diff, m.Problems)
	}
}

// TestValueOfASource writes the text of the source that value names, with what stands around it.
func TestValueOfASource(t *testing.T) {
	t.Parallel()
	m := loadOne(t, "sources:\n  r: {kind: dockerimage, spec: {image: a/c, versionfilter: '*'}}\n  s: {kind: dockerimage, spec: {image: a/b, versionfilter: '*'}, transformers: [{trimprefix: v}]}\n"+
		"targets: {t: {kind: yaml, disablesourceinput: true, spec: {file: v.yaml, key: $.a, value: '{{ requiredEnv \"MIRROR\" }}/b:{{ source `s` }}-x'}}}\n")
	if !m.Valid() || m.Targets[0].SourceID != "s" {
		t.Fatal(m.Targets, m.Problems)
	}
	if got, err := m.Source("s").Transform.Then(m.Targets[0].Transform).Apply("v1.2.3"); got != "registry.example/b:1.2.3-x" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

// TestTextTargets translates targets of kind file, written as pawl and as Updatecli have them, and refuses what steers a run.
func TestTextTargets(t *testing.T) {
	t.Parallel()
	const head = "sources: {s: {kind: dockerimage, spec: {image: a/b, versionfilter: '*'}}}\ntargets: {t: {kind: file, "
	for spec, want := range map[string]string{
		`spec: {file: Dockerfile, matchpattern: 'FROM a/b:(\S+)'}`:                                                             `Dockerfile /FROM a/b:(\S+)/ v1`,
		`spec: {files: [x/.env, y/.env], matchpattern: 'V=(.*)'}, transformers: [{trimprefix: v}]`:                             `x/.env /V=(.*)/ 1 y/.env /V=(.*)/ 1`,
		`disablesourceinput: true, spec: {file: f, matchpattern: 'a/b:.*', replacepattern: 'a/b:{{ source "s" }}'}`:            `f /a/b:.*/ v1`,
		`spec: {file: f, matchpattern: '(a/b:)(.*)', replacepattern: '${1}{{ source "s" }}'}, transformers: [{addsuffix: -x}]`: `f /(a/b:)(.*)/ v1-x`,
		`spec: {file: f, matchpattern: 'a/b:.*'}`:                                                                              "",
		`spec: {file: f, matchpattern: '(a)(b)'}`:                                                                              "",
		`spec: {file: f, matchpattern: 'a(b)', replacepattern: 'x'}`:                                                           "",
		`spec: {file: f, matchpattern: 'a(b)', replacepattern: 'a{{ source "q" }}'}`:                                           "",
		`spec: {file: f}`: "",
		`spec: {file: f, matchpattern: 'a(b)', line: 3}`:                  "",
		`spec: {file: f, matchpattern: 'a(b)'}, disablesourceinput: true`: "",
		`spec: {file: .github/workflows/ci.yaml, matchpattern: 'a(b)'}`:   "",
		`spec: {file: ./.pawl.yaml, matchpattern: 'a(b)'}`:                "",
		`spec: {file: .forgejo/workflows/ci.yaml, matchpattern: 'a(b)'}`:  "",
		`spec: {file: Jenkinsfile, matchpattern: 'a(b)'}`:                 "",
		`spec: {file: .gitlab-ci.yml, matchpattern: 'a(b)'}`:              "",
		`spec: {file: manifests/app.yaml, matchpattern: 'a(b)'}`:          "",
		`spec: {file: ../f, matchpattern: 'a(b)'}`:                        "",
		`spec: {files: [f, f], matchpattern: 'a(b)'}`:                     "",
	} {
		m := loadOne(t, head+spec+"}}\n")
		got := ""
		for _, target := range m.Targets {
			text, err := target.Transform.Apply("v1")
			if err != nil {
				t.Error(err)
			}
			got += " " + target.File + " " + target.Pattern.String() + " " + text
		}
		if m.Valid() != (want != "") || m.Valid() && got != " "+want {
			t.Errorf("%s: %q, want %q: %v", spec, got, want, m.Problems)
		}
	}
}

// TestTransformersOfOneItem applies those of one item as Updatecli does, and what stands in several in their order.
func TestTransformersOfOneItem(t *testing.T) {
	t.Parallel()
	for transformers, want := range map[string]string{
		`[{trimprefix: v, addprefix: x-}]`:                                                       "x-v1.17.0",
		`[{trimprefix: v}, {addprefix: x-}]`:                                                     "x-1.17.0",
		`[{semverinc: minor, find: '[0-9.]+', addsuffix: -rc}]`:                                  "1.18.0",
		`[{replacer: {from: a, to: b}, replacers: [{from: v, to: a}]}]`:                          "b1.17.0",
		`[{findsubmatch: {pattern: '(\d+)\.(\d+)', capturepattern: 'M\1 m\2 u\3 of \0'}}]`:       `M1 m17 u\3 of 1.17`,
		`[{findsubmatch: {pattern: '(\d+)\.(\d+)', captureindex: 1, capturepattern: '\2'}}]`:     "17",
		`[{findsubmatch: {pattern: '(\d+)\.(\d+)', captureindex: 2}}]`:                           "17",
		`[{findsubmatch: '\d+'}, {addprefix: a}, {addsuffix: b, trimsuffix: b, trimprefix: a1}]`: "",
	} {
		m := loadOne(t, fmt.Sprintf("sources: {s: {kind: dockerimage, spec: {image: a/b, versionfilter: '*'}, transformers: %s}}\ntargets: {t: {kind: yaml, spec: {file: v.yaml, key: $.a}}}\n", transformers))
		if !m.Valid() {
			t.Errorf("%s: %v", transformers, m.Problems)
			continue
		}
		if got, err := m.Sources[0].Transform.Apply("v1.17.0"); got != want || (err != nil) != (want == "") {
			t.Errorf("%s: %q, %v, want %q", transformers, got, err, want)
		}
	}
}

// TestTargetOfAnotherRepository refuses a target whose scm is another repository than the one that is written to, and only then.
func TestTargetOfAnotherRepository(t *testing.T) {
	t.Parallel()
	for scm, valid := range map[string]bool{
		"{owner: o, repository: profile}":                  true,
		"{owner: O, repository: Profile}":                  true,
		"{owner: o, repository: other}":                    false,
		"{owner: '{{ .unknown }}', repository: other}":     true,
		"{owner: '{{ env \"MIRROR\" }}', repository: any}": false,
		"{}": true,
		"{url: 'https://github.com/o/profile.git'}":  true,
		"{url: 'git@github.com:o/Profile.git'}":      true,
		"{url: 'https://github.com/o/other'}":        false,
		"{url: 'ssh://git@github.com:22/o/other'}":   false,
		"{url: 'ssh://git@github.com:22/o/profile'}": true,
		"{url: 'nowhere'}":                           true,
	} {
		opt := options()
		opt.Repository = "o/profile"
		text := "scms: {default: {kind: github, spec: " + scm + "}}\nsources: {s: {kind: dockerimage, spec: {image: a/b, versionfilter: '*'}}}\ntargets: {t: {kind: yaml, scmid: default, spec: {file: v.yaml, key: $.a}}}\n"
		all, err := Load(fstest.MapFS{"manifests/app.yaml": {Data: []byte(text)}}, nil, opt)
		if err != nil || len(all) != 1 || all[0].Valid() != valid {
			t.Errorf("%s: %v, %v", scm, err, all)
		}
	}
}

// TestConditionsOfTargets shows which conditions a target depends on.
func TestConditionsOfTargets(t *testing.T) {
	t.Parallel()
	const head = "sources: {s: {kind: dockerimage, spec: {image: a/b, versionfilter: '*'}, transformers: [{trimprefix: v}]}}\n" +
		"conditions:\n  one: {kind: dockerimage, spec: {image: a/c}, transformers: [{addsuffix: -x}]}\n  two: {kind: dockerimage, disablesourceinput: true, spec: {image: ghcr.io/a/d, tag: 7, architectures: [arm64, linux/AMD64]}}\n"
	for settings, want := range map[string]string{
		"":                        "one two",
		"disableconditions: true": "",
		"conditionids: [two]":     "two",
		"disableconditions: true, conditionids: two": "two",
	} {
		m := loadOne(t, head+"targets: {t: {kind: yaml, spec: {file: v.yaml, key: $.a}, "+settings+"}}\n")
		got := ""
		for i, c := range m.Targets[0].Conditions {
			got += map[bool]string{true: "", false: " "}[i == 0] + c.ID
		}
		if got != want || !m.Valid() {
			t.Errorf("%q: %q, want %q, %v", settings, got, want, m.Problems)
		}
		if want == "one two" {
			one, two := m.Targets[0].Conditions[0], m.Targets[0].Conditions[1]
			if text, err := one.Transform.Apply("v1.0.0"); text != "1.0.0-x" || err != nil || one.SourceID != "s" {
				t.Errorf("%q, %v, %+v", text, err, one)
			}
			if two.Tag != "7" || two.SourceID != "" || fmt.Sprint(two.Architectures) != "[arm64 linux/amd64]" || two.Query.String() != "ghcr.io/a/d" {
				t.Errorf("%+v", two)
			}
		}
	}
}
