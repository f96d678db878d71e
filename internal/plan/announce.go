package plan

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/pawl-cd/pawl/internal/policy"
	"github.com/pawl-cd/pawl/internal/source"
)

// Announcement is what an event says was published. It is a hint: it may name a branch, a build or nothing that makes
// sense, and never becomes a value by itself. It only makes a run wait for a tag that is not listed yet.
type Announcement struct {
	// Image is an image with or without a tag; Tag is used when it has none.
	Image, Tag string
	// Wait bounds how long a tag that is not there yet is waited for, Pause is the time between two looks.
	Wait, Pause time.Duration
	// Sleep waits, or returns the context's error earlier.
	Sleep func(ctx context.Context, d time.Duration) error
}

// tag returns the tag that is announced for a source, empty when it is not the one or the announcement makes no sense.
func (a Announcement) tag(q source.Query) string {
	image, tag := a.Image, a.Tag
	if i := strings.LastIndexByte(image, ':'); i > strings.LastIndexByte(image, '/') {
		image, tag = image[:i], image[i+1:]
	}
	announced, err := source.ParseImage(image)
	if err != nil || announced != q {
		return ""
	}
	return tag
}

// settle waits for an announced tag that a value would go up to and that is not listed yet: registries list a pushed tag
// late. One that does not appear is known to be missing.
func (p Planner) settle(ctx context.Context, s *snapshot, jobs []*job) {
	tag := p.Announced.tag(s.query)
	if s.err != nil || tag == "" || listed(s.listing, tag) || !slices.ContainsFunc(jobs, func(j *job) bool { return p.welcomes(s, j, tag) }) {
		return
	}
	for left := p.Announced.Wait; ; left -= p.Announced.Pause {
		_, err := p.digest(ctx, s, tag)
		switch {
		case err == nil:
			s.announced = tag
			return
		case !errors.Is(err, source.ErrNotFound):
			return // nothing was learned about the tag
		case p.Announced.Pause <= 0 || left < p.Announced.Pause || p.Announced.Sleep(ctx, p.Announced.Pause) != nil:
			s.announced, s.missing[tag] = tag, true
			return
		}
	}
}

// welcomes reports whether a value of the job goes up to a tag that is announced and not listed.
func (p Planner) welcomes(s *snapshot, j *job, tag string) bool {
	return slices.ContainsFunc(j.values, func(v *value) bool { return p.request(s, j, v).Rises(tag) })
}

// withAnnounced adds the announced tag to what is listed, for a value that goes up to it. Somebody's word brings no value
// down, and none into an order that only the listing makes.
func (s *snapshot) withAnnounced(r policy.Request) policy.Request {
	if s.announced != "" && r.Rises(s.announced) {
		r.Listing = append(slices.Clone(r.Listing), source.Release{Tag: s.announced})
	}
	return r
}

func listed(l source.Listing, tag string) bool {
	return slices.ContainsFunc(l, func(r source.Release) bool { return r.Tag == tag })
}
