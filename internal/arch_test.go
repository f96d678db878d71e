// Package internal holds no code; its test guards the import graph of the packages below it.
package internal

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/pawl-cd/pawl"

// pureLibraries are what a pure package may import besides the standard library.
var pureLibraries = []string{
	"github.com/Masterminds/semver/v3",
	"github.com/agnivade/levenshtein",
	"github.com/google/go-containerregistry/pkg/name",
	"github.com/google/uuid",
	"github.com/vmware-labs/yaml-jsonpath/pkg/yamlpath",
	"gopkg.in/yaml.v3",
}

// impure are standard packages that a pure package must not import: the network, processes and files are not its
// business, nor is the clock's source of randomness.
var impure = []string{"net", "net/http", "os", "os/exec", "os/signal", "math/rand", "math/rand/v2", "crypto/rand", "syscall"}

// allowed are the packages of this module that each package may import; a package that is not named here fails.
var allowed = map[string][]string{
	"cmd/pawl":            {"internal/cli"},
	"internal":            {},
	"internal/fault":      {},
	"internal/edit":       {"internal/strictyaml"},
	"internal/source":     {},
	"internal/ledger":     {},
	"internal/policy":     {"internal/source"},
	"internal/change":     {"internal/edit", "internal/ledger", "internal/policy"},
	"internal/deploy":     {},
	"internal/event":      {"internal/source"},
	"internal/redact":     {},
	"internal/trace":      {},
	"internal/trace/otlp": {"internal/httpx", "internal/trace"},
	"internal/httpx":      {"internal/redact", "internal/trace"},
	"internal/worktree":   {},
	"internal/strictyaml": {},
	"internal/gate":       {"internal/source"},
	"internal/manifest":   {"internal/edit", "internal/policy", "internal/source", "internal/strictyaml"},
	"internal/config":     {"internal/change", "internal/gate", "internal/manifest", "internal/policy", "internal/source", "internal/strictyaml"},

	"internal/git":              {},
	"internal/git/remote":       {"internal/git", "internal/httpx"},
	"internal/gate/program":     {"internal/gate", "internal/source"},
	"internal/forge":            {"internal/change", "internal/ledger"},
	"internal/forge/repository": {"internal/change", "internal/forge", "internal/git", "internal/git/remote", "internal/ledger"},
	"internal/forge/rest":       {"internal/change", "internal/forge", "internal/forge/repository", "internal/git/remote", "internal/httpx"},
	"internal/deploy/gitlab":    {"internal/deploy", "internal/httpx"},
	"internal/dispatch":         {"internal/deploy"},
	"internal/dispatch/github":  {"internal/dispatch", "internal/httpx"},
	"internal/dispatch/gitlab":  {"internal/dispatch", "internal/httpx"},
	"internal/event/contract":   {"internal/event"},
	"internal/event/send":       {"internal/event"},
	"internal/event/file":       {"internal/event"},
	"internal/event/kafka":      {"internal/event"},

	"internal/plan": {"internal/change", "internal/edit", "internal/gate", "internal/ledger", "internal/manifest", "internal/policy", "internal/source", "internal/strictyaml"},
	"internal/run": {"internal/change", "internal/deploy", "internal/forge", "internal/gate", "internal/ledger", "internal/manifest", "internal/plan", "internal/policy",
		"internal/source", "internal/strictyaml", "internal/trace"},
	"internal/status": {"internal/forge", "internal/ledger", "internal/plan", "internal/policy"},
	"internal/observe": {"internal/change", "internal/deploy", "internal/event", "internal/forge", "internal/ledger", "internal/plan", "internal/policy",
		"internal/run", "internal/source"},
	"internal/scaffold": {"internal/config", "internal/deploy", "internal/edit", "internal/manifest", "internal/policy", "internal/source"},
	"internal/demo": {"internal/git", "internal/git/remote", "internal/httpx", "internal/edit", "internal/fake", "internal/fake/github", "internal/fake/gitlab", "internal/fake/receiver",
		"internal/manifest", "internal/source"},
	"internal/past":  {"internal/edit", "internal/ledger"},
	"internal/page":  {"internal/change", "internal/event", "internal/fleet", "internal/forge", "internal/gate", "internal/past", "internal/plan", "internal/policy", "internal/run", "internal/status"},
	"internal/fleet": {"internal/source", "internal/status", "internal/strictyaml"},
	"internal/wire": {"internal/config", "internal/deploy/gitlab", "internal/fleet", "internal/event/file", "internal/event/http", "internal/event/kafka", "internal/event/send",
		"internal/forge", "internal/forge/catalog", "internal/forge/gitea", "internal/forge/github", "internal/forge/gitlab", "internal/forge/repository", "internal/httpx", "internal/ledger", "internal/plan", "internal/redact", "internal/source",
		"internal/source/githubrelease",
		"internal/source/gittag", "internal/source/helm", "internal/source/registry", "internal/trace", "internal/trace/otlp"},
	// Of clients cli knows the errors of one, which help.go explains, and the one that dispatches, which reads no profile.
	"internal/cli": {"internal/change", "internal/config", "internal/demo", "internal/deploy", "internal/deploy/gitlab", "internal/dispatch",
		"internal/dispatch/github", "internal/dispatch/gitlab", "internal/event", "internal/event/contract", "internal/event/send", "internal/fleet", "internal/forge",
		"internal/gate", "internal/gate/program", "internal/httpx", "internal/ledger", "internal/manifest", "internal/observe", "internal/page", "internal/past", "internal/plan", "internal/policy", "internal/redact", "internal/run",
		"internal/scaffold", "internal/source", "internal/status", "internal/strictyaml", "internal/trace", "internal/wire", "internal/worktree"},

	"packaging/share": {"internal/cli"},
}

// families are the rules of packages below one that are alike; one that is named above has its own.
var families = map[string][]string{
	"internal/forge": {"internal/change", "internal/forge", "internal/forge/repository", "internal/forge/rest", "internal/git", "internal/git/remote", "internal/httpx",
		"internal/ledger"},
	"internal/source": {"internal/httpx", "internal/source"},
	"internal/event":  {"internal/event", "internal/httpx"},
}

// ruleOf are the packages that a package may import.
func ruleOf(pkg string) (rule []string, known bool) {
	if rule, known = allowed[pkg]; !known {
		rule, known = families[path.Dir(pkg)]
	}
	return rule, known
}

// ruled is the rule of a package that has one.
func ruled(pkg string) []string {
	rule, _ := ruleOf(pkg)
	return rule
}

// pure are the packages without I/O.
var pure = []string{"internal/change", "internal/config", "internal/deploy", "internal/dispatch", "internal/edit",
	"internal/event", "internal/event/contract", "internal/fault", "internal/gate", "internal/git",
	"internal/ledger", "internal/manifest", "internal/past", "internal/policy", "internal/page", "internal/redact", "internal/scaffold", "internal/source",
	"internal/strictyaml", "internal/trace"}

// TestImports holds every package's imports, tests left out, against the rules.
func TestImports(t *testing.T) {
	t.Parallel()
	packages := imports(t)
	if len(packages) < 10 {
		t.Fatalf("found %d packages only: %v", len(packages), packages)
	}
	for pkg, all := range packages {
		if pkg == "." || strings.HasPrefix(pkg, "internal/fake") {
			continue // the root embeds files; the fakes import what they imitate
		}
		rule, known := ruleOf(pkg)
		if !known {
			t.Errorf("%s is not named in this test: say what it may import", pkg)
		}
		for _, imp := range all {
			if why := refuse(pkg, imp, rule); why != "" {
				t.Errorf("%s imports %s: %s", pkg, imp, why)
			}
		}
	}
}

// refuse says why an import is against the rules, empty when it is not.
func refuse(pkg, imp string, rule []string) string {
	own, ours := strings.CutPrefix(imp, module+"/")
	switch {
	case imp == module && pkg != "internal/cli":
		return "only the command line imports the embedded profile"
	case ours && strings.HasPrefix(own, "internal/fake") && pkg != "internal/demo":
		return "fakes are for tests and the demo"
	case own == "internal/fault":
		return "" // hints are everybody's
	case ours && !slices.Contains(rule, own):
		return "not among the packages that it may use"
	case imp == "os/exec" && pkg != "internal/gate/program" && pkg != "internal/cli": // which asks git what a push changed
		return "only pawl gates starts programs"
	case slices.Contains(pure, pkg) && slices.Contains(impure, imp):
		return "a pure package does no I/O"
	case slices.Contains(pure, pkg) && !ours && strings.Contains(strings.Split(imp, "/")[0], ".") && !slices.Contains(pureLibraries, imp):
		return "a pure package uses no such library"
	}
	return ""
}

// TestRules shows that the check can fail.
func TestRules(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ pkg, imp string }{
		{"internal/policy", "net/http"},
		{"internal/edit", "os"},
		{"internal/edit", "github.com/spf13/cobra"},
		{"internal/source", module + "/internal/policy"},
		{"internal/source/helm", module + "/internal/source/registry"},
		{"internal/source/helm", module + "/internal/manifest"},
		{"internal/plan", module + "/internal/source/registry"},
		{"internal/plan", module + "/internal/fake"},
		{"internal/cli", module + "/internal/fake"},
		{"internal/cli", module + "/internal/source/helm"},
		{"internal/wire", module + "/internal/cli"},
		{"internal/demo", module},
		{"internal/demo", module + "/internal/run"},
		{"cmd/pawl", module + "/internal/run"},
	} {
		if refuse(c.pkg, c.imp, ruled(c.pkg)) == "" {
			t.Errorf("%s may import %s", c.pkg, c.imp)
		}
	}
}

// TestTopLevel keeps the top of the repository to what a newcomer expects there.
func TestTopLevel(t *testing.T) {
	t.Parallel()
	want := []string{".ci", ".git", ".github", ".gitignore", ".golangci.yml", ".goreleaser.yaml", ".ko.yaml", ".pre-commit-hooks.yaml", ".tools",
		"ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "README.md", "action.yml", "cmd", "dist", "docs", "go.mod", "go.sum",
		"internal", "manifests", "packaging", "pawl", "profile.go", "profiles", "testdata"}
	entries, err := os.ReadDir("..")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !slices.Contains(want, e.Name()) {
			t.Errorf("%s does not belong to the top level", e.Name())
		}
	}
}

// imports returns the imports of every package of the module by its folder.
func imports(t *testing.T) map[string][]string {
	t.Helper()
	packages := map[string][]string{}
	err := filepath.WalkDir("..", func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "testdata" || d.Name() == "node_modules" || strings.HasPrefix(d.Name(), ".") && d.Name() != "..") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		pkg := path.Dir(strings.TrimPrefix(filepath.ToSlash(file), "../"))
		for _, imp := range f.Imports {
			name, err := strconv.Unquote(imp.Path.Value)
			if err != nil {
				return err
			}
			packages[pkg] = append(packages[pkg], name)
		}
		if _, ok := packages[pkg]; !ok {
			packages[pkg] = nil
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return packages
}
