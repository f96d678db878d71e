package manifest

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/pawl-cd/pawl/internal/strictyaml"
)

// TestHintsKeepTheMeaning shows that the only keys which a hint tells people to remove are those that decide neither which version
// is chosen, nor what is written, nor where.
func TestHintsKeepTheMeaning(t *testing.T) {
	t.Parallel()
	harmless := []string{"version of document", "pipelineid", "actions", "actionid", "pullrequests", "username", "password", "token", "example", "quote", "unquote"}
	seen := 0
	for _, block := range []any{document{}, sourceBlock{}, imageSpec{}, chartSpec{}, releaseSpec{}, typeFilter{}, versionFilterBlock{}, transformBlock{}, findSubMatchBlock{}, targetBlock{}, yamlSpec{}, fileSpec{}, gitSpec{}, conditionBlock{}, existsSpec{}} {
		for f := range fieldsOf(block) {
			key, hint := f.Tag.Get("yaml"), f.Tag.Get("hint")
			if f.Type == reflect.TypeFor[strictyaml.Unsupported]() || f.Type == reflect.TypeFor[strictyaml.Accepted]() {
				seen++
				if hint == "" {
					t.Errorf("%T: %s has no hint", block, key)
				}
			}
			advises := strings.Contains(hint, "remove it") || strings.HasPrefix(hint, "use ")
			if advises && !slices.Contains(harmless, key) && !slices.Contains(harmless, key+" of "+reflect.TypeOf(block).Name()) {
				t.Errorf("%T: %s: %q changes the meaning", block, key, hint)
			}
		}
	}
	if seen < 40 {
		t.Errorf("only %d keys of another tool", seen)
	}
}

func fieldsOf(block any) func(yield func(reflect.StructField) bool) {
	return func(yield func(reflect.StructField) bool) {
		for i := range reflect.TypeOf(block).NumField() {
			if !yield(reflect.TypeOf(block).Field(i)) {
				return
			}
		}
	}
}
