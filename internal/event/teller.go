package event

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// About is what all events of a run have in common. Texts may be untrusted: they come out cleaned and cut.
type About struct {
	// Source is the absolute URI that names this instance (the setting events.source).
	Source string
	// Run is the id of the run, Pipeline its name for people, URI the page of its CI job, empty when there is none.
	Run, Pipeline, URI string
	// Trigger is the id of the incoming event that started the run, empty when it was started otherwise. Dispatched says
	// that the run was asked for by a dispatch, with or without such an event, so that Queued is told.
	Trigger    string
	Dispatched bool
	// Chain is the chain of the run's own events: the incoming event's, or empty.
	Chain string
	// Forge is the base URL of the forge, Repository the profile there as OWNER/NAME, RepositoryURL its page.
	Forge, Repository, RepositoryURL string
	// TraceParent continues a W3C trace, empty when there is none.
	TraceParent string
	// Redact removes the values of secrets from a text; nil removes nothing.
	Redact func(text string) string
}

// Teller makes the events of one run, a method for each step. It remembers nothing: what an event refers to is computed
// from the values given, and whoever sends the events numbers them (Sequence).
//
// What can be read from the forge - branch, change, pipeline - is told without a word about the run that tells it: from
// the same values any run makes the same bytes, so a receiver that has seen an event knows it again by source and id.
// The events of a run itself differ from run to run. A found version is between the two: it has one id whoever finds it,
// and the time and the path of the run that did; the first one counts.
type Teller struct {
	about About
}

// NewTeller returns a Teller that has told nothing. It fails when the source is no absolute URI or the run has no id:
// without them no event is valid.
func NewTeller(about About) (*Teller, error) {
	t := &Teller{about: about}
	t.about.Source, t.about.Run = t.uri(about.Source), t.name(about.Run)
	switch {
	case t.about.Source == "":
		return nil, fmt.Errorf("naming the source of events: %q is not an absolute URI", t.line(about.Source))
	case t.about.Run == "":
		return nil, errors.New("naming the run in events: it has no id")
	}
	t.about.Chain, t.about.Trigger = t.name(about.Chain), t.name(about.Trigger)
	if t.about.Pipeline = t.name(about.Pipeline); t.about.Pipeline == "" {
		t.about.Pipeline = "pawl"
	}
	if t.about.URI = t.uri(about.URI); t.about.URI == "" {
		t.about.URI = strings.TrimSuffix(t.about.Source, "/") + "/runs/" + url.PathEscape(t.about.Run)
	}
	t.about.Forge, t.about.RepositoryURL = t.uri(about.Forge), t.uri(about.RepositoryURL)
	t.about.Repository = t.name(about.Repository)
	return t, nil
}

// Sequence is the number of an event within its run, from 1, in the form that orders texts as numbers.
func Sequence(n int) string { return fmt.Sprintf("%010d", n) }

// occurrence is one event before it is encoded.
type occurrence struct {
	name, id string
	// subject is the subject's id, source where that is unique, empty for the source of the event itself.
	subject, source string
	content, data   any
	links           []link
	chain           string
	at              time.Time
}

// tell encodes an event.
func (t *Teller) tell(h occurrence) Message {
	e := envelope{
		Context: eventContext{SpecVersion: SpecVersion, ID: h.id, Source: t.about.Source, Type: typeOf(h.name),
			Timestamp: timestamp(h.at), ChainID: h.chain, Links: h.links},
		Subject: subject{ID: h.subject, Source: h.source, Content: h.content},
	}
	if h.data != nil {
		e.CustomData = &customData{Pawl: h.data}
	}
	return Message{
		ID: h.id, Source: t.about.Source, Type: e.Context.Type, Subject: h.subject, Time: moment(h.at), Chain: h.chain,
		TraceParent: t.about.TraceParent, Body: encode(e),
	}
}

// identify returns the id of an event of this source.
func (t *Teller) identify(name, subject string, discriminator ...string) string {
	return identify(t.about.Source, name, subject, discriminator...)
}

// repository names the profile, nil when it is not known.
func (t *Teller) repository() *reference {
	if t.about.Repository == "" {
		return nil
	}
	return &reference{ID: t.about.Repository, Source: t.about.Forge}
}
