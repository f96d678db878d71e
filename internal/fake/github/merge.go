package github

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// verdict is what is known about merging a head into a base.
type verdict struct {
	base, head string
	reads      int    // how many reads still answer that it is being computed
	tree       string // of the merge, empty on a conflict
	state      string // GitHub's mergeable_state
	unknown    bool
}

func (v verdict) mergeable() any {
	if v.unknown {
		return nil
	}
	return v.tree != ""
}

// judge computes the verdict for where base and head are now.
func (p *pull) judge() verdict {
	if p.known.base != p.baseSHA || p.known.head != p.headSHA {
		p.known = verdict{base: p.baseSHA, head: p.headSHA, reads: p.repo.server.options.MergeableReads, tree: p.mergedTree()}
	}
	now := p.known
	now.state = p.mergeState(now.tree)
	return now
}

// read is judge as a client sees it: unknown for a while after each move, and for closed pull requests.
func (p *pull) read() verdict {
	if !p.open() {
		return verdict{state: "unknown", unknown: true}
	}
	now := p.judge()
	if p.known.reads > 0 {
		p.known.reads--
		now.unknown, now.state = true, "unknown"
	}
	return now
}

func (p *pull) mergedTree() string {
	commits := p.repo.store.commits
	base := ""
	if at := commits[p.repo.store.relate(p.baseSHA, p.headSHA).mergeBase]; at != nil {
		base = at.tree
	}
	tree, clean, err := p.repo.store.mergeTrees(base, commits[p.baseSHA].tree, commits[p.headSHA].tree)
	if err != nil || !clean {
		return ""
	}
	return tree
}

func (p *pull) mergeState(tree string) string {
	protection := p.repo.protections[p.baseRef]
	switch {
	case p.draft:
		return "draft"
	case tree == "":
		return "dirty"
	case p.repo.missingChecks(protection, p.headSHA) != "", len(p.repo.beyondChecks(protection, p.commits())) > 0:
		return "blocked"
	case protection.Strict && !p.repo.store.contains(p.headSHA, p.baseSHA):
		return "behind"
	}
	for _, k := range p.repo.checks[p.headSHA] {
		if !k.green(p.repo.server.now()) {
			return "unstable"
		}
	}
	return "clean"
}

// landing is how a pull request is to be merged. An empty title and message mean GitHub's own.
type landing struct {
	method, title, message string
	by                     Identity
}

func mergePull(c *context) reply {
	var in struct {
		Title   string `json:"commit_title"`
		Message string `json:"commit_message"`
		SHA     string
		Method  string `json:"merge_method"`
	}
	if wrong := c.decode(&in); wrong != nil {
		return *wrong
	}
	p := c.pull()
	if p == nil {
		return notFound()
	}
	if in.Method == "" {
		in.Method = "merge"
	}
	how := landing{in.Method, in.Title, in.Message, c.who}
	if refused := p.refusal(in.SHA, how); refused != nil {
		return *refused
	}
	sha, refused := p.land(how)
	if refused != nil {
		return *refused
	}
	return ok(obj{"sha": sha, "merged": true, "message": "Pull Request successfully merged"})
}

// refusal is why the pull request cannot be merged now, in GitHub's order and words.
func (p *pull) refusal(sha string, how landing) *reply {
	refuse := func(status int, text string) *reply {
		r := fail(status, text)
		return &r
	}
	protection := p.repo.protections[p.baseRef]
	stale := p.known.base != "" && p.known.base != p.baseSHA && p.repo.server.options.MergeableReads > 0
	now := p.judge()
	switch {
	case sha != "" && sha != p.headSHA:
		return refuse(http.StatusConflict, "Head branch was modified. Review and try the merge again.")
	case !p.open():
		return refuse(http.StatusMethodNotAllowed, "Pull Request is not mergeable")
	case p.draft:
		return refuse(http.StatusMethodNotAllowed, "Pull Request is still a draft")
	case p.repo.methodRefused(how.method) != "":
		return refuse(http.StatusMethodNotAllowed, p.repo.methodRefused(how.method))
	case stale:
		return refuse(http.StatusMethodNotAllowed, "Base branch was modified. Review and try the merge again.")
	case now.tree == "":
		return refuse(http.StatusMethodNotAllowed, "Pull Request is not mergeable")
	case how.by.Admin:
		return nil
	case protection.Queue, now.state == "blocked":
		return refuse(http.StatusMethodNotAllowed, p.repo.unmetRules(protection, p.commits(), p.headSHA))
	case now.state == "behind":
		return refuse(http.StatusMethodNotAllowed, "Head branch is out of date with the base branch")
	}
	return nil
}

// methodRefused is GitHub's text for a way of merging that the repository does not allow, else empty.
func (r *Repo) methodRefused(method string) string {
	switch {
	case method == "squash" && r.settings.NoSquash:
		return "Squash merges are not allowed on this repository."
	case method == "merge" && r.settings.NoMergeCommit:
		return "Merge commits are not allowed on this repository."
	case method == "rebase" && r.settings.NoRebase:
		return "Rebase merges are not allowed on this repository."
	case method != "squash" && method != "merge" && method != "rebase":
		return "Merge method " + method + " is not allowed."
	}
	return ""
}

// land merges: the base moves, the pull request is closed, its branch is deleted when the repository says so.
func (p *pull) land(how landing) (string, *reply) {
	refuse := func(r reply) (string, *reply) { return "", &r }
	sha, err := p.landed(how)
	if err != nil {
		return refuse(broken(err))
	}
	if sha == "" {
		return refuse(fail(http.StatusMethodNotAllowed, "This branch can't be rebased"))
	}
	p.markMerged(sha, how.by.Login)
	p.repo.setRef(headsPrefix+p.baseRef, sha, how.by)
	if branch := headsPrefix + p.headRef; p.repo.settings.DeleteBranchOnMerge && p.head == p.repo && p.repo.refs[branch] != "" {
		p.repo.setRef(branch, "", how.by)
	}
	return sha, nil
}

// landed writes the commits of the merge and returns the new head of the base; empty when rebasing conflicts.
func (p *pull) landed(how landing) (string, error) {
	now := p.repo.server.now()
	made := commit{tree: p.judge().tree, parents: []string{p.baseSHA}, committer: webFlow(now)}
	switch how.method {
	case "rebase":
		return p.rebased(how)
	case "merge":
		made.parents = append(made.parents, p.headSHA)
		made.author = how.by.signature(now)
		made.message = message(how, fmt.Sprintf("Merge pull request #%d from %s/%s", p.number, p.head.owner, p.headRef), p.title)
	default:
		made.author = p.repo.server.person(p.by).signature(now)
		title, body := p.squashText()
		if how.message == "" {
			body = strings.TrimLeft(body+p.coAuthors(made.author), "\n")
		}
		made.message = message(how, title, body)
	}
	sha, err := p.repo.store.putCommit(made)
	p.repo.store.signed[sha] = true
	return sha, err
}

func message(how landing, title, body string) string {
	if how.title != "" {
		title = how.title
	}
	if how.message != "" {
		body = how.message
	}
	if body == "" {
		return title
	}
	return title + "\n\n" + body
}

// squashText is GitHub's default: the commit's own text when there is only one, else the title and a list.
func (p *pull) squashText() (title, body string) {
	ids := p.commits()
	if len(ids) == 1 {
		text := shown(p.repo.store.commits[ids[0]].message)
		return fmt.Sprintf("%s (#%d)", headline(text), p.number), bodyOf(text)
	}
	var items []string
	for i := len(ids) - 1; i >= 0; i-- {
		items = append(items, "* "+shown(p.repo.store.commits[ids[i]].message))
	}
	return fmt.Sprintf("%s (#%d)", p.title, p.number), strings.Join(items, "\n\n")
}

// coAuthors are the lines in which GitHub's own squash message thanks those authors of commits who did not open the pull
// request.
func (p *pull) coAuthors(author person) string {
	var lines []string
	ids := p.commits()
	for i := len(ids) - 1; i >= 0; i-- {
		by := p.repo.store.commits[ids[i]].author
		line := fmt.Sprintf("Co-authored-by: %s <%s>", by.name, by.email)
		if by.email != author.email && !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	if len(lines) == 0 {
		return ""
	}
	return "\n\n" + strings.Join(lines, "\n")
}

func (p *pull) rebased(how landing) (string, error) {
	onto, ids := p.baseSHA, p.commits()
	for i := len(ids) - 1; i >= 0; i-- {
		original := *p.repo.store.commits[ids[i]]
		if len(original.parents) != 1 {
			return "", nil
		}
		before := p.repo.store.commits[original.parents[0]].tree
		tree, clean, err := p.repo.store.mergeTrees(before, p.repo.store.commits[onto].tree, original.tree)
		if err != nil || !clean {
			return "", err
		}
		original.tree, original.parents, original.generation = tree, []string{onto}, 0
		original.committer = how.by.signature(p.repo.server.now())
		if onto, err = p.repo.store.putCommit(original); err != nil {
			return "", err
		}
	}
	return onto, nil
}

// updateBranch merges the base into the head.
func updateBranch(c *context) reply {
	var in struct {
		Expected string `json:"expected_head_sha"`
	}
	if wrong := c.decode(&in); wrong != nil {
		return *wrong
	}
	p := c.pull()
	switch {
	case p == nil:
		return notFound()
	case in.Expected != "" && in.Expected != p.headSHA:
		return unprocessable("expected head sha didn’t match current head ref.")
	case !p.open() || p.judge().tree == "":
		return unprocessable("merge conflict between base and head")
	case c.repo.store.contains(p.headSHA, p.baseSHA):
		return unprocessable("There are no new commits on the base branch.")
	}
	now := c.server.now()
	sha, err := c.repo.store.putCommit(commit{
		tree: p.judge().tree, parents: []string{p.headSHA, p.baseSHA}, author: c.who.signature(now), committer: webFlow(now),
		message: fmt.Sprintf("Merge branch '%s' into %s", p.baseRef, p.headRef),
	})
	if err != nil {
		return broken(err)
	}
	p.head.setRef(headsPrefix+p.headRef, sha, c.who)
	return reply{status: http.StatusAccepted, body: obj{"message": "Updating pull request branch.", "url": c.repo.web("/pull/" + itoa(int64(p.number)))}}
}
