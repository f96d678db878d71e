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
// whose key is the same.
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
}

// NewListings returns listings of which none is known.
func NewListings() *Listings { return &Listings{known: map[Key]*listing{}} }

// Get returns the listing, which ask fetches when nobody has; private says that it is for those with credentials only. The asking goes on when the one who began it does not wait any
// more: others may.
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

func (l *Listings) get(ctx context.Context, key Key, private bool, ask func(context.Context) (source.Listing, error)) (*listing, error) {
	l.mu.Lock()
	one, known := l.known[key]
	if !known {
		one = &listing{done: make(chan struct{}), private: private}
		l.known[key] = one
		go func() {
			defer close(one.done)
			one.releases, one.err = ask(context.WithoutCancel(ctx))
			one.digest = digest(one.releases)
		}()
	}
	l.mu.Unlock()
	select {
	case <-one.done:
		return one, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Count returns how many distinct listings there are, and how often one was asked for.
func (l *Listings) Count() (distinct, asked int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.known), l.asked
}
