package github

import (
	"slices"
	"strings"
	"time"
)

// advance merges what has become ready: armed pull requests first, then the merge queue in its order.
func (r *Repo) advance() {
	for _, p := range r.openPulls() {
		if p.auto == nil || !p.ready() {
			continue
		}
		if r.protections[p.baseRef].Queue {
			p.enqueue()
			continue
		}
		how := landing{p.auto.method, p.auto.title, p.auto.message, r.server.person(p.auto.by)}
		if _, refused := p.land(how); refused != nil {
			p.auto = nil
		}
	}
	r.advanceQueue()
}

// ready says whether nothing that the repository demands stands against the merge.
func (p *pull) ready() bool {
	state := p.judge().state
	return state == "clean" || state == "unstable"
}

func (r *Repo) advanceQueue() {
	for _, p := range slices.Clone(r.queue) {
		state := p.judge().state
		due := !r.server.now().Before(p.queuedAt.Add(r.protections[p.baseRef].Build))
		switch {
		case state == "dirty":
			p.leaveQueue()
		case due && (p.ready() || state == "behind"):
			how := landing{method: r.queueMethodName(), by: r.server.person("github-merge-queue[bot]")}
			if _, refused := p.land(how); refused != nil {
				p.leaveQueue()
			}
		default:
			return
		}
	}
}

func (p *pull) enqueue() {
	if p.queuedAt.IsZero() {
		p.queuedAt = p.repo.server.now()
		p.repo.queue = append(p.repo.queue, p)
	}
}

func (p *pull) leaveQueue() {
	if !p.queuedAt.IsZero() {
		p.queuedAt = time.Time{}
		p.repo.queue = slices.DeleteFunc(p.repo.queue, func(other *pull) bool { return other == p })
	}
}

// queueMethod is the queue's way of merging as rulesets spell it.
func (r *Repo) queueMethod() string { return strings.ToUpper(r.queueMethodName()) }

func (r *Repo) queueMethodName() string {
	switch {
	case !r.settings.NoSquash:
		return "squash"
	case !r.settings.NoMergeCommit:
		return "merge"
	}
	return "rebase"
}
