package scaffold

import (
	"errors"
	"io"
	"io/fs"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/pawl-cd/pawl/internal/fault"
	"github.com/pawl-cd/pawl/internal/manifest"
)

// usual are the directories that hold manifests: the first three are those that pawl tries by itself, in its order; the
// others are where Updatecli's own scaffold puts them.
var usual = []string{"manifests", ".updatecli", "updatecli.d", "updatecli/updatecli.d", "updatecli/manifests", "updatecli"}

// existing is what the manifests that are there track.
type existing struct {
	dirs    []string
	count   int
	targets []string
	// tracked holds the manifest of each source by its canonical name; places the scalars that are written.
	tracked map[string]string
	places  map[position]bool
	// broken are the files of manifests with errors.
	broken map[string]bool
	// env are the variables that manifests read; secrets the hosts that their tokens are for.
	env     []string
	secrets map[string]string
	// values are the files of values that manifests look something up in.
	values []string
	// present are the usual directories that have a YAML file; drafts is the one for new manifests.
	present []string
	drafts  string
}

// position is where a scalar stands.
type position struct {
	file         string
	line, column int
}

// manifests loads what is in the usual directories and looks like manifests of Updatecli.
func (t *tree) manifests() existing {
	e := existing{tracked: map[string]string{}, places: map[position]bool{}, broken: map[string]bool{}, secrets: map[string]string{}}
	texts := t.manifestTexts(&e)
	values := t.lookedUp(&e, texts)
	variables, tokens := readVariables(texts)
	e.env = variables
	e.drafts = t.draftsDir(e)
	if len(e.dirs) == 0 {
		return e
	}
	all, err := manifest.Load(t.fsys, e.dirs, manifest.Options{
		Env: func(string) (string, bool) { return "x", true }, Readable: append(variables, "GITHUB_ACTOR"),
		Secrets: append(tokens, "GITHUB_TOKEN", "MERGE_TOKEN"), Bound: func(string, string) bool { return true },
		Values: values,
	})
	if err != nil {
		t.note(strings.Join(e.dirs, ", "), "%v", err)
	}
	for _, m := range all {
		e.count++
		if !m.Valid() {
			e.broken[m.File] = true
		}
		e.add(t, m, tokens)
	}
	slices.Sort(e.targets)
	e.targets = slices.Compact(e.targets)
	return e
}

// manifestTexts finds the directories and returns the texts of their files.
func (t *tree) manifestTexts(e *existing) []string {
	var texts []string
	for _, dir := range usual {
		if t.linked(dir) {
			t.note(dir, "is a symbolic link, which is not followed")
			e.present = append(e.present, dir)
			continue
		}
		if info, err := fs.Stat(t.fsys, dir); err != nil || !info.IsDir() {
			continue
		}
		files := t.yamlFiles(dir)
		if len(files) > 0 {
			e.present = append(e.present, dir)
		}
		if dir == "updatecli" && slices.ContainsFunc(e.dirs, func(d string) bool { return strings.HasPrefix(d, "updatecli/") }) {
			continue
		}
		found := 0
		for _, file := range files {
			if text := t.text(file); looksLikeManifest(text) {
				texts = append(texts, text)
				found++
			}
		}
		if found > 0 {
			e.dirs = append(e.dirs, dir)
		}
	}
	return texts
}

// looksLikeManifest reports whether a document's top level has Updatecli's words.
func looksLikeManifest(text string) bool {
	dec := yaml.NewDecoder(strings.NewReader(braces.ReplaceAllString(text, "x"))) // without quotes they are no YAML
	for range 1000 {
		var n yaml.Node
		if err := decode(dec, &n); err != nil {
			return false
		}
		if hasKey(&n, "targets") && (hasKey(&n, "sources") || hasKey(&n, "conditions")) {
			return true
		}
	}
	return false
}

func hasKey(n *yaml.Node, key string) bool { return child(n, key) != nil }

// child returns the value of a key of a map or of a document's map, nil when there is none.
func child(n *yaml.Node, key string) *yaml.Node {
	if n.Kind == yaml.DocumentNode {
		n = n.Content[0]
	}
	if n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

// decode reads a document; yaml.v3 panics on some malformed input.
func decode(dec *yaml.Decoder, n *yaml.Node) (err error) {
	defer fault.Guard(&err, func(any) error { return errors.New("malformed document") })
	if err := dec.Decode(n); err != nil {
		return err
	}
	if len(n.Content) == 0 {
		return io.EOF
	}
	return nil
}

var (
	variable = mustPattern(`\{\{-?\s*(?:requiredEnv|env)\s+["` + "`" + `]([A-Za-z_][A-Za-z0-9_]*)["` + "`" + `]`)
	token    = mustPattern(`(?m)(?:^|[\s{,])(?:token|username|password):\s*["']?\{\{[^{}\n]*\}\}`)
	braces   = mustPattern(`\{\{[^{}\n]*\}\}`)
	lookup   = mustPattern(`\{\{-?\s*(?:(?:requiredEnv|env)\s+)?\.\w`)
	nameIn   = mustPattern(`\{\{-?\s*(?:requiredEnv|env)\s+(\.\w+(?:\.\w+)*)`)
)

// usualValues is where Updatecli's own scaffold puts the file of values.
var usualValues = []string{"updatecli/values.yaml", "updatecli/values.yml"}

// lookedUp reads the file of values when a manifest looks something up, and puts the names of variables that stand there into
// the texts.
func (t *tree) lookedUp(e *existing, texts []string) manifest.Values {
	if !slices.ContainsFunc(texts, lookup.MatchString) {
		return nil
	}
	values := manifest.Values{}
	for _, name := range usualValues {
		data, err := t.read(name)
		if err != nil {
			continue
		}
		if problems := values.Read(name, data); len(problems) > 0 {
			t.note(name, "%v", problems[0])
			continue
		}
		e.values = append(e.values, name)
	}
	for i, text := range texts {
		for _, m := range nameIn.FindAllStringSubmatch(text, -1) {
			if name, ok := values.Look(m[1]); ok && !strings.ContainsAny(name, "\"\n") {
				texts[i] = strings.ReplaceAll(texts[i], m[0], `{{ requiredEnv "`+name+`"`)
			}
		}
	}
	return values
}

// readVariables returns the variables that manifests read, and those among them that stand for a token or user name,
// without the ones that pawl knows.
func readVariables(texts []string) (env, tokens []string) {
	known := []string{"GITHUB_TOKEN", "MERGE_TOKEN", "GITHUB_ACTOR"}
	for _, text := range texts {
		for _, line := range token.FindAllString(text, -1) {
			tokens = append(tokens, names(line, known)...)
		}
	}
	slices.Sort(tokens)
	tokens = slices.Compact(tokens)
	for _, text := range texts {
		env = append(env, names(text, append(known, tokens...))...)
	}
	slices.Sort(env)
	return slices.Compact(env), tokens
}

func names(text string, without []string) []string {
	var all []string
	for _, m := range variable.FindAllStringSubmatch(text, -1) {
		if !slices.Contains(without, m[1]) {
			all = append(all, m[1])
		}
	}
	return all
}

// add notes what a manifest tracks and writes.
func (e *existing) add(t *tree, m manifest.Manifest, tokens []string) {
	for _, s := range m.Sources {
		if s.Query.Path != "" {
			e.tracked[s.Query.String()] = m.File
		}
		if slices.Contains(tokens, s.Query.Token) {
			e.secrets[s.Query.Token] = s.Query.Host
		}
	}
	for _, target := range m.Targets {
		if target.File == "" {
			continue
		}
		e.targets = append(e.targets, target.File)
		f, err := t.parse(target.File)
		if err != nil {
			continue // pawl validate says what is wrong with a target
		}
		scalars, _ := f.Find(target.Key) // none is a fault that pawl validate shows
		for _, s := range scalars {
			e.places[position{target.File, s.Line, s.Column}] = true
		}
	}
}

// draftsDir chooses where new manifests go: beside the existing ones, else the first usual directory that is not used
// for something else.
func (t *tree) draftsDir(e existing) string {
	if len(e.dirs) > 0 {
		return e.dirs[0]
	}
	for _, dir := range []string{"manifests", "updatecli.d"} {
		if !t.linked(dir) && len(t.yamlFiles(dir)) == 0 {
			return dir
		}
	}
	return "pawl.d"
}

// flags are the directories that pawl must be told because it would not look there by itself: it takes the first of the
// usual ones that has a YAML file, and only that.
func (e existing) flags() []string {
	dirs := e.dirs
	if len(dirs) == 0 {
		dirs = []string{e.drafts}
	}
	for _, dir := range usual[:3] {
		if dir == dirs[0] && len(dirs) == 1 {
			return nil
		}
		if slices.Contains(e.present, dir) {
			break
		}
	}
	return dirs
}
