package change

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pawl-cd/pawl/internal/ledger"
	"github.com/pawl-cd/pawl/internal/policy"
)

// Verdict is the answer to the question whether a pull request may be merged.
type Verdict string

// The verdicts. The zero Verdict is none of them and merges nothing.
const (
	Granted Verdict = "grant"
	Waiting Verdict = "wait"
	Refused Verdict = "refuse"
)

// Code is why a verdict came about; the list is closed.
type Code string

// The codes of the verdicts.
const (
	Authorized    Code = "authorized"
	NothingToDo   Code = "nothing-to-do"
	MergeIsOff    Code = "merge-off"
	Frozen        Code = "frozen"
	OutsideWindow Code = "window"
	InFreeze      Code = "freeze"
	TooMany       Code = "too-many"
	NotOpen       Code = "not-open"
	IsDraft       Code = "draft"
	UnderReview   Code = "review-label"
	OtherAuthor   Code = "other-author"
	OtherRepo     Code = "other-repository"
	OtherBranch   Code = "other-branch"
	OtherBase     Code = "other-base"
	ForeignCommit Code = "foreign-commit"
	BaseMoved     Code = "base-moved"
	DiffDiffers   Code = "diff-differs"
	IsHeld        Code = "held" // of the contract: no rule gives it now
	IsPeopleEdit  Code = "people-edit"
	IsVetoed      Code = "vetoed"
	TagMoved      Code = "digest-moved" // a tag got another digest since the plan was made
	IsBraked      Code = "braked"       // somebody pulled or lifted a brake since the plan was made
	RequireIsBare Code = "require-unset"
	CheckFailed   Code = "check-failed"
	CheckPending  Code = "check-pending"
	CheckAbsent   Code = "check-absent"
	ChecksSilent  Code = "checks-silent"
	NotEnforced   Code = "not-enforced"
	ArmIsOff      Code = "arm-off"
)

// Codes lists every code those of the forge first, then in the order in which Authorize and MayArm ask.
func Codes() []Code {
	return append(ForgeCodes(), []Code{
		NothingToDo, MergeIsOff, Frozen, OutsideWindow, InFreeze, TooMany, NotOpen, IsDraft, UnderReview, OtherAuthor, OtherRepo, OtherBranch, OtherBase,
		ForeignCommit, BaseMoved, DiffDiffers, IsHeld, IsPeopleEdit, IsVetoed, IsBraked, TagMoved, RequireIsBare, CheckFailed, CheckPending,
		CheckAbsent, ChecksSilent, ArmIsOff, NotEnforced, Authorized,
	}...)
}

// Decision is a verdict with its reason. Anything refused must not stay armed for an automatic merge.
type Decision struct {
	Verdict Verdict `json:"verdict"`
	Code    Code    `json:"code"`
	Detail  string  `json:"detail,omitempty"`
	Hint    string  `json:"hint,omitempty"`
	grant   Grant
}

// decided reports whether a rule has an answer already; the zero Decision leaves it to the next rule.
func (d Decision) decided() bool { return d.Verdict != "" }

// Grant is the permission to merge one pull request at one head. Only Authorize and MayArm make one; the zero Grant
// permits nothing.
type Grant struct {
	pull int
	head string
	auto bool
}

// Grant returns the permission, and false when there is none.
func (d Decision) Grant() (Grant, bool) { return d.grant, d.Verdict == Granted && d.grant.head != "" }

// Pull returns the number of the pull request.
func (g Grant) Pull() int { return g.pull }

// Head returns the SHA that the head must have when the merge happens; empty permits nothing.
func (g Grant) Head() string { return g.head }

// Auto reports whether the permission is to let the forge merge later (auto-merge, queue) and not now.
func (g Grant) Auto() bool { return g.auto }

// silence is how long required checks may report nothing at all before that is worth a hint.
const silence = time.Minute

// Authorize says whether pawl may merge the pull request now. It grants only when all of this holds: the pull request
// is ours and open to an automatic merge; its diff is exactly the plan's bytes, with no commit of anybody else; nothing
// holds a changed value; every required check is successful on this very head; and the plan was made on the base as it
// is now.
func Authorize(plan Set, pull PullRequest, checks Checks, view View, rules Rules) Decision {
	if d := askRun(plan, checks.Require, rules); d.decided() {
		return d
	}
	if d := askState(pull); d.decided() {
		return d
	}
	if d := askOwner(pull, rules); d.decided() {
		return d
	}
	if d := askCommits(pull, rules.Self); d.decided() {
		return d
	}
	if d := askDiff(plan, pull, rules); d.decided() {
		return d
	}
	if d := askPeople(plan, view, rules); d.decided() {
		return d
	}
	if d := askChecks(pull.HeadSHA, checks); d.decided() {
		return d
	}
	return Decision{
		Verdict: Granted, Code: Authorized, Detail: "every rule for a merge holds",
		grant: Grant{pull: pull.Number, head: pull.HeadSHA},
	}
}

// MayArm says whether the forge may be told to merge the pull request later by itself. Beyond everything that Authorize
// asks, except for checks that have not reported yet, each required check must be enforced by the repository, for the
// forge asks nobody else; where the configuration says that no check is required there is nothing to enforce. Nothing that may
// end before the forge merges is left to it: a window, the time before a freeze, what a gate let pass for this run. A queue is
// entered with the latter, once nothing else is waited for.
func MayArm(plan Set, pull PullRequest, checks Checks, view View, rules Rules) Decision {
	d := Authorize(plan, pull, checks, view, rules)
	switch {
	case d.Verdict == Refused:
		return d
	case rules.NoArm:
		return Decision{Verdict: Waiting, Code: ArmIsOff, Detail: "the configuration says `merge: {arm: false}`",
			Hint: "let pawl wait with merge.wait, or remove `arm: false`"}
	case rules.Calendar.Set():
		return Decision{Verdict: Waiting, Code: ArmIsOff, Detail: "merge.windows and merge.freeze count when it is merged, and the forge asks neither",
			Hint: "let pawl wait with merge.wait"}
	case len(plan.Gates) > 0 && d.Verdict != Granted:
		return Decision{Verdict: Waiting, Code: ArmIsOff, Detail: fmt.Sprintf("what gate %q let pass counts for this run, and the forge merges after it", plan.Gates[0].Reason),
			Hint: "let pawl wait with merge.wait"}
	case checks.Require.Mode == RequireNone:
		return armed(pull, "no check is required")
	}
	for _, name := range checks.Require.Names {
		if !slices.Contains(checks.Enforced, name) {
			return Decision{Verdict: Waiting, Code: NotEnforced, Detail: fmt.Sprintf("check %q is not enforced by the repository", name),
				Hint: "require the check in the branch's protection, or let pawl wait with merge.wait"}
		}
	}
	return armed(pull, "the repository enforces every required check")
}

// armed is the grant to let the forge merge.
func armed(pull PullRequest, detail string) Decision {
	return Decision{Verdict: Granted, Code: Authorized, Detail: detail, grant: Grant{pull: pull.Number, head: pull.HeadSHA, auto: true}}
}

func refuse(code Code, hint, format string, args ...any) Decision {
	return Decision{Verdict: Refused, Code: code, Detail: fmt.Sprintf(format, args...), Hint: hint}
}

// askRun asks whether this run merges at all.
func askRun(plan Set, need Requirement, rules Rules) Decision {
	switch {
	case len(plan.Updates) == 0 || len(plan.Files) == 0:
		return refuse(NothingToDo, "close the pull request", "the plan changes nothing")
	case need.Mode == MergeOff:
		return refuse(MergeIsOff, "merge it yourself, or remove `merge: off`", "the configuration says `merge: off`")
	case rules.Freeze != "":
		return refuse(Frozen, "run again after the freeze", "merging is frozen: %s", rules.Freeze)
	case rules.Max > 0 && len(plan.Updates) > rules.Max:
		return refuse(TooMany, "look at it and merge it yourself, or raise merge.max", "%d values are more than the %d of merge.max", len(plan.Updates), rules.Max)
	}
	return rules.closed()
}

// closed is the decision of the calendar.
func (r Rules) closed() Decision {
	code, why, opens := r.Calendar.Closed(r.Now)
	if code == "" {
		return Decision{}
	}
	return Decision{Verdict: Waiting, Code: code, Detail: why, Hint: opening(opens)}
}

func opening(at time.Time) string {
	if at.IsZero() {
		return "merge it yourself, or correct merge.windows and merge.freeze"
	}
	return "a run from " + ledger.Minute(at) + " on merges it"
}

// Closed is the decision of a calendar, undecided where it is open.
func Closed(c Calendar, now time.Time) (Decision, bool) {
	d := Rules{Calendar: c, Now: now}.closed()
	return d, d.decided()
}

// askState asks whether the pull request waits for a person.
func askState(pull PullRequest) Decision {
	switch {
	case pull.State != "open" || pull.Merged:
		return refuse(NotOpen, "run again", "pull request %d is not open", pull.Number)
	case pull.Draft:
		return refuse(IsDraft, "mark it as ready for review", "pull request %d is a draft", pull.Number)
	case slices.ContainsFunc(pull.Labels, func(l string) bool { return strings.EqualFold(l, ReviewLabel) }):
		return refuse(UnderReview, "merge it yourself, or remove the label", "it wears the label %s", ReviewLabel)
	default:
		return Decision{}
	}
}

// askOwner asks whether the pull request is ours; what its body says proves nothing.
func askOwner(pull PullRequest, rules Rules) Decision {
	const hint = "pawl merges only its own pull request"
	ours := rules.Repository != "" && strings.EqualFold(pull.BaseRepo, rules.Repository)
	switch {
	case !rules.Self.Is(pull.Author):
		return refuse(OtherAuthor, hint, "its author is %q", pull.Author.Login)
	case !ours || !strings.EqualFold(pull.HeadRepo, pull.BaseRepo):
		return refuse(OtherRepo, hint, "its head is in %q", pull.HeadRepo)
	case !OwnBranch(rules.Branch, pull.HeadBranch):
		return refuse(OtherBranch, hint, "its branch is %q", pull.HeadBranch)
	case rules.Base == "" || pull.BaseBranch != rules.Base:
		return refuse(OtherBase, hint, "its base is %q", pull.BaseBranch)
	default:
		return Decision{}
	}
}

// askCommits asks whether anybody else worked on the branch. Commits that could not be read count as foreign.
func askCommits(pull PullRequest, self Identity) Decision {
	const hint = "merge it yourself; pawl goes on with a fresh branch"
	if pull.HeadSHA == "" || !slices.ContainsFunc(pull.Commits, func(c Commit) bool { return c.SHA == pull.HeadSHA }) {
		return refuse(ForeignCommit, hint, "the commits up to its head are not known")
	}
	for _, c := range pull.Commits {
		if !self.Is(c.Author) {
			return refuse(ForeignCommit, hint, "commit %s is by %q", c.SHA, c.Author.Login)
		}
	}
	return Decision{}
}

// askDiff asks whether the plan is of the present base and the pull request changes exactly its bytes.
func askDiff(plan Set, pull PullRequest, rules Rules) Decision {
	const hint = "plan again and rebuild the branch on the new base"
	if plan.Base == "" || plan.Base != rules.BaseSHA {
		return refuse(BaseMoved, hint, "the plan was made on %q and the base is at %q", plan.Base, rules.BaseSHA)
	}
	if len(pull.Irregular) > 0 {
		return refuse(DiffDiffers, hint, "it changes %q otherwise than in its bytes", pull.Irregular[0])
	}
	want := map[string]File{}
	for _, f := range plan.Files {
		want[f.Path] = f
	}
	for _, f := range pull.Files {
		w, found := want[f.Path]
		if !found || !bytes.Equal(f.Before, w.Before) || !bytes.Equal(f.After, w.After) {
			return refuse(DiffDiffers, hint, "its change of %q is not the plan's", f.Path)
		}
		delete(want, f.Path)
	}
	for _, f := range plan.Files {
		if _, missing := want[f.Path]; missing {
			return refuse(DiffDiffers, hint, "it lacks the plan's change of %q", f.Path)
		}
	}
	return Decision{}
}

// askPeople asks whether a person changed or rejected a value, or said something of brakes.
func askPeople(plan Set, view View, rules Rules) Decision {
	if rules.BrakesMoved {
		return refuse(IsBraked, "run again", "somebody pulled or lifted a brake since the plan was made")
	}
	if rules.TagMoved != "" {
		return refuse(TagMoved, "run again", "%s: the registry gives it another digest than when the plan was made", rules.TagMoved)
	}
	for _, u := range plan.sorted() {
		v := view.Ledger.Judge(ledger.Proposal{
			Place: u.place(), Asker: ledger.Asker{Manifest: u.Manifest, Digest: view.Manifests[u.Manifest]},
			Base: u.Old, Current: u.From, Value: u.New, Version: u.Version, Braked: policy.Reason(u.Reason).Brake(),
		}, view.Order)
		if v.Held() {
			return refuse(Code(v.Reason), v.Hint, "%s: %s", u.Manifest, v.Detail)
		}
	}
	return Decision{}
}
