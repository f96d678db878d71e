package github

import (
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
	var names []string
	for ref := range c.repo.refs {
		if strings.HasPrefix(ref, "refs/"+c.vars["ref"]) {
			names = append(names, ref)
		}
	}
	sort.Strings(names)
	return listed(c, names, c.repo.refJSON)
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

func deleteRef(c *context) reply {
	ref := "refs/" + c.vars["ref"]
	if c.repo.refs[ref] == "" {
		return unprocessable("Reference does not exist")
	}
	if _, protected := c.repo.protections[strings.TrimPrefix(ref, headsPrefix)]; protected {
		return unprocessable("Cannot delete this branch")
	}
	c.repo.setRef(ref, "", c.who)
	return noContent()
}

// guard is what branch protection says against pushing a commit to a branch, empty when it may be pushed.
func (r *Repo) guard(ref, sha string, who Identity) string {
	protection, protected := r.protections[strings.TrimPrefix(ref, headsPrefix)]
	if !protected || !isBranch(ref) || who.Admin {
		return ""
	}
	if !r.store.contains(sha, r.refs[ref]) {
		return "Cannot force-push to this branch"
	}
	if protection.Queue {
		return "Changes must be made through the merge queue"
	}
	return r.missingChecks(protection, sha)
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
