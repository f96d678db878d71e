package past

import "slices"

// step is a commit that touched a file: what the file held before and after, empty when it was not there.
type step struct {
	commit   *Commit
	Old, New string
}

// steps are those of a file, the oldest first. Commits come the newest first, so that a file is followed back through the
// names that it had.
func steps(commits []Commit, name string) []step {
	var all []step
	for i := range commits {
		s, before, ok := touched(&commits[i], name)
		if ok {
			all = append(all, s)
			name = before
		}
	}
	slices.Reverse(all)
	return all
}

// touched is what a commit did to the file that has a name after it, and what the file was called before.
func touched(c *Commit, name string) (s step, before string, ok bool) {
	for _, f := range c.Files {
		switch {
		case f.To == name && f.From != "":
			return step{c, f.Old, f.New}, f.From, true
		case f.To == name:
			s, ok = step{c, "", f.New}, true
		case f.From == name && !ok: // it went elsewhere, or away
			s, ok = step{c, f.Old, ""}, true
		}
	}
	return s, name, ok
}

// Appeared are the commits with which one of the files came out of nothing, and that have a parent: there it may have had
// another name.
func Appeared(commits []Commit, files []string) []Commit {
	var all []Commit
	for _, c := range commits {
		came := func(f File) bool { return f.From == "" && slices.Contains(files, f.To) }
		if c.Parent != "" && slices.ContainsFunc(c.Files, came) {
			all = append(all, c)
		}
	}
	return all
}
