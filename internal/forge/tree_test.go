package forge_test

import (
	"context"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/pawl-cd/pawl/internal/forge"
)

// commit is a forge of which one commit is known.
type commit struct {
	forge.Forge
	files map[string]string
	links []string
}

func (c commit) List(context.Context, string) (map[string]fs.FileMode, error) {
	all := map[string]fs.FileMode{}
	for name := range c.files {
		all[name] = 0o644
	}
	for _, name := range c.links {
		all[name] = fs.ModeSymlink | 0o777
	}
	return all, nil
}

func (c commit) Read(_ context.Context, _ string, paths []string) (forge.Reader, error) {
	some := reader{}
	for _, name := range paths {
		if text, ok := c.files[name]; ok {
			some[name] = text
		}
	}
	return some, nil
}

type reader map[string]string

func (r reader) ReadFile(name string) ([]byte, error) {
	text, ok := r[name]
	if !ok {
		return nil, &fs.PathError{Op: "read", Path: name, Err: fs.ErrNotExist}
	}
	return []byte(text), nil
}

// TestTree holds the tree of a commit against what the standard library expects of a file system.
func TestTree(t *testing.T) {
	of := commit{files: map[string]string{"a": "1", "manifests/x.yaml": "x", "manifests/sub/deep/y.yaml": "yy", "manifests-not/z.yaml": "z"}}
	tree, err := forge.ReadTree(t.Context(), of, "c0ffee", func(string) bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	if err := fstest.TestFS(tree.FS(), "a", "manifests/x.yaml", "manifests/sub/deep/y.yaml", "manifests-not/z.yaml"); err != nil {
		t.Error(err)
	}
	of.links = []string{"manifests/link.yaml"}
	tree, err = forge.ReadTree(t.Context(), of, "c0ffee", func(path string) bool { return strings.HasPrefix(path, "manifests/") })
	if err != nil {
		t.Fatal(err)
	}
	info, err := fs.Stat(tree.FS(), "manifests/link.yaml")
	if err != nil || info.Mode().IsRegular() {
		t.Errorf("a link is %v, %v", info, err)
	}
	if _, err := tree.ReadFile("a"); err == nil {
		t.Error("a file was read that was not asked for")
	}
}
