package github

import (
	"strings"
)

// nowhere stands for a ref that does not exist.
const nowhere = "0000000000000000000000000000000000000000"

// refUpdate is one entry of the mutation updateRefs: a move of a ref that names the value it starts from.
type refUpdate struct {
	Name, BeforeOid, AfterOid string
	Force                     bool
}

// updateRefs moves several refs at once, or none of them.
func (c *context) updateRefs(args map[string]any) (any, *queryError) {
	var in struct {
		RepositoryID string
		RefUpdates   []refUpdate
		Mutation     string `json:"clientMutationId"`
	}
	if failed := bind(args, &in); failed != nil {
		return nil, failed
	}
	r := c.server.repoByID(in.RepositoryID)
	switch {
	case r == nil:
		return nil, unresolved(in.RepositoryID)
	case r.settings.Archived:
		return nil, unprocessableQuery(strings.TrimSuffix(archived, "."))
	}
	for _, update := range in.RefUpdates {
		if refused := r.refuseUpdate(update, c.who); refused != nil {
			return nil, refused
		}
	}
	for _, update := range in.RefUpdates {
		r.setRef(update.Name, strings.TrimPrefix(update.AfterOid, nowhere), c.who)
	}
	return &node{"UpdateRefsPayload", map[string]resolver{"clientMutationId": plain(textOrNil(in.Mutation))}}, nil
}

const wentWrong = "Something went wrong while executing your query."

// somethingWrong is GitHub's answer to a lost race of refs, as measured in September 2026: without a type.
func somethingWrong() *queryError {
	return &queryError{"", wentWrong + " This may be the result of a timeout, or it could be a GitHub bug. " +
		"Please include `ABCD:1234:5678` when reporting this issue."}
}

// refuseUpdate says why a ref must not move so; nil when it may.
func (r *Repo) refuseUpdate(update refUpdate, who Identity) *queryError {
	old, after := r.refs[update.Name], strings.TrimPrefix(update.AfterOid, nowhere)
	switch {
	case !validRef(update.Name):
		return unprocessableQuery(update.Name + " is not a valid ref name.")
	case update.BeforeOid != "" && strings.TrimPrefix(update.BeforeOid, nowhere) != old:
		return somethingWrong()
	case after != "" && old == "" && r.clashes(update.Name):
		return somethingWrong()
	case after == "" && old == "":
		return unprocessableQuery("Reference does not exist")
	case after == "":
		if refused := r.nameRefused(update.Name, "", who); refused != "" {
			return unprocessableQuery(refused)
		}
		return nil
	case r.store.objects[after].kind == "":
		return unprocessableQuery("Object does not exist")
	case old != "" && !update.Force && !r.store.contains(after, old):
		return unprocessableQuery("Update is not a fast forward")
	}
	if refused := r.guard(update.Name, after, who); refused != "" {
		return unprocessableQuery(refused)
	}
	return nil
}

// repoByID finds a repository by its node id, nil when there is none.
func (s *Server) repoByID(id string) *Repo {
	kind, number, _, ok := parseNodeID(id)
	if !ok || kind != "R" {
		return nil
	}
	for _, r := range s.repos {
		if r.id == number {
			return r
		}
	}
	return nil
}
