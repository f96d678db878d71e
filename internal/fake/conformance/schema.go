package conformance

import (
	"fmt"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
	"github.com/vektah/gqlparser/v2/validator"
)

// loadSchema reads GitHub's GraphQL schema. It declares some fields twice, which the language forbids: the first counts.
func loadSchema(text string) (*ast.Schema, error) {
	document, err := parser.ParseSchemas(validator.Prelude, &ast.Source{Name: "schema.graphql", Input: text})
	if err != nil {
		return nil, err
	}
	for _, definition := range document.Definitions {
		definition.Fields = firstOfEach(definition.Fields)
	}
	schema, err := validator.ValidateSchemaDocument(document)
	if err != nil {
		return nil, fmt.Errorf("checking the schema: %w", err)
	}
	return schema, nil
}

func firstOfEach(fields ast.FieldList) ast.FieldList {
	seen := map[string]bool{}
	var kept ast.FieldList
	for _, field := range fields {
		if !seen[field.Name] {
			seen[field.Name], kept = true, append(kept, field)
		}
	}
	return kept
}
