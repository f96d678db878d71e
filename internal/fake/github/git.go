package github

import (
	"encoding/base64"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"
)

func createBlob(c *context) reply {
	var in struct{ Content, Encoding string }
	if wrong := c.decode(&in); wrong != nil {
		return *wrong
	}
	data := []byte(in.Content)
	if in.Encoding == "base64" {
		decoded, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(in.Content, "\n", ""))
		if err != nil {
			return unprocessable("content is not valid Base64")
		}
		data = decoded
	}
	id := c.repo.store.put("blob", data)
	return created(obj{"sha": id, "url": c.repo.api("/git/blobs/" + id)})
}

func getBlob(c *context) reply {
	id := c.vars["file_sha"]
	data, err := c.repo.store.get("blob", id)
	if err != nil {
		return notFound()
	}
	return ok(obj{
		"sha": id, "node_id": nodeID("B", c.repo.id, id), "size": len(data), "url": c.repo.api("/git/blobs/" + id),
		"content": wrapped(data), "encoding": "base64",
	})
}

// wrapped is Base64 in lines of 60, as GitHub sends it.
func wrapped(data []byte) string {
	text := base64.StdEncoding.EncodeToString(data)
	var out strings.Builder
	for len(text) > 0 {
		n := min(60, len(text))
		out.WriteString(text[:n] + "\n")
		text = text[n:]
	}
	return out.String()
}

type treeInput struct {
	BaseTree string `json:"base_tree"`
	Tree     []treeItem
}

type treeItem struct {
	Path, Mode, Type string
	SHA              *string
	Content          *string
}

func createTree(c *context) reply {
	var in treeInput
	if wrong := c.decode(&in); wrong != nil {
		return *wrong
	}
	base := in.BaseTree
	if known := c.repo.store.commits[base]; known != nil {
		base = known.tree
	}
	if base != "" && !c.repo.store.has("tree", base) {
		return notFound()
	}
	if len(in.Tree) == 0 {
		return unprocessable("Invalid tree info")
	}
	changes := make([]entry, 0, len(in.Tree))
	for _, item := range in.Tree {
		change, wrong := c.repo.treeChange(item)
		if wrong != nil {
			return *wrong
		}
		changes = append(changes, change)
	}
	id, err := c.repo.store.overlay(base, changes)
	if err != nil {
		return broken(err)
	}
	return c.repo.treeReply(http.StatusCreated, id, false)
}

func (r *Repo) treeChange(item treeItem) (entry, *reply) {
	mode, problem := strings.TrimPrefix(item.Mode, "0"), r.treeProblem(item)
	switch {
	case problem != "":
		wrong := unprocessable(problem)
		return entry{}, &wrong
	case item.Content != nil:
		return entry{mode, item.Path, r.store.put("blob", []byte(*item.Content))}, nil
	case item.SHA == nil:
		return entry{mode, item.Path, ""}, nil
	}
	return entry{mode, item.Path, *item.SHA}, nil
}

// treeProblem is what is wrong with an item, empty when nothing is.
func (r *Repo) treeProblem(item treeItem) string {
	for part := range strings.SplitSeq(item.Path, "/") {
		if part == "" || part == "." || part == ".." || part == ".git" {
			return "tree.path contains a malformed path component"
		}
	}
	mode := strings.TrimPrefix(item.Mode, "0")
	kind := entry{mode: mode}.kind()
	switch {
	case mode != modeFile && mode != "100755" && mode != "120000" && mode != "160000" && mode != modeTree:
		return "Must supply a valid tree.mode"
	case item.SHA != nil && item.Content != nil:
		return "tree.sha and tree.content are both set"
	case item.SHA != nil && kind != "commit" && !r.store.has(kind, *item.SHA):
		return "tree.sha " + *item.SHA + " is not a valid " + kind
	}
	return ""
}

// getTree answers for a tree, a commit or the name of a branch.
func getTree(c *context) reply {
	id := c.vars["tree_sha"]
	asked := c.repo.store.commits[id]
	if commit := c.repo.resolve(id); commit != nil {
		id = commit.tree
	}
	if !c.repo.store.has("tree", id) {
		return notFound()
	}
	out := c.repo.treeReply(http.StatusOK, id, c.query.Get("recursive") != "")
	if body, whole := out.body.(obj); whole && asked != nil {
		body["sha"] = asked.id // the id that was asked for comes back
	}
	return out
}

func (r *Repo) treeReply(status int, id string, recursive bool) reply {
	entries, err := r.store.tree(id)
	if recursive {
		entries, err = r.store.walk(id, "", true)
	}
	if err != nil {
		return broken(err)
	}
	list := make([]obj, 0, len(entries))
	for _, e := range entries {
		item := obj{"path": e.name, "mode": apiMode(e.mode), "type": e.kind(), "sha": e.id, "url": r.api("/git/" + e.kind() + "s/" + e.id)}
		if e.kind() == "blob" {
			item["size"] = len(r.store.objects[e.id].data)
		}
		list = append(list, item)
	}
	return reply{status: status, body: obj{"sha": id, "url": r.api("/git/trees/" + id), "tree": list, "truncated": false}}
}

func apiMode(mode string) string {
	if mode == modeTree {
		return "0" + mode
	}
	return mode
}

type signatureInput struct {
	Name, Email string
	Date        time.Time
}

type commitInput struct {
	Message, Tree     string
	Parents           []string
	Author, Committer *signatureInput
}

func createCommit(c *context) reply {
	var in commitInput
	if wrong := c.decode(&in); wrong != nil {
		return *wrong
	}
	switch {
	case !isSHA(in.Tree):
		return unprocessable(notSHA("tree"))
	case !c.repo.store.has("tree", in.Tree):
		return unprocessable("Tree SHA does not exist")
	}
	for _, parent := range in.Parents {
		if !c.repo.store.has("commit", parent) {
			return unprocessable("Parent SHA does not exist or is not a commit object")
		}
	}
	now := c.server.now()
	made := commit{tree: in.Tree, parents: in.Parents, message: in.Message, author: c.who.signature(now)}
	if in.Author != nil {
		made.author = in.Author.person(now)
	}
	made.committer = made.author
	if in.Committer != nil {
		made.committer = in.Committer.person(now)
	}
	if !utf8.ValidString(in.Message) {
		return unprocessable("message is not valid UTF-8")
	}
	id, err := c.repo.store.putCommit(made)
	if err != nil {
		return broken(err)
	}
	if in.Author == nil && in.Committer == nil && c.who.kind() == "Bot" {
		c.repo.store.signed[id] = true
	}
	return created(c.repo.gitCommitJSON(c.repo.store.commits[id]))
}

func (s *signatureInput) person(now time.Time) person {
	when := s.Date.UTC()
	if when.IsZero() {
		when = now
	}
	return person{s.Name, s.Email, when}
}

func getGitCommit(c *context) reply {
	found := c.repo.store.commits[c.vars["commit_sha"]]
	if found == nil {
		return notFound()
	}
	return ok(c.repo.gitCommitJSON(found))
}
