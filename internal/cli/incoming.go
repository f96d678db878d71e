package cli

import (
	"cmp"
	"errors"
	"log/slog"

	"github.com/pawl-cd/pawl/internal/change"
	"github.com/pawl-cd/pawl/internal/event"
	"github.com/pawl-cd/pawl/internal/fault"
	"github.com/pawl-cd/pawl/internal/run"
	"github.com/pawl-cd/pawl/internal/source"
)

// receive reads the event that --event names, and says what it is. One that is malformed or comes from somebody who may
// not send ends the run before it does anything; one that means nothing here does not.
func (o *runOptions) receive(s *session) error {
	if o.event == "" {
		return nil
	}
	if o.Image != "" || o.Chart != "" || o.Tag != "" {
		return usage(errors.New("--event: the event itself says what was published; leave out --image, --chart and --tag"))
	}
	raw, err := o.read(o.event, event.MaxIncoming)
	if err == nil {
		o.incoming, err = event.Parse(raw, s.config.Events.Accept, s.wire().EventSource())
	}
	if err != nil {
		return &exit{code: Usage, topics: []topic{eventsTopic}, err: errors.New("--event: " + err.Error()),
			hint: cmp.Or(fault.Hint(err), "name a file with a CDEvent of at most 64 KiB, or - for stdin")}
	}
	o.clean(&o.incoming)
	text := "incoming event: " + o.describe()
	o.reporter().say(slog.LevelInfo, text, "")
	o.job().annotate("notice", "pawl", text)
	return nil
}

// clean removes secrets from all that comes out of an event.
func (g *globals) clean(in *event.Incoming) {
	a := &in.Artifact
	for _, text := range []*string{&in.ID, &in.Source, &in.Chain, &in.Name, &in.Image, &in.Tag, &in.User, &in.Reason,
		&a.Type, &a.Namespace, &a.Name, &a.Version, &a.Repository, &a.Tag} {
		*text = g.door.Text(*text)
	}
}

// describe says in one line what came in and what is done about it.
func (o *runOptions) describe() string {
	in := o.incoming
	text := in.Name + " from " + in.Source
	if in.Ignored != "" {
		return "ignored: " + in.Ignored + ": " + text
	}
	text += ": " + in.Artifact.String()
	if in.User != "" {
		text += " by " + in.User
	}
	if in.Reason != "" {
		text += ": " + in.Reason
	}
	return text
}

// hints adds what the incoming event says to what a dispatch said.
func (o *runOptions) hints(dispatched inputs) inputs {
	hints := o.inputs.or(dispatched)
	if o.incoming.Image != "" {
		hints.Image, hints.Tag = o.incoming.Image, o.incoming.Tag
	}
	return hints
}

// cause is the incoming event as the run continues it: nothing of an ignored one, and chain and artifact of a publication
// only, for that is what updates come from.
func (o *runOptions) cause() event.Incoming {
	in := o.incoming
	switch {
	case in.Ignored != "":
		return event.Incoming{}
	case in.Name != event.ArtifactPublished:
		in.Chain, in.Artifact = "", source.Artifact{}
	case len(in.Chain) > change.MaxChain:
		in.Chain = ""
	}
	return in
}

// received is the incoming event for the report, nil when there is none.
func (o *runOptions) received() *run.Incoming {
	in := o.incoming
	if in.ID == "" {
		return nil
	}
	r := &run.Incoming{ID: in.ID, Source: in.Source, Type: in.Name, At: in.At, Chain: in.Chain, Reason: in.Reason, Ignored: in.Ignored}
	if in.Artifact.Name != "" {
		r.Artifact = in.Artifact.String()
	}
	return r
}
