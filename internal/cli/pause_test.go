package cli_test

import (
	"strings"
	"testing"

	"github.com/pawl-cd/pawl/internal/cli"
	"github.com/pawl-cd/pawl/internal/fake/github"
)

// TestPauseFiresNothing shows that a pause holds for every command: with PAWL_PAUSE `pawl deploy` fires nothing, writes
// nothing and says so, and afterwards fires what it left.
func TestPauseFiresNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		d := newDeployStage(t, 2, github.Settings{}, "")
		d.publish("a")
		d.edit("main", "b: v1.0.0", "b: v1.0.1") // a person's own change
		page, writes := d.head(), d.stage.github.Writes()
		paused := map[string]string{"PAWL_PAUSE": "release week"}
		for _, args := range [][]string{
			{"deploy", "--commit", d.repo.Head("main")}, {"deploy", "--project", "env-0", "--retry-unknown"}, {"run"}, {"run", "--no-merge"},
		} {
			code, report, printed := d.command(d.transport(), paused, args...)
			if code != 0 || report.Paused != "release week" || d.stage.github.Writes() != writes || len(d.gitlab.Requests()) != 0 {
				t.Errorf("%v: exit code %d, %d writing calls, %d requests of GitLab: %s", args, code, d.stage.github.Writes()-writes, len(d.gitlab.Requests()), printed)
			}
		}
		code, out, _ := d.stage.pawl(map[string]string{"PAWL_PAUSE": "release week", "TRIGGER_0": "x", "TRIGGER_1": "x", "READER_1": "x"}, "deploy", "--commit", d.repo.Head("main"))
		if code != 0 || !strings.Contains(out, "paused: release week: nothing is merged and nothing is fired") || !strings.Contains(out, "run pawl deploy again") {
			t.Errorf("exit code %d: %s", code, out)
		}
		d.do(0, "deploy", "--commit", d.repo.Head("main"))
		for i, n := range d.counts(page) {
			if n != 1 {
				t.Errorf("after the pause project %d has %d pipelines", i, n)
			}
		}
	})
}

// TestRefsAreThree shows that the branch of the pull request, the branch that is updated and the ledger are three refs,
// also where the configuration leaves it to the forge which branch is updated: nothing is written otherwise.
func TestRefsAreThree(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ config, says string }{
		"the branch is the base":               {"forge: {repository: acme/profile, base: main, branch: main}\n" + noChecks, "forge.branch"},
		"the branch is the default branch":     {"forge: {repository: acme/profile, branch: main}\n" + noChecks, "forge.branch"},
		"the branch is it in capitals":         {"forge: {repository: acme/profile, branch: MAIN}\n" + noChecks, "forge.branch"},
		"the branch is it as a ref":            {"forge: {repository: acme/profile, branch: refs/heads/main}\n" + noChecks, "forge.branch"},
		"the ledger is the base":               {"forge: {repository: acme/profile, base: main}\nledger: refs/heads/main\n" + noChecks, "ledger"},
		"the ledger is the default branch":     {"forge: {repository: acme/profile}\nledger: refs/heads/main\n" + noChecks, "ledger"},
		"the ledger is the branch":             {"forge: {repository: acme/profile}\nledger: refs/heads/pawl/update\n" + noChecks, "ledger"},
		"the default branch, and another base": {"forge: {repository: acme/profile, base: stable}\nledger: refs/heads/main\n" + noChecks, "ledger"},
		"the default branch as pull request's": {"forge: {repository: acme/profile, base: stable, branch: main}\n" + noChecks, "forge.branch"},
		"the ledger is somebody else's branch": {"forge: {repository: acme/profile}\nledger: refs/heads/develop\n" + noChecks, "ledger"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, github.Settings{}, noChecks)
			files := map[string][]byte{".pawl.yaml": []byte(c.config)}
			s.local(".pawl.yaml", c.config)
			s.must(s.repo.Push("main", "alice", files, "another configuration"))
			s.must(s.repo.PushOnto(s.repo.Head("main"), "stable", "alice", map[string][]byte{"notes.md": []byte("x\n")}, "notes"))
			s.must(s.repo.PushOnto(s.repo.Head("main"), "develop", "alice", map[string][]byte{"notes.md": []byte("x\n")}, "notes"))
			s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
			refs := s.repo.Refs()
			for _, args := range [][]string{{"run"}, {"run", "--from", "root"}, {"run", "--no-merge"}} {
				code, out, errs := s.pawl(nil, args...)
				if code != cli.Usage || !strings.Contains(errs, c.says) || !strings.Contains(errs, "hint: ") {
					t.Errorf("%v: exit code %d: %s%s", args, code, out, errs)
				}
			}
			now := s.repo.Refs()
			for ref, sha := range refs {
				if now[ref] != sha {
					t.Errorf("%s was moved", ref)
				}
			}
			if len(now) != len(refs) || len(s.repo.Pulls()) != 0 {
				t.Errorf("refs %v, %d pull requests", now, len(s.repo.Pulls()))
			}
		})
	}
}

// TestMergeAnsweredOddly shows that a merge that GitHub answers without a commit is no merge until one is seen: nothing is
// fired, and nothing is fired with an empty commit.
func TestMergeAnsweredOddly(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault  github.Fault
		merged bool
	}{
		"an empty object":                {github.Fault{Status: 200, Message: "{}", Times: 1000}, false},
		"merged: false":                  {github.Fault{Status: 200, Message: `{"sha":null,"merged":false,"message":"no"}`, Times: 1000}, false},
		"nothing at all":                 {github.Fault{Status: 204, Message: " ", Times: 1000}, false},
		"an empty object, and it merged": {github.Fault{Status: 200, Message: "{}", Apply: true}, true},
		"nothing at all, and it merged":  {github.Fault{Status: 204, Message: " ", Apply: true}, true},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				d := newDeployStage(t, 2, github.Settings{}, "")
				d.publish("a")
				c.fault.Match = func(call github.Call) bool { return strings.HasSuffix(call.Path, "/merge") }
				d.stage.github.Inject(c.fault)
				code, report, printed := d.command(d.transport(), nil, "run")
				if report.Merge == nil || (report.Merge.Outcome == "merged") != c.merged || (code == 0) != c.merged {
					t.Fatalf("exit code %d: %s", code, printed)
				}
				fired := 0
				for key, n := range d.gitlab.Counts() {
					if fired += n; !c.merged || key.CommitURL != d.head() {
						t.Errorf("%d pipelines of %s for %q", n, key.Project, key.CommitURL)
					}
				}
				if c.merged && (fired != 2 || report.Merge.SHA != d.repo.Head("main")) {
					t.Errorf("%d pipelines, merged as %q", fired, report.Merge.SHA)
				}
				d.stage.github.Heal()
				if d.do(0, "run"); d.counts(d.head())[0] != 1 || d.counts(d.head())[1] != 1 {
					t.Errorf("the next run: %v", d.counts(d.head()))
				}
			})
		})
	}
}
