// Package manifest reads the files that say what to track and turns them into the values of the later stages: a query
// for each source, a compiled filter, a parsed key. After it nobody looks at text again.
//
// The format is Updatecli's (sources, transformers, targets) plus one block of our own, `policy:`. What is not
// understood is an error with its place, never skipped; one bad file never stops the others.
package manifest

import (
	"slices"

	"github.com/pawl-cd/pawl/internal/edit"
	"github.com/pawl-cd/pawl/internal/policy"
	"github.com/pawl-cd/pawl/internal/source"
	"github.com/pawl-cd/pawl/internal/strictyaml"
)

// Manifest is one document of a manifest file.
type Manifest struct {
	// Name is its identity: the path below its manifests directory without extension, with "#2" for the second
	// document of a file and so on.
	Name string
	// File is its path below the root; Line is where the document starts.
	File string
	Line int
	// Digest is the SHA-256 of the file's bytes in hexadecimal: it tells whether a person changed the manifest.
	Digest string
	// Title is the text of `name:`, for people.
	Title   string
	Sources []Source
	Targets []Target
	// Problems are the faults of this manifest, warnings included.
	Problems []strictyaml.Problem
}

// Valid reports whether the manifest can be used.
func (m Manifest) Valid() bool { return !strictyaml.Failed(m.Problems) }

// First reports whether the problem with the index is the first error of the manifest, which stands for it in a plan.
func (m Manifest) First(i int) bool {
	return !m.Problems[i].Warning && !strictyaml.Failed(m.Problems[:i])
}

// Source returns the source with the id.
func (m Manifest) Source(id string) Source {
	i := slices.IndexFunc(m.Sources, func(s Source) bool { return s.ID == id })
	return m.Sources[i]
}

// Source is one place that versions come from.
type Source struct {
	ID string
	// Name is the source as the manifest writes it: an image, URL#chart, or owner/repository.
	Name  string
	Query source.Query
	// Types says which releases of a GitHub repository count.
	Types     ReleaseTypes
	Filter    policy.Filter
	Transform source.Transform
	// Policy is what the manifest's policy block says; the configuration's is filled in.
	Policy policy.Policy
	// Place is where the filter stands, for messages.
	Place strictyaml.Problem
}

// Target is one value that follows a source.
type Target struct {
	ID       string
	SourceID string
	// File is the path of the file below the root, with forward slashes. The value is at Key when it is YAML, else at the one
	// place where Pattern finds it.
	File    string
	Key     edit.Path
	Pattern edit.Pattern
	// Transform is applied after the source's own, and to a digest alone.
	Transform source.Transform
	// Document is the only document of the file, counted from 0, in which the key is looked up; -1 means all.
	Document int
	// Conditions must hold before anything is written.
	Conditions []Condition
	// Digest writes the digest of the version's tag instead of the tag.
	Digest bool
	// Place is where the key stands, FilePlace where the file does, for messages.
	Place, FilePlace strictyaml.Problem
}

// Address is where the values stand in the file.
func (t Target) Address() edit.Address {
	if !t.Pattern.Zero() {
		return edit.InText{Pattern: t.Pattern}
	}
	return edit.InYAML{Document: t.Document, Key: t.Key}
}

// Condition is an image that must exist before a target is written.
type Condition struct {
	ID string
	// Name is the image as the manifest writes it.
	Name  string
	Query source.Query
	// Tag is the tag that must exist; when it is empty, it is what Transform makes of the version of the source SourceID.
	Tag, SourceID string
	// Transform holds the source's transformers and then the condition's own.
	Transform source.Transform
	// Architectures are what the image must be built for, as arm64 or linux/arm64; none asks for the tag alone.
	Architectures []string
}

// ReleaseTypes says which releases of a GitHub repository count; the zero value means full releases only.
type ReleaseTypes struct {
	Release    bool
	Prerelease bool
}

// Keep returns the listing with only the releases that count.
func (t ReleaseTypes) Keep(all source.Listing) source.Listing {
	kept := make(source.Listing, 0, len(all))
	for _, r := range all {
		if r.Prerelease && t.Prerelease || !r.Prerelease && (t.Release || !t.Prerelease) {
			kept = append(kept, r)
		}
	}
	return kept
}
