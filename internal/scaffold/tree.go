package scaffold

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/pawl-cd/pawl/internal/edit"
)

// Limits of what is looked at; far above what a profile has.
const (
	maxSize  = 1 << 20
	maxFiles = 5000
	maxDepth = 16
	// maxNotes bounds what is said about values that could not be used.
	maxNotes = 20
)

// tree is the repository that is read, and what was not understood in it.
type tree struct {
	fsys  fs.FS
	notes []Note
	// more counts the notes beyond maxNotes.
	more int
	// parsed are the YAML files that were read, each once.
	parsed map[string]*edit.File
	// left are the places that are left out, by reason; mixed says where one manifest makes several versions one.
	left  [allReasons][]string
	mixed []Note
	// locks are the Chart.lock files that must follow.
	locks map[string]bool
}

// parse reads a file of values; f is nil when it cannot be used.
func (t *tree) parse(name string) (f *edit.File, err error) {
	if f = t.parsed[name]; f != nil {
		return f, nil
	}
	data, err := t.read(name)
	if err != nil {
		return nil, err
	}
	if f, err = edit.Parse(name, data); err != nil {
		return nil, errors.New("cannot be read: " + strings.TrimPrefix(err.Error(), name+":"))
	}
	t.parsed[name] = f
	return f, nil
}

func (t *tree) note(text, format string, args ...any) {
	n := Note{text, fmt.Sprintf(format, args...)}
	switch {
	case slices.Contains(t.notes, n):
	case len(t.notes) < maxNotes:
		t.notes = append(t.notes, n)
	default:
		t.more++
	}
}

var errLink = errors.New("is a symbolic link, or lies behind one")

// read returns the content of a regular file; no link is followed, also not on the way to it.
func (t *tree) read(name string) ([]byte, error) {
	for i, c := range name {
		if c == '/' && t.linked(name[:i]) {
			return nil, errLink
		}
	}
	if t.linked(name) {
		return nil, errLink
	}
	info, err := fs.Stat(t.fsys, name)
	if err != nil {
		return nil, err
	}
	switch {
	case !info.Mode().IsRegular():
		return nil, errors.New("is no regular file")
	case info.Size() > maxSize:
		return nil, fmt.Errorf("is larger than %d MiB", maxSize>>20)
	}
	return fs.ReadFile(t.fsys, name)
}

// linked reports whether a path is a symbolic link itself.
func (t *tree) linked(name string) bool {
	info, err := fs.Lstat(t.fsys, name)
	return err == nil && info.Mode()&fs.ModeSymlink != 0
}

// regular reports whether there is a file of its own at the path.
func (t *tree) regular(name string) bool {
	_, err := t.read(name)
	return err == nil
}

// text is read without the reason why there is none.
func (t *tree) text(name string) string {
	data, err := t.read(name)
	if err != nil {
		return ""
	}
	return string(data)
}

// yamlFiles lists the YAML files below a directory, hidden ones, tools' folders and links left out.
func (t *tree) yamlFiles(dir string, skip ...string) []string {
	if _, err := fs.Stat(t.fsys, dir); err != nil {
		return nil
	}
	var files []string
	seen := 0
	_ = fs.WalkDir(t.fsys, dir, func(p string, d fs.DirEntry, err error) error { // every error is handled where it occurs
		if seen++; seen > 20*maxFiles || len(files) >= maxFiles {
			t.note("the rest of "+dir, "more than %d files: name the directory with --root, or write manifests by hand", maxFiles)
			return fs.SkipAll
		}
		switch {
		case err != nil:
			t.note(p, "cannot be read")
			return skipUnreadable(d)
		case p == dir:
			return nil
		case d.IsDir() && (foreign(d.Name()) || slices.Contains(skip, p) || strings.Count(p, "/") > maxDepth):
			return fs.SkipDir
		case d.Type().IsRegular() && isYAML(d.Name()):
			files = append(files, p)
		}
		return nil
	})
	return files
}

func skipUnreadable(d fs.DirEntry) error {
	if d != nil && d.IsDir() {
		return fs.SkipDir
	}
	return nil
}

// foreign reports whether a directory is a tool's or a package manager's.
func foreign(name string) bool {
	return strings.HasPrefix(name, ".") || name == "node_modules" || name == "vendor"
}

// inChartTemplates reports whether a file is a template of a chart.
func (t *tree) inChartTemplates(file string) bool {
	before, _, ok := strings.Cut("/"+file, "/templates/")
	return ok && t.exists(path.Join(strings.TrimPrefix(before, "/"), "Chart.yaml"))
}

func (t *tree) exists(name string) bool {
	_, err := fs.Stat(t.fsys, name)
	return err == nil
}

// valueFiles lists the YAML files of what runs: those of tests, examples and documentation are left out.
func (t *tree) valueFiles(skip ...string) []string {
	var all []string
	for _, file := range t.yamlFiles(".", skip...) {
		if t.testDirectory(file) != "" {
			t.leave(inTests, file)
			continue
		}
		all = append(all, file)
	}
	return all
}

func isYAML(name string) bool {
	return !strings.HasPrefix(name, ".") && (path.Ext(name) == ".yaml" || path.Ext(name) == ".yml")
}
