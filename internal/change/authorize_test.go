package change

import (
	"cmp"
	"slices"
	"testing"
	"time"

	"github.com/pawl-cd/pawl/internal/ledger"
)

// question holds the arguments of Authorize.
type question struct {
	plan   Set
	pull   PullRequest
	checks Checks
	view   View
	rules  Rules
}

func (q question) authorize() Decision { return Authorize(q.plan, q.pull, q.checks, q.view, q.rules) }
func (q question) mayArm() Decision    { return MayArm(q.plan, q.pull, q.checks, q.view, q.rules) }

// granted returns a question that is granted, made anew so that a test may change every part of it.
func granted() question {
	self := Identity{ID: 7, Login: "pawl[bot]"}
	u := Update{Manifest: "a", File: "f.yaml", Key: "$.tag", Old: "v1", New: "v2", Version: "v2"}
	place := ledger.Place{File: "f.yaml", Key: "$.tag"}
	return question{
		plan: Set{Base: "base", Updates: []Update{u}, Files: []File{{"f.yaml", []byte("tag: v1\n"), []byte("tag: v2\n")}}},
		pull: PullRequest{
			Number: 5, Author: self, HeadRepo: "o/r", BaseRepo: "o/r", HeadBranch: "pawl/update", HeadSHA: "head",
			BaseBranch: "main", State: "open", Commits: []Commit{{"head", self}},
			Files: []File{{"f.yaml", []byte("tag: v1\n"), []byte("tag: v2\n")}},
		},
		checks: Checks{
			Runs:     []Check{{"ci", "head", "completed", "success"}},
			Require:  Requirement{Mode: RequireNamed, Names: []string{"ci"}},
			Enforced: []string{"ci"}, Limit: 10 * time.Minute,
		},
		view: View{
			Ledger: ledger.Ledger{}.Written(ledger.Value{
				Place: place, Asker: ledger.Asker{Manifest: "a", Digest: "d"}, Value: "v1", Version: "v1"}),
			Manifests: map[string]string{"a": "d"}, Order: cmp.Compare[string],
		},
		rules: Rules{Self: self, Repository: "o/r", Branch: "pawl/update", Base: "main", BaseSHA: "base"},
	}
}

// flips change one precondition each of a granted question.
var flips = []struct {
	name    string
	flip    func(q *question)
	verdict Verdict
	code    Code
}{
	{"empty plan", func(q *question) { q.plan.Updates = nil }, Refused, NothingToDo},
	{"plan without bytes", func(q *question) { q.plan.Files = nil }, Refused, NothingToDo},
	{"merge off", func(q *question) { q.checks.Require.Mode = MergeOff }, Refused, MergeIsOff},
	{"freeze", func(q *question) { q.rules.Freeze = "fair" }, Refused, Frozen},
	{"closed by a person", func(q *question) { q.pull.State = "closed" }, Refused, NotOpen},
	{"already merged", func(q *question) { q.pull.Merged = true }, Refused, NotOpen},
	{"draft", func(q *question) { q.pull.Draft = true }, Refused, IsDraft},
	{"review label", func(q *question) { q.pull.Labels = []string{"x", "Pawl/Review"} }, Refused, UnderReview},
	{"another author", func(q *question) { q.pull.Author = Identity{8, "pawl[bot]"} }, Refused, OtherAuthor},
	{"unknown self", func(q *question) { q.rules.Self = Identity{} }, Refused, OtherAuthor},
	{"fork", func(q *question) { q.pull.HeadRepo = "evil/r" }, Refused, OtherRepo},
	{"fork is gone", func(q *question) { q.pull.HeadRepo = "" }, Refused, OtherRepo},
	{"another repository", func(q *question) { q.rules.Repository = "o/other" }, Refused, OtherRepo},
	{"no repository", func(q *question) { q.rules.Repository, q.pull.BaseRepo, q.pull.HeadRepo = "", "", "" }, Refused, OtherRepo},
	{"renamed branch", func(q *question) { q.pull.HeadBranch = "pawl/update-x" }, Refused, OtherBranch},
	{"no branch", func(q *question) { q.rules.Branch, q.pull.HeadBranch = "", "" }, Refused, OtherBranch},
	{"another base", func(q *question) { q.pull.BaseBranch = "release" }, Refused, OtherBase},
	{"foreign commit", func(q *question) {
		q.pull.Commits = append([]Commit{{"x", Identity{9, "eve"}}}, q.pull.Commits...)
	}, Refused, ForeignCommit},
	{"commits not read", func(q *question) { q.pull.Commits = nil }, Refused, ForeignCommit},
	{"head is another commit", func(q *question) { q.pull.HeadSHA = "moved" }, Refused, ForeignCommit},
	{"head unknown", func(q *question) { q.pull.HeadSHA = "" }, Refused, ForeignCommit},
	{"base moved", func(q *question) { q.rules.BaseSHA = "newer" }, Refused, BaseMoved},
	{"base unknown", func(q *question) { q.rules.BaseSHA, q.plan.Base = "", "" }, Refused, BaseMoved},
	{"other bytes", func(q *question) {
		for i := range q.pull.Files {
			q.pull.Files[i].After = []byte("tag: v3\n")
		}
	}, Refused, DiffDiffers},
	{"other bytes before", func(q *question) {
		for i := range q.pull.Files {
			q.pull.Files[i].Before = []byte("tag: v0\n")
		}
	}, Refused, DiffDiffers},
	{"one file more", func(q *question) { q.pull.Files = append(q.pull.Files, File{Path: ".github/x"}) }, Refused, DiffDiffers},
	{"a file twice", func(q *question) { q.pull.Files = append(q.pull.Files, q.pull.Files...) }, Refused, DiffDiffers},
	{"one file less", func(q *question) { q.pull.Files = nil }, Refused, DiffDiffers},
	{"mode changed", func(q *question) { q.pull.Irregular = []string{"f.yaml"} }, Refused, DiffDiffers},
	{"edited by a person", func(q *question) {
		q.view.Ledger = q.view.Ledger.Written(ledger.Value{Place: ledger.Place{File: "f.yaml", Key: "$.tag"},
			Asker: ledger.Asker{Manifest: "a", Digest: "d"}, Value: "v2", Version: "v2"})
	}, Refused, IsPeopleEdit},
	{"veto", func(q *question) {
		q.view.Ledger = q.view.Ledger.Veto(q.plan.Vetoes(4, q.view.Manifests, time.Time{})...)
	}, Refused, IsVetoed},
	{"a brake was pulled", func(q *question) { q.rules.BrakesMoved = true }, Refused, IsBraked},
	{"a tag moved", func(q *question) { q.rules.TagMoved = "docker.io/org/a:1" }, Refused, TagMoved},
	{"outside of the window", func(q *question) {
		q.rules.Calendar, q.rules.Now = Calendar{Windows: []Window{{Days: []time.Weekday{time.Monday}, From: 0, To: 60, Zone: time.UTC}}}, time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	}, Waiting, OutsideWindow},
	{"in a freeze", func(q *question) {
		q.rules.Calendar, q.rules.Now = Calendar{Freezes: []Freeze{{From: time.Date(2026, 11, 27, 0, 0, 0, 0, time.UTC), To: time.Date(2026, 11, 27, 0, 0, 0, 0, time.UTC)}}}, time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	}, Waiting, InFreeze},
	{"too many values", func(q *question) {
		q.plan.Updates, q.rules.Max = append(slices.Clone(q.plan.Updates), q.plan.Updates...), 1
	}, Refused, TooMany},
	{"nothing required", func(q *question) { q.checks.Require = Requirement{} }, Refused, RequireIsBare},
	{"empty list required", func(q *question) { q.checks.Require.Names = nil }, Refused, RequireIsBare},
	{"unknown mode", func(q *question) { q.checks.Require.Mode = "maybe" }, Refused, RequireIsBare},
	{"check failed", func(q *question) {
		for i := range q.checks.Runs {
			q.checks.Runs[i].Conclusion = "failure"
		}
	}, Refused, CheckFailed},
	{"check skipped", func(q *question) {
		for i := range q.checks.Runs {
			q.checks.Runs[i].Conclusion = "skipped"
		}
	}, Refused, CheckFailed},
	{"second run of a check failed", func(q *question) {
		q.checks.Runs = append(q.checks.Runs, Check{"ci", "head", "completed", "cancelled"})
	}, Refused, CheckFailed},
	{"check pending", func(q *question) {
		for i := range q.checks.Runs {
			q.checks.Runs[i].Status = "in_progress"
		}
	}, Waiting, CheckPending},
	{"check absent", func(q *question) { q.checks.Runs = nil }, Waiting, CheckAbsent},
	{"check green on an older head", func(q *question) {
		for i := range q.checks.Runs {
			q.checks.Runs[i].HeadSHA = "old"
		}
	}, Waiting, CheckAbsent},
	{"one of two checks absent", func(q *question) {
		q.checks.Require.Names, q.checks.Waited = []string{"ci", "scan"}, 2*time.Minute
	}, Waiting, CheckAbsent},
	{"no check after a minute", func(q *question) { q.checks.Runs, q.checks.Waited = nil, time.Minute }, Waiting, ChecksSilent},
	{"absent to the end", func(q *question) { q.checks.Runs, q.checks.Waited = nil, 10*time.Minute }, Refused, CheckAbsent},
}

func TestAuthorizeFlips(t *testing.T) {
	t.Parallel()
	seen := map[Code]bool{Authorized: true, NotEnforced: true, ArmIsOff: true}
	for _, tt := range flips {
		q := granted()
		tt.flip(&q)
		d := q.authorize()
		if d.Verdict != tt.verdict || d.Code != tt.code || d.Detail == "" {
			t.Errorf("%s: got %+v, want %s %s with a detail", tt.name, d, tt.verdict, tt.code)
		}
		if _, ok := d.Grant(); ok {
			t.Errorf("%s: holds a grant", tt.name)
		}
		if a := q.mayArm(); a.Verdict == Granted && d.Verdict == Refused {
			t.Errorf("%s: refused and yet armed", tt.name)
		}
		seen[tt.code] = true
	}
	for _, code := range Codes() {
		if !seen[code] && code != IsHeld && !slices.Contains(ForgeCodes(), code) {
			t.Errorf("no case for %s", code)
		}
	}
}

// Two flips at once never yield a grant either.
func TestAuthorizePairsOfFlips(t *testing.T) {
	t.Parallel()
	for _, a := range flips {
		for _, b := range flips {
			q := granted()
			a.flip(&q)
			b.flip(&q)
			if d := q.authorize(); d.Verdict == Granted {
				t.Errorf("%s and %s: granted", a.name, b.name)
			}
		}
	}
}

func TestAuthorizeGrants(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(q *question)
	}{
		{"as it is", func(*question) {}},
		{"only an optional check is red", func(q *question) {
			q.checks.Runs = append(q.checks.Runs, Check{"lint", "head", "completed", "failure"})
		}},
		{"require: none", func(q *question) { q.checks = Checks{Require: Requirement{Mode: RequireNone}} }},
		{"branch protection", func(q *question) { q.checks.Require = Requirement{}.Resolve([]string{"ci"}) }},
		{"fresh branch", func(q *question) { q.pull.HeadBranch = "pawl/update-2" }},
		{"login only", func(q *question) { q.rules.Self = Identity{Login: "PAWL[bot]"} }},
		{"no ledger", func(q *question) { q.view = View{} }},
		{"person's edit under a changed manifest", func(q *question) {
			q.view.Ledger = q.view.Ledger.Written(ledger.Value{Place: ledger.Place{File: "f.yaml", Key: "$.tag"},
				Asker: ledger.Asker{Manifest: "a", Digest: "before"}, Value: "v9", Version: "v9"})
		}},
	}
	for _, tt := range tests {
		q := granted()
		tt.change(&q)
		d := q.authorize()
		g, ok := d.Grant()
		if d.Verdict != Granted || !ok || g.Head() != "head" || g.Pull() != 5 || g.Auto() {
			t.Errorf("%s: got %+v", tt.name, d)
		}
	}
}

func TestMayArm(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(q *question)
		want   Code
		grant  bool
	}{
		{"pending and enforced", func(q *question) { q.checks.Runs[0].Status = "queued" }, Authorized, true},
		{"absent and enforced", func(q *question) { q.checks.Runs = nil }, Authorized, true},
		{"failed", func(q *question) { q.checks.Runs[0].Conclusion = "failure" }, CheckFailed, false},
		{"required but not enforced", func(q *question) { q.checks.Enforced = []string{"other"} }, NotEnforced, false},
		{"nothing enforced", func(q *question) { q.checks.Enforced = nil }, NotEnforced, false},
		{"nothing required, nothing enforced", func(q *question) { q.checks.Enforced, q.checks.Require = nil, Requirement{Mode: RequireNone} }, Authorized, true},
		{"arming is off", func(q *question) { q.rules.NoArm = true }, ArmIsOff, false},
		{"arming is off and nothing is required", func(q *question) { q.rules.NoArm, q.checks.Require = true, Requirement{Mode: RequireNone} }, ArmIsOff, false},
		{"a window", func(q *question) { q.rules.Calendar.Windows = []Window{{To: 24 * 60, Zone: time.UTC}} }, ArmIsOff, false},
		{"a freeze of another year", func(q *question) { q.rules.Calendar.Freezes = []Freeze{{}} }, ArmIsOff, false},
		{"a gate's pass, while checks are pending", func(q *question) {
			q.plan.Gates, q.checks.Runs[0].Status = []Note{{Manifest: "a", Reason: "scan"}}, "queued"
		}, ArmIsOff, false},
		{"a gate's pass, while all is green", func(q *question) { q.plan.Gates = []Note{{Manifest: "a", Reason: "scan"}} }, Authorized, true},
		{"a gate's pass, and a check that failed", func(q *question) {
			q.plan.Gates, q.checks.Runs[0].Conclusion = []Note{{Manifest: "a", Reason: "scan"}}, "failure"
		}, CheckFailed, false},
		{"nothing required, something enforced", func(q *question) { q.checks.Require = Requirement{Mode: RequireNone} }, Authorized, true},
	}
	for _, tt := range tests {
		q := granted()
		tt.change(&q)
		d := q.mayArm()
		if g, ok := d.Grant(); d.Code != tt.want || ok != tt.grant || ok && !g.Auto() {
			t.Errorf("%s: got %+v", tt.name, d)
		}
	}
}
