package cli

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/pawl-cd/pawl/internal/change"
)

// TestTableFits fits the table to the width that there is: what FROM and TO share goes first, then the middle of long keys and
// files; without a width nothing is cut.
func TestTableFits(t *testing.T) {
	t.Parallel()
	long := change.Update{Manifest: "web", Old: "ghcr.io/some-organization/some-repository/web:1.0.0", New: "ghcr.io/some-organization/some-repository/web:1.1.0",
		File: "clusters/production/europe/applications/web/values-override.yaml", Key: "$.spec.template.spec.containers[?(@.name=='web')].image"}
	short := change.Update{Manifest: "größer", Old: "v1.0.0", New: "v1.1.0", File: "a.yaml", Key: "$.a"}
	for width, want := range map[int][]string{
		0:   {long.Old, long.File, long.Key},
		300: {long.Old, long.File, long.Key},
		180: {"...1.0.0  ...1.1.0", long.File, long.Key},
		120: {"...1.0.0  ...1.1.0", long.File, "$.spec.t...=='web')].image"},
		80:  {"...1.0.0  ...1.1.0", "clusters/pr...values-override.yaml", "$.spe...)].image"},
	} {
		var b strings.Builder
		if err := writeChanges(&b, []change.Update{long, short}, paper{width: width}); err != nil {
			t.Fatal(err)
		}
		for _, text := range want {
			if !strings.Contains(b.String(), text) {
				t.Errorf("width %d: %q is missing:\n%s", width, text, b.String())
			}
		}
		lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
		for _, line := range lines {
			if width > 0 && utf8.RuneCountInString(line) > width {
				t.Errorf("width %d: a line has %d characters: %s", width, utf8.RuneCountInString(line), line)
			}
		}
		if at := strings.Index(lines[0], "FROM"); !strings.HasPrefix(string([]rune(lines[2])[at:]), "v1.0.0") {
			t.Errorf("width %d: the columns do not stand below each other:\n%s", width, b.String())
		}
	}
}

// TestTableColours colours a terminal's table, unless somebody wants none.
func TestTableColours(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		screen bool
		env    map[string]string
		width  int
		colour bool
	}{
		{true, nil, 120, true},
		{true, map[string]string{"NO_COLOR": "1"}, 120, false},
		{true, map[string]string{"NO_COLOR": ""}, 120, true},
		{true, map[string]string{"COLUMNS": "60"}, 60, true},
		{false, map[string]string{"COLUMNS": "60"}, 60, false},
		{false, map[string]string{"COLUMNS": "wide"}, 0, false},
		{false, map[string]string{"COLUMNS": "1"}, 0, false},
		{false, nil, 0, false},
	} {
		g := &globals{sys: System{Screen: c.screen, Width: 120, Env: func(name string) (string, bool) { v, ok := c.env[name]; return v, ok }}}
		got := g.paper()
		if got.width != c.width || got.colour != c.colour {
			t.Errorf("%+v: %+v", c, got)
		}
		var b strings.Builder
		if err := writeChanges(&b, []change.Update{{Manifest: "a", Old: "1", New: "2", File: "f", Key: "$.k\x1b[31m"}}, got); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(b.String(), "\x1b[32m2") != c.colour || strings.Contains(b.String(), "\x1b[31m") || strings.Contains(b.String(), "\x1b") != c.colour {
			t.Errorf("%+v: %q", c, b.String())
		}
	}
}
