// Package past finds how tracked values moved, whoever moved them: from the commits of a branch that touched the files
// with these values, and from what the files held then. It follows a file through its renames, and a value that vanishes
// and comes back; what cannot be read is skipped, never guessed. It takes and returns values: asking git is left to the
// caller, and so is the bound on how much is asked.
package past

import (
	"slices"
	"time"

	"github.com/pawl-cd/pawl/internal/edit"
)

// Key is a place that something tracks: a file below the root as it is called now, and where the value stands in it.
type Key struct {
	Manifest, File string
	Address        edit.Address
}

// Commit is a commit of the branch, with what it did to files compared with its first parent. Its author is untrusted.
type Commit struct {
	// Parent is the first parent, empty for the commit that has none.
	SHA, Parent string
	At          time.Time
	Author      string
	Files       []File
}

// File is what a commit did to one file: its name and its content before and after, as git names them. What was not
// there before, or is not there any more, has an empty name and content.
type File struct{ From, To, Old, New string }

// Series is what one value was over time.
type Series struct {
	// Manifest and File are those of the key; Key and Document say where the value stands, or stood last.
	Manifest, File, Key string
	Document            int
	// Now is what the value is; empty when it is gone.
	Now string
	// Moves are in the order of the branch, the oldest first.
	Moves []Move
}

// Move is one value that took the place of another, which is empty where there was none, or none is left.
type Move struct {
	SHA, Author string
	At          time.Time
	Old, New    string
}

// Past is the history of keys while it is read: Contents says which contents are needed, Read takes each of them, best in
// that order, and Series tells what came out.
type Past struct {
	tracks []track
	jobs   []job
}

// track is one file with the keys in it and the commits that touched it, the oldest first.
type track struct {
	keys  []Key
	steps []step
	// readings are what was read, by the name of the content.
	readings map[string]*reading
	// last is the content that was read last, and its name.
	last     []byte
	lastName string
}

// job is one content that a track needs.
type job struct {
	track   int
	content string
}

// New prepares the history of keys; the commits are the newest first.
func New(keys []Key, commits []Commit) *Past {
	p := &Past{}
	index := map[string]int{}
	for _, k := range keys {
		at, ok := index[k.File]
		if !ok {
			at = len(p.tracks)
			index[k.File] = at
			p.tracks = append(p.tracks, track{steps: steps(commits, k.File), readings: map[string]*reading{}})
		}
		p.tracks[at].keys = append(p.tracks[at].keys, k)
	}
	for i := range p.tracks {
		p.need(i)
	}
	return p
}

// need notes the contents of a track, the newest first.
func (p *Past) need(at int) {
	t := p.tracks[at]
	for i, s := range slices.Backward(t.steps) {
		all := []string{s.New}
		if i == 0 { // what was there before the first commit that is known
			all = append(all, s.Old)
		}
		for _, content := range all {
			if _, known := t.readings[content]; content != "" && !known {
				t.readings[content] = &reading{}
				p.jobs = append(p.jobs, job{at, content})
			}
		}
	}
}

// Contents are the names of the contents to read; one may be named more than once.
func (p *Past) Contents() []string {
	names := make([]string, len(p.jobs))
	for i, j := range p.jobs {
		names[i] = j.content
	}
	return names
}

// Read takes the content with an index in Contents, which must not change any more. One that is never taken counts as one
// that cannot be read.
func (p *Past) Read(index int, data []byte) {
	t, name := &p.tracks[p.jobs[index].track], p.jobs[index].content
	var known reading
	if t.lastName != "" {
		known = *t.readings[t.lastName]
	}
	r, ok := near(t.keys, known, t.last, data)
	if !ok {
		r = read(t.keys, data)
	}
	*t.readings[name] = r
	t.last, t.lastName = data, name
}

// Series are the values that were there at some time, in the order of the keys' files.
func (p *Past) Series() []Series {
	var all []Series
	for _, t := range p.tracks {
		for i := range t.keys {
			all = append(all, t.series(i)...)
		}
	}
	return all
}
