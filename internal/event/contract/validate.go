package contract

import (
	"encoding/json"
	"fmt"
	"math"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// schema is a JSON Schema (2020-12) as decoded. The keywords below are the ones that our schemas use; a test holds what
// they mean here against a complete implementation, which costs 10 ms at every start and is for the tests only.
type schema = map[string]any

// validator collects what is wrong.
type validator struct {
	root     schema
	problems []string
}

// check holds a value against a definition of a schema, or against the schema itself; at is where the value stands.
func check(root any, definition string, value any, at string) error {
	v := validator{root: root.(schema)}
	s := v.root
	if definition != "" {
		s = v.definition("#/$defs/" + definition)
	}
	v.value(s, value, at)
	if len(v.problems) > 0 {
		return &InvalidError{v.problems[:min(len(v.problems), maxProblems)]}
	}
	return nil
}

func (v *validator) definition(ref string) schema {
	all, _ := v.root["$defs"].(schema)
	s, _ := all[strings.TrimPrefix(ref, "#/$defs/")].(schema)
	return s
}

func (v *validator) wrong(at, format string, args ...any) {
	problem := at + ": " + fmt.Sprintf(format, args...)
	v.problems = append(v.problems, strings.ToValidUTF8(problem[:min(len(problem), maxProblem)], ""))
}

// value applies every keyword of a schema.
func (v *validator) value(s schema, value any, at string) {
	if ref, ok := s["$ref"].(string); ok {
		v.value(v.definition(ref), value, at)
	}
	if !v.kind(s, value, at) {
		return
	}
	if want, ok := s["const"]; ok && value != want {
		v.wrong(at, "want %q", want)
	}
	if enum, ok := s["enum"].([]any); ok && !slices.Contains(enum, value) {
		v.wrong(at, "want one of %q", enum)
	}
	v.forms(s, value, at)
	switch value := value.(type) {
	case string:
		v.text(s, value, at)
	case json.Number:
		v.number(s, value, at)
	case []any:
		v.list(s, value, at)
	case map[string]any:
		v.object(s, value, at)
	}
}

// kind checks the type. Only texts are compared with const and enum, which hold nothing else.
func (v *validator) kind(s schema, value any, at string) bool {
	var want []any
	switch t := s["type"].(type) {
	case []any:
		want = t
	case string:
		want = []any{t}
	}
	if _, text := value.(string); !text && (s["const"] != nil || s["enum"] != nil) {
		want = []any{"string"}
	}
	if len(want) == 0 || slices.ContainsFunc(want, func(t any) bool { return is(value, t) }) {
		return true
	}
	v.wrong(at, "want %v", want)
	return false
}

func is(value, kind any) bool {
	switch v := value.(type) {
	case string:
		return kind == "string"
	case json.Number:
		return kind == "number" || kind == "integer" && whole(v)
	case bool:
		return kind == "boolean"
	case []any:
		return kind == "array"
	case map[string]any:
		return kind == "object"
	default:
		return kind == "null"
	}
}

func whole(n json.Number) bool {
	f, err := n.Float64()
	return err == nil && f == math.Trunc(f)
}

// forms checks anyOf; what does not fit is explained by the form that it is nearest to.
func (v *validator) forms(s schema, value any, at string) {
	forms, _ := s["anyOf"].([]any)
	var nearest []string
	for _, form := range forms {
		one := validator{root: v.root}
		if one.value(form.(schema), value, at); len(one.problems) == 0 {
			return
		}
		if nearest == nil || len(one.problems) < len(nearest) {
			nearest = one.problems
		}
	}
	v.problems = append(v.problems, nearest...)
}

func (v *validator) text(s schema, value, at string) {
	length := utf8.RuneCountInString(value)
	if limit, ok := bound(s, "minLength"); ok && float64(length) < limit {
		v.wrong(at, "shorter than %v", limit)
	}
	if limit, ok := bound(s, "maxLength"); ok && float64(length) > limit {
		v.wrong(at, "longer than %v", limit)
	}
	if pattern, ok := s["pattern"].(string); ok {
		if form, err := regexp.Compile(pattern); err != nil || !form.MatchString(value) {
			v.wrong(at, "does not match %s", pattern)
		}
	}
	if format, ok := s["format"].(string); ok && !formatted(format, value) {
		v.wrong(at, "is no %s", format)
	}
}

func bound(s schema, keyword string) (float64, bool) {
	n, ok := s[keyword].(json.Number)
	if !ok {
		return 0, false
	}
	f, err := n.Float64()
	return f, err == nil
}

// formatted asserts the formats that CDEvents uses.
func formatted(format, value string) bool {
	switch format {
	case "date-time":
		return new(time.Time).UnmarshalText([]byte(value)) == nil
	case "uri":
		u, err := url.Parse(value)
		return err == nil && u.IsAbs()
	case "uri-reference":
		_, err := url.Parse(value)
		return err == nil && !strings.Contains(value, `\`)
	default:
		return false
	}
}

func (v *validator) number(s schema, value json.Number, at string) {
	f, err := value.Float64()
	if limit, ok := bound(s, "minimum"); ok && (err != nil || f < limit) {
		v.wrong(at, "less than %v", limit)
	}
}

func (v *validator) list(s schema, value []any, at string) {
	if limit, ok := bound(s, "maxItems"); ok && float64(len(value)) > limit {
		v.wrong(at, "more than %v items", limit)
	}
	items, ok := s["items"].(schema)
	for i := 0; ok && i < len(value); i++ {
		v.value(items, value[i], fmt.Sprintf("%s/%d", at, i))
	}
}

func (v *validator) object(s schema, value map[string]any, at string) {
	required, _ := s["required"].([]any)
	for _, name := range required {
		if _, ok := value[name.(string)]; !ok {
			v.wrong(at, "%s is missing", name)
		}
	}
	properties, _ := s["properties"].(schema)
	for _, name := range sorted(value) {
		property, known := properties[name].(schema)
		switch {
		case known:
			v.value(property, value[name], at+"/"+name)
		case s["additionalProperties"] == false:
			v.wrong(at, "%q is not known", name)
		}
	}
}

func sorted(object map[string]any) []string {
	names := make([]string, 0, len(object))
	for name := range object {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
