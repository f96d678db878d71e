package strictyaml

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// field is one key of a struct as its tags describe it:
//
//	Kind Text `yaml:"kind" enum:"semver,regex" others:"time" required:"true" doc:"How versions compare." hint:"…"`
//
// others are words of other tools that mean something else than any of enum: they are named as such with the hint, and
// never taken for a misspelled one. Of the fields with the same `group`, one has to be there.
type field struct {
	name, group string
	index       []int
	doc, hint   string
	enum        []string
	others      []string
	required    bool
	unsupported bool
}

func fields(t reflect.Type) []field {
	var all []field
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Anonymous && f.Type.Kind() == reflect.Struct { // its keys stand among ours
			for _, inner := range fields(f.Type) {
				inner.index = append([]int{i}, inner.index...)
				all = append(all, inner)
			}
		}
		name := f.Tag.Get("yaml")
		if name == "" {
			continue
		}
		one := field{name: name, group: f.Tag.Get("group"), index: []int{i}, doc: f.Tag.Get("doc"), hint: f.Tag.Get("hint"),
			required: f.Tag.Get("required") == "true", unsupported: f.Type == reflect.TypeFor[Unsupported]()}
		if e := f.Tag.Get("enum"); e != "" {
			one.enum = strings.Split(e, ",")
		}
		if o := f.Tag.Get("others"); o != "" {
			one.others = strings.Split(o, ",")
		}
		all = append(all, one)
	}
	return all
}

func required(t reflect.Type) []string {
	var names []string
	for _, f := range fields(t) {
		if f.required {
			names = append(names, f.name)
		}
	}
	return names
}

// groups returns the names of the fields of each group, in their order.
func groups(t reflect.Type) [][]string {
	var all [][]string
	at := map[string]int{}
	for _, f := range fields(t) {
		if f.group == "" {
			continue
		}
		i, ok := at[f.group]
		if !ok {
			i = len(all)
			at[f.group], all = i, append(all, nil)
		}
		all[i] = append(all[i], f.name)
	}
	return all
}

// Schema returns the JSON Schema (draft 7, which editors understand) of the struct v, indented.
func Schema(v any, id, title string) ([]byte, error) {
	g := generator{definitions: map[string]any{}}
	root := g.of(reflect.TypeOf(v))
	root = map[string]any{"$schema": "http://json-schema.org/draft-07/schema#", "$id": id, "title": title,
		"allOf": []any{root}, "definitions": g.definitions}
	out, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encoding schema %s: %w", id, err)
	}
	return append(out, '\n'), nil
}

type generator struct{ definitions map[string]any }

// of returns the schema of a type; structs become definitions and are referred to.
func (g generator) of(t reflect.Type) map[string]any {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch v := reflect.New(t).Interface().(type) {
	case *Text:
		return map[string]any{"type": []any{"string", "number", "boolean"}}
	case *Flag:
		return map[string]any{"type": "boolean"}
	case *Number:
		return map[string]any{"type": "integer"}
	case *Accepted:
		return map[string]any{}
	case Either:
		return g.anyOf(v.Alternatives())
	case interface{ schemaElem() any }:
		return map[string]any{"type": "object", "additionalProperties": g.of(reflect.TypeOf(v.schemaElem()))}
	}
	if t.Kind() == reflect.Slice {
		return map[string]any{"type": "array", "items": g.of(t.Elem())}
	}
	if _, ok := g.definitions[t.Name()]; !ok {
		g.definitions[t.Name()] = map[string]any{}
		g.definitions[t.Name()] = g.object(t)
	}
	return map[string]any{"$ref": "#/definitions/" + t.Name()}
}

func (g generator) anyOf(alternatives []any) map[string]any {
	var all []any
	for _, a := range alternatives {
		if k := reflect.TypeOf(a).Kind(); k == reflect.String || k == reflect.Bool {
			all = append(all, map[string]any{"const": a})
			continue
		}
		all = append(all, g.of(reflect.TypeOf(a)))
	}
	return map[string]any{"anyOf": all}
}

func (g generator) object(t reflect.Type) map[string]any {
	properties := map[string]any{}
	for _, f := range fields(t) {
		if f.unsupported {
			continue
		}
		p := g.of(t.FieldByIndex(f.index).Type)
		if f.required && p["type"] == "object" {
			p["minProperties"] = 1
		}
		if len(f.enum) > 0 {
			p = words(f.enum)
		}
		if f.doc == "" && f.hint != "" && len(p) == 0 {
			p["description"] = "Accepted, and changes nothing: " + f.hint + "."
			properties[f.name] = p
			continue
		}
		if !f.required { // a key without a value counts as absent
			p = map[string]any{"anyOf": []any{p, map[string]any{"type": "null"}}}
		}
		if f.doc != "" {
			if ref, ok := p["$ref"]; ok { // draft 7 ignores what stands beside a reference
				p = map[string]any{"allOf": []any{map[string]any{"$ref": ref}}}
			}
			p["description"] = f.doc
		}
		properties[f.name] = p
	}
	object := map[string]any{"type": "object", "properties": properties, "additionalProperties": false}
	if names := required(t); len(names) > 0 {
		object["required"] = names
	}
	var one []any
	for _, names := range groups(t) {
		var either []any
		for _, name := range names {
			either = append(either, map[string]any{"required": []string{name}})
		}
		one = append(one, map[string]any{"anyOf": either})
	}
	if len(one) > 0 {
		object["allOf"] = one
	}
	return object
}

// words returns the schema of the given words; one of digits may be written as a number.
func words(all []string) map[string]any {
	var numbers []int
	for _, w := range all {
		if n, err := strconv.Atoi(w); err == nil {
			numbers = append(numbers, n)
		}
	}
	if len(numbers) == 0 {
		return map[string]any{"enum": all}
	}
	return map[string]any{"anyOf": []any{map[string]any{"enum": all}, map[string]any{"enum": numbers}}}
}
