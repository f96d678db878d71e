package github

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/pawl-cd/pawl/internal/fake/gitserver"
	"github.com/pawl-cd/pawl/internal/git"
)

// smart is a request of git's own protocol: /OWNER/NAME.git/SERVICE, at the host for people.
type smart struct {
	repository, service string // service is info/refs, git-upload-pack or git-receive-pack
}

// asSmart finds out whether a request is git's.
func asSmart(req *http.Request) (smart, bool) {
	for _, service := range []string{"info/refs", "git-upload-pack", "git-receive-pack"} {
		name, found := strings.CutSuffix(strings.Trim(req.URL.Path, "/"), "/"+service)
		if name = strings.TrimSuffix(name, ".git"); found && strings.Count(name, "/") == 1 {
			return smart{name, service}, true
		}
	}
	return smart{}, false
}

// operation is the request's name in a Call.
func (s smart) operation(req *http.Request, body []byte) (name string, writing bool) {
	switch s.service {
	case "git-receive-pack":
		return s.service, true
	case "git-upload-pack":
		for _, command := range []string{"ls-refs", "fetch"} {
			if bytes.Contains(body[:min(40, len(body))], []byte("command="+command+"\n")) {
				return s.service + " " + command, false
			}
		}
		return s.service, false
	}
	return "info/refs " + req.URL.Query().Get("service"), false
}

// plainText is an answer of the host for people, which is no JSON.
func plainText(status int, text string) reply {
	return reply{status: status, header: http.Header{"Content-Type": {"text/plain; charset=utf-8"}}, raw: []byte(text)}
}

// login wants a user and a password, of which only the latter counts.
func login(text string) reply {
	out := plainText(http.StatusUnauthorized, text)
	out.header.Set("Www-Authenticate", `Basic realm="GitHub"`)
	return out
}

// serve answers a request of git's.
func (s smart) serve(c *context) reply {
	if moved := c.server.renamed[strings.ToLower(s.repository)]; moved != nil {
		place := c.server.base(c.req) + "/" + moved.FullName() + ".git/" + s.service
		if c.req.URL.RawQuery != "" {
			place += "?" + c.req.URL.RawQuery
		}
		return reply{status: http.StatusMovedPermanently, header: http.Header{"Location": {place}}}
	}
	c.repo = c.server.repos[strings.ToLower(s.repository)]
	pushing := s.service == "git-receive-pack" || c.req.URL.Query().Get("service") == "git-receive-pack"
	switch {
	case c.repo == nil && c.who.Login == "", c.repo != nil && c.who.Login == "" && (c.repo.settings.Private || pushing):
		return login("No anonymous access")
	case c.repo == nil:
		return plainText(http.StatusNotFound, "Repository not found.")
	case pushing && c.repo.settings.Archived:
		return plainText(http.StatusForbidden, "This repository was archived so it is read-only.")
	case pushing && c.who.ReadOnly:
		return plainText(http.StatusForbidden, "Write access to repository not granted.")
	}
	body, err := unzipped(c.req, c.body)
	if err != nil {
		return plainText(http.StatusBadRequest, err.Error())
	}
	repository := c.repo.served(!pushing)
	switch s.service {
	case "info/refs":
		service := c.req.URL.Query().Get("service")
		if service != "git-upload-pack" && service != "git-receive-pack" {
			return plainText(http.StatusForbidden, "Please upgrade your git client.")
		}
		return gitAnswer(service+"-advertisement", repository.Advertise(service, c.req.Header.Get("Git-Protocol")))
	case "git-upload-pack":
		return gitAnswer("git-upload-pack-result", repository.UploadPack(body))
	}
	return gitAnswer("git-receive-pack-result", c.receive(body))
}

func gitAnswer(kind string, data []byte) reply {
	return reply{status: http.StatusOK, header: http.Header{"Content-Type": {"application/x-" + kind}, "Cache-Control": {"no-cache"}}, raw: data}
}

func unzipped(req *http.Request, body []byte) ([]byte, error) {
	if req.Header.Get("Content-Encoding") != "gzip" {
		return body, nil
	}
	in, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(in, maxBody))
}

// served is the repository as git reads it. To who pushes, refs of pull requests are not shown.
func (r *Repo) served(hidden bool) gitserver.Repository {
	refs := map[string]string{}
	for name, id := range r.refs {
		if hidden || !strings.HasPrefix(name, "refs/pull/") {
			refs[name] = id
		}
	}
	return gitserver.Repository{Refs: refs, Head: headsPrefix + r.settings.DefaultBranch, Object: r.store.object}
}

// kinds are the words for kinds of objects.
var kinds = map[git.Kind]string{git.KindCommit: "commit", git.KindTree: "tree", git.KindBlob: "blob", git.KindTag: "tag"}

func (s *store) object(id string) (git.Object, bool) {
	found, ok := s.objects[id]
	for kind, word := range kinds {
		if word == found.kind {
			return git.Object{Kind: kind, Data: found.data}, ok
		}
	}
	return git.Object{}, false
}

// receive carries out a push.
func (c *context) receive(body []byte) []byte {
	push, err := gitserver.ParsePush(body)
	if err != nil {
		return push.Report(err.Error(), nil, "")
	}
	if lacking := push.Lacks(c.repo.store.object); lacking != "" {
		return push.Report("missing necessary objects", nil, "error: missing "+lacking+"\n")
	}
	if err := c.repo.store.take(push.Objects); err != nil {
		return push.Report(err.Error(), nil, "")
	}
	refused, said := map[string]string{}, ""
	for _, u := range push.Updates {
		reason, words := c.refusePush(u)
		if reason != "" {
			refused[u.Ref] = reason
		}
		said += words
	}
	if push.Atomic && len(refused) > 0 {
		for _, u := range push.Updates {
			if refused[u.Ref] == "" {
				refused[u.Ref] = "atomic transaction failed"
			}
		}
	}
	for _, u := range push.Updates {
		if refused[u.Ref] == "" {
			c.repo.setRef(u.Ref, u.New, c.who)
		}
	}
	return push.Report("", refused, said)
}

// refusePush says why a ref must not move so, in the report's words and in those to people; empty when it may.
func (c *context) refusePush(u gitserver.Update) (reason, said string) {
	r := c.repo
	now := r.refs[u.Ref]
	switch {
	case strings.HasPrefix(u.Ref, "refs/pull/"):
		return "deny updating a hidden ref", ""
	case !validRef(u.Ref):
		return "funny refname", ""
	case now != u.Old && u.Old == "":
		return "cannot lock ref '" + u.Ref + "': reference already exists", ""
	case now != u.Old && now == "":
		return "cannot lock ref '" + u.Ref + "': unable to resolve reference '" + u.Ref + "'", ""
	case now != u.Old:
		return "cannot lock ref '" + u.Ref + "': is at " + now + " but expected " + u.Old, ""
	case u.Old == "" && u.New != "" && r.clashes(u.Ref):
		return "cannot lock ref '" + u.Ref + "': there are still refs under it, or a ref exists; cannot create '" + u.Ref + "'", ""
	case isBranch(u.Ref) && u.New != "" && !r.store.has("commit", u.New):
		return "cannot update ref '" + u.Ref + "': trying to write non-commit object " + u.New + " to branch", ""
	case u.New == "" && u.Ref == headsPrefix+r.settings.DefaultBranch:
		return "refusing to delete the current branch: " + u.Ref, ""
	}
	rule := ""
	if u.New == "" {
		if rule = r.nameRefused(u.Ref, "", c.who); rule == "" && r.protected(strings.TrimPrefix(u.Ref, headsPrefix)) && isBranch(u.Ref) && !c.who.Admin {
			rule = "Cannot delete this branch"
		}
	} else {
		rule = r.guard(u.Ref, u.New, c.who)
	}
	if rule == "" {
		return "", ""
	}
	if texts, ofRuleset := strings.CutPrefix(rule, "Repository rule violations found\n\n"); ofRuleset {
		said = "error: GH013: Repository rule violations found for " + u.Ref + ".\nReview all repository rules at " + r.web("/rules?ref="+u.Ref) + "\n\n"
		for text := range strings.SplitSeq(strings.TrimSpace(texts), "\n\n") {
			said += "- " + text + "\n\n"
		}
		return "push declined due to repository rule violations", said
	}
	return "protected branch hook declined", "error: GH006: Protected branch update failed for " + u.Ref + ".\nerror: " + rule + "\n"
}

// take stores what was pushed: parents before their children, and what is no commit first.
func (s *store) take(objects git.Objects) error {
	var commits []git.Commit
	for id, one := range objects {
		if one.Kind != git.KindCommit {
			s.put(kinds[one.Kind], one.Data)
			continue
		}
		c, err := objects.Commit(id)
		if err != nil {
			return err
		}
		commits = append(commits, c)
	}
	for len(commits) > 0 {
		before := len(commits)
		commits = slices.DeleteFunc(commits, func(c git.Commit) bool {
			made := commit{id: c.ID, tree: c.Tree, parents: c.Parents, author: of(c.Author), committer: of(c.Committer), message: c.Message}
			for _, id := range c.Parents {
				parent := s.commits[id]
				if parent == nil {
					return false
				}
				made.generation = max(made.generation, parent.generation+1)
			}
			s.put("commit", objects[c.ID].Data)
			if s.commits[c.ID] == nil {
				s.commits[c.ID] = &made
			}
			return true
		})
		if len(commits) == before {
			return git.Malformed("the history of " + commits[0].ID)
		}
	}
	return nil
}

func of(p git.Person) person { return person{p.Name, p.Email, p.At} }

// password is the token that Basic authentication carries, empty when there is none.
func password(header string) string {
	encoded, ok := strings.CutPrefix(header, "Basic ")
	if !ok {
		return ""
	}
	text, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return ""
	}
	_, secret, _ := strings.Cut(string(text), ":")
	return secret
}
