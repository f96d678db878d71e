package plan

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/pawl-cd/pawl/internal/manifest"
	"github.com/pawl-cd/pawl/internal/policy"
	"github.com/pawl-cd/pawl/internal/source"
)

// Platformer tells what an image's tag is built for, as linux/arm64 or linux/arm/v7; the error wraps source.ErrNotFound when
// the tag does not exist.
type Platformer interface {
	Platforms(ctx context.Context, q source.Query, tag string) ([]string, error)
}

// inquiry asks each image of a condition, and each source of one, once in a run.
type inquiry struct {
	mu      sync.Mutex
	answers map[string]func() (any, error)
}

func newInquiry() *inquiry { return &inquiry{answers: map[string]func() (any, error){}} }

// once returns the answer to a question, which is asked when nobody has asked it before.
func once[T any](i *inquiry, question string, ask func() (T, error)) (T, error) {
	i.mu.Lock()
	answer, ok := i.answers[question]
	if !ok {
		answer = sync.OnceValues(func() (any, error) { return ask() })
		i.answers[question] = answer
	}
	i.mu.Unlock()
	found, err := answer()
	value, _ := found.(T)
	return value, err
}

// conditions hold an update while an image that its target depends on does not exist.
type conditions struct{}

func (conditions) judge(ctx context.Context, p Planner, s *snapshot, j *job, v *value) (verdict, error) {
	for _, c := range j.target.Conditions {
		if !v.updated() {
			return verdict{}, nil
		}
		missing, err := p.missing(ctx, s, j, v, c)
		if err != nil {
			return verdict{}, fmt.Errorf("condition %s: %w", c.ID, err)
		}
		if missing != "" {
			return verdict{
				reason: policy.NotPublished, detail: fmt.Sprintf("condition %s: %s; %s stays", c.ID, missing, v.scalar.Value),
				hint: "it is asked again by the next run; exclude the version with policy.exclude when the image will never be there",
			}, nil
		}
	}
	return verdict{}, nil
}

// missing says what of a condition does not hold, empty when it does.
func (p Planner) missing(ctx context.Context, s *snapshot, j *job, v *value, c manifest.Condition) (string, error) {
	tag := c.Tag
	if tag == "" {
		version, err := p.version(ctx, s, j, v, c)
		if err != nil {
			return "", err
		}
		if tag, err = c.Transform.Apply(version); err != nil {
			return "", err
		}
	}
	image := c.Query.String() + ":" + tag
	if len(c.Architectures) == 0 {
		_, err := once(p.inquiry, image, func() (string, error) { return p.Digester.Digest(ctx, c.Query, tag) })
		return absent(image, err)
	}
	there, err := once(p.inquiry, "platforms "+image, func() ([]string, error) { return p.Platformer.Platforms(ctx, c.Query, tag) })
	for _, a := range c.Architectures {
		if err == nil && !slices.ContainsFunc(there, func(platform string) bool { return builtFor(platform, a) }) {
			return fmt.Sprintf("%s is not built for %s", image, a), nil
		}
	}
	return absent(image, err)
}

func absent(image string, err error) (string, error) {
	if errors.Is(err, source.ErrNotFound) {
		return image + " cannot be pulled yet", nil
	}
	return "", err
}

// builtFor reports whether a platform is of an architecture, which may be written without its system, which is Linux then, and
// without its variant; that of arm64 is v8 when nobody says it.
func builtFor(platform, architecture string) bool {
	platform, architecture = strings.Replace(platform, "arm64/v8", "arm64", 1), strings.Replace(architecture, "arm64/v8", "arm64", 1)
	for _, a := range []string{architecture, "linux/" + architecture} {
		if platform == a || strings.HasPrefix(platform, a+"/") {
			return true
		}
	}
	return false
}

// version is what a condition follows: the version that is about to be written, or the newest of another source.
func (p Planner) version(ctx context.Context, s *snapshot, j *job, v *value, c manifest.Condition) (string, error) {
	if c.SourceID == j.target.SourceID {
		return v.decision.Tag, nil
	}
	other := j.manifest.Source(c.SourceID)
	if other.Query != s.query {
		var err error
		s, err = once(p.inquiry, "list "+other.Query.String(), func() (*snapshot, error) {
			s := p.snapshot(ctx, other.Query)
			return s, s.err
		})
		if err != nil {
			return "", err
		}
	}
	o := &job{manifest: j.manifest, source: other}
	d := p.ask(s, o, &value{job: o})
	if d.Tag == "" {
		return "", fmt.Errorf("the source %s gives no version: %s", c.SourceID, d.Detail)
	}
	return d.Tag, nil
}
