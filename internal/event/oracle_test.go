package event_test

import (
	"strings"
	"testing"

	"github.com/pawl-cd/pawl/internal/fake/cdevents"
)

// TestSpecification holds every event over its raw bytes against the specification, and shows that the check asserts
// formats and sees what the SDK does wrong.
func TestSpecification(t *testing.T) {
	t.Parallel()
	validate := cdevents.Validate
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
