package manifest

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/pawl-cd/pawl/internal/strictyaml"
)

// Limits of a manifests directory.
const (
	maxFiles = 100_000
	maxDepth = 32
)

// defaultDirs are what UsualDirs returns.
var defaultDirs = [...]string{"manifests", ".updatecli", "updatecli.d", "updatecli/updatecli.d"}

// ErrNone is returned when there is no manifest at all.
var ErrNone = errors.New("no manifest found")

// Options are what a manifest depends on besides its own text.
type Options struct {
	// Env looks up an environment variable; only names for which Readable holds are asked for.
	Env func(name string) (value string, set bool)
	// Readable are the variables that a manifest may read; Secrets those that hold a token, which may stand in `token`
	// and `username` only.
	Readable, Secrets []string
	// Bound reports whether the token in the variable may be sent to the scheme and host of a URL.
	Bound func(variable, base string) bool
	// Values are what files of values hold, as strings and maps; manifests look them up as {{ .a.b }}.
	Values Values
	// Repository is the owner/name that is written to, empty when that is not known: a target for another one is refused.
	Repository string
	// Policies are what the configuration says of sources; a manifest says more, and of ages, platforms and gates not less.
	Policies Policies
	// Gates are the names of the gates that the configuration declares.
	Gates []string
}

// Load reads every *.yaml and *.yml file below the directories, in the order of their names. Faults are in each
// manifest's Problems; the error is ErrNone, or says that a directory cannot be read. Without directories the usual
// ones are tried.
func Load(fsys fs.FS, dirs []string, opt Options) ([]Manifest, error) {
	if len(dirs) == 0 {
		dirs = usualDir(fsys)
	}
	var all []Manifest
	var others []string
	seen := map[string]bool{}
	for _, dir := range dirs {
		files, more, err := list(fsys, dir)
		if err != nil {
			return nil, err
		}
		others = append(others, more...)
		for _, file := range files {
			if !seen[file] {
				seen[file] = true
				all = append(all, loadFile(fsys, dir, file, opt)...)
			}
		}
	}
	if !slices.ContainsFunc(all, Manifest.something) {
		return nil, fmt.Errorf("%w below %s%s", ErrNone, strings.Join(dirs, ", "), whyNone(all, others))
	}
	slices.SortStableFunc(all, func(a, b Manifest) int { return strings.Compare(a.Name, b.Name) })
	reportDoubles(all)
	for i := range all {
		all[i].refuseManifests(seen)
	}
	return all, nil
}

// whyNone says what is there instead of manifests.
func whyNone(all []Manifest, others []string) string {
	switch {
	case len(all) == 1:
		return ": " + all[0].File + " is empty"
	case len(all) > 1:
		return fmt.Sprintf(": %s and %d more are empty", all[0].File, len(all)-1)
	case len(others) == 1:
		return ": it holds 1 file, and its name does not end in .yaml or .yml: " + others[0]
	case len(others) > 1:
		return fmt.Sprintf(": it holds %d files, and none of their names ends in .yaml or .yml: %s and so on", len(others), others[0])
	default:
		return ""
	}
}

// something reports whether there is a manifest, or a fault where one should be.
func (m Manifest) something() bool { return len(m.Sources)+len(m.Targets) > 0 || !m.Valid() }

// UsualDirs are the directories of manifests that are tried in order when none is named.
func UsualDirs() []string { return defaultDirs[:] }

// usualDir returns the first of the usual directories that has a manifest file or cannot be read, else the first that is
// there.
func usualDir(fsys fs.FS) []string {
	var there []string
	for _, dir := range defaultDirs {
		info, err := fs.Stat(fsys, dir)
		if err != nil || !info.IsDir() {
			continue
		}
		there = append(there, dir)
		if files, _, err := list(fsys, dir); len(files) > 0 || err != nil {
			return []string{dir}
		}
	}
	return append(there, defaultDirs[0])[:1]
}

// UsualDir is the usual directory that holds a manifest file which Load found without being told where.
func UsualDir(file string) string {
	at := slices.IndexFunc(defaultDirs[:], func(dir string) bool { return IsManifest(dir, file) })
	if at < 0 {
		return path.Dir(file)
	}
	return defaultDirs[at]
}

// list returns the manifest files below dir, and the first of the others that are not hidden. Names that start with "_"
// are partials, which no manifest of ours is, and
// those that start with "." belong to tools, pawl's own configuration among them.
func list(fsys fs.FS, dir string) (files, others []string, err error) {
	dir = path.Clean(strings.ReplaceAll(dir, "\\", "/"))
	if !fs.ValidPath(dir) {
		return nil, nil, fmt.Errorf("reading manifests directory %s: want a path below the root", dir)
	}
	err = fs.WalkDir(fsys, dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			if p == dir && errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("%w: the directory %s does not exist", ErrNone, dir)
			}
			return fmt.Errorf("reading manifests directory %s: %w", dir, err)
		}
		if d.IsDir() && strings.Count(p, "/") > maxDepth || len(files) > maxFiles {
			return fmt.Errorf("reading manifests directory %s: more than %d files or %d levels", dir, maxFiles, maxDepth)
		}
		switch name := path.Base(p); {
		case p == dir && !d.IsDir():
			return fmt.Errorf("%w: %s is a file and no directory", ErrNone, dir)
		case d.IsDir():
		case IsManifest(dir, p):
			files = append(files, p)
		case !strings.HasPrefix(name, "_") && !strings.HasPrefix(name, ".") && len(others) < maxFiles:
			others = append(others, p)
		}
		return nil
	})
	return files, others, err
}

// IsManifest reports whether a path is that of a manifest file below the directory.
func IsManifest(dir, file string) bool {
	name, below := path.Base(file), dir == "." || strings.HasPrefix(file, dir+"/")
	return below && !strings.HasPrefix(name, "_") && !strings.HasPrefix(name, ".") && (path.Ext(name) == ".yaml" || path.Ext(name) == ".yml")
}

// loadFile reads one file; a file that cannot be read is a manifest with a problem.
func loadFile(fsys fs.FS, dir, file string, opt Options) []Manifest {
	name := strings.TrimPrefix(strings.TrimSuffix(file, path.Ext(file)), path.Clean(dir)+"/")
	data, err := readLimited(fsys, file)
	if err != nil {
		return []Manifest{{Name: name, File: file, Problems: []strictyaml.Problem{{File: file, Message: err.Error()}}}}
	}
	docs, problems := documents(file, data)
	digest := fmt.Sprintf("%x", sha256.Sum256(data))
	var all []Manifest
	for i, doc := range docs {
		id := name
		if i > 0 {
			id = fmt.Sprintf("%s#%d", name, i+1)
		}
		m := translate(id, file, doc, opt)
		m.Digest = digest
		all = append(all, m)
	}
	if len(docs) == 0 && len(problems) == 0 {
		problems = []strictyaml.Problem{{File: file, Warning: true, Message: "the file holds no manifest"}}
	}
	if len(problems) > 0 {
		all = append(all, Manifest{Name: name, File: file, Problems: problems})
	}
	return all
}

func readLimited(fsys fs.FS, file string) ([]byte, error) {
	info, err := fs.Stat(fsys, file)
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		return nil, fmt.Errorf("reading manifest: %w", path.Err)
	}
	if err != nil {
		return nil, fmt.Errorf("reading manifest: %w", err)
	}
	if info.Size() > strictyaml.MaxSize || !info.Mode().IsRegular() {
		return nil, fmt.Errorf("reading manifest: want a file of at most %d bytes", strictyaml.MaxSize)
	}
	data, err := fs.ReadFile(fsys, file)
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		return nil, fmt.Errorf("reading manifest: %w", path.Err)
	}
	return data, err
}

// refuseManifests marks targets of kind file that are manifests.
func (m *Manifest) refuseManifests(manifests map[string]bool) {
	for _, t := range m.Targets {
		if p := t.FilePlace; !t.Pattern.Zero() && manifests[t.File] {
			p.Message, p.Hint = t.File+" is no target of kind file: it is a manifest", "name another file: what runs and what pawl itself reads is changed by people"
			m.Problems = append(m.Problems, p)
		}
	}
}

// reportDoubles marks manifests that share a name with an earlier one, as a.yaml and a.yml do.
func reportDoubles(all []Manifest) {
	for i := 1; i < len(all); i++ {
		if prev := all[i-1]; all[i].Name == prev.Name && all[i].File != prev.File {
			all[i].Problems = append(all[i].Problems, strictyaml.Problem{File: all[i].File, Line: all[i].Line, Column: 1,
				Message: fmt.Sprintf("the manifest %q is there already: %s", all[i].Name, prev.File), Hint: "rename one of the two files"})
		}
	}
}
