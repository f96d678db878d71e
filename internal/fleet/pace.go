package fleet

import (
	"math"
	"slices"
	"sync"
	"time"
)

// Budget is what a forge lets one token write: so many contents (commits, pull requests, labels, merges) in a minute and in an
// hour. Zero is no bound.
type Budget struct{ Minute, Hour int }

// GitHubBudget is that of github.com
// (https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api#about-secondary-rate-limits).
var GitHubBudget = Budget{Minute: 80, Hour: 500}

// What a profile that is awake may need of its token: it begins only when there is so much.
const (
	needContents = 5
	needRequests = 30
)

// Pace holds back profiles whose token may not do what they may need. One that is quiet needs nothing; every other one goes on only
// when there is enough for it and for those that run, so that none stops in the middle. It is safe for concurrent use.
type Pace struct {
	// shards is how many processes share the tokens.
	shards int

	mu     sync.Mutex
	purses map[string]*purse
}

// purse is what is known of one token.
type purse struct {
	budget Budget
	// running are the profiles that use it, saved the contents that they may still need.
	running, saved int
	// wrote are the times of its contents, the oldest first.
	wrote []time.Time
	// quotas are what the forge tells of each kind of request.
	quotas map[string]quota
	// until is when the forge wants to be asked again.
	until time.Time
}

type quota struct {
	left  int
	reset time.Time
}

// NewPace returns a pace for tokens that nothing was done with, which so many processes share.
func NewPace(shards int) *Pace { return &Pace{shards: max(1, shards), purses: map[string]*purse{}} }

// WhenOneEnds is the wait for one of those that run: only then is it known what they left.
const WhenOneEnds time.Duration = -1

// Begin returns the turn of a profile whose token has a budget; or nil, and how long it has to wait if nothing else happens. Awake
// says that it may need what Awake saves for it.
func (p *Pace) Begin(token string, b Budget, awake bool, now time.Time) (*Turn, time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	one, known := p.purses[token]
	if !known {
		one = &purse{budget: Budget{share(b.Minute, p.shards), share(b.Hour, p.shards)}, quotas: map[string]quota{}}
		p.purses[token] = one
	}
	wait := max(0, one.until.Sub(now))
	if awake {
		room := one.room(now)
		if room == WhenOneEnds {
			return nil, room
		}
		wait = max(wait, room)
	}
	for _, q := range one.quotas {
		if q.left == 0 || one.running > 0 && q.left < needRequests*(one.running+1) {
			wait = max(wait, q.reset.Sub(now))
		}
	}
	if wait > 0 {
		return nil, wait
	}
	one.running++
	turn := &Turn{pace: p, of: one}
	if awake {
		turn.save()
	}
	return turn, 0
}

// share is the part of a bound that one of several processes has.
func share(most, shards int) int {
	if most == 0 {
		return 0
	}
	return max(needContents, most/shards)
}

// room returns how long it takes until one profile more may write.
func (p *purse) room(now time.Time) time.Duration {
	p.wrote = slices.DeleteFunc(p.wrote, func(at time.Time) bool { return !at.After(now.Add(-time.Hour)) })
	minute, hour := p.slides(p.budget.Minute, time.Minute, now), p.slides(p.budget.Hour, time.Hour, now)
	if min(minute, hour) == WhenOneEnds {
		return WhenOneEnds
	}
	return max(minute, hour)
}

// slides returns how long it takes until one profile more may write, where so much may be written in such a time.
func (p *purse) slides(most int, span time.Duration, now time.Time) time.Duration {
	if most == 0 {
		return 0
	}
	first, _ := slices.BinarySearchFunc(p.wrote, now.Add(-span), func(at, edge time.Time) int {
		if at.After(edge) {
			return 1
		}
		return -1
	})
	recent := p.wrote[first:]
	switch over := len(recent) + p.saved + needContents - most; {
	case over <= 0:
		return 0
	case over > len(recent): // those that run may need the rest
		return WhenOneEnds
	default:
		return recent[over-1].Add(span).Sub(now)
	}
}

// Lasts estimates how long it takes until so many profiles with a token have had their turn, if each writes all that it may.
func (p *Pace) Lasts(token string, profiles int) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	one := p.purses[token]
	if one == nil || one.budget.Hour == 0 {
		return 0
	}
	hours := float64(profiles*needContents+len(one.wrote)-one.budget.Hour) / float64(one.budget.Hour)
	return max(0, time.Duration(math.Ceil(hours))) * time.Hour
}

// Turn is a profile that runs, with what was saved for it. A nil one saves nothing, and notes nothing.
type Turn struct {
	pace *Pace
	of   *purse
	// awake says that something was saved for it, saved is what it may still need, stopped that the forge may have let it do no more,
	// ended that it is over: what was left behind and goes on gets nothing more.
	awake   bool
	saved   int
	stopped bool
	ended   bool
}

func (t *Turn) save() { t.awake, t.saved, t.of.saved = true, needContents, t.of.saved+needContents }

// Awake saves what a profile that is not quiet may need, and reports whether there is so much; if not it has to begin anew.
func (t *Turn) Awake(now time.Time) bool {
	enough := true
	t.do(func() {
		if !t.awake {
			if enough = !t.ended && t.of.room(now) == 0; enough {
				t.save()
			}
		}
	})
	return enough
}

// IsAwake reports whether something was saved for it.
func (t *Turn) IsAwake() (awake bool) {
	t.do(func() { awake = t.awake })
	return awake
}

// do does something with what is known of the token.
func (t *Turn) do(something func()) {
	if t != nil {
		t.pace.mu.Lock()
		defer t.pace.mu.Unlock()
		something()
	}
}

// End gives back what the profile did not need.
func (t *Turn) End() {
	t.do(func() {
		if !t.ended {
			t.of.running, t.of.saved, t.saved, t.ended = t.of.running-1, t.of.saved-t.saved, 0, true
		}
	})
}

// Wrote notes a content.
func (t *Turn) Wrote(at time.Time) {
	t.do(func() {
		if last := len(t.of.wrote); last > 0 && t.of.wrote[last-1].After(at) { // they are sorted
			at = t.of.wrote[last-1]
		}
		t.of.wrote = append(t.of.wrote, at)
		if t.saved > 0 {
			t.saved, t.of.saved = t.saved-1, t.of.saved-1
		}
	})
}

// Left notes how many requests of a kind the token has left until a time. Answers overtake each other: of those for one time the
// lowest counts.
func (t *Turn) Left(kind string, requests int, reset time.Time) {
	t.do(func() {
		t.stopped = t.stopped || requests == 0
		known := t.of.quotas[kind]
		if known.reset.Equal(reset) {
			requests = min(requests, known.left)
		}
		if !reset.Before(known.reset) {
			t.of.quotas[kind] = quota{requests, reset}
		}
	})
}

// Stop notes that the forge wants to be left alone until a time.
func (t *Turn) Stop(until time.Time) {
	t.do(func() {
		t.stopped = true
		if until.After(t.of.until) {
			t.of.until = until
		}
	})
}

// Stopped reports whether the forge may have let the profile do no more: if it failed, that is why.
func (t *Turn) Stopped() (stopped bool) {
	t.do(func() { stopped = t.stopped })
	return stopped
}
