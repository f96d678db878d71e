package cli

import (
	"context"
	"fmt"
	"io"
	"sync"

	"github.com/pawl-cd/pawl/internal/plan"
	"github.com/pawl-cd/pawl/internal/source"
)

// progress is a Lister that shows a person how many sources have answered.
type progress struct {
	plan.Lister
	out io.Writer

	mu          sync.Mutex
	asked, done int
}

// List passes the question on and shows the count before and after.
func (p *progress) List(ctx context.Context, q source.Query) (source.Listing, error) {
	p.show(1, 0)
	defer p.show(0, 1)
	return p.Lister.List(ctx, q)
}

func (p *progress) show(asked, done int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked, p.done = p.asked+asked, p.done+done
	if p.asked == p.done {
		fmt.Fprint(p.out, "\r\x1b[K")
		return
	}
	fmt.Fprintf(p.out, "\r\x1b[Kasking: %d of %d sources answered", p.done, p.asked)
}
