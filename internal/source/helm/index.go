package helm

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/Masterminds/semver/v3"
	"github.com/agnivade/levenshtein"
	"gopkg.in/yaml.v3"

	"github.com/pawl-cd/pawl/internal/source"
)

// Index holds the versions of every chart of a repository, in the order of the file.
type Index struct {
	charts map[string][]string
}

// ReadIndex reads an index.yaml. Of each chart only the versions are kept.
func ReadIndex(r io.Reader) (Index, error) {
	data, err := io.ReadAll(r)
	if err != nil {
		return Index{}, fmt.Errorf("reading index: %w", err)
	}
	if charts, ok := scan(data); ok {
		return Index{charts: charts}, nil
	}
	return decode(data)
}

// decode reads any index with the YAML library, which refuses documents that blow up through aliases.
func decode(data []byte) (Index, error) {
	var document struct {
		Entries map[string][]struct {
			Version string `yaml:"version"`
		} `yaml:"entries"`
	}
	if err := yaml.Unmarshal(data, &document); err != nil {
		return Index{}, errors.New("the index is not the YAML of a Helm repository")
	}
	if document.Entries == nil {
		return Index{}, errors.New("the index has no entries")
	}
	charts := make(map[string][]string, len(document.Entries))
	for chart, entries := range document.Entries {
		versions := make([]string, 0, len(entries))
		for _, e := range entries {
			if e.Version != "" {
				versions = append(versions, e.Version)
			}
		}
		charts[chart] = versions
	}
	return Index{charts: charts}, nil
}

// Listing returns the versions of a chart ascending by semver, those that are no versions first, each once.
func (x Index) Listing(chart string) (source.Listing, error) {
	versions, ok := x.charts[chart]
	if !ok {
		return nil, &missingError{chart: chart, near: x.nearest(chart)}
	}
	type parsed struct {
		text    string
		version *semver.Version
	}
	seen := make(map[string]bool, len(versions))
	all := make([]parsed, 0, len(versions))
	for _, text := range versions {
		if seen[text] {
			continue
		}
		seen[text] = true
		v, _ := semver.NewVersion(text) // nil stands for "no version"
		all = append(all, parsed{text, v})
	}
	slices.SortStableFunc(all, func(a, b parsed) int { return compare(a.version, b.version) })
	listing := make(source.Listing, len(all))
	for i, p := range all {
		listing[i].Tag = p.text
	}
	return listing, nil
}

func compare(a, b *semver.Version) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return -1
	case b == nil:
		return 1
	default:
		return a.Compare(b)
	}
}

// nearest returns the chart whose name is most like the given one, empty when none is.
func (x Index) nearest(chart string) string {
	best, distance := "", len(chart)/3+2
	for _, name := range slices.SortedFunc(maps.Keys(x.charts), cmp.Compare[string]) {
		if len(name) > 4*len(chart)+8 {
			continue
		}
		if d := levenshtein.ComputeDistance(chart, name); d < distance {
			best, distance = name, d
		}
	}
	return best
}

// missingError is a chart that the repository does not have.
type missingError struct{ chart, near string }

// Error names the chart.
func (e *missingError) Error() string { return fmt.Sprintf("the repository has no chart %q", e.chart) }

// Advice names the chart that may have been meant.
func (e *missingError) Advice() string {
	if e.near == "" {
		return "check the chart's name"
	}
	return fmt.Sprintf("did you mean %q?", e.near)
}
