package cli

import (
	"errors"

	"github.com/pawl-cd/pawl/internal/event"
	"github.com/pawl-cd/pawl/internal/event/send"
	"github.com/pawl-cd/pawl/internal/fault"
	"github.com/pawl-cd/pawl/internal/run"
)

// sender begins to send to the configured sinks; nil when there is none. settled, which may be nil, is told of each event
// that a sink is done with.
func (s *session) sender(settled func(sink string, m event.Message)) (*send.Sender, error) {
	if len(s.config.Events.Sinks) == 0 {
		return nil, nil
	}
	sinks, err := s.wire().Sinks()
	if err == nil {
		return send.New(send.Config{Sinks: sinks, Settled: settled}), nil
	}
	for _, sink := range sinks {
		err = errors.Join(err, sink.Close())
	}
	return nil, &exit{code: Usage, err: err, hint: fault.Hint(err), topics: []topic{sinksTopic}}
}

// delivery is how each sink stands, for a report.
func (s *session) delivery(sum send.Summary) []run.Delivery {
	var all []run.Delivery
	for _, state := range sum {
		d := run.Delivery{Sink: state.Sink, Delivered: state.Delivered, Dead: state.Dead, Waiting: state.Waiting}
		if state.Err != nil {
			d.Detail = s.g.door.Text(state.Err.Error())
		}
		all = append(all, d)
	}
	return all
}
