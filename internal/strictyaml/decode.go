package strictyaml

import (
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/pawl-cd/pawl/internal/fault"
)

// Limits of a configuration file; far above what people write, far below what hurts.
const (
	// MaxSize is the largest file read, in bytes.
	MaxSize = 1 << 20
	// maxDocuments bounds the documents of one file.
	maxDocuments = 1000
	// maxNodes bounds the nodes visited in one document, aliases followed: what a nest of aliases expands to.
	maxNodes = 100_000
)

// Documents splits a file into its YAML documents; empty documents are left out. The problems are those of YAML
// itself; the documents before a syntax error are returned.
func Documents(file string, data []byte) ([]*yaml.Node, []Problem) {
	if len(data) > MaxSize {
		return nil, []Problem{{File: file, Message: fmt.Sprintf("the file has %d bytes, more than the limit of %d", len(data), MaxSize)}}
	}
	var docs []*yaml.Node
	dec := yaml.NewDecoder(strings.NewReader(string(data)))
	for len(docs) < maxDocuments {
		n, err := nextDocument(dec)
		if errors.Is(err, io.EOF) {
			return docs, nil
		}
		if err != nil {
			p := Syntax(data, err)
			p.File, p.Message = file, "reading YAML: "+p.Message
			return docs, []Problem{p}
		}
		if root := n.Content[0]; root.Tag != "!!null" {
			docs = append(docs, root)
		}
	}
	return docs, []Problem{{File: file, Message: fmt.Sprintf("more than %d documents", maxDocuments)}}
}

// nextDocument reads one document. yaml.v3 panics on some malformed input instead of returning an error
// (https://github.com/go-yaml/yaml/issues), hence the recover around this one call.
func nextDocument(dec *yaml.Decoder) (n *yaml.Node, err error) {
	defer fault.Guard(&err, func(any) error { return errors.New("yaml: malformed document") })
	n = new(yaml.Node)
	if err := dec.Decode(n); err != nil {
		return nil, err
	}
	return n, nil
}

// Decoder reads one document and collects its problems.
type Decoder struct {
	file     string
	problems []Problem
	nodes    int
	exceeded bool
	// key and hint are those of the field whose value is read.
	key, hint string
}

// Decode reads the node into the struct that out points to and returns every problem found.
func Decode(file string, n *yaml.Node, out any) []Problem {
	d := &Decoder{file: file}
	d.Decode(n, out)
	return d.problems
}

// Errorf records a problem at the node.
func (d *Decoder) Errorf(n *yaml.Node, hint, format string, args ...any) {
	d.problems = append(d.problems, Problem{File: d.file, Line: n.Line, Column: n.Column, Message: fmt.Sprintf(format, args...), Hint: hint})
}

// Warnf records a warning at the node.
func (d *Decoder) Warnf(n *yaml.Node, hint, format string, args ...any) {
	d.Errorf(n, hint, format, args...)
	d.problems[len(d.problems)-1].Warning = true
}

// Refuse records a problem at the node, with the hint of the key whose value it is; the one %s of the format becomes the key.
func (d *Decoder) Refuse(n *yaml.Node, format string) {
	d.Errorf(n, d.hint, format, d.key)
}

// Decode reads the node into out, a pointer to a struct, a slice, or one of this package's types. A null leaves out as
// it is.
func (d *Decoder) Decode(n *yaml.Node, out any) {
	n = d.enter(n)
	if n == nil || isNull(n) {
		return
	}
	switch out := out.(type) {
	case Either:
		out.DecodeYAML(d, n)
	case interface{ decode(*Decoder, *yaml.Node) }:
		out.decode(d, n)
	default:
		v := reflect.ValueOf(out).Elem()
		switch v.Kind() {
		case reflect.Struct:
			d.structure(n, v)
		case reflect.Slice:
			d.list(n, v)
		default:
			d.Errorf(n, "", "this place cannot hold a value")
		}
	}
}

// enter follows an alias and counts the visit; nil means that the document is too large to go on.
func (d *Decoder) enter(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if d.nodes++; d.nodes <= maxNodes {
		return n
	}
	if !d.exceeded {
		d.exceeded = true
		d.Errorf(n, "write the values out instead of nesting aliases", "the document expands to more than %d values", maxNodes)
	}
	return nil
}

func (d *Decoder) list(n *yaml.Node, v reflect.Value) {
	if n.Kind != yaml.SequenceNode {
		d.Errorf(n, "", "want a list, have %s", describe(n))
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), 0, len(n.Content))) // an empty list is one
	for _, item := range n.Content {
		e := reflect.New(v.Type().Elem())
		d.member(item, e.Interface())
		v.Set(reflect.Append(v, e.Elem()))
	}
}

// member reads one of a list or of a map with free keys. Unlike a key that the format knows, it cannot be left empty.
func (d *Decoder) member(n *yaml.Node, out any) {
	if isNull(n) {
		d.Errorf(n, "write its value, or remove it", "want a value, have nothing")
		return
	}
	d.Decode(n, out)
}

func (d *Decoder) structure(n *yaml.Node, v reflect.Value) {
	if n.Kind != yaml.MappingNode {
		want := "a map"
		if names := required(v.Type()); len(names) > 0 {
			want += " with " + strings.Join(names, ", ")
		}
		d.Errorf(n, "", "want %s, have %s", want, describe(n))
		return
	}
	present, meant := map[string]bool{}, map[string]bool{}
	d.pairs(n, func(key Text, value *yaml.Node) {
		f, ok := d.field(v.Type(), key)
		if !ok {
			meant[f.name] = true
			return
		}
		if present[f.name] {
			d.Errorf(at(key), "", "the key %q is there twice", f.name)
			return
		}
		present[f.name] = !isNull(value)
		d.value(f, key, value, v.FieldByIndex(f.index))
	})
	for _, name := range required(v.Type()) {
		if !present[name] && !meant[name] {
			d.Errorf(n, "", "missing key %q", name)
		}
	}
	for _, names := range groups(v.Type()) {
		if there := func(name string) bool { return present[name] || meant[name] }; !slices.ContainsFunc(names, there) {
			d.Errorf(n, "", "missing key %q", names[0])
		}
	}
}

// value reads one field and holds it against its tags.
func (d *Decoder) value(f field, key Text, n *yaml.Node, v reflect.Value) {
	if v.Type() == reflect.TypeFor[Unsupported]() {
		d.Errorf(at(key), f.hint, "%q is not supported by pawl", key.Value)
		return
	}
	if v.Type() == reflect.TypeFor[Accepted]() {
		d.problems = append(d.problems, Problem{File: d.file, Line: key.Line, Column: key.Column, Warning: true,
			Message: fmt.Sprintf("%q changes nothing here", key.Value), Hint: f.hint})
		return
	}
	if v.Kind() == reflect.Pointer {
		if isNull(n) {
			return
		}
		v.Set(reflect.New(v.Type().Elem()))
		d.Decode(n, v.Interface())
		return
	}
	before := len(d.problems)
	d.key, d.hint = f.name, f.hint
	d.Decode(n, v.Addr().Interface())
	d.nameKey(f.name, n, d.problems[before:])
	if _, isMap := v.Addr().Interface().(interface{ schemaElem() any }); isMap && f.required && v.Len() == 0 && n.Kind == yaml.MappingNode {
		d.Errorf(n, "", "%s is empty", f.name)
	}
	if t, ok := v.Interface().(Text); ok && t.Set() && len(f.enum) > 0 && !slices.Contains(f.enum, t.Value) {
		hint := fault.DidYouMean(fault.Nearest(t.Value, f.enum))
		if slices.Contains(f.others, t.Value) {
			hint = f.hint
		}
		d.Errorf(n, hint, "%s: want %s, have %s", f.name, oneOf(f.enum), Quote(t.Value))
	}
}

// nameKey adds the key to what is wrong with its value as a whole.
func (d *Decoder) nameKey(key string, n *yaml.Node, problems []Problem) {
	for i := range problems {
		p := &problems[i]
		if p.Line != n.Line || p.Column != n.Column || !strings.HasPrefix(p.Message, "want ") {
			continue
		}
		if p.Hint == "" && strings.HasPrefix(p.Message, "want a list, have \"") {
			p.Hint = fmt.Sprintf("write %s: [%s]", key, strings.Trim(n.Value, "[] "))
		}
		p.Message = key + ": " + p.Message
	}
}

// pairs calls yield for each key of a mapping whose key is a scalar; merge keys and doubled keys are errors.
func (d *Decoder) pairs(n *yaml.Node, yield func(key Text, value *yaml.Node)) {
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k := n.Content[i]
		switch {
		case k.Kind != yaml.ScalarNode:
			d.Errorf(k, "", "want a name as key, have %s", kindName(k))
		case k.Tag == "!!merge":
			d.Errorf(k, "write the keys out", "merge keys are not supported here")
		case seen[k.Value]:
			d.Errorf(k, "", "the key %s is there twice", Quote(k.Value))
		default:
			seen[k.Value] = true
			yield(Text{Value: k.Value, Line: k.Line, Column: k.Column}, n.Content[i+1])
		}
	}
}

// field finds the struct field of a key: by its name, else by its name in another case with a warning. Without one it
// returns the name that was probably meant.
func (d *Decoder) field(t reflect.Type, key Text) (field, bool) {
	all := fields(t)
	for _, f := range all {
		if f.name == key.Value {
			return f, true
		}
	}
	names := make([]string, 0, len(all))
	for _, f := range all {
		if strings.EqualFold(f.name, key.Value) {
			d.problems = append(d.problems, Problem{File: d.file, Line: key.Line, Column: key.Column, Warning: true,
				Message: fmt.Sprintf("the key %q is written %q", key.Value, f.name), Hint: "write " + f.name})
			return f, true
		}
		if !f.unsupported {
			names = append(names, f.name)
		}
	}
	hint := fault.DidYouMean(fault.Nearest(key.Value, names))
	if hint == "" {
		hint = "known here: " + strings.Join(names, ", ")
	}
	d.Errorf(at(key), hint, "unknown key %s", Quote(key.Value))
	return field{name: fault.Nearest(key.Value, names)}, false
}

func at(t Text) *yaml.Node { return &yaml.Node{Line: t.Line, Column: t.Column} }

func oneOf(words []string) string {
	if len(words) == 1 {
		return words[0]
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}
