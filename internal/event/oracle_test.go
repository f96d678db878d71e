package event_test

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/cdevents/sdk-go/pkg/api"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// specification compiles the schemas of CDEvents as its SDK holds them, with formats asserted, which the SDK leaves out.
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

// oracle returns a check of raw events against the specification.
func oracle(t testing.TB) func(raw []byte) error {
	t.Helper()
	compiler, err := specification()
	if err != nil {
		t.Fatal(err)
	}
	return func(raw []byte) error {
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
		if err != nil {
			return err
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
			return err
		}
		return schema.Validate(value)
	}
}

// TestSpecification holds every event over its raw bytes against the specification, and shows that the check asserts
// formats and sees what the SDK does wrong.
func TestSpecification(t *testing.T) {
	t.Parallel()
	validate := oracle(t)
	for _, s := range everything(t) {
		if err := validate(s.message.Body); err != nil {
			t.Errorf("%s\n%v", s.message.Body, err)
		}
	}
	body := string(story(t, about())[1].message.Body)
	for _, spoilt := range []string{
		strings.Replace(body, `"timestamp":"2026-`, `"timestamp":"26-`, 1),
		strings.Replace(body, `"uri":"https://`, `"uri":"`, 1),
		strings.Replace(body, `"linkType":"PATH"`, `"linkType":"PATH","tags":null`, 1),
		strings.Replace(body, `"customData"`, `"pawl":{},"customData"`, 1),
		strings.Replace(body, `.started.0.3.0`, `.started.0.2.0`, 1),
	} {
		if spoilt == body || validate([]byte(spoilt)) == nil {
			t.Errorf("valid: %s", spoilt)
		}
	}
}
