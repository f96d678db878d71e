package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pawl-cd/pawl/internal/event/contract"
	"github.com/pawl-cd/pawl/internal/fault"
)

// maxEvents bounds a file of events, in bytes.
const maxEvents = 64 << 20

func newEventsValidate(g *globals) *cobra.Command {
	o := &eventsOptions{globals: g}
	return &cobra.Command{
		Use:   "validate FILE",
		Short: "Check CDEvents in a file, offline",
		Long: `Validate checks the event in a file, each line of JSON Lines, or each of a JSON list, alone or in a CloudEvent in
structured mode, by CDEvents 0.5.1 (incoming types by 0.4.1 too) and by our schemas. Of a type that pawl does not know
the envelope is checked, and a note says so. FILE may be - for stdin. It exits 4 when an event is invalid, the file
cannot be read or holds none.`,
		Example: `  pawl events validate events.jsonl
  pawl events validate - < event.json`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return o.validate(args[0]) },
	}
}

func (o *eventsOptions) validate(name string) error {
	data, err := o.read(name, maxEvents)
	if err != nil {
		return &exit{code: Usage, topics: []topic{eventsTopic}, err: fmt.Errorf("reading the events: %w", err), hint: "name a file with a CDEvent, or with one on each line"}
	}
	all, invalid := split(name, data), 0
	var b strings.Builder
	var last error
	for _, e := range all {
		err := contract.Validate(e.text)
		if err == nil {
			if unknown := contract.Unknown(e.text); unknown != "" {
				fmt.Fprintf(&b, "%s:%d: note: of the type %s only the envelope is known here\n", printable(name), e.line, printable(unknown))
			}
			continue
		}
		invalid, last = invalid+1, err
		problems := []string{err.Error()}
		if i, ok := errors.AsType[*contract.InvalidError](err); ok {
			problems = i.Problems
		}
		for _, p := range problems {
			fmt.Fprintf(&b, "%s:%d: error: %s\n", printable(name), e.line, printable(p))
		}
	}
	fmt.Fprintf(&b, "%s, %d invalid\n", count(len(all), "event"), invalid)
	if err := o.write(b.String()); err != nil {
		return err
	}
	switch {
	case len(all) == 0:
		return &exit{code: Usage, topics: []topic{eventsTopic}, err: fmt.Errorf("%s holds no event", name), hint: "name a file with a CDEvent, or with one on each line"}
	case invalid > 0:
		return &exit{code: Usage, topics: []topic{eventsTopic}, err: fmt.Errorf("%s in %s", count(invalid, "invalid event"), name), hint: fault.Hint(last)}
	default:
		return nil
	}
}

// line is a text and where it begins.
type line struct {
	text []byte
	line int
}

// split takes a file apart: its lines when it is named JSON Lines or begins with a line that is JSON, else it is one event.
func split(name string, data []byte) []line {
	var all []line
	for i, text := range bytes.Split(data, []byte("\n")) {
		if text = bytes.TrimSpace(text); len(text) > 0 {
			all = append(all, line{text, i + 1})
		}
	}
	if len(all) > 0 && !strings.HasSuffix(name, ".jsonl") && !json.Valid(all[0].text) {
		all = []line{{data, all[0].line}}
	}
	var events []line
	for _, l := range all {
		for _, text := range unwrap(l.text) {
			events = append(events, line{text, l.line})
		}
	}
	return events
}

// unwrap takes a batch apart, and a CDEvent out of a CloudEvent in structured mode
// (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md).
func unwrap(text []byte) [][]byte {
	var batch []json.RawMessage
	if json.Unmarshal(text, &batch) == nil && len(batch) > 0 {
		var all [][]byte
		for _, one := range batch {
			all = append(all, unwrapped(one))
		}
		return all
	}
	return [][]byte{unwrapped(text)}
}

func unwrapped(text []byte) []byte {
	var envelope struct {
		SpecVersion string
		Data        json.RawMessage
	}
	if json.Unmarshal(text, &envelope) == nil && envelope.SpecVersion != "" && len(envelope.Data) > 0 {
		return envelope.Data
	}
	return text
}
