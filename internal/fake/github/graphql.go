package github

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
)

// query is a GraphQL request.
type query struct {
	Query     string         `json:"query"`
	Variables map[string]any `json:"variables"`
	Operation string         `json:"operationName"`
}

// node is an object of the graph: its type and a function for each field.
type node struct {
	kind   string
	fields map[string]resolver
}

// resolver computes a field: nil, a scalar, a *node or a []*node.
type resolver func(args map[string]any) (any, *queryError)

// queryError is one entry of `errors`; GitHub sends it with HTTP 200.
type queryError struct {
	kind, message string
}

// bare reports an error of which GitHub tells neither a type nor a place.
func (q *queryError) bare() bool { return q.kind == "" && strings.HasPrefix(q.message, wentWrong) }

func unprocessableQuery(message string) *queryError { return &queryError{"UNPROCESSABLE", message} }

// plain is a field without arguments.
func plain(value any) resolver {
	return func(map[string]any) (any, *queryError) { return value, nil }
}

// lazy is a field that is computed only when it is asked for.
func lazy(compute func() any) resolver {
	return func(map[string]any) (any, *queryError) { return compute(), nil }
}

// describeQuery names the operation of a request for the record, and says whether it writes.
func describeQuery(body []byte) (operation string, writing bool) {
	var in query
	if json.Unmarshal(body, &in) != nil {
		return "graphql", false
	}
	chosen, _ := in.operation()
	if chosen == nil {
		return "graphql", false
	}
	operation = string(chosen.Operation)
	for _, selection := range chosen.SelectionSet {
		if field, isField := selection.(*ast.Field); isField {
			operation += " " + field.Name
		}
	}
	return operation, chosen.Operation == ast.Mutation
}

// operation parses the query and picks the operation to run.
func (q query) operation() (*ast.OperationDefinition, *ast.QueryDocument) {
	document, err := parser.ParseQuery(&ast.Source{Input: q.Query})
	if err != nil {
		return nil, nil
	}
	if q.Operation == "" && len(document.Operations) == 1 {
		return document.Operations[0], document
	}
	return document.Operations.ForName(q.Operation), document
}

func serveGraphQL(c *context) reply {
	if c.who.Login == "" {
		return fail(http.StatusUnauthorized, "This endpoint requires you to be authenticated.")
	}
	var in query
	if wrong := c.decode(&in); wrong != nil {
		return *wrong
	}
	chosen, document := in.operation()
	if chosen == nil {
		return ok(obj{"errors": []obj{{"message": "A query attribute must be specified and must be a string."}}})
	}
	run := &execution{document: document, variables: withDefaults(chosen, in.Variables)}
	root := c.queryRoot()
	if chosen.Operation == ast.Mutation {
		root = c.mutationRoot()
	}
	data := run.object(root, chosen.SelectionSet, nil)
	out := obj{"data": data}
	if len(run.errors) > 0 {
		out["errors"] = run.errors
	}
	return ok(out)
}

func withDefaults(chosen *ast.OperationDefinition, given map[string]any) map[string]any {
	all := map[string]any{}
	for _, definition := range chosen.VariableDefinitions {
		if definition.DefaultValue != nil {
			value, err := definition.DefaultValue.Value(nil)
			if err == nil {
				all[definition.Variable] = value
			}
		}
	}
	for name, value := range given {
		all[name] = value
	}
	return all
}

// execution runs one operation.
type execution struct {
	document  *ast.QueryDocument
	variables map[string]any
	errors    []obj
}

// object resolves the selected fields of a node, by their aliases.
func (e *execution) object(n *node, selected ast.SelectionSet, path []any) obj {
	out := obj{}
	for _, field := range e.fields(n.kind, selected) {
		at := slices.Concat(path, []any{field.Alias})
		if field.Name == "__typename" {
			out[field.Alias] = n.kind
			continue
		}
		resolve, known := n.fields[field.Name]
		if !known {
			e.fail(at, &queryError{"", fmt.Sprintf("Field '%s' doesn't exist on type '%s'", field.Name, n.kind)})
			continue
		}
		value, failed := resolve(e.arguments(field))
		if failed != nil {
			e.fail(at, failed)
		}
		out[field.Alias] = e.value(value, field.SelectionSet, at)
	}
	return out
}

// arguments are those of a field with the variables filled in.
func (e *execution) arguments(field *ast.Field) map[string]any {
	args := map[string]any{}
	for _, argument := range field.Arguments {
		if value, err := argument.Value.Value(e.variables); err == nil && value != nil {
			args[argument.Name] = value
		}
	}
	return args
}

func (e *execution) value(value any, selected ast.SelectionSet, path []any) any {
	switch v := value.(type) {
	case *node:
		if v == nil {
			return nil
		}
		return e.object(v, selected, path)
	case []*node:
		list := make([]any, 0, len(v))
		for i, one := range v {
			list = append(list, e.object(one, selected, slices.Concat(path, []any{i})))
		}
		return list
	}
	return value
}

// fields flattens fragments whose type condition fits.
func (e *execution) fields(kind string, selected ast.SelectionSet) []*ast.Field {
	var all []*ast.Field
	for _, selection := range selected {
		switch s := selection.(type) {
		case *ast.Field:
			all = append(all, s)
		case *ast.InlineFragment:
			if fits(kind, s.TypeCondition) {
				all = append(all, e.fields(kind, s.SelectionSet)...)
			}
		case *ast.FragmentSpread:
			if named := e.document.Fragments.ForName(s.Name); named != nil && fits(kind, named.TypeCondition) {
				all = append(all, e.fields(kind, named.SelectionSet)...)
			}
		}
	}
	return all
}

// fits knows the interfaces that the served types have.
func fits(kind, condition string) bool {
	switch condition {
	case "", kind, "Node":
		return true
	case "Actor":
		return kind == "User" || kind == "Bot"
	case "GitObject":
		return kind == "Commit" || kind == "Blob" || kind == "Tree"
	}
	return false
}

func (e *execution) fail(path []any, failed *queryError) {
	one := obj{"message": failed.message, "path": path, "locations": []obj{{"line": 1, "column": 1}}}
	if failed.bare() {
		delete(one, "locations")
	}
	if failed.kind != "" {
		one["type"] = failed.kind
	}
	e.errors = append(e.errors, one)
}
