package github

import (
	"fmt"
	"net/http"
	"sort"
	"strings"
)

const headsPrefix = "refs/heads/"

func isBranch(ref string) bool { return strings.HasPrefix(ref, headsPrefix) }

// validRef is git's rule for full names, as far as the API meets it: at least two slashes and no odd parts.
func validRef(ref string) bool {
	if !strings.HasPrefix(ref, "refs/") || strings.Count(ref, "/") < 2 || strings.ContainsAny(ref, " ~^:?*[\\\x7f") {
		return false
	}
	for part := range strings.SplitSeq(ref, "/") {
		if part == "" || strings.HasPrefix(part, ".") || strings.HasSuffix(part, ".lock") || strings.HasSuffix(part, ".") {
			return false
		}
	}
	return !strings.Contains(ref, "..") && !strings.Contains(ref, "@{")
}

// clashes says whether another ref is a directory of this one, or the other way round.
func (r *Repo) clashes(ref string) bool {
	for other := range r.refs {
		if strings.HasPrefix(other, ref+"/") || strings.HasPrefix(ref, other+"/") {
			return true
		}
	}
	return false
}

func (r *Repo) refJSON(ref string) obj {
	id := r.refs[ref]
	return obj{
		"ref": ref, "node_id": nodeID("REF", r.id, ref), "url": r.api("/git/" + ref),
		"object": obj{"type": r.store.objects[id].kind, "sha": id, "url": r.api("/git/" + r.store.objects[id].kind + "s/" + id)},
	}
}

func getRef(c *context) reply {
	if len(c.repo.refs) == 0 {
		return fail(http.StatusConflict, "Git Repository is empty.")
	}
	ref := "refs/" + c.vars["ref"]
	if c.repo.refs[ref] == "" {
		return notFound()
	}
	return ok(c.repo.refJSON(ref))
}

func matchingRefs(c *context) reply {
	if len(c.repo.refs) == 0 {
		return fail(http.StatusConflict, "Git Repository is empty.")
	}
	var names []string
	for ref := range c.repo.refs {
		if strings.HasPrefix(ref, "refs/"+c.vars["ref"]) {
			names = append(names, ref)
		}
	}
	sort.Slice(names, func(i, j int) bool { return before(names[i], names[j]) })
	list := make([]obj, 0, len(names))
	for _, name := range names {
		list = append(list, c.repo.refJSON(name))
	}
	return ok(list) // all of them, whatever per_page says
}

// before is an order like the recorded ones, which are not lexical: rails-3.x before rails-3.0, v2.0.0.beta before v2.0.0.
func before(a, b string) bool {
	for i := 0; i < min(len(a), len(b)); i++ {
		if a[i] == b[i] {
			continue
		}
		digits := [2]bool{a[i] >= '0' && a[i] <= '9', b[i] >= '0' && b[i] <= '9'}
		if digits[0] != digits[1] {
			return digits[1]
		}
		return a[i] < b[i]
	}
	return len(a) > len(b)
}

func createRef(c *context) reply {
	var in struct{ Ref, SHA string }
	if wrong := c.decode(&in); wrong != nil {
		return *wrong
	}
	switch {
	case !validRef(in.Ref):
		return unprocessable(in.Ref + " is not a valid ref name.")
	case strings.HasPrefix(in.Ref, "refs/pull/"):
		return unprocessable("Reference update failed")
	case c.repo.refs[in.Ref] != "":
		return unprocessable("Reference already exists")
	case c.repo.store.objects[in.SHA].kind == "" || isBranch(in.Ref) && !c.repo.store.has("commit", in.SHA):
		return unprocessable("Object does not exist")
	case c.repo.clashes(in.Ref):
		return unprocessable("Reference update failed")
	}
	if refused := c.repo.nameRefused(in.Ref, in.SHA, c.who); refused != "" {
		return unprocessable(refused)
	}
	c.repo.setRef(in.Ref, in.SHA, c.who)
	return created(c.repo.refJSON(in.Ref))
}

func updateRef(c *context) reply {
	var in struct {
		SHA   string
		Force bool
	}
	if wrong := c.decode(&in); wrong != nil {
		return *wrong
	}
	ref := "refs/" + c.vars["ref"]
	old := c.repo.refs[ref]
	switch {
	case old == "":
		return unprocessable("Reference does not exist")
	case strings.HasPrefix(ref, "refs/pull/"):
		return unprocessable("Reference cannot be updated")
	case !isSHA(in.SHA):
		return unprocessable(notSHA("sha"))
	case c.repo.store.objects[in.SHA].kind == "":
		return unprocessable("Object does not exist")
	case !in.Force && !c.repo.store.contains(in.SHA, old):
		return unprocessable("Update is not a fast forward")
	}
	if refused := c.repo.guard(ref, in.SHA, c.who); refused != "" {
		return unprocessable(refused)
	}
	c.repo.setRef(ref, in.SHA, c.who)
	return ok(c.repo.refJSON(ref))
}

func isSHA(text string) bool {
	return len(text) == 40 && strings.Trim(text, "0123456789abcdef") == ""
}

// notSHA is GitHub's text about a parameter that is no id.
func notSHA(parameter string) string {
	return "The " + parameter + " parameter must be exactly 40 characters and contain only [0-9a-f]."
}

func deleteRef(c *context) reply {
	ref := "refs/" + c.vars["ref"]
	if c.repo.refs[ref] == "" {
		return unprocessable("Reference does not exist")
	}
	if refused := c.repo.nameRefused(ref, "", c.who); refused != "" {
		return unprocessable(refused)
	}
	if _, protected := c.repo.protections[strings.TrimPrefix(ref, headsPrefix)]; protected {
		return unprocessable("Cannot delete this branch")
	}
	c.repo.setRef(ref, "", c.who)
	return noContent()
}

// guard is what branch protection says against pushing a commit to a branch, empty when it may be pushed.
func (r *Repo) guard(ref, sha string, who Identity) string {
	if refused := r.nameRefused(ref, sha, who); refused != "" {
		return refused
	}
	protection, protected := r.protections[strings.TrimPrefix(ref, headsPrefix)]
	if !protected || !isBranch(ref) || who.Admin {
		return ""
	}
	if !r.store.contains(sha, r.refs[ref]) {
		return "Cannot force-push to this branch"
	}
	return r.unmetRules(protection, []string{sha}, sha)
}

// nameRefused is what a ruleset on the ref's name says against moving it there (empty: deleting it).
func (r *Repo) nameRefused(ref, sha string, who Identity) string {
	for prefix, rule := range r.guarded {
		switch old := r.refs[ref]; {
		case !strings.HasPrefix(ref, prefix) || who.Admin:
		case old == "" && rule.Create:
			return violation("Cannot create ref due to creations being restricted.")
		case old != "" && sha != "" && rule.Update:
			return violation("Cannot update this protected ref.")
		case sha == "" && rule.Delete:
			return violation("Cannot delete this protected ref.")
		case old != "" && sha != "" && rule.Force && !r.store.contains(sha, old):
			return violation("Cannot force-push to this branch")
		case sha != "" && rule.Signed && !r.store.signed[sha] && !r.onABranch(sha):
			return violation("Commits must have verified signatures.")
		}
	}
	return ""
}

// onABranch reports whether a commit is nothing new: rules on commits are about those that a push brings.
func (r *Repo) onABranch(sha string) bool {
	for ref, id := range r.refs {
		if isBranch(ref) && r.store.contains(id, sha) {
			return true
		}
	}
	return false
}

// violation is how rulesets say no.
func violation(texts ...string) string {
	return "Repository rule violations found\n\n" + strings.Join(texts, "\n\n") + "\n\n"
}

// unmetRules is what a branch's protection says against having the commits, of which the last is the head; empty when
// nothing does.
func (r *Repo) unmetRules(protection Protection, commits []string, head string) string {
	var texts []string
	if protection.Queue {
		texts = append(texts, "Changes must be made through the merge queue")
	}
	texts = append(texts, r.beyondChecks(protection, commits)...)
	if missing := r.missingChecks(protection, head); missing != "" {
		texts = append(texts, missing)
	}
	switch {
	case len(texts) == 0:
		return ""
	case protection.Ruleset:
		return violation(texts...)
	}
	return texts[0]
}

// beyondChecks are the demands for reviews and signatures that are not met.
func (r *Repo) beyondChecks(protection Protection, commits []string) []string {
	var texts []string
	switch protection.Reviews {
	case 0:
	case 1:
		texts = append(texts, "At least 1 approving review is required by reviewers with write access.")
	default:
		texts = append(texts, fmt.Sprintf("At least %d approving reviews are required by reviewers with write access.", protection.Reviews))
	}
	signed := func(sha string) bool { return r.store.signed[sha] }
	if protection.Signed && !all(commits, signed) {
		texts = append(texts, "Commits must have verified signatures.")
	}
	return texts
}

func all(list []string, good func(string) bool) bool {
	for _, one := range list {
		if !good(one) {
			return false
		}
	}
	return true
}

// setRef moves, creates or (empty id) deletes a ref and lets everything follow that GitHub does then.
func (r *Repo) setRef(ref, id string, who Identity) {
	if id == "" {
		delete(r.refs, ref)
	} else {
		r.refs[ref] = id
	}
	r.dirty = true
	if !isBranch(ref) {
		return
	}
	if id != "" {
		r.startChecks(id, who)
	}
	r.server.followHeads(r, strings.TrimPrefix(ref, headsPrefix), who)
}
