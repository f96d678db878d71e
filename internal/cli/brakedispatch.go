package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/pawl-cd/pawl/internal/dispatch"
	"github.com/pawl-cd/pawl/internal/dispatch/github"
	"github.com/pawl-cd/pawl/internal/fault"
	"github.com/pawl-cd/pawl/internal/ledger"
)

// brakeSchema names the contract of a brake as the input `brake` of the profile's workflow.
const brakeSchema = "pawl.brake/1"

// maxBrake bounds it, in bytes; GitHub takes 65,535 characters for all inputs.
const maxBrake = 8 << 10

// sentBrake is a brake on its way to the profile's workflow, which does it in the name of who started it.
type sentBrake struct {
	Schema     string   `json:"schema"`
	Command    string   `json:"command"`
	Arguments  []string `json:"arguments,omitempty"`
	Reason     string   `json:"reason,omitempty"`
	Until      string   `json:"until,omitempty"`
	Version    string   `json:"version,omitempty"`
	BreakGlass string   `json:"breakGlass,omitempty"`
	Urgent     bool     `json:"urgent,omitempty"`
	Yes        bool     `json:"yes,omitempty"`
}

// send starts the profile's workflow with the brake.
func (o *brakeOptions) send(ctx context.Context, name string, args []string) error {
	if _, err := endOf(o.until, o.sys.Now()); err != nil {
		return usage(err)
	}
	if err := named(name, args); err != nil {
		return err // the workflow would say it too late
	}
	text, err := json.Marshal(sentBrake{Schema: brakeSchema, Command: name, Arguments: args, Reason: o.reason, Until: o.until, Version: o.version, BreakGlass: o.breakGlass, Urgent: o.urgent, Yes: o.yes})
	if err != nil {
		return &exit{code: Failure, err: err}
	}
	if len(text) > maxBrake {
		return usage(fmt.Errorf("the brake has %d bytes, more than the limit of %d", len(text), maxBrake))
	}
	s, err := o.session(ctx)
	if err != nil {
		return err
	}
	if s.tree != nil {
		defer s.close()
	}
	if err := s.writesNothing("a brake"); err != nil && !o.dryRun {
		return err
	}
	if kind, pulls := pulled[name]; pulls && s.manifests != nil {
		if _, err := o.levers(brakedProfile{manifests: s.manifests, now: o.sys.Now()}, kind, args); err != nil {
			return err // the workflow would say it too late
		}
	}
	if !s.wire().HasWorkflows() {
		return &exit{code: Usage, err: errors.New("--dispatch: a GitLab has no workflow that a brake could be sent to"),
			hint: "pull it without --dispatch, with a token in MERGE_TOKEN that may push", topics: []topic{usageTopic}}
	}
	if o.dryRun {
		return o.write(printableLines("dry run, nothing is sent: would start " + o.workflow + " with brake: " + string(text) + "\n"))
	}
	run, err := o.dispatched(ctx, s, dispatch.Inputs{Brake: o.door.Text(string(text))})
	if err != nil {
		return &exit{code: Failure, err: err, hint: fault.Hint(err)}
	}
	return o.write(printableLines("sent to " + o.workflow + " of " + s.wire().Repository() + ", which pulls it in your name" + where(run) + "\n"))
}

// start asks for the profile's next run, and says which it is, or how to start it.
func (o *brakeOptions) start(ctx context.Context, p brakedProfile) string {
	byHand := "  hint: the next run does the rest: start it with pawl run, or by its workflow or job"
	if o.sys.tenant != nil {
		byHand = "  hint: the fleet's next run does the rest: start it with pawl fleet run, or by its job"
	}
	if o.noRun || !p.session.wire().HasWorkflows() {
		return byHand
	}
	run, err := o.dispatched(ctx, p.session, dispatch.Inputs{})
	if err != nil && o.sys.tenant != nil && isMissing(err) {
		return byHand // most profiles of a fleet have no workflow of their own
	}
	if err != nil {
		return byHand + " (it could not be started from here: " + o.door.Text(firstLine(err.Error())) + ")"
	}
	return "started " + o.workflow + ", which does the rest" + where(run)
}

// isMissing reports that there is no workflow, or none that the token may start.
func isMissing(err error) bool {
	refusal, ok := errors.AsType[*dispatch.Refusal](err)
	return ok && (refusal.Status == http.StatusNotFound || refusal.Status == http.StatusForbidden && !refusal.Limited())
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

// where names a run, if GitHub did.
func where(run github.Run) string {
	if run.URL == "" {
		return ""
	}
	return ": " + run.URL
}

// dispatched starts the profile's workflow.
func (o *brakeOptions) dispatched(ctx context.Context, s *session, in dispatch.Inputs) (github.Run, error) {
	token := s.wire().ForgeToken()
	if token == "" {
		return github.Run{}, fault.New("set MERGE_TOKEN (actions: write)", "no token is set")
	}
	client, err := github.New(github.Config{HTTP: s.wire().Client(), API: s.wire().ForgeAPI(), Workflow: o.workflow, Forge: s.wire().ForgeKind()})
	if err != nil {
		return github.Run{}, err
	}
	ref := s.config.Forge.Base
	if ref == "" {
		ref = dispatch.DefaultRef
	}
	return client.Dispatch(ctx, dispatch.Target{Repository: s.wire().Repository(), Variable: "MERGE_TOKEN", Token: token}, dispatch.Request{Ref: ref, Inputs: in})
}

// brake reads the brake that the workflow was started with, and who started it; the empty command is none.
func (a actions) brake() (b sentBrake, by string, err error) {
	name := a.env("GITHUB_EVENT_PATH")
	if name == "" {
		return b, "", nil
	}
	f, err := os.Open(name)
	if err != nil {
		return b, "", fmt.Errorf("reading the event: %w", err)
	}
	defer f.Close()
	var event struct {
		Inputs struct{ Brake string }
		Sender struct{ Login string }
	}
	if err := json.NewDecoder(io.LimitReader(f, maxEvent)).Decode(&event); err != nil {
		return b, "", fmt.Errorf("reading the event: %s is no JSON object of an event", name)
	}
	text := event.Inputs.Brake
	if text == "" {
		return b, "", nil
	}
	if len(text) > maxBrake {
		return b, "", fmt.Errorf("the input brake has %d bytes, more than the limit of %d", len(text), maxBrake)
	}
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.DisallowUnknownFields()
	if err := d.Decode(&b); err != nil || d.More() {
		return sentBrake{}, "", errors.New("the input brake is not what pawl ... --dispatch sends")
	}
	if b.Schema != brakeSchema {
		return sentBrake{}, "", fmt.Errorf("the input brake: want schema %s, have %q", brakeSchema, b.Schema)
	}
	return b, event.Sender.Login, nil
}

// sentCommands are the commands that may be sent.
var sentCommands = []string{"quarantine", "unquarantine", "hold", "unhold", "rollback", "pause", "resume"}

// heeds is what a sent brake does to the ledger, in the name of who started the workflow; nil when there is none. What is wrong with it
// ends the run before it does anything.
func (o *runOptions) heeds(s *session, job actions) (func(l ledger.Ledger, base string, now time.Time) ledger.Ledger, error) {
	sent, by, err := job.brake()
	if err != nil {
		return nil, &exit{code: Usage, err: err, topics: []topic{eventFileTopic}}
	}
	if sent.Command == "" {
		return nil, nil
	}
	if !slices.Contains(sentCommands, sent.Command) {
		return nil, &exit{code: Usage, err: fmt.Errorf("the input brake: there is no command %q", sent.Command), topics: []topic{eventFileTopic}}
	}
	b := &brakeOptions{globals: o.globals, reason: o.door.Text(sent.Reason), until: sent.Until, version: sent.Version, breakGlass: o.door.Text(sent.BreakGlass), urgent: sent.Urgent, yes: sent.Yes}
	profile := func(l ledger.Ledger, base string, now time.Time) brakedProfile {
		return brakedProfile{self: by, base: base, now: now, ledger: l, manifests: s.manifests}
	}
	kind, pulls := pulled[sent.Command]
	if pulls {
		err = b.sayable()
	}
	if pulls && err == nil {
		_, err = b.levers(profile(ledger.Ledger{}, "", o.sys.Now()), kind, sent.Arguments)
	}
	if err != nil {
		return nil, fmt.Errorf("the input brake: %w", err)
	}
	first := true
	return func(l ledger.Ledger, base string, now time.Time) ledger.Ledger {
		p := profile(l, base, now)
		if pulls {
			levers, _ := b.levers(p, kind, sent.Arguments) // it was looked at before
			return l.Brake(levers...)
		}
		all, err := b.lifted(p, sent.Command, sent.Arguments)
		if err != nil && first { // later the run has lifted it itself
			o.reporter().say(slog.LevelWarn, "the input brake lifts nothing: "+err.Error(), fault.Hint(err))
		}
		first = false
		return all.from(l)
	}, nil
}
