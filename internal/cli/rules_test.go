package cli_test

import (
	"strings"
	"testing"

	"github.com/pawl-cd/pawl/internal/fake/github"
)

// TestRunRefusedByRules has a repository whose rules refuse what a run does: each says so in one line, with a hint of its own
// and the entry of the manual, and none is pending for ever.
func TestRunRefusedByRules(t *testing.T) {
	t.Parallel()
	signed := github.Protection{Checks: []string{"ci"}, Signed: true, Ruleset: true}
	green := checks(github.Check{Name: "ci", Conclusion: "success"})
	for name, c := range map[string]struct {
		settings     github.Settings
		arrange      func(*stage)
		actions      bool
		config       string
		exit         int
		says, hint   string
		topic        string
		merged, pull bool
	}{
		"signatures on the base": {settings: green, config: onlyCI, arrange: func(s *stage) { executable(s); s.repo.Protect("main", signed) },
			exit: 3, says: "refused (commits-unsigned): GitHub does not merge it: Commits must have verified signatures.", hint: "plain files", topic: "merge-commits-unsigned", pull: true},
		"signatures on the base, auto-merge": {settings: withAutoMerge(green), config: onlyCI, arrange: func(s *stage) { executable(s); s.repo.Protect("main", signed) },
			exit: 3, says: "Commits must have verified signatures", hint: "plain files", topic: "merge-commits-unsigned", pull: true},
		"signatures on our branch": {config: noChecks, arrange: func(s *stage) {
			executable(s)
			s.repo.Guard("refs/heads/pawl/", github.NameRule{Signed: true})
		},
			exit: 1, says: "Commits must have verified signatures", hint: "plain files", topic: "merge-commits-unsigned"},
		"creating our branch": {config: noChecks, arrange: func(s *stage) { s.repo.Guard("refs/heads/pawl/", github.NameRule{Create: true}) },
			exit: 1, says: "creations being restricted", hint: "forge: {branch: NAME}", topic: "ref-guarded"},
		"creating the ledger": {config: noChecks, arrange: func(s *stage) { s.repo.Guard("refs/pawl/", github.NameRule{Create: true}) },
			exit: 1, says: "creations being restricted", hint: "ledger: refs/heads/pawl-ledger", topic: "ref-guarded", pull: true},
		"pull requests of workflows": {settings: github.Settings{NoActionsPulls: true}, config: noChecks, actions: true,
			exit: 1, says: "GitHub Actions is not permitted to create or approve pull requests", hint: "MERGE_TOKEN", topic: "actions-not-permitted"},
		"an archived repository": {config: noChecks, arrange: func(s *stage) { s.repo.Configure(func(x *github.Settings) { x.Archived = true }) },
			exit: 1, says: "was archived", hint: "unarchive", topic: "merge-archived"},
		"approvals": {settings: green, config: "merge: {require: [ci], wait: 1m}\n", arrange: func(s *stage) {
			s.repo.Protect("main", github.Protection{Checks: []string{"ci"}, Reviews: 1, Ruleset: true})
		},
			exit: 3, says: "pending (approval-required)", hint: "approve it", topic: "merge-approval-required", pull: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, c.settings, c.config, func(o *github.Options) {
				if c.actions {
					o.Identities[canary] = github.Identity{Login: "github-actions[bot]", Actions: true}
				}
			})
			s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
			if c.arrange != nil {
				c.arrange(s)
			}
			began := s.clock()
			code, out, errs := s.pawl(nil, "run")
			all := out + errs
			if code != c.exit || !strings.Contains(all, c.says) || !strings.Contains(all, c.hint) || !strings.Contains(all, "hint: ") || !strings.Contains(errs, "#"+c.topic) {
				t.Errorf("exit code %d, want %d, %q, %q, %s: %s", code, c.exit, c.says, c.hint, c.topic, all)
			}
			if took := s.clock().Sub(began); c.exit == 1 && took > 0 {
				t.Errorf("it waited %s for what does not pass", took)
			}
			if merged := s.value("a") == "v1.1.0"; merged != c.merged || (len(s.repo.Pulls()) == 1) != c.pull {
				t.Errorf("merged %t, %d pull requests", merged, len(s.repo.Pulls()))
			}
			if p, ok := s.repo.Pull(1); ok && c.topic == "merge-commits-unsigned" && p.AutoMerge {
				t.Error("it stays armed")
			}
		})
	}
}

// executable makes the file of values one that GitHub cannot commit, and therefore not sign.
func executable(s *stage) {
	s.Helper()
	s.must(s.repo.Chmod("main", "alice", map[string]string{"values.yaml": "100755"}))
}

// TestRunIsSigned shows that whoever the token stands for, rules that want signatures take what pawl commits.
func TestRunIsSigned(t *testing.T) {
	t.Parallel()
	s := newStage(t, checks(github.Check{Name: "ci", Conclusion: "success"}), onlyCI)
	s.repo.Protect("main", github.Protection{Checks: []string{"ci"}, Signed: true, Ruleset: true})
	s.repo.Guard("refs/heads/", github.NameRule{Signed: true})
	s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
	if s.run(0); s.value("a") != "v1.1.0" {
		t.Errorf("a is %s", s.value("a"))
	}
	for ref := range s.repo.Refs() {
		if strings.Contains(ref, "scratch") {
			t.Errorf("%s is left", ref)
		}
	}
}

// TestRunUnsigned has the configuration do without GitHub's signature: the commit is pawl's own in every other way the same.
func TestRunUnsigned(t *testing.T) {
	t.Parallel()
	heads := map[bool]github.Commit{}
	for _, unsigned := range []bool{false, true} {
		config := onlyCI
		if unsigned {
			config += "change: {sign: false}\n"
		}
		s := newStage(t, checks(github.Check{Name: "ci", Conclusion: "success"}), config)
		s.registry.SetTags("org/a", "v1.0.0", "v1.1.0")
		if s.run(0); s.value("a") != "v1.1.0" {
			t.Errorf("a is %s", s.value("a"))
		}
		pull, _ := s.repo.Pull(1)
		heads[unsigned] = s.repo.Log(pull.HeadSHA)[0]
		for _, call := range s.github.Calls() {
			if unsigned && strings.HasPrefix(call.Operation, "mutation") {
				t.Errorf("asked for %s", call.Operation)
			}
		}
	}
	signed, plain := heads[false], heads[true]
	text := func(c github.Commit) string { // without the chain's own name
		before, after, _ := strings.Cut(c.Message, "\nPawl-Chain: ")
		return before + "\nPawl-Chain: " + after[strings.IndexByte(after, '\n'):]
	}
	if !signed.Verified || plain.Verified || plain.Author != signed.Author || text(plain) != text(signed) {
		t.Errorf("signed %+v\nplain %+v", signed, plain)
	}
}
