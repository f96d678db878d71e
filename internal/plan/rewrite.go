package plan

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/pawl-cd/pawl/internal/change"
	"github.com/pawl-cd/pawl/internal/edit"
	"github.com/pawl-cd/pawl/internal/ledger"
	"github.com/pawl-cd/pawl/internal/policy"
)

// place names one scalar in the root.
type place struct {
	file     string
	document int
	key      string
}

func ledgerPlace(at place) ledger.Place {
	return ledger.Place{File: at.file, Document: at.document, Key: at.key}
}

// wanted is what one target wants in a scalar.
type wanted struct {
	job    *job
	scalar edit.Scalar
	text   string
}

// refuseConflicts fails all targets that want different texts in one scalar; whichever came last would win otherwise.
func refuseConflicts(jobs []*job) {
	claims := map[place][]wanted{}
	for _, j := range jobs {
		for _, v := range j.values {
			if text, ok := v.wants(); ok && j.failure == nil {
				at := place{j.target.File, v.scalar.Document, v.scalar.Key}
				claims[at] = append(claims[at], wanted{j, v.scalar, text})
			}
		}
	}
	for at, all := range claims {
		for _, w := range all {
			if i := slices.IndexFunc(all, func(o wanted) bool { return o.text != w.text }); i >= 0 && w.job.failure == nil {
				w.job.failure = conflict(at, w.scalar, w.text, all[i].text, all[i].job)
			}
		}
	}
	together(jobs)
}

// wants is the text that the decision wants in the file; none when it wants nothing.
func (v *value) wants() (string, bool) {
	switch v.decision.Outcome {
	case policy.Update:
		return v.decision.Value, true
	case policy.Current, policy.Held:
		return v.scalar.Value, true
	default:
		return "", false
	}
}

const oneWriter = "let one target alone write this value, or give both the same filter"

func conflict(at place, s edit.Scalar, own, others string, other *job) *failure {
	return &failure{
		reason: policy.TargetInvalid,
		detail: fmt.Sprintf("%s:%d:%d: %s is to be %q here and %q by %s/%s", at.file, s.Line, s.Column, at.key, own, others, other.manifest.Name, other.target.ID),
		hint:   oneWriter,
	}
}

// rewrite computes the new bytes of every file.
func rewrite(jobs []*job) []change.File {
	byFile := map[string][]*job{}
	for _, j := range jobs {
		if j.failure == nil && slices.ContainsFunc(j.values, (*value).updated) {
			byFile[j.target.File] = append(byFile[j.target.File], j)
		}
	}
	var files []change.File
	for path, own := range byFile {
		if after, ok := apply(own); ok && !bytes.Equal(own[0].before, after) {
			files = append(files, change.File{Path: path, Before: own[0].before, After: after})
		}
	}
	slices.SortFunc(files, func(a, b change.File) int { return strings.Compare(a.Path, b.Path) })
	return files
}

// apply makes the edits of the jobs in their one file. A job whose edits cannot be made fails alone; when the others'
// cannot be made together, all fail and the file stays as it is.
func apply(own []*job) (after []byte, ok bool) {
	file := own[0].file
	after, err := file.Apply(edits(own))
	if err == nil {
		return after, true
	}
	for _, j := range own {
		if _, err := file.Apply(edits([]*job{j})); err != nil {
			j.failure = fail(policy.TargetInvalid, err)
		}
	}
	together(own)
	own = slices.DeleteFunc(slices.Clone(own), func(j *job) bool { return j.failure != nil })
	if after, err = file.Apply(edits(own)); err == nil {
		return after, true
	}
	for _, j := range own {
		j.failure = fail(policy.TargetInvalid, err)
	}
	return nil, false
}

func (v *value) updated() bool { return v.decision.Outcome == policy.Update }

func edits(jobs []*job) []edit.Edit {
	var all []edit.Edit
	for _, j := range jobs {
		for _, v := range j.values {
			if v.updated() {
				all = append(all, edit.Edit{Scalar: v.scalar, Value: v.decision.Value})
			}
		}
	}
	return all
}
