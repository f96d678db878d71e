package plan

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/pawl-cd/pawl/internal/edit"
	"github.com/pawl-cd/pawl/internal/policy"
	"github.com/pawl-cd/pawl/internal/source"
)

// A version and its digest often stand beside each other in one map: `tag` and `digest`, kustomize's `newTag` and
// `digest`, `webTag` and `webDigest`. Both change in one plan, or neither does.

// spellings are the words for a version and for a digest in each way of writing keys.
var spellings = []struct {
	versions []string
	digest   string
}{
	{[]string{"tag", "version", "image"}, "digest"},
	{[]string{"Tag", "Version", "Image"}, "Digest"},
	{[]string{"TAG", "VERSION", "IMAGE"}, "DIGEST"},
}

// sums are keys of a checksum, which is a digest when it looks like one.
var sums = []string{"sha", "sha256"}

// digestNames are the keys that hold the digest of the version at a key.
func digestNames(name string) []string {
	names := []string{"digest", name + "Digest", name + "_digest", name + "-digest"}
	for _, s := range spellings {
		for _, word := range s.versions {
			if stem, ok := strings.CutSuffix(name, word); ok && stem != "" {
				names = append(names, stem+s.digest)
			}
		}
	}
	return append(names, sums...)
}

// versionNames are the keys that hold the tag of the digest at a key.
func versionNames(name string) []string {
	names := []string{"tag", "newTag"}
	for _, s := range spellings {
		if stem, ok := strings.CutSuffix(name, s.digest); ok && stem != "" {
			names = append(names, stem+s.versions[0], strings.TrimRight(stem, "_-"))
		}
	}
	return names
}

var checksum = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^(sha256:)?[0-9a-fA-F]{64}$`) })

// digests are the digests beside a version that pin it; empty ones do not.
func (j *job) digests(v *value) []edit.Sibling {
	all := j.file.Beside(v.scalar, digestNames(j.file.Name(v.scalar))...)
	return slices.DeleteFunc(all, func(s edit.Sibling) bool {
		return slices.Contains(sums, s.Name) && !(j.source.Query.OCI() && checksum().MatchString(s.Value))
	})
}

func (v *value) place() place { return v.job.at(v.scalar) }

func (j *job) at(s edit.Scalar) place { return place{j.target.File, s.Document, s.Key} }

// pair joins the values of one source that stand beside each other.
func pair(jobs []*job) {
	digests := map[place]*value{}
	for _, j := range jobs {
		for _, v := range j.values {
			if j.target.Digest {
				digests[v.place()] = v
			}
		}
	}
	if len(digests) == 0 {
		return
	}
	for _, j := range jobs {
		for _, v := range j.values {
			if j.target.Digest {
				continue
			}
			for _, s := range j.digests(v) {
				if d := digests[j.at(s.Scalar)]; d != nil {
					v.beside, d.beside = append(v.beside, d), append(d.beside, v)
				}
			}
		}
	}
}

// decideDigest chooses the digest of the version that the tag beside it gets; without a tag that follows the source,
// that of the version that the filter chooses.
func (p Planner) decideDigest(ctx context.Context, s *snapshot, j *job, v *value) error {
	if len(v.beside) == 0 {
		return p.decideAlone(ctx, s, j, v)
	}
	tag := v.beside[0]
	switch d := tag.decision; {
	case tag.job.failure != nil:
		j.failure = tag.follow(tag.job.failure)
	case d.Outcome == policy.Failed, d.Tag == "", d.Outcome == policy.Held:
		v.decision = policy.Decision{Outcome: d.Outcome, Reason: d.Reason, Detail: tag.as() + d.Detail, Hint: d.Hint}
	default:
		v.tag = cmp.Or(tag.tag, s.asked(d.Value, tag.scalar.Value, d.Tag))
		return p.writeDigest(ctx, s, j, v, d)
	}
	return nil
}

// decideAlone decides about a digest whose tag no target writes.
func (p Planner) decideAlone(ctx context.Context, s *snapshot, j *job, v *value) error {
	tag := edit.Sibling{}
	for _, sibling := range j.file.Beside(v.scalar, versionNames(j.file.Name(v.scalar))...) {
		if sibling.Value != "" {
			tag = sibling
		}
	}
	chosen := &value{scalar: v.scalar, job: j, present: digestIn(v.scalar.Value)}
	chosen.scalar.Value = cmp.Or(tag.Value, p.recorded(j, v))
	if err := p.decide(ctx, s, j, chosen); err != nil {
		return err
	}
	v.tag, v.lever = chosen.tag, chosen.lever
	switch d := chosen.decision; {
	case void(chosen.scalar.Value) && !void(v.scalar.Value) && d.Outcome == policy.Update && !d.Reason.Brake() && len(p.quarantines(s.query)) > 0:
		v.decision = policy.Decision{Outcome: policy.Held, Reason: policy.Quarantined, Hint: "add a target for the tag to the manifest",
			Detail: "a version of " + s.query.String() + " is quarantined, and nothing says which one the digest stands for"}
	case d.Tag == "", d.Outcome == policy.Held, d.Outcome == policy.Failed:
		v.decision = d
	case d.Outcome == policy.Update && tag.Value != "":
		v.decision = policy.Decision{Outcome: policy.Held, Reason: policy.DigestBeside,
			Detail: fmt.Sprintf("%s beside it is %s, which no target writes, and the version is %s",
				tag.Key, tag.Value, d.Tag),
			Hint: "add a target for " + tag.Key + " to the manifest"}
	default:
		v.tag = cmp.Or(v.tag, s.asked(d.Value, chosen.scalar.Value, d.Tag))
		return p.writeDigest(ctx, s, j, v, d)
	}
	return nil
}

// recorded is the text of the version whose digest the ledger says is in the file, empty when it does not know.
func (p Planner) recorded(j *job, v *value) string {
	at := v.place()
	last, found := p.Ledger.ValueOf(ledgerPlace(at), j.manifest.Name)
	if !found || last.Value != v.scalar.Value {
		return ""
	}
	text, err := j.transform().Apply(last.Version)
	if err != nil {
		return ""
	}
	return text
}

// writeDigest writes the digest of a tag. One that differs although the version stays has moved.
func (p Planner) writeDigest(ctx context.Context, s *snapshot, j *job, v *value, version policy.Decision) error {
	digest, err := p.digest(ctx, s, v.tag)
	switch {
	case errors.Is(err, source.ErrNotFound):
		v.decision = policy.Decision{Outcome: policy.Held, Reason: policy.NotPublished,
			Detail: fmt.Sprintf("%s cannot be pulled; its digest stays %s", v.tag, v.scalar.Value),
			Hint:   "publish the tag, or correct the value"}
		return nil
	case err != nil:
		return err
	case digest == "":
		return noDigest(s.query.String()+":"+v.tag, v.scalar.Value)
	}
	v.digest, v.decision = digest, j.digestOf(v, digest, version)
	p.objections(s, j, v)
	return nil
}

// digestOf decides about a digest by the decision about its version.
func (j *job) digestOf(v *value, digest string, version policy.Decision) policy.Decision {
	d := version
	d.Detail = "the digest of " + v.tag
	text, err := j.target.Transform.Apply(digest)
	switch {
	case err != nil || text == "":
		return policy.Decision{Outcome: policy.Failed, Reason: policy.EmptyValue,
			Detail: "the transformers leave nothing of " + digest, Hint: "correct transformers in the manifest"}
	case strings.EqualFold(text, v.scalar.Value):
		d.Outcome, d.Reason, d.Value = policy.Current, policy.AlreadyNewest, v.scalar.Value
	case version.Outcome == policy.Update:
		d.Value = text
	case void(v.scalar.Value):
		d.Outcome, d.Reason, d.Value = policy.Update, policy.NewestMatch, text
	default:
		return j.moved(v.tag, v.scalar.Value, digest, text)
	}
	return d
}

// holdUnpaired holds a version whose digest stands beside it when no target writes that.
func holdUnpaired(jobs []*job) {
	for _, j := range jobs {
		for _, v := range j.values {
			if j.failure != nil || j.target.Digest || !v.updated() {
				continue
			}
			for _, s := range j.digests(v) {
				written := slices.ContainsFunc(v.beside, func(d *value) bool { return d.place() == j.at(s.Scalar) })
				if !written && s.Value != "" {
					v.decision = j.unwritten(s)
				}
			}
		}
	}
}

// together takes back each value that is to change while what stands beside it does not go along.
func together(jobs []*job) {
	for again := true; again; {
		again = false
		for _, j := range jobs {
			for _, v := range j.values {
				again = j.failure == nil && v.updated() && v.yield() || again
			}
		}
	}
}

// yield takes a value back when one beside it failed or is held, and reports whether it did.
func (v *value) yield() bool {
	for _, b := range v.beside {
		d := b.decision
		switch {
		case b.job.failure != nil:
			v.job.failure = b.follow(b.job.failure)
			return true
		case !b.settled():
			v.decision = policy.Decision{Outcome: d.Outcome, Reason: d.Reason, Detail: b.as() + d.Detail, Hint: d.Hint}
			return true
		}
	}
	return false
}

// as begins the detail of a value that is left because of one beside it.
func (v *value) as() string { return "as " + v.scalar.Key + " beside it: " }

// settled reports whether a value is, or will be, what its version wants.
func (v *value) settled() bool {
	return v.updated() || v.decision.Outcome == policy.Current
}

func (j *job) unwritten(digest edit.Sibling) policy.Decision {
	d := policy.Decision{Outcome: policy.Held, Reason: policy.DigestBeside,
		Detail: fmt.Sprintf("%s beside it is %s, which no target writes", digest.Key, brief(digest.Value)),
		Hint:   "add a target with writes: digest for " + digest.Key + ", or empty it"}
	if !j.source.Query.OCI() {
		d.Hint = fmt.Sprintf("a %s has no digest: follow the image with kind: dockerimage, or empty %s",
			j.source.Query.Kind, digest.Key)
	}
	return d
}

// follow is the failure of what stands beside a value that failed.
func (v *value) follow(f *failure) *failure {
	return &failure{reason: f.reason, detail: v.scalar.Key + " beside it failed: " + f.detail, hint: f.hint, err: f.err}
}
