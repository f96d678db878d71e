package manifest_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"testing/fstest"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"

	"github.com/pawl-cd/pawl/internal/config"
	"github.com/pawl-cd/pawl/internal/fake/folder"
	"github.com/pawl-cd/pawl/internal/manifest"
	"github.com/pawl-cd/pawl/internal/strictyaml"
)

// format is a file format with both of its judges.
type format struct {
	schema *jsonschema.Schema
	load   func(t *testing.T, text string) []strictyaml.Problem
}

func manifests(t *testing.T) format {
	t.Helper()
	return format{compile(t, manifest.Schema), loadManifest}
}

func configuration(t *testing.T) format {
	t.Helper()
	return format{compile(t, config.Schema), func(_ *testing.T, text string) []strictyaml.Problem {
		_, problems := config.Parse(config.FileName, []byte(text))
		return problems
	}}
}

func compile(t *testing.T, make func() ([]byte, error)) *jsonschema.Schema {
	t.Helper()
	data, err := make()
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("format.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("format.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

func loadManifest(t *testing.T, text string) []strictyaml.Problem {
	t.Helper()
	all, err := manifest.Load(fstest.MapFS{"manifests/app.yaml": {Data: []byte(text)}}, nil, manifest.Options{
		Env:      func(string) (string, bool) { return "set", true },
		Readable: []string{"GITHUB_ACTOR"}, Secrets: []string{"GITHUB_TOKEN"},
		Bound: func(string, string) bool { return true },
	})
	if err != nil {
		t.Fatal(err)
	}
	var problems []strictyaml.Problem
	for _, m := range all {
		problems = append(problems, m.Problems...)
	}
	return problems
}

// plain is what an editor holds against the schema: YAML 1.2's core values, where a day is a text.
func plain(n *yaml.Node) any {
	switch n.Kind {
	case yaml.AliasNode:
		return plain(n.Alias)
	case yaml.SequenceNode:
		list := []any{}
		for _, c := range n.Content {
			list = append(list, plain(c))
		}
		return list
	case yaml.MappingNode:
		m := map[string]any{}
		for i := 0; i < len(n.Content); i += 2 {
			m[n.Content[i].Value] = plain(n.Content[i+1])
		}
		return m
	}
	switch n.Tag {
	case "!!null":
		return nil
	case "!!bool":
		return n.Value == "true"
	case "!!int", "!!float":
		return json.Number(n.Value)
	}
	return n.Value
}

// validate holds every document of the text against the schema.
func (f format) validate(t *testing.T, text string) error {
	t.Helper()
	docs, problems := strictyaml.Documents("x.yaml", []byte(text))
	if len(problems) > 0 || len(docs) == 0 {
		t.Fatalf("%d documents, problems %v", len(docs), problems)
	}
	for _, d := range docs {
		if err := f.schema.Validate(plain(d)); err != nil {
			return err
		}
	}
	return nil
}

// TestSchemaKnowsTheManifests validates this repository's own manifests.
func TestSchemaKnowsTheManifests(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../manifests/*.yaml")
	if err != nil || len(files) != 60 {
		t.Fatalf("%d manifests, error %v", len(files), err)
	}
	f := manifests(t)
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := f.validate(t, string(data)); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
}

// TestSchemaKnowsTheHistory validates the manifests in force at the end of a real profile's history.
func TestSchemaKnowsTheHistory(t *testing.T) {
	t.Parallel()
	dir := folder.Of(t, "PAWL_CORPUS")
	last := lastManifests(t, filepath.Join(dir, "steps.jsonl"))
	if len(last) != 56 {
		t.Fatalf("%d manifests, want 56", len(last))
	}
	f := manifests(t)
	for _, path := range slices.Sorted(maps.Keys(last)) {
		if err := f.validate(t, last[path]); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// lastManifests carries the manifests through the steps of the history.
func lastManifests(t *testing.T, steps string) map[string]string {
	t.Helper()
	file, err := os.Open(steps)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	now := map[string]string{}
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var step struct{ Manifests map[string]*string }
		if err := json.Unmarshal(lines.Bytes(), &step); err != nil {
			t.Fatal(err)
		}
		for path, text := range step.Manifests {
			delete(now, path)
			if text != nil {
				now[path] = *text
			}
		}
	}
	if lines.Err() != nil {
		t.Fatal(lines.Err())
	}
	return now
}

func TestSchemaKnowsTheFullConfiguration(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("../config/testdata/full.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := configuration(t).validate(t, string(data)); err != nil {
		t.Error(err)
	}
}

const (
	sources = "sources: {s: {kind: dockerimage, spec: {image: a/b, versionfilter: '*'}}}\n"
	targets = "targets: {t: {kind: yaml, spec: {file: v.yaml, key: $.a}}}\n"
)

func source(kind, spec string) string {
	return "sources: {s: {kind: " + kind + ", spec: " + spec + "}}\n" + targets
}

func transformers(list string) string {
	return "sources: {s: {kind: dockerimage, spec: {image: a/b, versionfilter: '*'}, transformers: " + list + "}}\n" + targets
}

// TestSchemaAcceptsWhatIsLoaded holds both judges against files that load without a problem; a key in another case is
// a warning, and an editor that marks it says the same.
func TestSchemaAcceptsWhatIsLoaded(t *testing.T) {
	t.Parallel()
	for name, texts := range map[string][]string{"manifest": {
		sources + targets,
		"name: 7\n" + sources + targets,
		"name:\npolicy:\n" + sources + targets,
		"conditions: {c: {kind: dockerimage, sourceid: s, spec: {image: a/b, architectures: [arm64]}, transformers: [{addprefix: v}]}}\n" + sources + targets,
		sources + "targets: {t: {kind: yaml, disableconditions: true, disablesourceinput: false, spec: {files: [a.yaml, b.yaml], keys: [$.a, $.b], documentindex: 0, searchpattern: false}}}\n",
		sources + "targets: {t: {kind: yaml, spec: {file: v.yaml, key: $.a, value: 'v{{ source \"s\" }}-x'}}}\n",
		sources + targets + "---\n" + sources + targets,
		source("dockerimage", "{image: a/b, versionfilter: 1.2}"),
		source("dockerimage", "{image: a/b, tagfilter: '^v', versionfilter: {kind: semver}}"),
		source("dockerimage", "{image: a/b, tagfilter: , versionfilter: {pattern: '>=1'}}"),
		source("dockerimage", "{image: a/b, versionfilter: {kind: regex, pattern: '^v'}}"),
		source("dockerimage", "{image: a/b, versionfilter: {kind: regex/semver, regex: '^v(.*)$', pattern: '*'}}"),
		source("dockerimage", "{image: a/b, versionfilter: {kind: latest, pattern: }}"),
		source("helmchart", "{url: 'oci://ghcr.io/o', name: c, versionfilter: ~1}"),
		source("helmchart", "{url: 'https://h.example/charts', name: c, versionfilter: ^1}"),
		source("githubrelease", "{owner: o, repository: r, typefilter: {prerelease: true, release: false}, versionfilter: '*'}"),
		source("githubrelease", "{owner: o, repository: r, token: '{{ requiredEnv \"GITHUB_TOKEN\" }}', username: '{{ env \"GITHUB_ACTOR\" }}', url: 'https://h.example/api/v3', versionfilter: '*'}"),
		transformers("[{trimprefix: v}, {addprefix: 1}, {trimsuffix: x}, {addsuffix: true}]"),
		transformers("[{replacer: {from: a, to: b}}, {replacers: [{from: a}, {from: b, to: }]}, {find: '[0-9]+'}]"),
		transformers("[{findsubmatch: 'v(.*)'}, {findsubmatch: {pattern: 'v(.*)', captureindex: 1}}, {semverinc: 'minor,patch'}]"),
		transformers(""),
		"sources:\n  s: &s {kind: dockerimage, name: one, spec: {image: a/b, versionfilter: '*'}}\n  r: *s\ntargets: {t: {kind: yaml, name: t, sourceid: r, spec: {file: v.yaml, key: $.a, engine: yamlpath}, transformers: [{trimprefix: v}]}}\n",
		sources + targets + "policy: {channel: infitx, exclude: 1.2.3, downgrade: follow, loose: true, hold: {}}\n",
		sources + targets + "policy: {exclude: ['>=2', 1.5], hold: {version: 1.2, reason: 5, until: 2026-12-31}}\n",
		sources + targets + "policy: {channel: , exclude: , downgrade: , loose: , hold: }\n",
	}, "configuration": {
		"version: 1\n",
		"version: '1'\n",
		"version:\nmirrors:\nregistries:\nenv:\nsecrets:\npolicy:\nforge:\nmerge:\nledger:\ndeploy:\nevents:\n",
		"mirrors: {}\nregistries: {ghcr.io: {}}\nenv: []\nsecrets: {}\n",
		"registries: {ghcr.io: {concurrency: 1}, docker.io: {concurrency: }}\n",
		"merge: off\n",
		"merge: 'off'\n",
		"merge: {require: none}\n",
		"merge: {method: rebase, wait: 0, require: []}\n",
		"deploy: {by: push, projects: '${X}'}\n",
		"deploy: {projects: [{name: 7, url: 'https://gitlab.example/api/v4/projects/1/trigger/pipeline', secret: T, api: A, paths: [a.yaml]}]}\n",
		"events: {source: 'urn:pawl', required: true, accept: []}\n",
		"events: {sinks: [{type: http, url: 'https://h.example', mode: batch}, {type: kafka, brokers: [h:1], topic: 7, partition: type}]}\n",
		"policy: {exclude: 1.2}\nforge: {labels: [a, 1]}\n",
	}} {
		f := map[string]format{"manifest": manifests(t), "configuration": configuration(t)}[name]
		for i, text := range texts {
			t.Run(name+" "+strconv.Itoa(i), func(t *testing.T) {
				t.Parallel()
				if problems := f.load(t, text); len(problems) > 0 {
					t.Errorf("the loader refuses %s%v", text, problems)
				}
				if err := f.validate(t, text); err != nil {
					t.Errorf("the schema refuses %s%v", text, err)
				}
			})
		}
	}
}

// TestSchemaRefusesWhatIsRefused holds both judges against files whose form is wrong.
func TestSchemaRefusesWhatIsRefused(t *testing.T) {
	t.Parallel()
	for name, texts := range map[string][]string{"manifest": {
		"- a\n",
		"title: x\n" + sources + targets,
		"source: {}\n" + sources + targets,
		"conditions: {c: {kind: shell, spec: {command: 'true'}}}\n" + sources + targets,
		"conditions: {c: {kind: dockerimage, spec: {tag: 1}}}\n" + sources + targets,
		sources,
		targets,
		"sources:\n" + targets,
		"sources: []\n" + targets,
		"sources: {s: }\n" + targets,
		sources + "targets: {t: }\n",
		"sources: {s: {kind: gittag, spec: {}}}\n" + targets,
		"sources: {s: {kind: dockerimage, spec: }}\n" + targets,
		source("dockerimage", "{versionfilter: '*'}"),
		source("dockerimage", "{image: [a/b], versionfilter: '*'}"),
		source("dockerimage", "{image: a/b, versionfilterr: '*'}"),
		source("dockerimage", "{image: a/b, password: x, versionfilter: '*'}"),
		source("dockerimage", "{image: a/b, versionfilter: {kind: semvre}}"),
		source("dockerimage", "{image: a/b, versionfilter: {range: '*'}}"),
		source("dockerimage", "{image: a/b, versionfilter: ['*']}"),
		source("githubrelease", "{owner: o, repository: r, typefilter: {draft: true}, versionfilter: '*'}"),
		source("githubrelease", "{owner: o, repository: r, typefilter: {release: 'true'}, versionfilter: '*'}"),
		transformers("[{trimprefx: v}]"),
		transformers("[null]"),
		transformers("{trimprefix: v}"),
		transformers("[{findsubmatch: {pattern: v, captureindex: x}}]"),
		transformers("[{findsubmatch: {pattern: v, captureindex: '1'}}]"),
		transformers("[{replacer: {to: x}}]"),
		sources + "targets: {t: {kind: yaml, spec: {file: v.yaml}}}\n",
		sources + "targets: {t: {kind: toml, spec: {file: v.yaml, key: $.a}}}\n",
		sources + "targets: {t: {kind: yaml, spec: {file: v.yaml, key: $.a, engine: dasel}}}\n",
		sources + "targets: {t: {kind: yaml, spec: {files: [v.yaml], key: $.a, comment: x}}}\n",
		sources + "targets: {t: {kind: yaml, spec: {keys: [$.a]}}}\n",
		sources + targets + "policy: {chanel: x}\n",
		sources + targets + "policy: {downgrade: maybe}\n",
		sources + targets + "policy: {hold: {untill: 2026-12-31}}\n",
		sources + targets + "policy: {exclude: [null]}\n",
	}, "configuration": {
		"[]\n",
		"version: 2\n",
		"verison: 1\n",
		"mirrors: [docker.io]\n",
		"mirrors: {docker.io: }\n",
		"registries: {docker.io: 16}\n",
		"registries: {docker.io: {concurrency: many}}\n",
		"env: MY_VARIABLE\n",
		"env: [null]\n",
		"secrets: {A: [h]}\n",
		"policy: {downgrade: up}\n",
		"forge: {kind: bitbucket}\n",
		"forge: {token: X}\n",
		"merge: on\n",
		"merge: {method: fast}\n",
		"merge: {require: all}\n",
		"deploy: {by: hand}\n",
		"deploy: {projects: {name: x}}\n",
		"deploy: {projects: [{name: x, url: 'https://h.example'}]}\n",
		"deploy: {projects: [{name: x, url: 'https://h.example', secret: T, token: X}]}\n",
		"events: {required: sometimes}\n",
		"events: {sinks: [{path: x}]}\n",
		"events: {sinks: [{type: pigeon}]}\n",
		"events: {sinks: [{type: file, path: x, file: y}]}\n",
	}} {
		f := map[string]format{"manifest": manifests(t), "configuration": configuration(t)}[name]
		for i, text := range texts {
			t.Run(name+" "+strconv.Itoa(i), func(t *testing.T) {
				t.Parallel()
				if !strictyaml.Failed(f.load(t, text)) {
					t.Errorf("the loader accepts %s", text)
				}
				if f.validate(t, text) == nil {
					t.Errorf("the schema accepts %s", text)
				}
			})
		}
	}
}

// TestUnknownKeys puts a key that nobody knows into every map of a file that is right.
func TestUnknownKeys(t *testing.T) {
	t.Parallel()
	full, err := os.ReadFile("../config/testdata/full.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		format format
		text   string
		// free are the maps whose keys are names, closed the number of the others.
		free   []string
		closed int
	}{
		{manifests(t), sources + targets + "policy: {hold: {reason: x}}\n", []string{".sources", ".targets"}, 7},
		{configuration(t), string(full), []string{".mirrors", ".registries", ".secrets"}, 12},
	} {
		closed := 0
		for path, text := range withUnknownKeys(t, c.text) {
			if slices.Contains(c.free, path) {
				continue
			}
			closed++
			if c.format.validate(t, text) == nil || !strictyaml.Failed(c.format.load(t, text)) {
				t.Errorf("an unknown key is accepted at %q", path)
			}
		}
		if closed != c.closed {
			t.Errorf("%d maps with known keys, want %d", closed, c.closed)
		}
	}
}

// withUnknownKeys returns the text with an unknown key in one of its maps, for each map by its path.
func withUnknownKeys(t *testing.T, text string) map[string]string {
	t.Helper()
	var root yaml.Node
	if err := yaml.Unmarshal([]byte(text), &root); err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	var walk func(path string, n *yaml.Node)
	walk = func(path string, n *yaml.Node) {
		for i, c := range n.Content {
			switch {
			case n.Kind == yaml.SequenceNode:
				walk(path+"["+strconv.Itoa(i)+"]", c)
			case n.Kind == yaml.MappingNode && i%2 == 1:
				walk(path+"."+n.Content[i-1].Value, c)
			}
		}
		if n.Kind != yaml.MappingNode {
			return
		}
		known := n.Content
		n.Content = append(slices.Clone(known), &yaml.Node{Kind: yaml.ScalarNode, Value: "zzz"}, &yaml.Node{Kind: yaml.ScalarNode, Value: "x"})
		data, err := yaml.Marshal(&root)
		if err != nil {
			t.Fatal(err)
		}
		all[path], n.Content = string(data), known
	}
	walk("", root.Content[0])
	return all
}
