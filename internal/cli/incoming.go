package cli

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/pawl-cd/pawl/internal/change"
	"github.com/pawl-cd/pawl/internal/event"
	"github.com/pawl-cd/pawl/internal/fault"
	"github.com/pawl-cd/pawl/internal/ledger"
	"github.com/pawl-cd/pawl/internal/run"
	"github.com/pawl-cd/pawl/internal/source"
)

// receive reads the event that --event names, and says what it is. One that is malformed or comes from somebody who may
// not send ends the run before it does anything; one that means nothing here does not.
func (o *runOptions) receive(s *session) error {
	if o.event == "" {
		if o.signature != "" {
			return usage(errors.New("--signature: there is no --event that it could be of"))
		}
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
	if err := o.verify(s, raw); err != nil {
		return err
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

// verify holds the event's bytes against the signature. A signature that is wrong, or that nobody can check, ends the run: somebody
// meant to prove something.
func (o *runOptions) verify(s *session, raw []byte) error {
	if o.signature == "" {
		return nil
	}
	name := s.config.Events.Key
	if name == "" {
		return &exit{code: Usage, err: errors.New("--signature: events.key is not set in .pawl.yaml"), hint: "name the variable that holds the key, as in `events: {key: EVENTS_KEY}`", topics: []topic{eventsTopic}}
	}
	key := s.env(name)
	if key == "" {
		return &exit{code: Usage, err: fmt.Errorf("--signature: the variable %s is not set", name), hint: "set it to the key that the sender signs with", topics: []topic{eventsTopic}}
	}
	o.door.Add(key)
	if !event.Signed(raw, key, o.signature) {
		return &exit{code: Usage, err: errors.New("--signature: it is not that of this event"), hint: "sign the very bytes of --event with HMAC-SHA256, in hexadecimal", topics: []topic{eventsTopic}}
	}
	o.signed = true
	return nil
}

// freshness is how old a signed event may be that moves values: a copy of it is worth nothing after that.
const freshness = 24 * time.Hour

// rumour is how long the word of a deletion is kept.
const rumour = 30 * 24 * time.Hour

// hears is what the event that started the run says of brakes: a person's brake, or what a scanner or a publisher told.
func (o *runOptions) hears(s *session, job actions) (func(l ledger.Ledger, base string, now time.Time) ledger.Ledger, error) {
	if o.looking {
		return nil, nil
	}
	said := o.said()
	heed, err := o.heeds(s, job)
	if err != nil || heed == nil && len(said) == 0 {
		return nil, err
	}
	var first time.Time
	return func(l ledger.Ledger, base string, now time.Time) ledger.Ledger {
		if first.IsZero() {
			first = now
		}
		now = first // a run that starts over says it at the same time
		words := slices.Clone(said)
		for i := range words {
			words[i].At = now
		}
		if l = l.Hear(now, words...); heed != nil {
			l = heed(l, base, now)
		}
		return l
	}, nil
}

// said are the words that the incoming event adds to the ledger: a quarantine, which moves values only when its bytes were signed
// lately, or that an artifact was deleted.
func (o *runOptions) said() []ledger.Lever {
	in := o.incoming
	if in.Ignored != "" || in.Name != event.ArtifactQuarantined && in.Name != event.ArtifactDeleted {
		return nil
	}
	artifact, err := source.ParseNamed(in.Artifact.String())
	if err != nil {
		o.reporter().say(slog.LevelWarn, "incoming event: "+in.Artifact.String()+" names no version: nothing is barred", "")
		return nil
	}
	by := in.Source
	if in.User != "" {
		by = in.User + " at " + in.Source
	}
	l := ledger.Lever{Kind: ledger.Quarantine, Subject: artifact.String(), Reason: in.Reason, By: by, Event: in.ID, Until: in.Until}
	if in.Name == event.ArtifactDeleted {
		l.Kind, l.Reason, l.Until = ledger.Withdrawn, cmp.Or(in.Reason, "deleted"), o.sys.Now().Add(rumour).UTC().Truncate(time.Second)
		return []ledger.Lever{l}
	}
	age := o.sys.Now().Sub(in.At)
	if l.Stay = !o.signed || age > freshness || age < -time.Hour; l.Stay {
		why := "its bytes are not signed: the version is barred, and no value is moved"
		if o.signed {
			why = "it is of " + ledger.Minute(in.At) + ", which is not lately: the version is barred, and no value is moved"
		}
		o.reporter().say(slog.LevelWarn, "incoming event: "+why, "to leave the version: pawl quarantine, or an event signed under events.key with --signature")
	}
	return []ledger.Lever{l}
}
