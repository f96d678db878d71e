package demo

import (
	"fmt"
	"io/fs"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/pawl-cd/pawl/internal/edit"
	"github.com/pawl-cd/pawl/internal/fake"
	"github.com/pawl-cd/pawl/internal/manifest"
	"github.com/pawl-cd/pawl/internal/source"
)

// Versions are what the sources of a profile list, by the image's repository, the chart's name, and OWNER/REPOSITORY.
type Versions struct {
	Images   map[string][]string
	Charts   map[string][]string
	Releases map[string][]fake.Release
}

// Sources returns sources that list the versions that a profile holds, so that none of them is behind.
func Sources(profile fs.FS) (Versions, error) {
	manifests, err := load(profile)
	if err != nil {
		return Versions{}, err
	}
	return versions(profile, manifests)
}

// versions reads them for the first source and target of each manifest.
func versions(profile fs.FS, manifests []manifest.Manifest) (Versions, error) {
	v := Versions{Images: map[string][]string{}, Charts: map[string][]string{}, Releases: map[string][]fake.Release{}}
	for _, m := range manifests {
		if !m.Valid() {
			return v, fmt.Errorf("reading the profile: %s: its problems are those that pawl validate names", m.File)
		}
		from, to := m.Sources[0], m.Targets[0]
		value, err := currentValue(profile, to)
		if err != nil {
			return v, fmt.Errorf("reading the value of %s: %w", m.Name, err)
		}
		current := from.Transform.Undo(value)
		if len(current) == 0 {
			return v, fmt.Errorf("reading the value of %s: its transformers cannot be undone", m.Name)
		}
		path := from.Query.Path
		switch from.Query.Kind {
		case source.Image:
			if !slices.Contains(v.Images[path], current[0]) {
				v.Images[path] = append(v.Images[path], current[0])
			}
		case source.HelmChart:
			v.Charts[path] = append(v.Charts[path], current[0])
		default:
			v.Releases[path] = append(v.Releases[path], fake.Release{Tag: current[0], Prerelease: from.Types.Prerelease})
		}
	}
	return v, nil
}

func load(profile fs.FS) ([]manifest.Manifest, error) {
	all, err := manifest.Load(profile, nil, manifest.Options{
		Env: func(string) (string, bool) { return "", false }, Readable: []string{"GITHUB_TOKEN", "GITHUB_ACTOR"},
	})
	if err != nil {
		return nil, fmt.Errorf("reading the profile: %w", err)
	}
	return all, nil
}

// currentValue is what the profile holds at a target.
func currentValue(profile fs.FS, t manifest.Target) (string, error) {
	data, err := fs.ReadFile(profile, t.File)
	if err != nil {
		return "", err
	}
	f, err := edit.Parse(t.File, data)
	if err != nil {
		return "", err
	}
	all, err := f.Find(t.Key)
	if err != nil {
		return "", err
	}
	return all[0].Value, nil
}

// hosts are the registries, and the servers as URLs, that manifests ask.
func hosts(manifests []manifest.Manifest) ([]string, error) {
	var all []string
	for _, m := range manifests {
		for _, from := range m.Sources {
			host := from.Query.Host
			if !from.Query.OCI() {
				base, err := url.Parse(from.Query.Base)
				if err != nil {
					return nil, fmt.Errorf("reading the profile: %w", err)
				}
				host = base.Scheme + "://" + base.Host
			}
			all = append(all, host)
		}
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

// read returns the profile's files by path.
func read(profile fs.FS) (map[string][]byte, error) {
	files := map[string][]byte{}
	err := fs.WalkDir(profile, ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			files[name], err = fs.ReadFile(profile, name)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading the profile: %w", err)
	}
	return files, nil
}

// next is the version of the build after the one of a version: its last number counts them.
func next(version string) string {
	before := strings.TrimRight(version, "0123456789")
	n, _ := strconv.Atoi(version[len(before):]) // digits
	return before + strconv.Itoa(n+1)
}
