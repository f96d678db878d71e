package conformance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
	"github.com/vektah/gqlparser/v2/validator"
)

// graphRequest is the body of a GraphQL request.
type graphRequest struct {
	Query     string         `json:"query"`
	Variables map[string]any `json:"variables"`
	Operation string         `json:"operationName"`
}

func (d *Description) checkGraphQL(req *http.Request, body []byte, status int, answer []byte) (string, []error) {
	name := "graphql"
	if req.Method != http.MethodPost {
		return name, []error{fmt.Errorf("request: GraphQL takes POST only")}
	}
	if status == http.StatusUnauthorized || status == http.StatusForbidden || status == http.StatusTooManyRequests || status >= 500 {
		return name, nil
	}
	operation, problems := d.parseQuery(body)
	if operation == nil {
		return name, problems
	}
	name = string(operation.Operation)
	for _, selection := range operation.SelectionSet {
		if field, ok := selection.(*ast.Field); ok {
			name += " " + field.Name
		}
	}
	if status != http.StatusOK {
		problems = append(problems, fmt.Errorf("answer: GraphQL answers 200, not %d", status))
	}
	return name, append(problems, d.checkData(operation, answer)...)
}

// parseQuery checks the query and its variables against the schema.
func (d *Description) parseQuery(body []byte) (*ast.OperationDefinition, []error) {
	var in graphRequest
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, []error{fmt.Errorf("request: %w", err)}
	}
	document, err := parser.ParseQuery(&ast.Source{Input: in.Query})
	if err != nil {
		return nil, []error{fmt.Errorf("request: %w", err)}
	}
	if list := validator.ValidateWithRules(d.schema, document, nil); len(list) > 0 {
		return nil, []error{fmt.Errorf("request: %w", list)}
	}
	operation := document.Operations.ForName(in.Operation)
	if operation == nil {
		return nil, []error{fmt.Errorf("request: no operation %q", in.Operation)}
	}
	if _, err := validator.VariableValues(d.schema, operation, in.Variables); err != nil {
		return operation, []error{fmt.Errorf("request: %w", err)}
	}
	return operation, undeclared(operation, in.Variables)
}

// undeclared lists variables that are sent and not declared.
func undeclared(operation *ast.OperationDefinition, sent map[string]any) []error {
	var problems []error
	for name := range sent {
		if operation.VariableDefinitions.ForName(name) == nil {
			problems = append(problems, fmt.Errorf("request: variable %q is not declared", name))
		}
	}
	return problems
}

// checkData checks an answer against the selected fields and their types.
func (d *Description) checkData(operation *ast.OperationDefinition, answer []byte) []error {
	var out struct {
		Data   any
		Errors []struct{ Message string }
	}
	decoder := json.NewDecoder(bytes.NewReader(answer))
	decoder.UseNumber()
	if err := decoder.Decode(&out); err != nil {
		return []error{fmt.Errorf("answer: %w", err)}
	}
	for _, one := range out.Errors {
		if one.Message == "" {
			return []error{fmt.Errorf("answer: an error without a message")}
		}
	}
	if out.Data == nil {
		if len(out.Errors) == 0 {
			return []error{fmt.Errorf("answer: neither data nor errors")}
		}
		return nil
	}
	root := d.schema.Query
	if operation.Operation == ast.Mutation {
		root = d.schema.Mutation
	}
	w := &walk{schema: d.schema}
	w.object(root, operation.SelectionSet, out.Data, "data")
	return w.problems
}
