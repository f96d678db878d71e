package plan

import (
	"fmt"
	"strings"

	"github.com/pawl-cd/pawl/internal/fault"
	"github.com/pawl-cd/pawl/internal/policy"
	"github.com/pawl-cd/pawl/internal/source"
)

// pinned is the digest that the value in the file is pinned to, empty when it is not.
func (v *value) pinned() string {
	_, digest := policy.SplitDigest(v.scalar.Value)
	return digest
}

// unconfirmed reports whether the registry has to be asked for the tag of a decision: of an image's that is about to be
// written, and of a pinned one that is to stay.
func (v *value) unconfirmed(q source.Query) bool {
	switch v.decision.Outcome {
	case policy.Update:
		return q.Kind == source.Image || q.OCI() && v.pinned() != ""
	case policy.Current:
		return q.OCI() && v.pinned() != "" && v.decision.Tag != ""
	default:
		return false
	}
}

// pin keeps a pinned value pinned: to the digest of the tag that is about to be written, or of the one that stays.
func (p Planner) pin(s *snapshot, j *job, v *value, digest string) error {
	bare, pin := policy.SplitDigest(v.scalar.Value)
	v.digest = digest
	switch {
	case pin == "":
	case v.updated() && digest == "":
		return noDigest(s.query.String()+":"+v.decision.Tag, v.scalar.Value)
	case v.updated():
		v.decision.Value += "@" + digest
	case digest != "" && !strings.EqualFold(digest, pin):
		v.decision = j.moved(v.decision.Tag, pin, digest, bare+"@"+digest)
		p.objections(s, j, v)
	}
	return nil
}

// moved decides about a value whose version stays while its digest does not: it is expected of a tag such as latest,
// and followed or held for a version. The text is what would be written.
func (j *job) moved(tag, file, registry, text string) policy.Decision {
	why := fmt.Sprintf("%s is pinned to %s, and the registry gives it %s", tag, brief(file), brief(registry))
	if policy.Floating(tag) || j.source.Policy.Digest == policy.FollowDigest {
		return policy.Decision{Outcome: policy.Update, Reason: policy.NewestMatch, Tag: tag, Value: text, From: tag,
			Detail: why}
	}
	if a, b := algorithm(file), algorithm(registry); a == "" || a == b {
		why += ": somebody pushed it again"
	}
	return policy.Decision{Outcome: policy.Held, Reason: policy.DigestMoved, Detail: why,
		Hint: "find out why; set policy.digest: follow to take the new digest"}
}

// algorithm is that of a digest, empty for one that does not say it.
func algorithm(digest string) string {
	name, _, _ := strings.Cut(digest[strings.LastIndexByte(digest, '@')+1:], ":")
	if !strings.HasPrefix(name, "sha") {
		return ""
	}
	return name
}

// brief is enough of a digest to recognize it.
func brief(digest string) string {
	algorithm, hex, _ := strings.Cut(digest, ":")
	if len(hex) <= 12 {
		return digest
	}
	return algorithm + ":" + hex[:12] + "..."
}

// noDigest is the error of a registry that has a tag and tells no digest of it.
func noDigest(image, value string) error {
	return fault.New("ask whoever runs the registry for the header Docker-Content-Digest, or take the digest out of the file",
		"the registry tells no digest of %s, so %s stays as it is", image, value)
}
