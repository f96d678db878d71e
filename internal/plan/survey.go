package plan

import (
	"time"

	"github.com/pawl-cd/pawl/internal/ledger"
	"github.com/pawl-cd/pawl/internal/policy"
)

// Standing is where one value stands, for people who look.
type Standing struct {
	Manifest, Target, File string
	Document               int
	Key                    string
	// Now is the text in the file, Newest the version that the filter would choose if nothing held it back, empty when there is none,
	// and Text what would be written for it, or for the lower version that is all that is left.
	Now, Newest, Text string
	Decision          policy.Decision
	// Lever is the person's word that holds or moves it, the zero value when there is none. Since is when that was said, when a
	// version that is too young was first seen, or when what stands there was written; zero when nobody knows.
	Lever ledger.Lever
	Since time.Time
}

// survey collects where the values stand, in the order of the jobs; of a job that failed, what is known.
func (p Planner) survey(jobs []*job) []Standing {
	var all []Standing
	for _, j := range jobs {
		for _, v := range j.values {
			one := v.standing
			one.Manifest, one.Target, one.File, one.Document, one.Key, one.Now = j.manifest.Name, j.target.ID, j.target.File, v.scalar.Document, v.scalar.Key, v.scalar.Value
			if one.Decision = v.decision; j.failure != nil {
				one.Decision = policy.Decision{Outcome: policy.Failed, Reason: j.failure.reason, Detail: j.failure.detail, Hint: j.failure.hint}
			}
			all = append(all, one)
		}
		if len(j.values) == 0 && j.failure != nil {
			all = append(all, Standing{Manifest: j.manifest.Name, Target: j.target.ID, File: j.target.File, Key: j.target.Address().String(),
				Decision: policy.Decision{Outcome: policy.Failed, Reason: j.failure.reason, Detail: j.failure.detail, Hint: j.failure.hint}})
		}
	}
	return all
}

// lookAll notes of the values of a source what only its listing tells.
func (p Planner) lookAll(s *snapshot, jobs []*job) {
	for _, j := range jobs {
		newest, written := map[string]string{}, map[string]string{}
		for _, v := range j.values {
			text := v.scalar.Value
			if _, known := newest[text]; !known && s.err == nil && !j.target.Digest {
				free := p.request(s, j, v)
				free.Barred, free.Policy.Hold = nil, nil
				newest[text] = policy.Decide(free).Tag
				free.Policy.Downgrade = policy.Follow
				written[text] = policy.Decide(free).Value
			}
			v.standing.Newest, v.standing.Text = newest[text], written[text]
			p.since(s, j, v)
		}
	}
}

// since finds who holds a value, and since when it stands as it does.
func (p Planner) since(s *snapshot, j *job, v *value) {
	lever, newest := v.lever, v.standing.Newest
	switch v.decision.Reason {
	case policy.HeldByPolicy:
		lever, _ = p.Ledger.LeverOf(ledger.Hold, j.manifest.Name, p.Now)
	case policy.Quarantined:
		for _, q := range p.quarantines(s.query) {
			if lever.Kind == "" && q.covers(s, newest, j.written(s, v, newest)) {
				lever = q.Lever
			}
		}
	case policy.RolledBack:
	default:
		lever = ledger.Lever{}
	}
	v.standing.Lever, v.standing.Since = lever, lever.At
	if lever.Kind != "" {
		return
	}
	if v.decision.Reason == policy.TooYoung {
		v.standing.Since = s.published(newest)
		for _, seen := range p.Ledger.Seen {
			if seen.Source == s.query.String() && seen.Tag == newest {
				v.standing.Since = seen.At
			}
		}
		return
	}
	if no, rejected := p.Ledger.Rejected(ledgerPlace(v.place()), j.asker(), newest); rejected && v.decision.Reason == policy.Vetoed {
		v.standing.Since = no.At
		return
	}
	if written, known := p.Ledger.ValueOf(ledgerPlace(v.place()), j.manifest.Name); known && written.Value == v.scalar.Value {
		v.standing.Since = written.At
	}
}
