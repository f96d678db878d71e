// Package cdevents is the specification of CDEvents as a judge: it holds raw events against the schemas that the Go SDK
// carries, with formats asserted, which the SDK itself leaves out. For tests only: importing it compiles all schemas at
// the start.
package cdevents

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"sync"

	"github.com/cdevents/sdk-go/pkg/api"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

var specification = sync.OnceValues(func() (*jsonschema.Compiler, error) {
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	for id, text := range api.SchemasById {
		doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
		if err != nil {
			return nil, err
		}
		if err := c.AddResource(id, doc); err != nil {
			return nil, err
		}
	}
	return c, nil
})

var (
	compiling sync.Mutex
	eventType = regexp.MustCompile(`^dev\.cdevents\.([a-z]+)\.([a-z]+)\.`)
)

// Validate holds a raw event against version 0.5.1 of the specification
// (https://github.com/cdevents/spec/tree/v0.5.1/schemas).
func Validate(raw []byte) error {
	compiler, err := specification()
	if err != nil {
		return fmt.Errorf("reading the specification: %w", err)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		return fmt.Errorf("reading an event: %w", err)
	}
	object, _ := value.(map[string]any)
	context, _ := object["context"].(map[string]any)
	name, _ := context["type"].(string)
	id := "https://cdevents.dev/0.5.1/schema/custom"
	if parts := eventType.FindStringSubmatch(name); parts != nil {
		id = fmt.Sprintf("https://cdevents.dev/0.5.1/schema/%s-%s-event", parts[1], parts[2])
	}
	compiling.Lock()
	defer compiling.Unlock()
	schema, err := compiler.Compile(id)
	if err != nil {
		return fmt.Errorf("the type %s: %w", name, err)
	}
	return schema.Validate(value)
}
