package scaffold

import (
	"io/fs"
	"path"
	"slices"
	"strings"
)

// environmentWords are what directories and files of one environment are called.
var environmentWords = []string{
	"dev", "develop", "development", "int", "integration", "qa", "sit", "uat", "perf", "preview", "sandbox", "stage", "staging", "stg", "nonprod",
	"preprod", "preproduction", "prd", "prod", "production", "live", "canary", "dr",
}

// environment is the part of a path that names an environment, empty for none: a directory called so or beginning or
// ending so (prod-eu, apps-prod), else a file of values (values-prod.yaml).
func (t *tree) environment(file string) string {
	parts := strings.Split(file, "/")
	for i, part := range parts[:len(parts)-1] {
		if namesEnvironment(part) || t.testsBeside(strings.Join(parts[:i+1], "/")) {
			return strings.ToLower(part)
		}
	}
	name := strings.TrimSuffix(parts[len(parts)-1], path.Ext(file))
	for _, word := range splitName(name) {
		if isEnvironment(word) {
			return word
		}
	}
	return ""
}

func namesEnvironment(part string) bool {
	words := splitName(part)
	return len(words) > 0 && (isEnvironment(words[0]) || isEnvironment(words[len(words)-1]))
}

func splitName(name string) []string {
	return strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return r == '-' || r == '_' || r == '.' })
}

// isEnvironment reports whether a word is the name of an environment, numbered or not.
func isEnvironment(word string) bool {
	return slices.Contains(environmentWords, strings.TrimRight(word, "0123456789"))
}

// testsBeside reports whether a directory called test is an environment: others of its kind stand beside it.
func (t *tree) testsBeside(dir string) bool {
	if base := strings.ToLower(path.Base(dir)); base != "test" && base != "testing" {
		return false
	}
	beside, _ := fs.ReadDir(t.fsys, path.Dir(dir)) // none when it cannot be read
	return slices.ContainsFunc(beside, func(e fs.DirEntry) bool {
		return e.IsDir() && isEnvironment(strings.ToLower(e.Name()))
	})
}
