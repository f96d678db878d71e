package helm

import (
	"cmp"
	"slices"

	"github.com/Masterminds/semver/v3"

	"github.com/pawl-cd/pawl/internal/fault"
	"github.com/pawl-cd/pawl/internal/source"
)

// Index holds the versions of every chart of a repository, in the order of the file.
type Index struct {
	charts map[string][]string
}

// Listing returns the versions of a chart ascending by semver, those that are no versions first, each once.
func (x Index) Listing(chart string) (source.Listing, error) {
	versions, ok := x.charts[chart]
	if !ok {
		return nil, fault.New(cmp.Or(fault.DidYouMean(x.nearest(chart)), "check the chart's name"), "the repository has no chart %q", chart)
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

// nearest returns the chart whose name is most like the given one, the first by its letters of several, empty when none is.
func (x Index) nearest(chart string) string {
	best, distance := "", len(chart)/3+2
	for name := range x.charts {
		if len(name) > len(chart)+distance || len(name)+distance < len(chart) {
			continue
		}
		if d := fault.Distance(chart, name); d < distance || d == distance && best != "" && name < best {
			best, distance = name, d
		}
	}
	return best
}
