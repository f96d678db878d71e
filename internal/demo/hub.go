package demo

import (
	"fmt"
	"strings"

	"github.com/aymanbagabas/go-udiff"

	"github.com/pawl-cd/pawl/internal/fake/github"
)

// hub is where the profile's repository lives, as builds and people see it.
type hub interface {
	// begin makes the repository hold the files of the profile.
	begin(files map[string][]byte) error
	// file is a file of the base, diff what a commit changed, as git shows it.
	file(path string) (data []byte, found bool)
	diff(sha string) (string, error)
	// pull is the title and the body of a pull request.
	pull(number int) (title, body string, err error)
	// dispatched is the last workflow run that was asked for, nil when there is none.
	dispatched() *Dispatch
	// save writes the repository to a folder, as far as it is the stage's own.
	save(dir string) error
	// counts are the requests so far, and those of them that write.
	counts() (calls, writes int)
	// config is its line of .pawl.yaml, with what a merge requires; environment is that of a job, api where builds send a dispatch.
	config() string
	environment() map[string]string
	api() string
	token() string
	repository() string
}

// own is the GitHub of the stage.
type own struct {
	server  *github.Server
	repo    *github.Repo
	address string
}

func (h *own) begin(files map[string][]byte) error {
	if _, err := h.repo.Push("main", "alice", files, "The profile as it is deployed"); err != nil {
		return fmt.Errorf("making the profile's repository: %w", err)
	}
	h.repo.Protect("main", github.Protection{Checks: []string{Check}, Ruleset: true})
	h.repo.Workflow(Workflow, "image", "chart", "tag", "upstream")
	return nil
}

func (h *own) file(path string) ([]byte, bool) { return h.repo.File("main", path) }

func (h *own) diff(sha string) (string, error) {
	log := h.repo.Log(sha)
	if len(log) == 0 || len(log[0].Parents) == 0 {
		return "", fmt.Errorf("reading commit %s: there is none with a parent", sha)
	}
	var text strings.Builder
	for _, name := range log[0].Files {
		before, _ := h.repo.File(log[0].Parents[0], name)
		after, _ := h.repo.File(sha, name)
		text.WriteString(udiff.Unified("a/"+name, "b/"+name, string(before), string(after)))
	}
	return text.String(), nil
}

func (h *own) pull(number int) (title, body string, err error) {
	p, ok := h.repo.Pull(number)
	if !ok {
		return "", "", fmt.Errorf("reading pull request #%d: there is none", number)
	}
	return p.Title, p.Body, nil
}

func (h *own) dispatched() *Dispatch {
	all := h.repo.Dispatches()
	if len(all) == 0 {
		return nil
	}
	return &all[len(all)-1]
}

func (h *own) save(dir string) error { return h.repo.Save(dir) }

func (h *own) counts() (calls, writes int) { return len(h.server.Calls()), h.server.Writes() }

func (h *own) config() string {
	return fmt.Sprintf("forge: {repository: %s}\nmerge: {require: [%s]}", Repository, Check)
}

func (h *own) environment() map[string]string {
	return map[string]string{"MERGE_TOKEN": mergeToken, "GITHUB_TOKEN": mergeToken, "GITHUB_ACTOR": "pawl-bot", "GITHUB_REPOSITORY": Repository,
		"GITHUB_API_URL": h.address, "GITHUB_GRAPHQL_URL": h.address + "/graphql"}
}

func (h *own) api() string        { return h.address }
func (h *own) token() string      { return dispatchToken }
func (h *own) repository() string { return Repository }
