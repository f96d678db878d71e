package recorded_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pawl-cd/pawl/internal/change"
	"github.com/pawl-cd/pawl/internal/deploy"
	"github.com/pawl-cd/pawl/internal/forge"
)

// performed are the exchanges whose operation the program performs, each with what it has to make of it.
func performed() map[int]func(*player) {
	opened := proposes(func(p *player, found forge.PullState, made bool, err error) {
		p.want(err == nil || p.N != 28, "%v", err)
		p.want(found.Number > 0 && made, "%+v, %t, %v", found, made, err)
	})
	moved := proposes(func(p *player, _ forge.PullState, _ bool, err error) {
		p.want(errors.Is(err, forge.ErrMoved), "%v", err)
	})
	return map[int]func(*player){
		16: comparison, 17: comparison, 18: comparison,
		20: demands("build (3.10)"), 21: demands(), 22: demands(), 23: demands(), 54: demands(), 55: demands(),
		24: func(p *player) {
			ends(forge.Merged, change.Authorized, "")(p)
			p.want(p.asked(`"commit_message":"And this is the message","commit_title":"This is the title"`) || p.asked(`"commit_title":"This is the title"`), "sent otherwise")
		},
		25: ends(forge.Pending, change.RuleBroken, "merge.require"),
		88: ends(forge.Rebuild, change.Authorized, "run again"), 89: ends(forge.Pending, change.Authorized, "run again"),
		90: ends(forge.Failed, change.Authorized, "merge: {method"), 91: ends(forge.Refused, change.IsDraft, "ready for review"),
		92: ends(forge.Pending, change.ApprovalNeeded, "approve"), 93: ends(forge.Pending, change.Authorized, ""),
		26: moved, 97: moved, 98: moved, 28: opened,
		27: func(p *player) {
			err := revises(p)
			p.want(err != nil && strings.Contains(err.Error(), "Proposed base branch"), "%v", err)
		},
		52: proposes(func(p *player, found forge.PullState, made bool, _ error) {
			p.want(found.Number == 5892 && made, "%+v", found)
		}),
		29: dispatches("make the input optional"), 30: dispatches("workflow_dispatch"), 31: dispatches(""), 32: dispatches(""),
		33: opens, 39: opens, 40: opens,
		35: func(p *player) {
			p.replay("POST", "/graphql")
			_, _, err := p.client().Get(ctx, 1)
			p.want(err != nil && strings.Contains(err.Error(), "(404)"), "%v", err)
		},
		36: armed(forge.Pending, ""), 37: armed(forge.Pending, "allow auto-merge"), 38: armed(forge.Pending, "verify the e-mail address"),
		41: releases("0.72", "0.73", "0.74", "0.75", "0.76", "0.77", "0.78", "0.79", "0.80"), 19: releases("v1.54.1", "v1.54.0.1", "v1.55"), 42: releases("test-tag"),
		47: lists("user-x", 327146, "topic/RewriteWithGeneratedCode", "master", 0), 48: lists("user-1", 7198529, "master", "ricardo-add-pr-create-comment-reply", 1), 49: lists("user-1", 1958953, "main", "test/stable", 1),
		50: lists("user-1", 38495008, "20210116171100/test_github_async_client/other", "20210116171100/test_github_async_client/fork/pr3", 0),
		51: lists("user-1", 38495008, "20210116171100/test_github_async_client/master", "20210116171100/test_github_async_client/fork/pr1", 0),
		53: merged, 80: merged, 56: checkRuns, 57: checkRuns, 58: checkRuns, 59: checkRuns, 60: comments, 61: labels,
		86: func(p *player) {
			p.replay("POST", "/graphql").times = 2
			p.viewer("user-1", 1)
			_, err := p.client().OpenRepository(ctx)
			p.want(err == nil && p.slept >= 2*time.Minute, "%v, slept %s", err, p.slept)
		},
		87: func(p *player) {
			p.viewer("user-1", 1)
			p.replay("POST", "#updateRefs(")
			p.on("POST", "/pulls", 201, `{"number":1,"title":"t","body":"b"}`)
			_, err := p.client().Propose(ctx, change.Set{Base: tip, Files: edits()}, forge.PullText{Message: change.Message{Subject: "m", Body: "b"}, Title: "t", Body: "b"})
			p.want(err == nil && p.slept > 0 && p.asked("/git-receive-pack"), "a race that GitHub calls lost without end is not left: %v", err)
		},
		99: triggers(deploy.Refused, ""), 101: triggers(deploy.Accepted, "created"), 102: triggers(deploy.Accepted, "pending"),
		103: follows("failed"), 104: follows("success"),
		43: images("", "latest"), 44: refusedImage("404"), 45: digest, 46: digest,
		105: refusedImage("401"), 106: images("", "1.0", "1"), 107: images("", "1.0", "1"), 109: images("", "18", "161", "1"),
		110: images("AWS", "1"), 108: images("", "1"), 111: images("", "1"), 112: images("", "1", "1"), 113: images("", "1", "1"), 114: images("", "1", "2"),
		115: waits(60), 116: refusedImage("403"), 117: images(""), 118: images("", "1"),
	}
}

// shapes are the others: what their answers look like, whatever was asked, goes through an operation that the program has.
func shapes() map[int]func(*player) {
	graph := func(text string) func(*player) {
		return func(p *player) {
			p.viewer("user-1", 1)
			p.replay("POST", "#enablePullRequestAutoMerge(")
			p.on("GET", "/check-runs", 200, `{"total_count":1,"check_runs":[{"name":"ci","head_sha":"`+head+`","status":"in_progress","conclusion":null}]}`)
			result := merge(p)
			p.want(result.Outcome != forge.Merged && strings.Contains(result.Detail+result.Hint, text), "%+v", result)
		}
	}
	return map[int]func(*player){
		34: func(p *player) {
			p.on("PATCH", "/repositories/515436299", 200, p.all[28].Text())
			p.want(revises(p) == nil, "the redirect is not followed")
		},
		62: func(p *player) { p.want(written(p) != nil, "a list counts as a pull request") }, 63: says("Label does not exist"), 64: releaseHeaders, 65: releaseHeaders,
		66: says("There are merge conflicts"), 67: says("Only organization repositories"), 68: says("Bad credentials", "renew MERGE_TOKEN"), 69: says("Resource not accessible", "pull-requests: write"),
		81: graph("not mergeable"), 82: graph("unarchive"), 83: graph("already exists"), 84: graph("No commits between"),
		85: func(p *player) {
			p.replay("POST", "/graphql")
			_, err := p.client().OpenRepository(ctx)
			p.want(err != nil && advice(err) != "", "%v", err)
		},
		70: follows(""), 71: follows(""), 72: follows(""), 73: follows(""), 74: triggers(deploy.Refused, ""), 75: pages, 100: triggers(deploy.Refused, ""),
		119: refusedImage("401"),
	}
}

// unused are the exchanges of what the program no longer asks the API for: refs, trees, blobs and commits are read and written
// by git's own protocol.
var unused = []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 76, 77, 78, 79, 94, 95, 96}

// TestReplay puts every recorded exchange through the program's own clients.
func TestReplay(t *testing.T) {
	t.Parallel()
	all := load(t)
	done, other := performed(), shapes()
	var numbers, shaped []int
	for n := range all {
		do, own := done[n], true
		if do == nil {
			do, own = other[n], false
		}
		switch {
		case do == nil && slices.Contains(unused, n):
			continue
		case do == nil:
			t.Errorf("exchange %d is not replayed: %s", n, all[n].Note)
			continue
		case own:
			numbers = append(numbers, n)
		default:
			shaped = append(shaped, n)
		}
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			do(&player{T: t, Exchange: all[n], all: all})
		})
	}
	slices.Sort(numbers)
	slices.Sort(shaped)
	t.Logf("%d exchanges of the program's own operations: %v", len(numbers), numbers)
	t.Logf("%d as shapes of answers: %v", len(shaped), shaped)
	t.Logf("%d of refs, trees, blobs and commits, which are git's: %v", len(unused), unused)
	if len(numbers)+len(shaped)+len(unused) != len(all) || len(numbers) < 65 {
		t.Errorf("%d, %d and %d of %d exchanges", len(numbers), len(shaped), len(unused), len(all))
	}
}
