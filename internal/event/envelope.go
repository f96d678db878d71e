package event

import (
	"bytes"
	"encoding/json"
	"time"
)

// envelope is an event as CDEvents 0.5.1 writes it. Every level of it is closed, so what is ours stands in customData.
// The order of the fields is the order of the bytes.
type envelope struct {
	Context    eventContext `json:"context"`
	Subject    subject      `json:"subject"`
	CustomData *customData  `json:"customData,omitempty"`
}

type eventContext struct {
	SpecVersion string `json:"specversion"`
	ID          string `json:"id"`
	Source      string `json:"source"`
	Type        string `json:"type"`
	Timestamp   string `json:"timestamp"`
	ChainID     string `json:"chainId,omitempty"`
	Links       []link `json:"links,omitempty"`
}

type subject struct {
	ID      string `json:"id"`
	Source  string `json:"source,omitempty"`
	Content any    `json:"content"`
}

type customData struct {
	Pawl any `json:"pawl"`
}

// reference names something by its id and where that id is unique.
type reference struct {
	ID     string `json:"id"`
	Source string `json:"source,omitempty"`
}

// link is an embedded link: it names another event by its id alone, which is why ids are unique everywhere
// (https://github.com/cdevents/spec/blob/v0.5.1/links.md).
type link struct {
	Type   string  `json:"linkType"`
	Kind   string  `json:"linkKind,omitempty"`
	From   *origin `json:"from,omitempty"`
	Target *origin `json:"target,omitempty"`
}

type origin struct {
	ContextID string `json:"contextId"`
}

// The kinds of relation that are told.
const (
	trigger  = "TRIGGER"
	causedBy = "CAUSED_BY"
	rollback = "ROLLBACK_OF"
)

// path says that an event follows another one.
func path(from string) link { return link{Type: "PATH", From: &origin{from}} }

// relation says that an event has to do with another one.
func relation(kind, target string) link {
	return link{Type: "RELATION", Kind: kind, Target: &origin{target}}
}

// encode writes compact JSON with <, > and & as they are. Nothing that this package encodes can fail: all of it is texts,
// numbers and lists of these.
func encode(e envelope) []byte {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(e); err != nil {
		return nil
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n"))
}

// moment is a time as events tell it: UTC, at most milliseconds.
func moment(at time.Time) time.Time { return at.UTC().Truncate(time.Millisecond) }

func timestamp(at time.Time) string { return moment(at).Format(time.RFC3339Nano) }
