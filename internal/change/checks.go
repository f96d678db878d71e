package change

import (
	"cmp"
	"fmt"
)

// askChecks asks whether every required check is successful on the head. A check that failed outweighs one that is
// absent, and that one a pending one; a check of another head counts for nothing, an optional one neither.
func askChecks(head string, checks Checks) Decision {
	switch need := checks.Require; {
	case need.Mode == RequireNone:
		return Decision{}
	case need.Mode != RequireNamed && need.Mode != RequireProtection || len(need.Names) == 0:
		return refuse(RequireIsBare, "add to .pawl.yaml: "+requireLine, "no required check is named")
	}
	var absent, pending string
	reported := false
	for _, name := range checks.Require.Names {
		runs := runsOf(name, head, checks.Runs)
		reported = reported || len(runs) > 0
		if len(runs) == 0 {
			absent = name
		}
		for _, c := range runs {
			if c.Status != "completed" {
				pending = name
			} else if c.Conclusion != "success" {
				return refuse(CheckFailed, "look at the check; a new head is asked again",
					"check %q ended as %q", name, c.Conclusion)
			}
		}
	}
	if absent != "" {
		return missing(absent, reported, checks)
	}
	if pending != "" {
		return Decision{Verdict: Waiting, Code: CheckPending, Detail: fmt.Sprintf("check %q is pending", pending)}
	}
	return Decision{}
}

// missing says what an absent check means: wait for it, with a hint when no check reports at all, and refuse in the end.
func missing(name string, reported bool, checks Checks) Decision {
	token := cmp.Or(checks.Silent, "a pull request made with the workflow's own GITHUB_TOKEN starts no checks: set MERGE_TOKEN")
	detail := fmt.Sprintf("required check %q has not reported on this head", name)
	switch {
	case checks.Waited >= checks.Limit:
		return Decision{Verdict: Refused, Code: CheckAbsent, Detail: detail, Hint: token}
	case !reported && checks.Waited >= silence:
		return Decision{Verdict: Waiting, Code: ChecksSilent, Detail: "no required check has reported on this head", Hint: token}
	default:
		return Decision{Verdict: Waiting, Code: CheckAbsent, Detail: detail}
	}
}

// runsOf returns the runs of one check on one head.
func runsOf(name, head string, all []Check) []Check {
	var runs []Check
	for _, c := range all {
		if c.Name == name && c.HeadSHA == head && head != "" {
			runs = append(runs, c)
		}
	}
	return runs
}
