package observe_test

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pawl-cd/pawl/internal/event"
	"github.com/pawl-cd/pawl/internal/ledger"
	"github.com/pawl-cd/pawl/internal/observe"
	"github.com/pawl-cd/pawl/internal/run"
)

// deaf is a sender whose receiver takes nothing.
type deaf struct{ added int }

func (d *deaf) Sinks() []string                   { return []string{"shelf"} }
func (d *deaf) Add(event.Message, []string) error { d.added++; return nil }
func (d *deaf) Deliver(context.Context)           {}
func (d *deaf) Settled() map[string][]string      { return nil }

// TestPendingBounds: what the ledger drops is counted, also when the run itself failed; what is not whole is said and taken out.
func TestPendingBounds(t *testing.T) {
	t.Parallel()
	for name, ended := range map[string]error{"a run that went well": nil, "a run that failed": errors.New("it failed")} {
		a := &archive{}
		a.ledger.Pending = append(a.ledger.Pending, ledger.Pending{Sink: "shelf", ID: "broken", Source: "s", Event: []byte(`{}`)})
		for n := 1; n < ledger.MaxPending; n++ {
			a.ledger.Pending = append(a.ledger.Pending, observe.NewPending("shelf", event.Message{ID: strconv.Itoa(n), Source: "s", Body: []byte(`{}`)}))
		}
		sender := &deaf{}
		o, err := observe.New(observe.Config{About: event.About{Source: "https://github.com/o/r", Run: "1"}, Sender: sender, Clock: func() time.Time { return time.Unix(1, 0) }})
		if err != nil {
			t.Fatal(err)
		}
		o.Started()
		if _, err := o.Forge(a).Ledger(t.Context()); err != nil {
			t.Fatal(err)
		}
		err = o.Finished(t.Context(), a, &run.Report{}, ended)
		if err == nil || !strings.Contains(err.Error(), "broken for shelf is not whole") || !strings.Contains(err.Error(), "the oldest 1 are dropped, 1000 are kept") {
			t.Errorf("%s: %v", name, err)
		}
		if first := a.ledger.Pending[0].ID; len(a.ledger.Pending) != ledger.MaxPending || first != "2" || len(o.Lost()) != 0 || sender.added != ledger.MaxPending+1 {
			t.Errorf("%s: %d wait from %s on, %v lost, %d added", name, len(a.ledger.Pending), first, o.Lost(), sender.added)
		}
	}
}
