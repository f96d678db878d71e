package fleet

import (
	"context"
	"crypto/sha256"
	"sync"

	"github.com/pawl-cd/pawl/internal/source"
)

// Key names a listing together with all that it depends on: what is asked, where, and as whom.
type Key [sha256.Size]byte

// Listings are those of one run of a fleet: each is asked for once, by the first profile that needs it, and shown to those
// whose key is the same. One that fails is asked for once more, by the next one.
type Listings struct {
	mu    sync.Mutex
	known map[Key]*listing
	asked int
}

type listing struct {
	done     chan struct{}
	releases source.Listing
	digest   [sha256.Size]byte
	err      error
	private  bool
	// known says that it was not listed here: a snapshot knew it.
	known bool
	// chance counts those who asked.
	chance int
}

// NewListings returns listings of which none is known.
func NewListings() *Listings { return &Listings{known: map[Key]*listing{}} }

// Get returns the listing, which ask fetches when nobody has; private says that it is for those with credentials only. The
// asking goes on when the one who began it does not wait any more: others may.
func (l *Listings) Get(ctx context.Context, key Key, private bool, ask func(context.Context) (source.Listing, error)) (source.Listing, error) {
	l.mu.Lock()
	l.asked++
	l.mu.Unlock()
	one, err := l.get(ctx, key, private, ask)
	if err != nil {
		return nil, err
	}
	return one.releases, one.err
}

// Digest returns a digest of what Get returns.
func (l *Listings) Digest(ctx context.Context, key Key, private bool, ask func(context.Context) (source.Listing, error)) (sum [sha256.Size]byte, err error) {
	one, err := l.get(ctx, key, private, ask)
	if err != nil {
		return sum, err
	}
	return one.digest, one.err
}

// chances is how many ask for a listing that fails: what one could not get may be that one's own fault, and is not the others'.
const chances = 2

func (l *Listings) get(ctx context.Context, key Key, private bool, ask func(context.Context) (source.Listing, error)) (*listing, error) {
	for {
		one, own := l.begin(ctx, key, private, ask)
		select {
		case <-one.done:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if one.err == nil || own || one.chance >= chances {
			return one, nil
		}
	}
}

// begin returns a listing that is known or asked for; own says that it is from now on.
func (l *Listings) begin(ctx context.Context, key Key, private bool, ask func(context.Context) (source.Listing, error)) (one *listing, own bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	one, known := l.known[key]
	if known && !one.failed() {
		return one, false
	}
	next := &listing{done: make(chan struct{}), private: private, chance: 1}
	if known {
		next.chance = one.chance + 1
	}
	l.known[key] = next
	go func() {
		defer close(next.done)
		next.releases, next.err = ask(context.WithoutCancel(ctx))
		next.digest = digest(next.releases)
	}()
	return next, true
}

// failed reports whether it was asked for in vain, and somebody else may.
func (one *listing) failed() bool {
	select {
	case <-one.done:
		return one.err != nil && one.chance < chances
	default:
		return false
	}
}

// Count returns how many distinct sources were listed, which no snapshot knew, and how often one was asked for.
func (l *Listings) Count() (distinct, asked int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, one := range l.known {
		if !one.known {
			distinct++
		}
	}
	return distinct, l.asked
}
