package source

import (
	"fmt"
	"math"

	"github.com/Masterminds/semver/v3"
)

// increment applies the steps to a semantic version. A step clears what is lower than it, the prerelease and the build
// metadata; a prerelease's patch becomes its release.
func increment(text string, steps []string) (string, error) {
	v, err := semver.NewVersion(text)
	if err != nil {
		return "", fmt.Errorf("incrementing %q: not a semantic version", text)
	}
	for _, step := range steps {
		if v, err = next(v, step); err != nil {
			return "", fmt.Errorf("incrementing %q: %w", text, err)
		}
	}
	return v.String(), nil
}

func next(v *semver.Version, step string) (*semver.Version, error) {
	major, minor, patch := v.Major(), v.Minor(), v.Patch()
	part := &patch
	switch step {
	case "major":
		part, minor, patch = &major, 0, 0
	case "minor":
		part, patch = &minor, 0
	default:
		if v.Prerelease() != "" {
			return semver.New(major, minor, patch, "", ""), nil
		}
	}
	if *part == math.MaxUint64 {
		return nil, fmt.Errorf("the %s part is at its limit", step)
	}
	*part++
	return semver.New(major, minor, patch, "", ""), nil
}
