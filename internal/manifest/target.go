package manifest

import (
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/pawl-cd/pawl/internal/edit"
	"github.com/pawl-cd/pawl/internal/source"
	"github.com/pawl-cd/pawl/internal/strictyaml"
)

// targets translates a target: one for each file and key that it names, all with its id.
func (t *translator) targets(id strictyaml.Text, b targetBlock, d document) []Target {
	one := Target{ID: id.Value, Document: -1, Digest: b.Writes.Value == "digest"}
	t.elsewhere(b.SCMID, d.SCMs)
	switch {
	case b.Spec.node != nil && b.Kind.Value == "yaml":
		return t.yaml(one, id, b, d)
	case b.Spec.node != nil && b.Kind.Value == "file":
		return t.text(one, id, b, d)
	default:
		one.SourceID = t.sourceID(id, b.SourceID, d.Sources)
		return []Target{one}
	}
}

// yaml translates a target in YAML files.
func (t *translator) yaml(one Target, id strictyaml.Text, b targetBlock, d document) []Target {
	var spec yamlSpec
	clean := t.decode(b.Spec.node, &spec)
	if spec.Value.Set() {
		one.SourceID, one.Transform = t.written("value", spec.Value, d.Sources)
	} else {
		one.SourceID, one.Transform = t.sourceID(id, b.SourceID, d.Sources), t.transform(b.Transformers)
		if b.DisableSourceInput.Value {
			t.errorf(id, "remove disablesourceinput, or write spec.value with {{ source \"id\" }}", "disablesourceinput: true leaves nothing to write")
		}
	}
	if !clean {
		return []Target{one}
	}
	if spec.DocumentIndex.Set() {
		if one.Document = spec.DocumentIndex.Value; one.Document < 0 {
			t.errorf(strictyaml.Text{Line: spec.DocumentIndex.Line, Column: spec.DocumentIndex.Column}, "count from 0: the first document has the index 0", "documentindex is below 0")
		}
	}
	files, keys := t.either("file", spec.File, spec.Files), t.either("key", spec.Key, spec.Keys)
	var all []Target
	for _, file := range files {
		next := one
		next.File, next.FilePlace = t.path(file), t.problem(file, "", "")
		for _, key := range keys {
			next.Key, next.Place = t.key(key, spec.Engine), t.problem(key, "", "")
			all = append(all, next)
		}
	}
	if len(all) == 0 {
		return []Target{one}
	}
	return all
}

// text translates a target in other text files.
func (t *translator) text(one Target, id strictyaml.Text, b targetBlock, d document) []Target {
	var spec fileSpec
	clean := t.decode(b.Spec.node, &spec)
	before, after := "", ""
	if spec.ReplacePattern.Set() {
		one.SourceID, before, after = t.around("replacepattern", spec.ReplacePattern, d.Sources)
		one.Transform = t.transform(b.Transformers)
	} else {
		one.SourceID, one.Transform = t.sourceID(id, b.SourceID, d.Sources), t.transform(b.Transformers)
	}
	if b.DisableSourceInput.Value && !spec.ReplacePattern.Set() {
		t.errorf(id, "remove disablesourceinput", "disablesourceinput: true leaves nothing to write")
	}
	if !clean {
		return []Target{one}
	}
	var err error
	if expression := t.expand(spec.MatchPattern); spec.ReplacePattern.Set() {
		one.Pattern, err = edit.ParseReplacement(expression, before, after)
	} else {
		one.Pattern, err = edit.ParsePattern(expression)
	}
	if err != nil {
		t.errorf(spec.MatchPattern, `put the value into the one group, as in FROM org/web:([\w.-]+)`, "matchpattern: %v", err)
	}
	one.Place = t.problem(spec.MatchPattern, "", "")
	var all []Target
	for _, file := range t.either("file", spec.File, spec.Files) {
		next := one
		next.File, next.FilePlace = t.path(file), t.problem(file, "", "")
		if steers(next.File) {
			t.errorf(file, "name another file: what runs and what pawl itself reads is changed by people", "%s is no target of kind file", next.File)
		}
		all = append(all, next)
	}
	if len(all) == 0 {
		return []Target{one}
	}
	return all
}

// steers reports whether a file decides what runs, here or in a pipeline.
func steers(file string) bool {
	for _, dir := range []string{".github/workflows/", ".gitea/workflows/", ".forgejo/workflows/", ".gitlab/", ".circleci/", ".woodpecker/", ".buildkite/"} {
		if strings.HasPrefix(strings.ToLower(file), dir) {
			return true
		}
	}
	return slices.Contains([]string{".pawl.yaml", ".gitlab-ci.yml", ".gitlab-ci.yaml", ".woodpecker.yml", ".woodpecker.yaml", ".drone.yml", ".travis.yml",
		"azure-pipelines.yml", "bitbucket-pipelines.yml", "jenkinsfile"}, strings.ToLower(file))
}

// either returns what stands under a name or, several, under its plural.
func (t *translator) either(name string, one strictyaml.Text, several []strictyaml.Text) []strictyaml.Text {
	switch {
	case one.Set() && len(several) > 0:
		t.errorf(several[0], "keep one of the two", "%s and %ss are both there", name, name)
	case one.Set():
		return []strictyaml.Text{one}
	}
	for i, s := range several {
		if j := slices.IndexFunc(several[:i], func(earlier strictyaml.Text) bool { return earlier.Value == s.Value }); j >= 0 {
			t.errorf(s, "remove one of the two", "%ss: %s is there twice", name, strictyaml.Quote(s.Value))
		}
	}
	return several
}

// common are the keys that all engines read alike: names, indexes and wildcards.
var common = regexp.MustCompile(`^(\$|[\w-]+)?(\.\.?[\w-]+|\.?\[[0-9]+\]|\.?\[\*\]|\['[^']*'\])*$`)

// key parses the place of a value.
func (t *translator) key(at, engine strictyaml.Text) edit.Path {
	text := t.expand(at)
	key, err := edit.ParsePath(text)
	switch {
	case err != nil && (text != "" || at.Value == ""):
		t.errorf(at, "write e.g. $.image.tag, $.images[0].tag or $.files['app.json']", "%v", err)
	case err == nil && engine.Value != "" && engine.Value != "yamlpath" && !common.MatchString(key.String()):
		t.errorf(at, "check that it names the same place as engine: yamlpath reads it, and write that engine", "engine: %s may read the key %s otherwise", engine.Value, strictyaml.Quote(text))
	}
	return key
}

// written reads the text of one source with text around it, which stands under a name.
func (t *translator) written(name string, value strictyaml.Text, sources strictyaml.Map[sourceBlock]) (string, source.Transform) {
	id, before, after := t.around(name, value, sources)
	var ops []source.Op
	if before != "" {
		ops = append(ops, source.AddPrefix(before))
	}
	if after != "" {
		ops = append(ops, source.AddSuffix(after))
	}
	return id, source.NewTransform(ops...)
}

// around takes a text apart that holds the text of one source: the source's id, and what stands before and after it.
func (t *translator) around(name string, text strictyaml.Text, sources strictyaml.Map[sourceBlock]) (id, before, after string) {
	found := sourceText.FindAllStringSubmatchIndex(text.Value, -1)
	if len(found) != 1 {
		t.errorf(text, "write "+name+": '{{ source \"id\" }}' with text before or after it", "%s: want the text of one source, have %d", name, len(found))
		return "", "", ""
	}
	m := found[0]
	part := func(from, to int) strictyaml.Text {
		part := text
		part.Value = text.Value[from:to]
		return part
	}
	named := part(max(m[2], m[4]), max(m[3], m[5]))
	return t.sourceID(named, named, sources), t.expand(part(0, m[0])), t.expand(part(m[1], len(text.Value)))
}

// elsewhere reports a target that is for another repository than the one that pawl writes to, where that is known.
func (t *translator) elsewhere(id scmID, all scmList) {
	if !id.Set() {
		return
	}
	at := slices.IndexFunc(all, func(e strictyaml.Entry[scmRepository]) bool { return e.Key.Value == id.Value })
	if at < 0 {
		t.errorf(id.Text, "name one of scms, or remove it", "there is no scm %q", id.Value)
		return
	}
	if scm := all[at].Value; strings.HasSuffix(scm.kind.Value, "search") {
		t.errorf(id.Text, "write a manifest in each repository", "the target is for all repositories that %s finds", scm.kind.Value)
	} else if there := t.repository(scm); there != "" && t.opt.Repository != "" && !strings.EqualFold(there, t.opt.Repository) {
		t.errorf(id.Text, "move the manifest to that repository", "the target is for the repository %s, and pawl writes to %s", there, t.opt.Repository)
	}
}

// repository is the owner and name of an scm, empty when it does not say both.
func (t *translator) repository(scm scmRepository) string {
	if owner, name := t.quietly(scm.owner), t.quietly(scm.repository); owner != "" && name != "" {
		return owner + "/" + name
	}
	address := strings.TrimSuffix(strings.TrimRight(t.quietly(scm.url), "/"), ".git")
	_, there, _ := strings.Cut(address, ":") // git@host:owner/name
	if u, err := url.Parse(address); err == nil && u.Host != "" {
		there = u.Path
	}
	if there = strings.Trim(there, "/"); !strings.Contains(there, "/") {
		return ""
	}
	return there
}

// quietly is expand without a word about what is wrong.
func (t *translator) quietly(text strictyaml.Text) string {
	before := len(t.problems)
	expanded := t.expand(text)
	t.problems = t.problems[:before]
	return expanded
}
