package helm

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"gopkg.in/yaml.v3"
)

// library reads an index as the YAML library reads it whole: the oracle.
func library(data []byte) (map[string][]string, error) {
	var document struct {
		Entries map[string][]entry `yaml:"entries"`
	}
	if err := yaml.Unmarshal(data, &document); err != nil {
		return nil, err
	}
	if document.Entries == nil {
		return nil, errors.New("no entries")
	}
	all := map[string][]string{}
	for chart, entries := range document.Entries {
		all[chart] = []string{}
		for _, e := range entries {
			if e.Version != "" {
				all[chart] = append(all[chart], e.Version)
			}
		}
	}
	return all, nil
}

// FuzzIndex holds the quick readers and the tree against the YAML library: what they accept, they read alike.
func FuzzIndex(f *testing.F) {
	for _, s := range []string{
		"apiVersion: v1\nentries:\n  redis:\n  - version: 1.0.0\n  - version: \"2.0.0\"\ngenerated: \"x\"\n",
		"entries:\n  a:\n    - version: 1.0\n\n  b:\n  - version: |\n      x\n\n    name: y\n",
		"entries:\n  a:\n  - &x {version: 1}\n  - *x\n  b:\n  - *x\n",
		"entries: {}\n", "entries:\n", "---\nentries:\n  a:\n", "entries:\n  a: []\n", "x: 'a\n  b'\nentries:\n  a:\n  - version: '1\n      2'\n",
		"entries:\n  a:\n   - version: 1\n  - version: 2\n", "entries:\n  a:\n  - version: 1\n...\nentries:\n  b:\n",
		"# c\n---\nentries: # d\n  \"a\": # e\n  # f\n  - name: a # g\n    urls:\n    - https://x/a-1.tgz\n      \n    version: 1 2\n  3scale:\n    -\n      version: 1\n",
		"entries:\r\n  a:\r\n  - version: 1.0.0\r\n", "entries:\n  a:\n  - urls:\n      - x\n     - y\n    version: null\n  - version: 1\n     2\n",
		"entries:\n  null:\n  - version: 1\n  ~:\n  - version: 2\n", "publicKeys:\n- a\n- b\nentries:\n  a:\n  - version: 1\n  - version: 1\n    version: 2\n",
		"a: \"x\nentries:\n  a:\n  - version: 1\n\"\nentries:\n  b:\n  - version: 1\n", "entries:\n  a:\n  - d: \"x\n  - version: 1\n\"\n",
		`{"apiVersion":"v1","entries":{"a":[{"version":"1","urls":["x"],"d":{"e":[1]}},{"version":1.10},{"version":null}],"b":[]},"x":[]}`,
		`{"entries":{"a":[{"version":"1"}]}} `, `{entries: {a: [{version: 1}]}}`, `{"entries":{"a":[{"version":"\u00e9"},{}]}}`,
		"entries:\n  a:\n  - version: a\"\n  - version: \"a#\"\n  - version: a b\n  - version: a:b\n  - d: x:\n    version: 2\n  - version: 1e3\n  - version: 0x10\n",
		"entries: &e\n  a: &l\n  - version: 1\n  b: *l\n  <<: {c: [{version: 3}]}\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		quick, err := scan(bytes.NewReader(data))
		accepted(t, "scan", data, quick, err)
		if bytes.HasPrefix(data, []byte("{")) {
			quick, err = scanJSON(bytes.NewReader(data))
			if _, refused := library(data); refused == nil { // not all JSON is YAML to the library
				accepted(t, "scanJSON", data, quick, err)
			}
		}
		tree, err := decode(data)
		accepted(t, "decode", data, tree.charts, err)
		if _, whole := library(data); whole == nil && err != nil && !errors.Is(err, errManyEntries) {
			t.Errorf("decode refuses %q, which the library reads: %v", data, err)
		}
	})
}

func accepted(t *testing.T, name string, data []byte, got map[string][]string, err error) {
	t.Helper()
	if err != nil {
		return
	}
	whole, err := library(data)
	if err != nil {
		if strings.Contains(err.Error(), "excessive aliasing") {
			return // chart by chart there are fewer
		}
		t.Fatalf("%s reads %q, which the library refuses: %v", name, data, err)
	}
	if diff := cmp.Diff(whole, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s: %q: %s", name, data, diff)
	}
}

// TestScanReads shows the layouts that need no tree.
func TestScanReads(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"Helm's own":          "apiVersion: v1\nentries:\n  redis:\n  - version: 1.0.0\n\n  - version: 2.0.0\ngenerated: \"x\"\n",
		"another indentation": "entries:\n    redis:\n        - version: 1.0.0\n          name: redis\n        -   version: 2.0.0\n",
		"carriage returns":    "apiVersion: v1\r\nentries:\r\n  redis:\r\n  - version: 1.0.0\r\n  - version: 2.0.0\r\n",
		"comments":            "# generated\n---\nentries: # charts\n  # redis\n  redis:\n  - version: 1.0.0 # first\n  # second\n  - version: 2.0.0\n",
		"quoted":              "entries:\n  \"redis\":\n  - version: '1.0.0'\n  - version: \"2.0.0\"\n",
		"other keys":          "publicKeys:\n- a\nannotations:\n  a: [b,\n    c]\nentries:\n  redis:\n  - version: 1.0.0\n  - version: 2.0.0\nserverInfo: {}\n",
		"text over lines":     "entries:\n  redis:\n  - description: \"one\n\n      version: 9.9.9\"\n    version: 1.0.0\n  - keywords:\n    - a b\n    version: 2.0.0\n",
		"a name with a digit": "entries:\n  3scale: \n  redis:\n  - {version: 1.0.0}\n  - maintainers:\n    - {name: x}\n    version: 2.0.0\n",
	}
	for name, text := range tests {
		got, err := scan(strings.NewReader(text))
		if diff := cmp.Diff([]string{"1.0.0", "2.0.0"}, got["redis"]); err != nil || diff != "" {
			t.Errorf("%s: %v %s", name, err, diff)
		}
	}
}

// TestScanLeavesToTheLibrary shows that what is not plain is not read halfway.
func TestScanLeavesToTheLibrary(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", maxPart+1)
	for name, text := range map[string]string{
		"anchors": "entries:\n  a:\n  - version: &v 1.0.0\n  redis:\n  - version: *v\n", "a tab": "entries:\n\ta:\n", "twice": "entries:\n  a:\n  a:\n", "two documents": "entries:\n  a:\n---\nentries:\n  b:\n",
		"no entries": "apiVersion: v1\n", "a bare carriage return": "entries:\n  a:\n  - version: 1\r    name: b\n", "merged": "<<: {entries: {}}\nentries:\n  a:\n",
		"a long line": "x: " + long + long + "\nentries:\n  a:\n", "a long item": "entries:\n  a:\n  - d: |\n" + strings.Repeat("      "+long[:1000]+"\n", 1100),
	} {
		if got, err := scan(strings.NewReader(text)); !errors.Is(err, errUnusual) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	gone := errors.New("gone")
	if _, err := scan(io.MultiReader(strings.NewReader("entries:\n  a:\n"), failing{gone})); !errors.Is(err, gone) {
		t.Errorf("a reader that fails: %v", err)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// TestBoundedIndex shows that an index which is neither plain nor small is refused, and one of too many versions too.
func TestBoundedIndex(t *testing.T) {
	t.Parallel()
	var odd, many strings.Builder
	odd.WriteString("base: &b {version: 1.0.0}\nentries:\n  a:\n")
	for odd.Len() <= maxTree {
		odd.WriteString("  - *b\n")
	}
	if _, err := ReadIndex(strings.NewReader(odd.String())); !errors.Is(err, errUnusual) || !strings.Contains(err.Error(), "larger than 4 MB") {
		t.Errorf("a large index with aliases: %v", err)
	}
	many.WriteString("entries:\n  a:\n")
	for i := range maxVersions + 1 {
		fmt.Fprintf(&many, "  - version: %d\n", i)
	}
	if _, err := ReadIndex(strings.NewReader(many.String())); !errors.Is(err, errManyVersions) {
		t.Errorf("a chart of many versions: %v", err)
	}
	full := &charts{versions: map[string][]string{}, count: maxEntries}
	if err := full.begin("b"); !errors.Is(err, errManyEntries) {
		t.Errorf("an index of many charts: %v", err)
	}
	if err := full.add("a", "1.0.0"); !errors.Is(err, errManyEntries) {
		t.Errorf("an index of many versions: %v", err)
	}
}
