package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/pawl-cd/pawl/internal/config"
	"github.com/pawl-cd/pawl/internal/event"
	"github.com/pawl-cd/pawl/internal/event/send"
	"github.com/pawl-cd/pawl/internal/fault"
	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/ledger"
	"github.com/pawl-cd/pawl/internal/observe"
	"github.com/pawl-cd/pawl/internal/wire"
)

type eventsOptions struct {
	*globals
	output string
}

func newEvents(g *globals) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "events",
		Short: "Look at, check and deliver events",
		Long: `What a run could not deliver is told by the next one: from what the forge shows, and from the ledger, which keeps the
run's own events until their sinks have them.`,
	}
	cmd.AddCommand(newEventsList(g), newEventsFlush(g), newEventsSchema(g), newEventsValidate(g))
	return cmd
}

func newEventsList(g *globals) *cobra.Command {
	o := &eventsOptions{globals: g}
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the events that wait in the ledger",
		Example: `  pawl events list
  pawl events list --output json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.list(cmd.Context()) },
	}
	addOutput(cmd, &o.output, "table", "json")
	return cmd
}

func newEventsFlush(g *globals) *cobra.Command {
	o := &eventsOptions{globals: g}
	return &cobra.Command{
		Use:   "flush",
		Short: "Deliver the events that wait",
		Long: `Flush hands what waits in the ledger to the sinks, as long as they take something at all, and takes what they have
out of it. It exits 3 when an event stays or is refused. A signal ends it; what is not delivered keeps waiting.`,
		Example: `  pawl events flush`,
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return o.flush(cmd.Context()) },
	}
}

func newEventsSchema(g *globals) *cobra.Command {
	o := &eventsOptions{globals: g}
	return &cobra.Command{
		Use:   "schema [NAME]",
		Short: "List the JSON Schemas of what is ours in events, or print one",
		Example: `  pawl events schema
  pawl events schema change.merged@1`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: schemaNames,
		RunE:              func(_ *cobra.Command, args []string) error { return o.schema(args) },
	}
}

// schemaNames completes the name of a schema.
func schemaNames(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	var names []string
	for _, s := range event.Schemas() {
		names = append(names, s.Name)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// eventsSchema names the contract of the list's JSON form.
const eventsSchema = "pawl.events/1"

// keptEvents is what waits in the ledger; Directory is the ref that it stands on.
type keptEvents struct {
	Schema    string      `json:"schema"`
	Directory string      `json:"directory"`
	Events    []keptEvent `json:"events"`
}

// keptEvent is one event that waits for a sink; of one that is not whole only the reason is known.
type keptEvent struct {
	State   string          `json:"state"` // waiting
	Sink    string          `json:"sink"`
	ID      string          `json:"id,omitempty"`
	Type    string          `json:"type,omitempty"`
	Subject string          `json:"subject,omitempty"`
	Chain   string          `json:"chain,omitempty"`
	Time    time.Time       `json:"time,omitzero"`
	Reason  string          `json:"reason,omitempty"`
	Event   json.RawMessage `json:"event,omitempty"`
}

// kept opens the profile's forge and reads what waits in its ledger.
func (o *eventsOptions) kept(ctx context.Context, s *session) (forge.Forge, []ledger.Pending, error) {
	s.warnOfSpool()
	_, client := s.pipeline()
	f, err := s.forge(client)
	if err != nil {
		return nil, nil, err
	}
	if _, err := f.Open(ctx); err != nil {
		return nil, nil, failed(err)
	}
	known, err := f.Ledger(ctx)
	if err != nil {
		return nil, nil, failed(err)
	}
	return f, known.Pending, nil
}

func (o *eventsOptions) list(ctx context.Context) error {
	s, err := o.open()
	if err != nil {
		return err
	}
	defer s.close()
	_, pending, err := o.kept(ctx, s)
	if err != nil {
		return err
	}
	s.orphans(pending)
	list := keptEvents{Schema: eventsSchema, Directory: s.config.Ledger, Events: []keptEvent{}}
	for _, p := range pending {
		m, err := observe.PendingMessage(p)
		k := keptEvent{State: "waiting", Sink: p.Sink, ID: p.ID, Type: m.Type, Subject: m.Subject, Chain: m.Chain, Time: m.Time, Event: m.Body}
		if err != nil {
			k.Reason = err.Error()
		}
		list.Events = append(list.Events, k)
	}
	return o.print(list)
}

func (o *eventsOptions) print(kept keptEvents) error {
	if o.output == "json" {
		if err := writeJSON(o.sys.Out, kept); err != nil {
			return &exit{code: Failure, err: fmt.Errorf("writing the output: %w", err)}
		}
		return nil
	}
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, k := range kept.Events {
		at := ""
		if !k.Time.IsZero() {
			at = k.Time.UTC().Format(time.RFC3339)
		}
		line := []string{k.State, k.Sink, at, k.Type, k.Subject, k.Reason}
		for i := range line {
			line[i] = printable(line[i])
		}
		fmt.Fprintln(w, strings.TrimRight(strings.Join(line, "\t"), "\t"))
	}
	_ = w.Flush() // a strings.Builder never fails
	fmt.Fprintf(&b, "%d waiting in %s\n", len(kept.Events), printable(kept.Directory))
	return o.write(b.String())
}

// orphans warns of sinks that are not configured any more and for which events wait, and counts these.
func (s *session) orphans(pending []ledger.Pending) int {
	waiting, all := map[string]int{}, 0
	for _, p := range pending {
		if !slices.ContainsFunc(s.config.Events.Sinks, func(c config.Sink) bool { return wire.SinkName(c) == p.Sink }) {
			waiting[p.Sink]++
			all++
		}
	}
	for _, name := range slices.Sorted(maps.Keys(waiting)) {
		s.g.reporter().say(slog.LevelWarn, fmt.Sprintf("%s waiting for %s, which is not in events.sinks", count(waiting[name], "event"), name),
			"put the sink back; what nobody takes goes when newer events need the room")
	}
	return all
}

func (o *eventsOptions) flush(ctx context.Context) error {
	s, err := o.open()
	if err != nil {
		return err
	}
	defer s.close()
	s.warnOfConfig()
	if err := s.writesNothing("pawl events flush"); err != nil {
		return err
	}
	var done settledEvents
	sender, err := s.sender(done.add)
	if err != nil {
		return failed(err)
	}
	if sender == nil {
		o.reporter().say(slog.LevelInfo, "no sink is configured", "")
	} else {
		defer sender.Stop()
	}
	if sender != nil && s.wire().ForgeToken() == "" {
		return &exit{code: Usage, err: errors.New("no token is set"), hint: "set MERGE_TOKEN or GITHUB_TOKEN (contents: write): the ledger keeps what waits", topics: []topic{noTokenTopic}}
	}
	f, pending, err := o.kept(ctx, s)
	if err != nil {
		return err
	}
	left := s.orphans(pending)
	if sender != nil {
		undelivered, err := o.deliver(ctx, s, sender, pending, &done)
		if err := errors.Join(err, done.record(ctx, f, pending)); err != nil {
			return failed(err)
		}
		left += undelivered
	}
	if left > 0 {
		return &exit{code: Partial, topics: []topic{undeliveredTopic}}
	}
	return nil
}

// deliver hands over what waits as long as something is taken, says how each sink stands, and counts what did not reach one.
func (o *eventsOptions) deliver(ctx context.Context, s *session, sender *send.Sender, pending []ledger.Pending, done *settledEvents) (int, error) {
	broken := 0
	for _, p := range pending {
		m, err := observe.PendingMessage(p)
		if err == nil {
			err = sender.Add(m, p.Sink)
		}
		if err != nil {
			broken++
			done.add(p.Sink, event.Message{ID: p.ID, Source: p.Source}) // nobody can ever send it
			o.reporter().say(slog.LevelWarn, err.Error(), fault.Hint(err))
		}
	}
	sum := sender.Flush(ctx)
	for before := 0; ctx.Err() == nil && waiting(sum) > 0 && delivered(sum) > before; {
		before = delivered(sum)
		sum = sender.Flush(ctx)
	}
	sum = sender.Stop()
	var b strings.Builder
	for _, d := range s.delivery(sum) {
		fmt.Fprintf(&b, "%s: %d delivered, %d refused, %d waiting\n", d.Sink, d.Delivered, d.Dead, d.Waiting)
		if d.Detail != "" {
			o.reporter().say(slog.LevelWarn, d.Sink+": "+d.Detail, "look at the receiver; what waits stays in the ledger, what it refused is not sent again")
		}
	}
	return broken + sum.Undelivered(), o.write(b.String())
}

// settledEvents are those that sinks have acknowledged or refused for good.
type settledEvents struct {
	mu  sync.Mutex
	all []ledger.Pending
}

func (s *settledEvents) add(sink string, m event.Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, ledger.Pending{Sink: sink, ID: m.ID, Source: m.Source})
}

// record takes them out of the ledger, also after an interruption: else they come twice.
func (s *settledEvents) record(ctx context.Context, f forge.Forge, pending []ledger.Pending) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.all) == 0 || len(pending) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), hurry)
	defer cancel()
	return f.Record(ctx, func(l ledger.Ledger) ledger.Ledger {
		l, _ = l.Keep(s.all, nil)
		return l
	})
}

// failed is the end with an error that is pawl's own unless it has an exit code already.
func failed(err error) error {
	if _, ok := errors.AsType[*exit](err); ok {
		return err
	}
	return &exit{code: Failure, err: err}
}

func waiting(sum send.Summary) (n int) {
	for _, state := range sum {
		n += state.Waiting
	}
	return n
}

// delivered counts what is settled, either way.
func delivered(sum send.Summary) (n int) {
	for _, state := range sum {
		n += state.Delivered + state.Dead
	}
	return n
}

func (o *eventsOptions) schema(args []string) error {
	if len(args) == 0 {
		var b strings.Builder
		for _, s := range event.Schemas() {
			fmt.Fprintf(&b, "%-24s  %s\n", s.Name, s.Type)
		}
		return o.write(b.String())
	}
	s, ok := event.SchemaOf(args[0])
	if !ok {
		return &exit{code: Usage, topics: []topic{eventsTopic}, err: fmt.Errorf("there is no schema %q", args[0]), hint: "pawl events schema lists them"}
	}
	return o.write(string(s.JSON))
}
