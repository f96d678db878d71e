package plan

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/pawl-cd/pawl/internal/edit"
	"github.com/pawl-cd/pawl/internal/fault"
	"github.com/pawl-cd/pawl/internal/ledger"
	"github.com/pawl-cd/pawl/internal/manifest"
	"github.com/pawl-cd/pawl/internal/policy"
	"github.com/pawl-cd/pawl/internal/strictyaml"
)

// job is one target on its way through the stages.
type job struct {
	manifest manifest.Manifest
	source   manifest.Source
	target   manifest.Target
	file     edit.Document
	before   []byte
	// values are the scalars that the target's key resolves to, in the order of the file.
	values     []*value
	candidates int
	// missing are the listed tags of which transformers make one that does not exist; unmade is the first of them.
	missing map[string]bool
	unmade  unmade
	// refused are the versions that gates hold back, and why; newest says it of the newest.
	refused map[string]refusal
	newest  refusal
	// noUp says that nothing above a quarantined version may be taken.
	noUp bool
	// chosen are the decisions so far by the text in the file, as long as no tag turned out to be missing.
	chosen map[string]policy.Decision
	// failure ends the job; the other jobs go on.
	failure *failure
}

// value is one scalar and what is decided about it.
type value struct {
	scalar   edit.Scalar
	decision policy.Decision
	// tag is the image's tag that was asked for, and digest what the registry said.
	tag, digest string
	// lever is the brake that moves the value, merged the digest with which its version was merged here, and present the
	// digest that stands in the file where the value is the version that it stands for.
	lever           ledger.Lever
	merged, present string
	// standing is where it stands, where somebody asked for it.
	standing Standing
	// beside are the values in the same map that say the same version: of a tag the digests, of a digest the tag.
	beside []*value
	job    *job
}

// failure says why a job ended.
type failure struct {
	reason       policy.Reason
	detail, hint string
	err          error
}

func fail(reason policy.Reason, err error) *failure {
	return &failure{reason: reason, detail: err.Error(), hint: fault.Hint(err), err: err}
}

// document is a target file: its bytes, and what the first of its targets takes it for.
type document struct {
	bytes   []byte
	kind    string
	content edit.Document
	err     error
}

// open makes a job of every target of the valid manifests and finds the values in their files.
func (p Planner) open(manifests []manifest.Manifest) []*job {
	documents := map[string]document{}
	var jobs []*job
	for _, m := range manifests {
		if !m.Valid() {
			continue
		}
		own := make([]*job, 0, len(m.Targets))
		for _, t := range m.Targets {
			d, ok := documents[t.File]
			if !ok {
				d = p.read(t)
				documents[t.File] = d
			}
			own = append(own, find(m, t, d))
		}
		slices.SortStableFunc(own, byPosition)
		jobs = append(jobs, own...)
	}
	return jobs
}

func (p Planner) read(t manifest.Target) document {
	data, err := p.Files.ReadFile(t.File)
	if err != nil {
		return document{err: err}
	}
	d := document{bytes: data, kind: t.Address().Kind()}
	d.content, d.err = t.Address().Open(t.File, data)
	return d
}

// find looks for the values of a target.
func (d document) find(t manifest.Target) ([]edit.Scalar, edit.Document, error) {
	if d.err != nil {
		return nil, nil, d.err
	}
	if kinds := []string{d.kind, t.Address().Kind()}; kinds[0] != kinds[1] {
		slices.Sort(kinds)
		return nil, nil, fault.New("let all targets in this file be of one kind", "%s is a target of kind %s and one of kind %s", t.File, kinds[1], kinds[0])
	}
	scalars, err := t.Address().Find(d.content)
	return scalars, d.content, err
}

func find(m manifest.Manifest, t manifest.Target, d document) *job {
	j := &job{manifest: m, source: m.Source(t.SourceID), target: t, before: d.bytes}
	scalars, file, err := d.find(t)
	j.file = file
	if err != nil {
		j.failure = fail(policy.TargetInvalid, err)
		return j
	}
	for _, s := range scalars {
		j.values = append(j.values, &value{scalar: s, job: j})
	}
	if j.failure = j.guard(); j.failure == nil {
		j.failure = j.twins()
	}
	return j
}

func byPosition(a, b *job) int {
	return cmp.Or(cmp.Compare(a.target.File, b.target.File), cmp.Compare(a.line(), b.line()), cmp.Compare(a.column(), b.column()))
}

func (j *job) line() int {
	if len(j.values) == 0 {
		return 0
	}
	return j.values[0].scalar.Line
}

func (j *job) column() int {
	if len(j.values) == 0 {
		return 0
	}
	return j.values[0].scalar.Column
}

// Check finds every value that the manifests track, without asking any source, and returns what is wrong, each problem
// at the manifest's key, or at its file when that is the fault. Texts of the files are the business of the error's own place.
func Check(manifests []manifest.Manifest, files Reader) []strictyaml.Problem {
	var problems []strictyaml.Problem
	jobs := (Planner{Files: files}).open(manifests)
	for _, j := range jobs {
		if j.failure == nil {
			continue
		}
		at := j.target.Place
		if j.file == nil {
			at = j.target.FilePlace
		}
		at.Message, at.Hint = j.failure.detail, j.failure.hint
		problems = append(problems, at)
	}
	return append(problems, shared(jobs)...)
}

// shared warns of values that two targets follow in different ways: as soon as these disagree, both fail.
func shared(jobs []*job) []strictyaml.Problem {
	first := map[place]*job{}
	var problems []strictyaml.Problem
	for _, j := range jobs {
		for _, v := range j.values {
			at := place{j.target.File, v.scalar.Document, v.scalar.Key}
			other := first[at]
			switch {
			case other == nil:
				first[at] = j
			case other.source.Query != j.source.Query || other.target.Digest != j.target.Digest || other.source.Filter.String() != j.source.Filter.String():
				p := j.target.Place
				p.Warning, p.Hint = true, oneWriter
				p.Message = fmt.Sprintf("%s/%s writes %s in %s too, from another source or with another filter", other.manifest.Name, other.target.ID, at.key, at.file)
				problems = append(problems, p)
			}
		}
	}
	return problems
}
