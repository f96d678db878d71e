// Package event is the CDEvent of each step as values: what happened, encoded the same way each time, with ids, chains
// and links that come from what happened and from nothing else (https://cdevents.dev, version 0.5.1). It does no I/O;
// the packages below it send and deliver.
package event

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// Message is one encoded event: its exact bytes, and the CloudEvents attributes that a sink puts around them
// (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md). Its JSON form is what the ledger keeps.
type Message struct {
	// ID and Source are unique together; Type is the CDEvents type with its version, Subject the subject's id.
	ID      string    `json:"id"`
	Source  string    `json:"source"`
	Type    string    `json:"type"`
	Subject string    `json:"subject"`
	Time    time.Time `json:"time"`
	// Chain is the chain's id, empty for an event outside of any; events of one chain are delivered in the order in
	// which they were added. Sequence is a zero-padded number that orders the events of a run.
	Chain    string `json:"chain,omitempty"`
	Sequence string `json:"sequence,omitempty"`
	// TraceParent continues a W3C trace (https://www.w3.org/TR/trace-context/), empty when there is none.
	TraceParent string `json:"traceparent,omitempty"`
	// Body is the CDEvent.
	Body json.RawMessage `json:"body"`
}

// Attribute is a CloudEvents context attribute or extension; names are lower-case letters and digits.
type Attribute struct{ Name, Value string }

// Attributes returns those that the message has. The key is what the sink partitions by.
func (m Message) Attributes(key string) []Attribute {
	all := []Attribute{
		{"specversion", "1.0"},
		{"id", m.ID},
		{"source", m.Source},
		{"type", m.Type},
		{"subject", m.Subject},
		{"time", m.Time.UTC().Format(time.RFC3339Nano)},
		{"partitionkey", key},
		{"chainid", m.Chain},
		{"sequence", m.Sequence},
		{"traceparent", m.TraceParent},
	}
	return slices.DeleteFunc(all, func(a Attribute) bool { return a.Value == "" })
}

// Rejected is a sink's word that the receiver will never take a message: it is set aside with the reason and not sent
// again. Any other error of a sink is one that may pass.
type Rejected struct{ Reason string }

// Error says that and why the message was refused.
func (r *Rejected) Error() string { return fmt.Sprintf("refused for good: %s", r.Reason) }
