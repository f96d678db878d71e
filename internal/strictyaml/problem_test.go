package strictyaml_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pawl-cd/pawl/internal/strictyaml"
)

// TestGrouped says once what several files have in common; errors of one file are all said.
func TestGrouped(t *testing.T) {
	t.Parallel()
	problem := func(file string, line int, message string, warning bool) strictyaml.Problem {
		return strictyaml.Problem{File: file, Line: line, Column: 1, Message: message, Warning: warning}
	}
	var got []string
	for _, p := range strictyaml.Grouped([]strictyaml.Problem{
		problem("a", 1, "x", true), problem("a", 2, "x", true), problem("a", 3, "bad", false), problem("a", 4, "bad", false), problem("a", 5, "y", true), problem("a", 6, "y", true),
		problem("b", 1, "x", true), problem("b", 2, "x", false), problem("b", 3, "kind", false), problem("c", 3, "kind", false),
	}) {
		got = append(got, p.Error())
	}
	want := []string{"a:1:1: x (in 2 files, this is the first)", "a:3:1: bad", "a:4:1: bad", "a:5:1: y (2 times, this is the first)", "b:2:1: x", "b:3:1: kind (in 2 files, this is the first)"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
