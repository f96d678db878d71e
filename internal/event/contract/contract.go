// Package contract checks an event offline: its envelope and content after CDEvents 0.5 (the incoming types after 0.4 as
// well), and what is ours in it after our own schemas. It promises to accept every event that this program tells, and to
// cost nothing before the first check. Reading the event from a file, and acting on it, is left to others.
package contract

import (
	"bytes"
	_ "embed" // the schema is a file, so that other tools can use it as well
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/pawl-cd/pawl/internal/event"
)

//go:embed cdevents@0.5.json
var specification []byte

const (
	// MaxSize bounds an event, in bytes.
	MaxSize = 1 << 20
	// maxProblems bounds how many places are named, maxProblem each of them in bytes: an event may repeat anything.
	maxProblems = 20
	maxProblem  = 300
)

// InvalidError says in which places an event is not what its type promises.
type InvalidError struct{ Problems []string }

// Error names every place.
func (e *InvalidError) Error() string { return "invalid event: " + strings.Join(e.Problems, "; ") }

// Advice returns where to read what is expected.
func (e *InvalidError) Advice() string {
	return "compare with the schemas that `pawl events schema` prints and with the CDEvents 0.5.1 specification"
}

// Validate checks one event, the plain JSON of a CDEvent. The error is an *InvalidError unless the text is no JSON. Of a
// type that this program neither tells nor understands only the envelope is checked.
func Validate(raw []byte) error {
	if len(raw) > MaxSize {
		return &InvalidError{[]string{fmt.Sprintf("longer than %d bytes", MaxSize)}}
	}
	value, err := decode(raw)
	if err != nil {
		return fmt.Errorf("reading the event: %w", err)
	}
	spec, err := decode(specification)
	if err != nil {
		return fmt.Errorf("reading the schema of CDEvents: %w", err)
	}
	context, _ := member(value, "context")
	definition := envelopeOf(context)
	if definition == "" {
		return &InvalidError{[]string{"/context/specversion: want a version 0.5 of CDEvents, or /context/version with 0.4.1"}}
	}
	if err := check(spec, definition, value, ""); err != nil {
		return err
	}
	name, _ := member(context, "type")
	return ours(spec, name.(string), value)
}

// Unknown returns the type of an event of which Validate checks the envelope only, empty when it checks all.
func Unknown(raw []byte) string {
	value, err := decode(raw)
	if err != nil {
		return ""
	}
	context, _ := member(value, "context")
	name, _ := member(context, "type")
	text, _ := name.(string)
	parts := versioned.FindStringSubmatch(text)
	switch {
	case parts == nil:
		return text
	case strings.HasSuffix(parts[1], "-"):
		if _, ours := event.SchemaOf(parts[2] + "@" + parts[3]); ours {
			return ""
		}
	case known(parts[2]):
		return ""
	}
	return text
}

// decode reads one JSON value and nothing after it; numbers stay as they are written.
func decode(raw []byte) (value any, err error) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	if err := decoder.Decode(&value); err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one value")
	}
	return value, nil
}

// member returns a member of an object; what is no object has none.
func member(value any, name string) (any, bool) {
	object, _ := value.(map[string]any)
	v, ok := object[name]
	return v, ok
}

// envelopeOf chooses the definition of the envelope.
func envelopeOf(context any) string {
	now, has := member(context, "specversion")
	before, _ := member(context, "version")
	if spec, _ := now.(string); strings.HasPrefix(spec, "0.5.") {
		return "0.5"
	}
	if version, _ := before.(string); !has && strings.HasPrefix(version, "0.4.") {
		return "0.4"
	}
	return ""
}

// versioned splits a type and the major part of its version.
var versioned = regexp.MustCompile(`^(dev\.cdeventsx?\.(?:pawl-)?)([a-z]+\.[a-z]+)\.([0-9]+)\.[0-9]+\.[0-9]+$`)

// ours checks the content, which the specification or a custom schema describes, and customData.pawl.
func ours(spec any, eventType string, value any) error {
	parts := versioned.FindStringSubmatch(eventType)
	if parts == nil {
		return nil // a custom type of somebody else
	}
	subject, _ := member(value, "subject")
	content, _ := member(subject, "content")
	if strings.HasSuffix(parts[1], "-") {
		return own(parts[2]+"@"+parts[3], true, content, "/subject/content")
	}
	if known(parts[2]) {
		if err := check(spec, parts[2], content, "/subject/content"); err != nil {
			return err
		}
	}
	custom, _ := member(value, "customData")
	pawl, told := member(custom, "pawl")
	if !told {
		return nil
	}
	return own(parts[2]+"@1", false, pawl, "/customData/pawl")
}

// known reports whether the specification's content of a type is described here.
func known(words string) bool {
	incoming := []string{event.ArtifactPublished, event.ArtifactDeleted}
	return slices.Contains(incoming, "dev.cdevents."+words) ||
		slices.ContainsFunc(event.Kinds(), func(k event.Kind) bool { return k.Name == "dev.cdevents."+words })
}

// own checks a part of an event against one of our schemas, if there is one.
func own(name string, custom bool, value any, at string) error {
	s, ok := event.SchemaOf(name)
	if !ok || s.Custom() != custom {
		return nil
	}
	root, err := decode(s.JSON)
	if err != nil {
		return fmt.Errorf("reading the schema %s: %w", name, err)
	}
	return check(root, "", value, at)
}
