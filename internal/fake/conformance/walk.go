package conformance

import (
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/vektah/gqlparser/v2/ast"
)

// walk compares data with the fields that a query selects.
type walk struct {
	schema   *ast.Schema
	problems []error
}

func (w *walk) report(path, format string, args ...any) {
	w.problems = append(w.problems, fmt.Errorf("answer: %s: %s", path, fmt.Sprintf(format, args...)))
}

func (w *walk) object(static *ast.Definition, selected ast.SelectionSet, value any, path string) {
	object, ok := value.(map[string]any)
	if !ok {
		w.report(path, "%T instead of %s", value, static.Name)
		return
	}
	concrete, _ := object["__typename"].(string)
	if concrete != "" && !w.possible(static, concrete) {
		w.report(path, "%s is no %s", concrete, static.Name)
	}
	allowed := map[string]bool{}
	w.fields(static, concrete, selected, true, func(field *ast.Field, demanded bool) {
		allowed[field.Alias] = true
		got, present := object[field.Alias]
		switch {
		case present:
			w.value(field.Definition.Type, field, got, path+"."+field.Alias)
		case demanded:
			w.report(path, "%s is missing", field.Alias)
		}
	})
	for name := range object {
		if !allowed[name] {
			w.report(path, "%s was not asked for", name)
		}
	}
}

func (w *walk) possible(static *ast.Definition, name string) bool {
	for _, possible := range w.schema.GetPossibleTypes(static) {
		if possible.Name == name {
			return true
		}
	}
	return false
}

// fields visits the selected fields. Those of a fragment on another type are demanded only when the type is known.
func (w *walk) fields(static *ast.Definition, concrete string, selected ast.SelectionSet, demanded bool, visit func(*ast.Field, bool)) {
	for _, selection := range selected {
		switch s := selection.(type) {
		case *ast.Field:
			visit(s, demanded)
		case *ast.InlineFragment:
			w.fragment(static, concrete, s.TypeCondition, s.SelectionSet, demanded, visit)
		case *ast.FragmentSpread:
			w.fragment(static, concrete, s.Definition.TypeCondition, s.Definition.SelectionSet, demanded, visit)
		}
	}
}

func (w *walk) fragment(static *ast.Definition, concrete, condition string, selected ast.SelectionSet, demanded bool, visit func(*ast.Field, bool)) {
	target := static
	if condition != "" {
		target = w.schema.Types[condition]
	}
	switch {
	case target == static:
	case concrete == "":
		demanded = demanded && w.possible(target, static.Name)
	case !w.possible(target, concrete):
		return
	}
	w.fields(target, concrete, selected, demanded, visit)
}

func (w *walk) value(typ *ast.Type, field *ast.Field, value any, path string) {
	switch {
	case value == nil:
		if typ.NonNull {
			w.report(path, "null instead of %s", typ)
		}
	case typ.Elem != nil:
		list, ok := value.([]any)
		if !ok {
			w.report(path, "%T instead of %s", value, typ)
		}
		for i, one := range list {
			w.value(typ.Elem, field, one, fmt.Sprintf("%s[%d]", path, i))
		}
	default:
		w.named(w.schema.Types[typ.NamedType], field, value, path)
	}
}

func (w *walk) named(definition *ast.Definition, field *ast.Field, value any, path string) {
	switch definition.Kind {
	case ast.Enum:
		text, _ := value.(string)
		if definition.EnumValues.ForName(text) == nil {
			w.report(path, "%v is no %s", value, definition.Name)
		}
	case ast.Scalar:
		if !scalar(definition.Name, value) {
			w.report(path, "%v is no %s", value, definition.Name)
		}
	default:
		w.object(definition, field.SelectionSet, value, path)
	}
}

// scalar checks the scalars that have a fixed form; of others any value is taken.
func scalar(name string, value any) bool {
	text, isText := value.(string)
	switch name {
	case "String", "ID":
		return isText
	case "Boolean":
		_, ok := value.(bool)
		return ok
	case "Int":
		n, ok := value.(json.Number)
		return ok && !strings.ContainsAny(n.String(), ".eE")
	case "Float":
		_, ok := value.(json.Number)
		return ok
	case "DateTime":
		_, err := time.Parse(time.RFC3339, text)
		return err == nil
	case "URI":
		u, err := url.Parse(text)
		return isText && err == nil && u.IsAbs()
	case "GitObjectID":
		return regexp.MustCompile(`^[0-9a-f]{40}$`).MatchString(text)
	}
	return true
}
