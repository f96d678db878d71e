// Package receiver is an event receiver, as an http.Handler with real behaviour: it takes CloudEvents in the binary,
// structured and batch mode of the HTTP binding, remembers what it took, answers 201 as cdviz-collector's webhook does,
// and misbehaves where told to. Served on loopback or in memory, for tests and for the demonstration.
package receiver

import (
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/pawl-cd/pawl/internal/fake"
)

// maxBody bounds one request, in bytes.
const maxBody = 16 << 20

// Event is one event that was taken.
type Event struct {
	// Mode is "binary", "structured" or "batch".
	Mode string
	// Attributes are the CloudEvents attributes by name, decoded; Data is the CDEvent.
	Attributes map[string]string
	Data       json.RawMessage
	// Header and Raw are the request's.
	Header http.Header
	Raw    []byte
}

// Receiver takes events. The faults of the embedded handler concern requests; Fault concerns events.
type Receiver struct {
	*fake.Faults

	mu     sync.Mutex
	events []Event
	rules  []rule
}

type rule struct {
	concerns func(Event) bool
	faults   *fake.Faults
}

// New returns a receiver that takes everything.
func New() *Receiver {
	r := &Receiver{}
	r.Faults = fake.WithFaults(http.HandlerFunc(r.serve))
	return r
}

// Fault makes requests meet the fault that hold an event of which the function says yes.
func (r *Receiver) Fault(concerns func(Event) bool, fault fake.Fault) {
	r.mu.Lock()
	defer r.mu.Unlock()
	faults := fake.WithFaults(http.HandlerFunc(r.take))
	faults.Set("/", fault)
	r.rules = append(r.rules, rule{concerns: concerns, faults: faults})
}

// Heal removes all faults that concern events.
func (r *Receiver) Heal() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rules = nil
}

// Events returns what was taken, in order of arrival, repetitions included.
func (r *Receiver) Events() []Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.events)
}

// IDs returns the ids of what was taken, each where it arrived first.
func (r *Receiver) IDs() []string {
	var ids []string
	for _, e := range r.Events() {
		if id := e.Attributes["id"]; !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// serve picks the way that a request takes.
func (r *Receiver) serve(w http.ResponseWriter, req *http.Request) {
	events, err := read(req)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if faults := r.faultsOf(events); faults != nil {
		faults.ServeHTTP(w, withEvents(req, events))
		return
	}
	r.take(w, withEvents(req, events))
}

func (r *Receiver) faultsOf(events []Event) *fake.Faults {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, rule := range r.rules {
		if slices.ContainsFunc(events, rule.concerns) {
			return rule.faults
		}
	}
	return nil
}

// take remembers the events.
func (r *Receiver) take(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	r.events = append(r.events, eventsOf(req)...)
	r.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	_, _ = io.WriteString(w, `{"status":"accepted"}`)
}

// read returns the events of a request.
func read(req *http.Request) ([]Event, error) {
	if req.Method != http.MethodPost {
		return nil, fmt.Errorf("%s is not for events", req.Method)
	}
	raw, err := io.ReadAll(io.LimitReader(req.Body, maxBody))
	if err != nil {
		return nil, err
	}
	kind, _, err := mime.ParseMediaType(req.Header.Get("Content-Type"))
	if err != nil {
		return nil, fmt.Errorf("reading the content type: %w", err)
	}
	switch kind {
	case "application/cloudevents+json":
		return envelopes(req, "structured", raw, []json.RawMessage{raw})
	case "application/cloudevents-batch+json":
		var all []json.RawMessage
		if err := json.Unmarshal(raw, &all); err != nil {
			return nil, err
		}
		return envelopes(req, "batch", raw, all)
	case "application/json":
		return binary(req, raw)
	default:
		return nil, fmt.Errorf("unknown content type %q", kind)
	}
}

// binary reads the attributes from the headers. A plain CDEvent without them is taken as well.
func binary(req *http.Request, raw []byte) ([]Event, error) {
	if !json.Valid(raw) {
		return nil, fmt.Errorf("the body is no JSON")
	}
	e := Event{Mode: "binary", Attributes: map[string]string{}, Data: raw, Header: req.Header.Clone(), Raw: raw}
	for name, values := range req.Header {
		attribute, ok := strings.CutPrefix(strings.ToLower(name), "ce-")
		if !ok {
			continue
		}
		value, err := url.PathUnescape(values[0])
		if err != nil {
			return nil, fmt.Errorf("decoding %s: %w", name, err)
		}
		e.Attributes[attribute] = value
	}
	return []Event{e}, nil
}

func envelopes(req *http.Request, mode string, raw []byte, all []json.RawMessage) ([]Event, error) {
	var events []Event
	for _, envelope := range all {
		var fields map[string]json.RawMessage
		if err := json.Unmarshal(envelope, &fields); err != nil {
			return nil, err
		}
		e := Event{Mode: mode, Attributes: map[string]string{}, Data: fields["data"], Header: req.Header.Clone(), Raw: raw}
		delete(fields, "data")
		for name, value := range fields {
			var text string
			if err := json.Unmarshal(value, &text); err != nil {
				return nil, fmt.Errorf("reading %s: %w", name, err)
			}
			e.Attributes[name] = text
		}
		events = append(events, e)
	}
	return events, nil
}
