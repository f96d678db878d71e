package github_test

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	gh "github.com/google/go-github/v60/github"

	"github.com/pawl-cd/pawl/internal/fake/github"
)

func TestPullRequestsAreOpenedOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, github.Settings{}, nil)
	ctx := context.Background()
	pull := w.propose(t, w.bot, "up", "a: 2\n")
	if pull.GetUser().GetLogin() != "pawl-bot" || pull.GetHead().GetRepo().GetFullName() != "acme/profile" || pull.GetChangedFiles() != 1 {
		t.Errorf("opened %v", pull)
	}
	again := func(head, base string) error {
		_, _, err := w.bot.PullRequests.Create(ctx, "acme", "profile", &gh.NewPullRequest{Title: gh.String("t"), Head: &head, Base: &base})
		return err
	}
	refused(t, again("up", "main"), http.StatusUnprocessableEntity, "A pull request already exists for acme:up.")
	w.repo.DeleteBranch("same", "alice")
	_, _, err := w.bot.Git.CreateRef(ctx, "acme", "profile", ref("refs/heads/same", w.repo.Head("main")))
	must(t, err)
	refused(t, again("same", "main"), http.StatusUnprocessableEntity, "No commits between main and same")
	refused(t, again("absent", "main"), http.StatusUnprocessableEntity, "Field:head Code:invalid")
	refused(t, again("up", "absent"), http.StatusUnprocessableEntity, "Field:base Code:invalid")
}

func TestPullRequestsAreListedByFilterAndPage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, github.Settings{}, nil)
	ctx := context.Background()
	for i := range 5 {
		w.propose(t, w.bot, "up"+strconv.Itoa(i), "a: "+strconv.Itoa(i)+"\n")
	}
	must(t, w.repo.Close(2, "alice"))
	for _, test := range []struct {
		name    string
		options gh.PullRequestListOptions
		want    string
		next    int
	}{
		{"open, newest first", gh.PullRequestListOptions{}, "5 4 3 1", 0},
		{"closed", gh.PullRequestListOptions{State: "closed"}, "2", 0},
		{"one head", gh.PullRequestListOptions{Head: "acme:up3"}, "4", 0},
		{"another owner's head", gh.PullRequestListOptions{Head: "mallory:up3"}, "", 0},
		{"another base", gh.PullRequestListOptions{Base: "release"}, "", 0},
		{"first page", gh.PullRequestListOptions{State: "all", ListOptions: gh.ListOptions{PerPage: 2}}, "5 4", 2},
		{"last page", gh.PullRequestListOptions{State: "all", ListOptions: gh.ListOptions{PerPage: 2, Page: 3}}, "1", 0},
		{"ascending", gh.PullRequestListOptions{Sort: "created", Direction: "asc"}, "1 3 4 5", 0},
	} {
		list, response, err := w.anon.PullRequests.List(ctx, "acme", "profile", &test.options)
		must(t, err)
		var numbers []string
		for _, pull := range list {
			numbers = append(numbers, strconv.Itoa(pull.GetNumber()))
		}
		if got := strings.Join(numbers, " "); got != test.want || response.NextPage != test.next {
			t.Errorf("%s: %q, next page %d", test.name, got, response.NextPage)
		}
	}
}

func TestPullRequestsAreUpdated(t *testing.T) {
	t.Parallel()
	w := newWorld(t, github.Settings{}, nil)
	ctx := context.Background()
	w.propose(t, w.bot, "up", "a: 2\n")
	edited, _, err := w.bot.PullRequests.Edit(ctx, "acme", "profile", 1, &gh.PullRequest{Title: gh.String("new"), Body: gh.String("text")})
	must(t, err)
	if edited.GetTitle() != "new" || edited.GetBody() != "text" {
		t.Errorf("edited %v", edited)
	}
	closed, _, err := w.bot.PullRequests.Edit(ctx, "acme", "profile", 1, &gh.PullRequest{State: gh.String("closed")})
	must(t, err)
	if closed.GetState() != "closed" || closed.GetMerged() {
		t.Errorf("closed %v", closed)
	}
	w.repo.DeleteBranch("up", "alice")
	_, _, err = w.bot.PullRequests.Edit(ctx, "acme", "profile", 1, &gh.PullRequest{State: gh.String("open")})
	refused(t, err, http.StatusUnprocessableEntity, "state cannot be changed")
	if pull, _ := w.repo.Pull(1); pull.ClosedBy != "pawl-bot" {
		t.Errorf("closed by %q", pull.ClosedBy)
	}
}

func TestFilesAndCommitsOfAPullRequest(t *testing.T) {
	t.Parallel()
	w := newWorld(t, github.Settings{}, nil)
	ctx := context.Background()
	w.propose(t, w.bot, "up", strings.Replace(base, "a: 1", "a: 2", 1))
	w.push(t, "up", "alice", "extra", "x\n", "mine too")
	w.push(t, "main", "carol", "unrelated", "x\n", "base moves")
	files, _, err := w.bot.PullRequests.ListFiles(ctx, "acme", "profile", 1, nil)
	must(t, err)
	if len(files) != 2 || files[0].GetFilename() != "extra" || files[0].GetStatus() != "added" {
		t.Fatalf("files %v", files)
	}
	if got := files[1].GetPatch(); got != "@@ -1,4 +1,4 @@\n-a: 1\n+a: 2\n \n x: 0\n " {
		t.Errorf("patch %q", got)
	}
	commits, _, err := w.bot.PullRequests.ListCommits(ctx, "acme", "profile", 1, nil)
	must(t, err)
	if len(commits) != 2 || commits[0].GetAuthor().GetLogin() != "pawl-bot" || commits[1].GetAuthor().GetLogin() != "alice" {
		t.Errorf("commits %v", commits)
	}
	between, _, err := w.bot.Repositories.CompareCommits(ctx, "acme", "profile", "main", "up", nil)
	must(t, err)
	if between.GetStatus() != "diverged" || between.GetAheadBy() != 2 || between.GetBehindBy() != 1 || len(between.Files) != 2 {
		t.Errorf("compared %v", between)
	}
}

func TestLabelsAndComments(t *testing.T) {
	t.Parallel()
	w := newWorld(t, github.Settings{}, nil)
	ctx, issues := context.Background(), w.bot.Issues
	w.propose(t, w.bot, "up", "a: 2\n")
	labels, _, err := issues.AddLabelsToIssue(ctx, "acme", "profile", 1, []string{"deps", "pawl/review", "Deps"})
	must(t, err)
	if len(labels) != 2 {
		t.Errorf("labels %v", labels)
	}
	request, err := w.bot.NewRequest(http.MethodPost, "repos/acme/profile/issues/1/labels", map[string]any{"labels": []string{"more"}})
	must(t, err)
	_, err = w.bot.Do(ctx, request, nil)
	must(t, err)
	_, err = issues.RemoveLabelForIssue(ctx, "acme", "profile", 1, url.PathEscape("pawl/review"))
	must(t, err)
	_, err = issues.RemoveLabelForIssue(ctx, "acme", "profile", 1, url.PathEscape("pawl/review"))
	refused(t, err, http.StatusNotFound, "Label does not exist")
	comment, _, err := issues.CreateComment(ctx, "acme", "profile", 1, &gh.IssueComment{Body: gh.String("hello")})
	must(t, err)
	_, _, err = issues.EditComment(ctx, "acme", "profile", comment.GetID(), &gh.IssueComment{Body: gh.String("changed")})
	must(t, err)
	comments, _, err := issues.ListComments(ctx, "acme", "profile", 1, nil)
	must(t, err)
	pull, _ := w.repo.Pull(1)
	if len(comments) != 1 || strings.Join(pull.Labels, " ") != "deps more" || strings.Join(pull.Comments, "|") != "pawl-bot: changed" {
		t.Errorf("%d comments, pull %+v", len(comments), pull)
	}
}

func TestForkProposesWithAForgedBody(t *testing.T) {
	t.Parallel()
	w := newWorld(t, github.Settings{}, nil)
	fork := w.repo.Fork("mallory")
	_, err := fork.Push("pawl/update", "mallory", map[string][]byte{"values.yaml": []byte("evil\n")}, "bump")
	must(t, err)
	number, err := w.repo.Open("mallory", github.NewPull{Title: "bump", Body: "<!-- pawl -->", Head: "mallory:pawl/update"})
	must(t, err)
	pull, _, err := w.bot.PullRequests.Get(context.Background(), "acme", "profile", number)
	must(t, err)
	if pull.GetHead().GetRepo().GetFullName() != "mallory/profile" || !pull.GetHead().GetRepo().GetFork() || pull.GetHead().GetLabel() != "mallory:pawl/update" {
		t.Errorf("head %v", pull.GetHead())
	}
	list, _, err := w.bot.PullRequests.List(context.Background(), "acme", "profile", &gh.PullRequestListOptions{Head: "acme:pawl/update"})
	must(t, err)
	if len(list) != 0 || w.repo.Head("pawl/update") != "" {
		t.Errorf("the fork's branch shows up in the repository: %v", list)
	}
}

func TestPeopleActOnBranches(t *testing.T) {
	t.Parallel()
	w := newWorld(t, github.Settings{}, nil)
	bad := w.push(t, "main", "bob", "values.yaml", strings.Replace(base, "a: 1", "a: 9", 1), "Bump a")
	w.push(t, "main", "bob", "other", "x\n", "other")
	_, err := w.repo.Revert("main", "alice", bad)
	must(t, err)
	if text, _ := w.repo.File("main", "values.yaml"); string(text) != base {
		t.Errorf("reverted to %q", text)
	}
	log := w.repo.Log("main")
	if log[0].Message != "Revert \"Bump a\"\n\nThis reverts commit "+bad+"." || log[0].Author != "alice" {
		t.Errorf("revert %+v", log[0])
	}
	w.propose(t, w.bot, "up", "a: 2\n")
	must(t, w.repo.RenameBranch("main", "trunk", "alice"))
	if pull, _ := w.repo.Pull(1); pull.Base != "trunk" || pull.State != "open" {
		t.Errorf("after the base was renamed: %+v", pull)
	}
	must(t, w.repo.RenameBranch("up", "mine", "alice"))
	if pull, _ := w.repo.Pull(1); pull.State != "closed" || pull.Merged {
		t.Errorf("after the head was renamed: %+v", pull)
	}
}

func TestPushingTheHeadToTheBaseMerges(t *testing.T) {
	t.Parallel()
	w := newWorld(t, github.Settings{}, nil)
	pull := w.propose(t, w.bot, "up", "a: 2\n")
	_, _, err := w.bot.Git.UpdateRef(context.Background(), "acme", "profile", ref("refs/heads/main", pull.GetHead().GetSHA()), false)
	must(t, err)
	if got, _ := w.repo.Pull(1); !got.Merged {
		t.Errorf("pull %+v", got)
	}
	w.propose(t, w.bot, "up2", "a: 3\n")
	_, _, err = w.bot.Git.UpdateRef(context.Background(), "acme", "profile", ref("refs/heads/up2", w.repo.Head("main")), true)
	must(t, err)
	if got, _ := w.repo.Pull(2); got.Merged || got.State != "closed" {
		t.Errorf("pull without commits %+v", got)
	}
}
