package plan

import (
	"fmt"
	"regexp"
	"strings"
	"sync"

	"github.com/pawl-cd/pawl/internal/edit"
	"github.com/pawl-cd/pawl/internal/policy"
	"github.com/pawl-cd/pawl/internal/source"
)

// guard says why the values that a job found must not be overwritten, nil when they may be.
func (j *job) guard() *failure {
	if line, column, sealed := j.file.Sealed(); sealed {
		return fail(policy.TargetEncrypted, &edit.Error{File: j.target.File, Line: line, Column: column,
			Message: "the checksum (MAC) of SOPS covers every value of this file, so an edit would break it",
			Hint:    "keep the version in a file of its own, or encrypt this one with mac_only_encrypted: true in .sops.yaml"})
	}
	for _, v := range j.values {
		if j.file.Encrypted(v.scalar) {
			return j.refuse(policy.TargetEncrypted, v.scalar,
				"the value is encrypted, or is SOPS' own: only SOPS may write it",
				"correct key in the manifest, or write the version in clear text")
		}
		if message, hint := j.mismatch(v.scalar.Value); message != "" {
			return j.refuse(policy.TargetMismatch, v.scalar, message, hint)
		}
	}
	return nil
}

// refuse is the failure of a job because of what stands at a scalar.
func (j *job) refuse(reason policy.Reason, s edit.Scalar, message, hint string) *failure {
	return fail(reason, &edit.Error{File: j.target.File, Line: s.Line, Column: s.Column, Message: message, Hint: hint})
}

var (
	bareDigest = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^@?sha[0-9]+:[0-9a-fA-F]+$`)
	})
	likeDigest = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^(.*@)?(sha[0-9]+:)?[0-9a-fA-F]{32,}$`)
	})
)

// mismatch says why a text is not what the target means to replace, empty when it may be. Nothing is wrong with an
// empty text: no other thing stands there.
func (j *job) mismatch(text string) (message, hint string) {
	prefix, literal := j.transform().Prefix()
	switch {
	case void(text):
		return "", ""
	case j.target.Digest && !likeDigest().MatchString(text):
		return fmt.Sprintf("expected a digest, found %q", text),
			"correct key in the manifest, or leave writes: digest out to write the tag"
	case j.target.Digest:
		prefix, literal = j.target.Transform.Prefix()
	case bareDigest().MatchString(text):
		return fmt.Sprintf("expected a tag, found the digest %q", text), "add writes: digest to the target"
	}
	bare, pin := policy.SplitDigest(text)
	switch {
	case j.target.Digest && pin != "" && repository(prefix) == "":
		return fmt.Sprintf("expected a digest alone, found %q", text),
			fmt.Sprintf("write transformers: [{addprefix: '%s'}] for the target, or correct key", bare+"@")
	case pin == "" && strings.Contains(text, "@sha"):
		return fmt.Sprintf("expected a digest behind the @, found %q", text), "correct the value in the file"
	case pin != "" && !j.source.Query.OCI():
		return fmt.Sprintf("expected a value without digest, found %q", text),
			fmt.Sprintf("a %s has no digest: follow the image with kind: dockerimage, or take the digest away",
				j.source.Query.Kind)
	}
	return otherThing(bare, repository(prefix), literal && !j.target.Digest)
}

// guardText is guard for transformers of which nobody can tell beforehand what they write.
func (j *job) guardText(v *value) {
	if _, literal := j.transform().Prefix(); literal || !v.updated() || void(v.scalar.Value) {
		return
	}
	bare, _ := policy.SplitDigest(v.scalar.Value)
	if message, hint := otherThing(bare, repository(v.decision.Value), true); message != "" {
		f := j.refuse(policy.TargetMismatch, v.scalar, message, hint)
		v.decision = policy.Decision{Outcome: policy.Failed, Reason: f.reason, Detail: f.detail, Hint: f.hint}
	}
}

// void reports whether a text stands for nothing.
func void(text string) bool { return text == "" || text == "~" || text == "null" }

// otherThing says why a text does not belong to the repository that is written before the tag; with none, and alone,
// the tag is all that is written.
func otherThing(text, repo string, alone bool) (message, hint string) {
	own := repository(text)
	switch {
	case repo == "" && alone && own != "":
		return fmt.Sprintf("expected a tag alone, found %q", text),
			fmt.Sprintf("write transformers: [{addprefix: '%s'}], or correct key in the manifest", own)
	case repo == "", own == repo, own == "" && text == strings.TrimRight(repo, ":@"):
		return "", ""
	}
	hint = "correct key so that it names this entry, or addprefix so that it is what the file has"
	if a, err := source.ParseImage(strings.TrimRight(own, ":")); err == nil {
		if b, err := source.ParseImage(strings.TrimRight(repo, ":")); err == nil && a == b {
			hint = fmt.Sprintf("it is the same image in another spelling: write addprefix: '%s', as the file does", own)
		}
	}
	return fmt.Sprintf("expected a value that begins with %s, found %q", repo, text), hint
}

// repository is the part of a text before the tag that names what is tagged, such as ghcr.io/org/web: with its colon;
// empty when the text has no such part, as a tag, a port before a path or a URL.
func repository(text string) string {
	end := strings.LastIndexAny(text, ":@") + 1
	if strings.Contains(text[end:], "/") {
		return ""
	}
	return text[:end]
}
