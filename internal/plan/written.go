package plan

import (
	"fmt"
	"maps"
	"regexp"
	"strings"
	"sync"

	"github.com/pawl-cd/pawl/internal/policy"
	"github.com/pawl-cd/pawl/internal/source"
)

// tagGrammar is that of https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-manifests.
var tagGrammar = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^\w[\w.-]{0,127}$`) })

// tagIn is the image's tag that stands in a value, alone or behind its repository; empty when there is none, as in a
// URL.
func tagIn(value string) string {
	bare, _ := policy.SplitDigest(value)
	tag := bare[len(repository(bare)):]
	if !tagGrammar().MatchString(tag) {
		return ""
	}
	return tag
}

// asked is the tag that must exist before a value is written: the one that will stand in the file. Where transformers
// only shorten the listed tag, and what is in the file is no tag either, something else puts the rest back, as a chart
// does with a v; then it is the listed one.
func (s *snapshot) asked(value, current, tag string) string {
	written := tagIn(value)
	switch {
	case written == "" || written == tag, s.query.Kind != source.Image:
		return tag
	case strings.Contains(tag, written) && !s.lists(tagIn(current)):
		return tag
	}
	return written
}

// lists reports whether a tag is listed.
func (s *snapshot) lists(tag string) bool {
	if s.tags == nil {
		s.tags = make(map[string]bool, len(s.listing))
		for _, r := range s.listing {
			s.tags[r.Tag] = true
		}
	}
	return s.tags[tag]
}

// unmade is a tag that transformers made of a listed one and that does not exist.
type unmade struct{ written, tag string }

// forget notes that a tag is not there. Once it turns out that what transformers make is no tag of the image, the
// same is taken of all listed tags for which what they make is not listed. A version that was counted up gives way to
// no other: the next lower one, counted up, is another version that nobody chose.
func (j *job) forget(s *snapshot, v *value, asked string) {
	tag := v.decision.Tag
	j.chosen = nil
	if asked == tag {
		s.missing[tag] = true
		return
	}
	if j.missing == nil {
		j.missing, j.unmade = map[string]bool{}, unmade{asked, tag}
		for _, r := range s.listing {
			text, err := j.transform().Apply(r.Tag)
			if err == nil && (j.transform().Increments() || !s.lists(s.asked(text, v.scalar.Value, r.Tag))) {
				j.missing[r.Tag] = true
			}
		}
	}
	j.missing[tag] = true
}

// absent are the listed tags that turned out not to exist, for one job.
func (j *job) absent(s *snapshot) map[string]bool {
	if len(j.missing) == 0 {
		return s.missing
	}
	all := maps.Clone(s.missing)
	maps.Copy(all, j.missing)
	return all
}

// sayUnmade explains an absence that transformers cause.
func (j *job) sayUnmade(v *value) {
	if v.decision.Reason == policy.NotPublished && j.missing[j.unmade.tag] {
		v.decision.Detail = fmt.Sprintf("%s, which the transformers make of %s, is not there; %s stays",
			j.unmade.written, j.unmade.tag, v.scalar.Value)
		v.decision.Hint = "correct transformers in the manifest, or publish that tag"
	}
}
