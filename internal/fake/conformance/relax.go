package conformance

import (
	"fmt"
	"slices"

	"github.com/getkin/kin-openapi/openapi3"
)

// relaxation lifts one demand of the description that GitHub's own answers do not meet.
type relaxation struct {
	schema, property string
	why              string
}

// relaxations are the properties that are described as required and that GitHub leaves out, by its own examples.
func relaxations() []relaxation {
	return []relaxation{
		{"team", "type", "the requested_teams in GitHub's examples of every pull request have none"},
		{"team-simple", "type", "the same where lists of pull requests name their teams"},
	}
}

// relax lifts the relaxations, and lets the labels of an issue be a bare array: GitHub takes it, and go-github sends it.
func relax(document *openapi3.T) error {
	for _, r := range relaxations() {
		found := document.Components.Schemas[r.schema]
		if found == nil || found.Value == nil || !slices.Contains(found.Value.Required, r.property) {
			return fmt.Errorf("relaxing %s.%s: the description does not demand it", r.schema, r.property)
		}
		found.Value.Required = slices.DeleteFunc(found.Value.Required, func(name string) bool { return name == r.property })
	}
	labels := document.Paths.Value("/repos/{owner}/{repo}/issues/{issue_number}/labels")
	for _, operation := range []*openapi3.Operation{labels.Post, labels.Put} {
		body := operation.RequestBody.Value.Content.Get("application/json")
		names := openapi3.NewArraySchema().WithItems(openapi3.NewStringSchema())
		body.Schema = openapi3.NewSchemaRef("", &openapi3.Schema{AnyOf: openapi3.SchemaRefs{body.Schema, names.NewRef()}})
	}
	return nil
}
