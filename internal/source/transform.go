package source

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/Masterminds/semver/v3"
)

// Transform turns a version into the text that is written: Updatecli's transformers
// (https://www.updatecli.io/docs/core/transformer/), in order. The zero value changes nothing.
type Transform struct{ steps []step }

// step is one transformer. undo returns the texts that apply may have been given, the likeliest first; it is nil when
// that cannot be told.
type step struct {
	apply func(string) (string, error)
	undo  func(string) []string
}

// ErrNothingFound is returned when an expression of find or findsubmatch does not match.
var ErrNothingFound = errors.New("nothing found")

// maxOriginals bounds what Undo returns: each trimmed prefix or suffix doubles it.
const maxOriginals = 16

// AddPrefix returns the transformer addprefix.
func AddPrefix(prefix string) Transform {
	return one(
		func(s string) (string, error) { return prefix + s, nil },
		func(s string) []string {
			if rest, ok := strings.CutPrefix(s, prefix); ok {
				return []string{rest}
			}
			return nil
		})
}

// AddSuffix returns the transformer addsuffix.
func AddSuffix(suffix string) Transform {
	return one(
		func(s string) (string, error) { return s + suffix, nil },
		func(s string) []string {
			if rest, ok := strings.CutSuffix(s, suffix); ok {
				return []string{rest}
			}
			return nil
		})
}

// TrimPrefix returns the transformer trimprefix.
func TrimPrefix(prefix string) Transform {
	return one(
		func(s string) (string, error) { return strings.TrimPrefix(s, prefix), nil },
		func(s string) []string {
			if prefix == "" || strings.HasPrefix(s, prefix) {
				return []string{prefix + s}
			}
			return []string{prefix + s, s}
		})
}

// TrimSuffix returns the transformer trimsuffix.
func TrimSuffix(suffix string) Transform {
	return one(
		func(s string) (string, error) { return strings.TrimSuffix(s, suffix), nil },
		func(s string) []string {
			if suffix == "" || strings.HasSuffix(s, suffix) {
				return []string{s + suffix}
			}
			return []string{s + suffix, s}
		})
}

// Replace returns the transformer replacers: pairs of old and new text, replaced in a single pass.
func Replace(pairs ...string) (Transform, error) {
	if len(pairs)%2 != 0 {
		return Transform{}, errors.New("want pairs of from and to")
	}
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i] == "" {
			return Transform{}, errors.New("from is empty")
		}
	}
	r := strings.NewReplacer(pairs...)
	return one(func(s string) (string, error) { return r.Replace(s), nil }, nil), nil
}

// Find returns the transformer find: the first text that the expression matches.
func Find(expression string) (Transform, error) {
	return FindSubmatch(expression, 0)
}

// FindSubmatch returns the transformer findsubmatch: a group of the first match, 0 for the whole.
func FindSubmatch(expression string, group int) (Transform, error) {
	re, err := regexp.Compile(expression)
	if err != nil {
		return Transform{}, err
	}
	if group < 0 || group > re.NumSubexp() {
		return Transform{}, fmt.Errorf("the expression %q has groups 0 to %d, not %d", expression, re.NumSubexp(), group)
	}
	return one(func(s string) (string, error) {
		m := re.FindStringSubmatch(s)
		if m == nil {
			return "", fmt.Errorf("%w by %q in %q", ErrNothingFound, expression, s)
		}
		return m[group], nil
	}, nil), nil
}

// Increment returns the transformer semverinc for a comma-separated list of major, minor and patch.
func Increment(parts string) (Transform, error) {
	names := strings.Split(parts, ",")
	for i, name := range names {
		names[i] = strings.TrimSpace(name)
		if !slices.Contains([]string{"major", "minor", "patch"}, names[i]) {
			return Transform{}, fmt.Errorf("want major, minor or patch, have %q", names[i])
		}
	}
	return one(func(s string) (string, error) {
		v, err := semver.NewVersion(s)
		if err != nil {
			return "", fmt.Errorf("incrementing %q: %w", s, err)
		}
		next := *v
		for _, name := range names {
			next = increment(next, name)
		}
		return next.String(), nil
	}, nil), nil
}

func increment(v semver.Version, part string) semver.Version {
	switch part {
	case "major":
		return v.IncMajor()
	case "minor":
		return v.IncMinor()
	default:
		return v.IncPatch()
	}
}

func one(apply func(string) (string, error), undo func(string) []string) Transform {
	return Transform{steps: []step{{apply, undo}}}
}

// Then returns a transform that applies t and then next.
func (t Transform) Then(next Transform) Transform {
	if t.Identity() {
		return next
	}
	return Transform{steps: slices.Concat(t.steps, next.steps)}
}

// Identity reports whether every text stays as it is.
func (t Transform) Identity() bool { return len(t.steps) == 0 }

// Apply transforms a version. The result may be empty, which nobody should write.
func (t Transform) Apply(version string) (string, error) {
	for _, s := range t.steps {
		var err error
		if version, err = s.apply(version); err != nil {
			return "", err
		}
	}
	return version, nil
}

// Undo returns the versions that may have given the text, the likeliest first. It returns none when the text cannot
// come from this transform, or when more than prefixes and suffixes are involved.
func (t Transform) Undo(text string) []string {
	originals := []string{text}
	for _, s := range slices.Backward(t.steps) {
		if s.undo == nil {
			return nil
		}
		var earlier []string
		for _, o := range originals {
			earlier = append(earlier, s.undo(o)...)
		}
		originals = earlier[:min(len(earlier), maxOriginals)]
	}
	return originals
}
