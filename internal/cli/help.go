package cli

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"

	"github.com/pawl-cd/pawl/internal/change"
	"github.com/pawl-cd/pawl/internal/deploy"
	"github.com/pawl-cd/pawl/internal/deploy/gitlab"
	"github.com/pawl-cd/pawl/internal/dispatch"
	"github.com/pawl-cd/pawl/internal/event"
	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/httpx"
	"github.com/pawl-cd/pawl/internal/ledger"
	"github.com/pawl-cd/pawl/internal/plan"
	"github.com/pawl-cd/pawl/internal/policy"
	"github.com/pawl-cd/pawl/internal/run"
	"github.com/pawl-cd/pawl/internal/strictyaml"
)

// manual is the page that says for each way in which a command can end badly what it means and what to do.
const manual = "https://github.com/pawl-cd/pawl/blob/main/docs/troubleshooting.md"

// topic is an entry of the manual: its anchor there. Besides these, each policy.Reason is one, and each change.Code
// after "merge-".
type topic string

const (
	usageTopic         topic = "usage"
	noProfileTopic     topic = "no-profile"
	noManifestTopic    topic = "no-manifest"
	configurationTopic topic = "configuration"
	noTokenTopic       topic = "no-token"
	noRepositoryTopic  topic = "no-repository"
	projectsTopic      topic = "projects"
	noCommitTopic      topic = "no-commit"
	notOnBaseTopic     topic = "not-on-base"
	eventFileTopic     topic = "event-file"
	differsTopic       topic = "manifests-differ"
	targetsTopic       topic = "dispatch-targets"
	gatesTopic         topic = "gates"
	fleetTopic         topic = "fleet"
	shadowTopic        topic = "shadow"
	publishedTopic     topic = "nothing-published"

	unauthorizedTopic topic = "unauthorized"
	forbiddenTopic    topic = "forbidden"
	notFoundTopic     topic = "not-found"
	rateLimitTopic    topic = "rate-limit"
	failingTopic      topic = "host-failing"
	invalidTopic      topic = "unprocessable"
	unknownHostTopic  topic = "unknown-host"
	noConnectionTopic topic = "no-connection"
	slowTopic         topic = "source-slow"
	tlsTopic          topic = "tls"
	strangeTopic      topic = "strange-answer"

	refusedTopic  topic = "trigger-refused"
	unknownTopic  topic = "trigger-unknown"
	claimedTopic  topic = "trigger-claimed"
	distrustTopic topic = "trigger-distrusted"
	pipelineTopic topic = "pipeline-failed"

	pendingTopic topic = "merge-pending"
	rebuildTopic topic = "merge-rebuild"
	closedTopic  topic = "merge-closed"
	failedTopic  topic = "merge-failed"

	lostTopic      topic = "ledger-lost"
	unplannedTopic topic = "merge-unplanned"

	sinksTopic       topic = "event-sinks"
	undeliveredTopic topic = "events-undelivered"
	eventsTopic      topic = "event-invalid"

	actionsTopic topic = "actions-not-permitted"
	guardedTopic topic = "ref-guarded"

	movedTopic       topic = "moved"
	writeTopic       topic = "cannot-write"
	failureTopic     topic = "failure"
	interruptedTopic topic = "interrupted"
)

// url is where the entry stands.
func (t topic) url() string { return manual + "#" + string(t) }

// statuses are the topics of what hosts answer; the others are strange.
var statuses = map[int]topic{
	http.StatusUnauthorized: unauthorizedTopic, http.StatusForbidden: forbiddenTopic, http.StatusNotFound: notFoundTopic,
	http.StatusTooManyRequests: rateLimitTopic, http.StatusRequestTimeout: failingTopic, http.StatusUnprocessableEntity: invalidTopic,
}

// causes are the topics of requests without a usable answer.
var causes = []struct {
	err   error
	topic topic
}{
	{httpx.ErrSpent, slowTopic}, {httpx.ErrUnknownHost, unknownHostTopic}, {httpx.ErrTLS, tlsTopic}, {httpx.ErrRefused, noConnectionTopic}, {httpx.ErrTimeout, noConnectionTopic},
	{httpx.ErrConnection, noConnectionTopic}, {httpx.ErrTruncated, noConnectionTopic}, {httpx.ErrTooLarge, strangeTopic}, {httpx.ErrMalformed, strangeTopic},
	{forge.ErrNoToken, noTokenTopic}, {forge.ErrMoved, movedTopic},
}

// obstacles are the topics of what a person has to change at GitHub.
var obstacles = map[forge.Obstacle]topic{
	forge.ActionsMayNot: actionsTopic, forge.RefIsGuarded: guardedTopic, forge.Unsigned: topicOfCode(change.Unsigned),
	forge.Archived: topicOfCode(change.RepoArchived), forge.Unapproved: topicOfCode(change.ApprovalNeeded), forge.RuleBroken: topicOfCode(change.RuleBroken),
}

// exits are the topics of ends of which nothing more is known.
var exits = map[int]topic{Failure: failureTopic, Usage: usageTopic, Interrupted: interruptedTopic}

// topicOf finds the topic of an error by what is in it, empty when it is of no known kind.
func topicOf(err error) topic {
	switch {
	case is[*run.StaleError](err):
		return differsTopic
	case is[*change.RefError](err):
		return configurationTopic
	case is[deploy.Problems](err):
		return projectsTopic
	case is[*dispatch.VariableError](err):
		return targetsTopic
	case is[*event.IncomingError](err):
		return eventsTopic
	}
	for _, c := range causes {
		if errors.Is(err, c.err) {
			return c.topic
		}
	}
	return topicOfAnswer(err)
}

func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

// topicOfAnswer is topicOf for an answer that says no.
func topicOfAnswer(err error) topic {
	low, _ := errors.AsType[*httpx.Error](err)
	status := 0
	if low != nil {
		status = low.Status
	}
	if e, ok := errors.AsType[forge.Refusal](err); ok {
		said, obstacle := e.Refusal()
		if known, listed := obstacles[obstacle]; listed {
			return known
		}
		status = cmp.Or(said, status)
	}
	if e, ok := errors.AsType[*gitlab.Error](err); ok {
		status = cmp.Or(e.Status, status)
	}
	refusal, _ := errors.AsType[*dispatch.Refusal](err)
	if refusal != nil {
		status = cmp.Or(refusal.Status, status)
	}
	known, listed := statuses[status]
	switch {
	case low != nil && low.Wait > 0, refusal != nil && refusal.Limited():
		return rateLimitTopic
	case listed:
		return known
	case status >= http.StatusInternalServerError:
		return failingTopic
	case status > 0:
		return strangeTopic
	default:
		return ""
	}
}

// topicsOfPlan are those of what failed, each once.
func topicsOfPlan(plan plan.Plan) []topic {
	var all []topic
	for _, o := range plan.Outcomes {
		if o.Outcome == policy.Failed {
			all = append(all, topicOfOutcome(o.Reason, o.Err))
		}
	}
	return all
}

func topicOfOutcome(reason policy.Reason, err error) topic {
	if reason == policy.SourceFailed {
		return cmp.Or(topicOf(err), topic(reason))
	}
	return topic(reason)
}

// topicsOfDeploy are those of the triggers that need somebody.
func topicsOfDeploy(d *run.Deploy) []topic {
	if d == nil {
		return nil
	}
	var all []topic
	for _, t := range d.Triggers {
		switch {
		case !t.Failed():
		case t.State == string(ledger.Refused):
			all = append(all, refusedTopic)
		case t.State == string(ledger.Unknown):
			all = append(all, unknownTopic)
		case t.State == string(ledger.Claimed):
			all = append(all, claimedTopic)
		case t.State == run.Distrusted:
			all = append(all, distrustTopic)
		default:
			all = append(all, pipelineTopic)
		}
	}
	return all
}

// topicOfMerge is that of a pull request that is not merged.
func topicOfMerge(m forge.Merge) topic {
	code := m.Decision.Code
	switch m.Outcome {
	case forge.Failed:
		return failedTopic
	case forge.Closed:
		return closedTopic
	case forge.Rebuild:
		if code != change.BaseMoved {
			return rebuildTopic
		}
	}
	if code == "" || code == change.Authorized {
		return pendingTopic
	}
	return topicOfCode(code)
}

func topicOfCode(code change.Code) topic { return topic("merge-" + code) }

// topicsOfProblems are those of the faults of files; the configuration's stand in a file of their own.
func topicsOfProblems(kind topic, problems []strictyaml.Problem) []topic {
	if strictyaml.Failed(problems) {
		return []topic{kind}
	}
	return nil
}

// topicsOfExit are what a command's end is about.
func topicsOfExit(e *exit) []topic {
	if e.code == OK || e.code == Changes {
		return nil
	}
	all := e.topics
	if len(all) == 0 {
		all = []topic{cmp.Or(topicOf(e.err), exits[e.code])}
	}
	all = slices.Clone(all)
	slices.Sort(all)
	return slices.Compact(all)
}

// help names the entries of the manual.
func (r reporter) help(topics []topic) {
	for _, t := range topics {
		if r.json != nil {
			r.json.Log(nil, slog.LevelInfo, "help", "help", t.url()) //nolint:staticcheck // no context reaches this far
			continue
		}
		fmt.Fprintf(r.sys.Err, "pawl: help: %s\n", t.url())
	}
}
