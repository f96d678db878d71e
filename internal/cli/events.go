package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/pawl-cd/pawl/internal/event"
	"github.com/pawl-cd/pawl/internal/event/outbox"
)

type eventsOptions struct {
	*globals
	output string
}

func newEvents(g *globals) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "events",
		Short: "Look at, check and deliver events",
		Long: `Events that a sink has not acknowledged wait in the outbox: events.outbox, else a directory of this profile below
$XDG_STATE_HOME/pawl or ~/.local/state/pawl. What a sink refused for good is set aside there.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newEventsList(g), newEventsFlush(g), newEventsSchema(g), newEventsValidate(g))
	return cmd
}

func newEventsList(g *globals) *cobra.Command {
	o := &eventsOptions{globals: g}
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the events that wait and those that were refused",
		Example: `  pawl events list
  pawl events list --output json`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return o.list() },
	}
	addOutput(cmd, &o.output, "table", "json")
	return cmd
}

func newEventsFlush(g *globals) *cobra.Command {
	o := &eventsOptions{globals: g}
	return &cobra.Command{
		Use:   "flush",
		Short: "Deliver the events that wait",
		Long: `Flush hands what waits to the sinks, as long as they take something at all. It exits 3 when an event stays or is
refused. A signal ends it; what is not delivered keeps waiting.`,
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

// keptEvents is what is in an outbox.
type keptEvents struct {
	Schema    string      `json:"schema"`
	Directory string      `json:"directory"`
	Events    []keptEvent `json:"events"`
}

// keptEvent is one event that waits for a sink or was refused by it; of a damaged file only the reason is known.
type keptEvent struct {
	State   string          `json:"state"` // waiting or dead
	Sink    string          `json:"sink"`
	ID      string          `json:"id,omitempty"`
	Type    string          `json:"type,omitempty"`
	Subject string          `json:"subject,omitempty"`
	Chain   string          `json:"chain,omitempty"`
	Time    time.Time       `json:"time,omitzero"`
	Reason  string          `json:"reason,omitempty"`
	Event   json.RawMessage `json:"event,omitempty"`
}

// kept is what is in the outbox, and where that is.
func (s *session) kept() (dir string, entries []outbox.Entry, err error) {
	if dir, err = s.outboxDir(); err != nil {
		return "", nil, err
	}
	if entries, err = outbox.List(dir); err != nil {
		return "", nil, &exit{code: Failure, err: err}
	}
	return dir, entries, nil
}

func (o *eventsOptions) list() error {
	s, err := o.open()
	if err != nil {
		return err
	}
	defer s.close()
	dir, entries, err := s.kept()
	if err != nil {
		return err
	}
	s.orphans(dir, entries)
	kept := keptEvents{Schema: eventsSchema, Directory: dir, Events: []keptEvent{}}
	for _, e := range entries {
		m, state := e.Message, "waiting"
		if e.Dead {
			state = "dead"
		}
		k := keptEvent{State: state, Sink: e.Sink, ID: m.ID, Type: m.Type, Subject: m.Subject, Chain: m.Chain, Time: m.Time, Reason: e.Reason}
		if json.Valid(m.Body) {
			k.Event = m.Body
		}
		kept.Events = append(kept.Events, k)
	}
	return o.print(kept)
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
	dead := 0
	for _, k := range kept.Events {
		if k.State == "dead" {
			dead++
		}
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
	fmt.Fprintf(&b, "%d waiting, %d refused in %s\n", len(kept.Events)-dead, dead, printable(kept.Directory))
	return o.write(b.String())
}

// orphans warns of sinks that are not configured any more and for which events wait, and counts these.
func (s *session) orphans(dir string, entries []outbox.Entry) int {
	var configured, names []string
	for _, c := range s.config.Events.Sinks {
		configured = append(configured, sinkName(c))
	}
	waiting := map[string]int{}
	for _, e := range entries {
		if !e.Dead && !slices.Contains(configured, e.Sink) {
			waiting[e.Sink]++
			names = append(names, e.Sink)
		}
	}
	for _, name := range slices.Compact(names) { // the entries come by sink
		s.g.reporter().say(slog.LevelWarn, fmt.Sprintf("%s waiting for %s, which is not in events.sinks", count(waiting[name], "event"), name),
			"put the sink back, or remove "+filepath.Join(dir, "waiting", name))
	}
	return len(names)
}

func (o *eventsOptions) flush(ctx context.Context) error {
	s, err := o.open()
	if err != nil {
		return err
	}
	defer s.close()
	s.warnOfConfig()
	box, err := s.outbox(nil)
	if err != nil {
		return failed(err)
	}
	if box == nil {
		o.reporter().say(slog.LevelInfo, "no sink is configured", "")
		return o.leftovers(s)
	}
	sum := box.Flush(ctx)
	for before := 0; ctx.Err() == nil && waiting(sum) > 0 && delivered(sum) > before; {
		before = delivered(sum)
		sum = box.Flush(ctx)
	}
	sum = box.Stop()
	var b strings.Builder
	for _, d := range s.delivery(sum) {
		fmt.Fprintf(&b, "%s: %d delivered, %d refused, %d waiting\n", d.Sink, d.Delivered, d.Dead, d.Waiting)
		if d.Detail != "" {
			o.reporter().say(slog.LevelWarn, d.Sink+": "+d.Detail, "see pawl events list")
		}
	}
	if err := errors.Join(o.write(b.String()), o.leftovers(s)); err != nil {
		return err
	}
	if sum.Undelivered() > 0 {
		return &exit{code: Partial, topics: []topic{outboxTopic}}
	}
	return nil
}

// failed is the end with an error that is pawl's own unless it has an exit code already.
func failed(err error) error {
	if _, ok := errors.AsType[*exit](err); ok {
		return err
	}
	return &exit{code: Failure, err: err}
}

// leftovers ends with 3 when events wait for a sink that nobody delivers to.
func (o *eventsOptions) leftovers(s *session) error {
	dir, entries, err := s.kept()
	if err != nil {
		return err
	}
	if s.orphans(dir, entries) > 0 {
		return &exit{code: Partial, topics: []topic{outboxTopic}}
	}
	return nil
}

func waiting(sum outbox.Summary) (n int) {
	for _, state := range sum {
		n += state.Waiting
	}
	return n
}

// delivered counts what is settled, either way.
func delivered(sum outbox.Summary) (n int) {
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
