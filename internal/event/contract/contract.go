// Package contract checks an event offline: its envelope and content after CDEvents 0.5 (the incoming types after 0.4 as
// well), and what is ours in it after our own schemas. It promises to accept every event that this program tells, and to
// compile nothing before the first check. Reading the event from a file, and acting on it, is left to others.
package contract

import (
	"bytes"
	_ "embed" // the schema is a file, so that other tools can use it as well
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/pawl-cd/pawl/internal/event"
)

//go:embed cdevents@0.5.json
var specification []byte

const (
	specificationURL = "https://pawl.invalid/cdevents@0.5.json"
	schemaURL        = "https://pawl.invalid/"
)

// MaxSize bounds an event, in bytes.
const MaxSize = 1 << 20

// InvalidError says in which places an event is not what its type promises.
type InvalidError struct{ Problems []string }

// Error names every place.
func (e *InvalidError) Error() string { return "invalid event: " + strings.Join(e.Problems, "; ") }

// Advice returns where to read what is expected.
func (e *InvalidError) Advice() string {
	return "compare with the schemas that `pawl events schema` prints and with the CDEvents 0.5.1 specification"
}

// Checker holds the schemas that were compiled so far; the zero value is ready. It is not for concurrent use.
type Checker struct {
	compiler *jsonschema.Compiler
}

// Validate checks one event with a Checker of its own.
func Validate(raw []byte) error {
	var c Checker
	return c.Validate(raw)
}

// Validate checks one event, the plain JSON of a CDEvent. The error is an *InvalidError unless the text is no JSON. Of a
// type that this program neither tells nor understands only the envelope is checked.
func (c *Checker) Validate(raw []byte) error {
	if len(raw) > MaxSize {
		return &InvalidError{[]string{fmt.Sprintf("longer than %d bytes", MaxSize)}}
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		return fmt.Errorf("reading the event: %w", err)
	}
	var e struct {
		Context struct{ SpecVersion, Version, Type string }
		Subject struct{ Content json.RawMessage }
	}
	if err := json.Unmarshal(raw, &e); err != nil {
		return fmt.Errorf("reading the event: %w", err)
	}
	definition, err := envelopeOf(e.Context.SpecVersion, e.Context.Version)
	if err != nil {
		return err
	}
	if err := c.check(specificationURL+"#/$defs/"+definition, value, ""); err != nil {
		return err
	}
	return c.ours(e.Context.Type, value.(map[string]any))
}

// envelopeOf chooses the definition of the envelope.
func envelopeOf(spec, version string) (string, error) {
	switch {
	case strings.HasPrefix(spec, "0.5."):
		return "0.5", nil
	case spec == "" && strings.HasPrefix(version, "0.4."):
		return "0.4", nil
	default:
		return "", &InvalidError{[]string{"/context/specversion: want a version 0.5 of CDEvents, or /context/version with 0.4.1"}}
	}
}

// versioned splits a type and the major part of its version.
var versioned = regexp.MustCompile(`^(dev\.cdeventsx?\.(?:pawl-)?)([a-z]+\.[a-z]+)\.([0-9]+)\.[0-9]+\.[0-9]+$`)

// ours checks the content, which the specification or a custom schema describes, and customData.pawl.
func (c *Checker) ours(eventType string, value map[string]any) error {
	parts := versioned.FindStringSubmatch(eventType)
	if parts == nil {
		return nil // a custom type of somebody else
	}
	content := value["subject"].(map[string]any)["content"]
	if strings.HasSuffix(parts[1], "-") {
		schema, ok := event.SchemaOf(parts[2] + "@" + parts[3])
		if !ok || !schema.Custom() {
			return nil
		}
		return c.check(schemaURL+schema.Name, content, "/subject/content")
	}
	if known(parts[2]) {
		if err := c.check(specificationURL+"#/$defs/"+parts[2], content, "/subject/content"); err != nil {
			return err
		}
	}
	custom, _ := value["customData"].(map[string]any)
	pawl, told := custom["pawl"]
	schema, ok := event.SchemaOf(parts[2] + "@1")
	if !told || !ok {
		return nil
	}
	return c.check(schemaURL+schema.Name, pawl, "/customData/pawl")
}

// known reports whether the specification's content of a type is described here.
func known(words string) bool {
	incoming := []string{event.ArtifactPublished, event.ArtifactDeleted}
	return slices.Contains(incoming, "dev.cdevents."+words) ||
		slices.ContainsFunc(event.Kinds(), func(k event.Kind) bool { return k.Name == "dev.cdevents."+words })
}

// check holds a part of an event against a schema; at is where the part stands.
func (c *Checker) check(url string, value any, at string) error {
	if c.compiler == nil {
		if err := c.prepare(); err != nil {
			return err
		}
	}
	schema, err := c.compiler.Compile(url)
	if err != nil {
		return fmt.Errorf("compiling the schema %s: %w", strings.TrimPrefix(url, schemaURL), err)
	}
	if err := schema.Validate(value); err != nil {
		return explain(err, at)
	}
	return nil
}

// prepare makes a compiler that knows every schema and has compiled none.
func (c *Checker) prepare() error {
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	add := func(url string, text []byte) error {
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err != nil {
			return fmt.Errorf("reading the schema %s: %w", url, err)
		}
		return compiler.AddResource(url, doc)
	}
	if err := add(specificationURL, specification); err != nil {
		return err
	}
	for _, s := range event.Schemas() {
		if err := add(schemaURL+s.Name, s.JSON); err != nil {
			return err
		}
	}
	c.compiler = compiler
	return nil
}
