package scaffold

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// reason says why something that could be tracked is left out.
type reason int

const (
	inTests reason = iota
	isGenerated
	isEncrypted
	isTemplate
	isBuilt
	isRange
	hasNoVersion
	onlyDigest
	ofGit
	isHint
	foreignPolicy
	inBroken
	allReasons
)

// words are what is counted, of one and of several, and what is done about it.
var reasonWords = [allReasons][2]string{
	inTests:       {"file of tests, examples or documentation", "files of tests, examples and documentation"},
	isGenerated:   {"generated file: its generator updates it", "generated files: their generator updates them"},
	isEncrypted:   {"file encrypted by SOPS: its checksum covers every value", "files encrypted by SOPS: their checksums cover every value"},
	isTemplate:    {"version or file with templates or variables", "versions and files with templates or variables"},
	isBuilt:       {"image that its compose file builds", "images that their compose files build"},
	isRange:       {"range of versions: what installs it chooses", "ranges of versions: what installs them chooses"},
	hasNoVersion:  {"tag without a version to go on from, such as latest, a branch or a hash", "tags without a version to go on from, such as latest, a branch or a hash"},
	onlyDigest:    {"image pinned by a digest without a tag", "images pinned by a digest without a tag"},
	ofGit:         {"chart from git", "charts from git, from files or from another chart"},
	isHint:        {"hint of Renovate for a source that pawl does not ask", "hints of Renovate for sources that pawl does not ask"},
	foreignPolicy: {"value with a policy of another tool that pawl has no words for", "values with a policy of another tool that pawl has no words for"},
	inBroken:      {"version whose manifest has errors", "versions whose manifests have errors"},
}

// maxPlaces bounds how many places of a reason are kept.
const maxPlaces = 1000

// leave notes what is left out, and where it is.
func (t *tree) leave(why reason, where string) {
	if places := t.left[why]; len(places) < maxPlaces && !slices.Contains(places, where) {
		t.left[why] = append(places, where)
	}
}

// leftOut counts what is left out by reason; the detail says where.
func (t *tree) leftOut() []Note {
	var all []Note
	for why, places := range t.left {
		if len(places) == 0 {
			continue
		}
		word := reasonWords[why][1]
		if len(places) == 1 {
			word = reasonWords[why][0]
		}
		all = append(all, Note{fmt.Sprintf("%d %s", len(places), word), shortList(t.leftWhere(reason(why)), 3)})
	}
	return all
}

// leftWhere are the places of a reason, of tests their directories.
func (t *tree) leftWhere(why reason) []string {
	places := slices.Clone(t.left[why])
	if why == inTests {
		for i, p := range places {
			places[i] = t.testDirectory(p)
		}
	}
	slices.Sort(places)
	return slices.Compact(places)
}

// shortList names the first of a list and counts the others.
func shortList(list []string, most int) string {
	if len(list) <= most {
		return strings.Join(list, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(list[:most], ", "), len(list)-most)
}

// testNames are directories whose files are not what runs.
var testNames = []string{"test", "tests", "testing", "e2e", "example", "examples", "sample", "samples", "doc", "docs", "documentation", "fixture", "fixtures", "__tests__", "__fixtures__", "testdata"}

// testDirectory is the part of a path up to a directory of tests, examples or documentation, empty for none.
func (t *tree) testDirectory(file string) string {
	parts := strings.Split(file, "/")
	for i, part := range parts[:len(parts)-1] {
		if dir := path.Join(parts[:i+1]...); slices.Contains(testNames, strings.ToLower(part)) && !t.testsBeside(dir) {
			return dir + "/"
		}
	}
	return ""
}

// generatedMark is what generators write at the head of a file.
var generatedMark = mustPattern(`(?i)\bdo not (?:edit|modify)\b|\bgenerated file\b|^# source: \S+/templates/\S+$|\bgenerated (?:by|with|using)\b|\bauto-?generated\b|@generated\b|\bcode generated\b`)

// isGeneratedText reports whether the comments at the head of a file say that a tool writes it.
func isGeneratedText(text string) bool {
	for range 12 {
		line, rest, more := strings.Cut(text, "\n")
		line = strings.TrimSpace(line)
		if line != "" && line[0] != '#' && !strings.HasPrefix(line, "---") {
			return false
		}
		if strings.HasPrefix(line, "#") && generatedMark.MatchString(line) {
			return true
		}
		if !more {
			return false
		}
		text = rest
	}
	return false
}

// templated reports whether a text holds something that is filled in later.
func templated(text string) bool {
	return strings.Contains(text, "{{") || strings.Contains(text, "${") || strings.Contains(text, "$(") || strings.Contains(text, "<%") || dollarName.MatchString(text) || placeholder.MatchString(text)
}

var (
	dollarName  = mustPattern(`\$[A-Za-z_]`)
	placeholder = mustPattern(`^(?:<.*>|__.*__|%.*%|@.*@)$`)
)
