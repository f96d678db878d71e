package github

import (
	"fmt"
	"slices"
	"sort"
	"time"
)

// Push commits the files to a branch as that person and returns the new commit. A nil content deletes its file. The
// branch is created from the default branch, or empty, when it does not exist. Protection does not stop it.
func (r *Repo) Push(branch, author string, files map[string][]byte, message string) (string, error) {
	r.lock()
	defer r.unlock()
	parent := r.refs[headsPrefix+branch]
	if parent == "" {
		parent = r.refs[headsPrefix+r.settings.DefaultBranch]
	}
	return r.push(branch, author, parent, files, message)
}

// PushOnto is Push with the branch forced to one new commit on the given parent (empty: a root commit).
func (r *Repo) PushOnto(parent, branch, author string, files map[string][]byte, message string) (string, error) {
	r.lock()
	defer r.unlock()
	return r.push(branch, author, parent, files, message)
}

func (r *Repo) push(branch, author, parent string, files map[string][]byte, message string) (string, error) {
	made := commit{message: message}
	base := ""
	if parent != "" {
		known := r.store.commits[parent]
		if known == nil {
			return "", fmt.Errorf("pushing to %s: commit %s does not exist", branch, parent)
		}
		base, made.parents = known.tree, []string{parent}
	}
	var changes []entry
	for path, data := range files {
		id := ""
		if data != nil {
			id = r.store.put("blob", slices.Clone(data))
		}
		changes = append(changes, entry{modeFile, path, id})
	}
	tree, err := r.store.overlay(base, changes)
	if err != nil {
		return "", fmt.Errorf("pushing to %s: %w", branch, err)
	}
	made.tree = tree
	return r.commitTo(branch, author, made)
}

// Chmod commits other modes of files to a branch as that person: 100755, or 120000 for a link.
func (r *Repo) Chmod(branch, author string, modes map[string]string) (string, error) {
	r.lock()
	defer r.unlock()
	parent := r.refs[headsPrefix+branch]
	known := r.store.commits[parent]
	if known == nil {
		return "", fmt.Errorf("changing modes on %s: there is no such branch", branch)
	}
	var changes []entry
	for path, mode := range modes {
		old, found := r.store.find(known.tree, path)
		if !found {
			return "", fmt.Errorf("changing modes on %s: there is no %s", branch, path)
		}
		changes = append(changes, entry{mode, path, old.id})
	}
	tree, err := r.store.overlay(known.tree, changes)
	if err != nil {
		return "", fmt.Errorf("changing modes on %s: %w", branch, err)
	}
	return r.commitTo(branch, author, commit{message: "modes", tree: tree, parents: []string{parent}})
}

func (r *Repo) commitTo(branch, author string, made commit) (string, error) {
	who := r.server.person(author)
	made.author = who.signature(r.server.now())
	if made.committer.name == "" {
		made.committer = made.author
	}
	sha, err := r.store.putCommit(made)
	if err != nil {
		return "", fmt.Errorf("pushing to %s: %w", branch, err)
	}
	r.setRef(headsPrefix+branch, sha, who)
	return sha, nil
}

// Revert undoes a commit on a branch as that person, as GitHub's button does, and returns the new commit.
func (r *Repo) Revert(branch, author, sha string) (string, error) {
	r.lock()
	defer r.unlock()
	bad, head := r.store.commits[sha], r.store.commits[r.refs[headsPrefix+branch]]
	if bad == nil || head == nil || len(bad.parents) == 0 {
		return "", fmt.Errorf("reverting %s on %s: no such commit", sha, branch)
	}
	tree, clean, err := r.store.mergeTrees(bad.tree, head.tree, r.store.commits[bad.parents[0]].tree)
	if err != nil || !clean {
		return "", fmt.Errorf("reverting %s on %s: conflict: %w", sha, branch, err)
	}
	text := fmt.Sprintf("Revert %q\n\nThis reverts commit %s.", headline(bad.message), sha)
	return r.commitTo(branch, author, commit{tree: tree, parents: []string{head.id}, message: text})
}

// RenameBranch renames a branch as GitHub does: pull requests into it follow, those out of it are closed.
func (r *Repo) RenameBranch(from, to, by string) error {
	r.lock()
	defer r.unlock()
	sha := r.refs[headsPrefix+from]
	if sha == "" || r.refs[headsPrefix+to] != "" {
		return fmt.Errorf("renaming branch %s to %s: missing or taken", from, to)
	}
	for _, p := range r.openPulls() {
		if p.baseRef == from {
			p.baseRef = to
		}
	}
	if protection, found := r.protections[from]; found {
		delete(r.protections, from)
		r.protections[to] = protection
	}
	if r.settings.DefaultBranch == from {
		r.settings.DefaultBranch = to
	}
	r.setRef(headsPrefix+to, sha, r.server.person(by))
	r.setRef(headsPrefix+from, "", r.server.person(by))
	return nil
}

// DeleteBranch deletes a branch as that person; its open pull requests are closed.
func (r *Repo) DeleteBranch(branch, by string) {
	r.lock()
	defer r.unlock()
	r.setRef(headsPrefix+branch, "", r.server.person(by))
}

// SetBranch makes a branch, or moves it, past all protection.
func (r *Repo) SetBranch(branch, sha string) error {
	r.lock()
	defer r.unlock()
	if r.store.commits[sha] == nil {
		return fmt.Errorf("moving branch %s: there is no commit %s", branch, sha)
	}
	r.setRef(headsPrefix+branch, sha, r.server.person("alice"))
	return nil
}

// SetRef makes a ref of any full name, or moves it, past all protection.
func (r *Repo) SetRef(ref, sha string) {
	r.lock()
	defer r.unlock()
	r.setRef(ref, sha, r.server.person("alice"))
}

// DeleteRef deletes any ref by its full name.
func (r *Repo) DeleteRef(ref string) {
	r.lock()
	defer r.unlock()
	r.setRef(ref, "", r.server.person("alice"))
}

// Head is the id that a branch, tag or full ref points to, empty when there is none.
func (r *Repo) Head(name string) string {
	r.lock()
	defer r.unlock()
	if found := r.resolve(name); found != nil {
		return found.id
	}
	return ""
}

// Refs lists all refs by their full names, those of pull requests included.
func (r *Repo) Refs() map[string]string {
	r.lock()
	defer r.unlock()
	out := make(map[string]string, len(r.refs))
	for ref, id := range r.refs {
		out[ref] = id
	}
	return out
}

// File reads a file at a branch, tag, ref or commit.
func (r *Repo) File(at, path string) ([]byte, bool) {
	r.lock()
	defer r.unlock()
	found := r.resolve(at)
	if found == nil {
		return nil, false
	}
	file, exists := r.store.find(found.tree, path)
	if !exists || file.isTree() {
		return nil, false
	}
	return slices.Clone(r.store.objects[file.id].data), true
}

// Commit is one commit of a Log.
type Commit struct {
	SHA, Author, Committer, Message string
	Parents                         []string
	When                            time.Time
	Files                           []string // changed against the first parent
	Verified                        bool     // GitHub has signed it
}

// Log lists the commits of a branch, newest first.
func (r *Repo) Log(at string) []Commit {
	r.lock()
	defer r.unlock()
	from := r.resolve(at)
	if from == nil {
		return nil
	}
	var out []Commit
	for _, c := range r.history(from, "") {
		one := Commit{SHA: c.id, Author: c.author.name, Committer: c.committer.name, Message: c.message, Parents: c.parents, When: c.committer.when, Verified: r.store.signed[c.id]}
		changes, _ := r.changesOf(c) // its trees are in the store
		for _, change := range changes {
			one.Files = append(one.Files, change.path)
		}
		out = append(out, one)
	}
	return out
}

// Pull is a pull request as it is now.
type Pull struct {
	Number                          int
	Title, Body, Author             string
	HeadRepo, Head, HeadSHA, Base   string
	State, MergeState               string // open or closed; GitHub's mergeable_state
	Labels, Comments                []string
	Merged, AutoMerge, Queued       bool
	MergeCommit, MergedBy, ClosedBy string
}

// Pulls lists all pull requests, open and closed, by number.
func (r *Repo) Pulls() []Pull {
	r.lock()
	defer r.unlock()
	out := make([]Pull, 0, len(r.pulls))
	for _, p := range r.pulls {
		out = append(out, p.snapshot())
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Number < out[j].Number })
	return out
}

// Pull returns one pull request; ok is false when there is none of that number.
func (r *Repo) Pull(number int) (found Pull, ok bool) {
	r.lock()
	defer r.unlock()
	p := r.pulls[number]
	if p == nil {
		return Pull{}, false
	}
	return p.snapshot(), true
}

func (p *pull) snapshot() Pull {
	out := Pull{
		Number: p.number, Title: p.title, Body: p.text(), Author: p.by, HeadRepo: p.head.FullName(), Head: p.headRef, HeadSHA: p.headSHA,
		Base: p.baseRef, State: p.state(), MergeState: "unknown", Labels: slices.Clone(p.labels), Merged: !p.merged.IsZero(),
		AutoMerge: p.auto != nil, Queued: !p.queuedAt.IsZero(), MergeCommit: p.mergeCommit, MergedBy: p.mergedBy, ClosedBy: p.closedBy,
	}
	if p.open() {
		out.MergeState = p.judge().state
	}
	for _, one := range p.repo.commentsOn(p.number) {
		out.Comments = append(out.Comments, one.by+": "+one.body)
	}
	return out
}
