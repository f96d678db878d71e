package manifest

import (
	"reflect"
	"strings"
	"testing"

	"github.com/pawl-cd/pawl/internal/source"
)

// TestSourceKinds: the kinds that the format names are those that are read and described.
func TestSourceKinds(t *testing.T) {
	t.Parallel()
	field, _ := reflect.TypeFor[sourceBlock]().FieldByName("Kind")
	var read []string
	for _, k := range sourceKinds() {
		read = append(read, string(k.kind))
		if _, ok := source.Describe(k.kind); !ok {
			t.Errorf("%s is not described", k.kind)
		}
	}
	if got := field.Tag.Get("enum"); got != strings.Join(read, ",") {
		t.Errorf("the format names %s, and %v are read", got, read)
	}
}
