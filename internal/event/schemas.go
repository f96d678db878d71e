package event

import (
	"embed"
	"strings"
)

//go:embed schemas/*.json
var schemas embed.FS

// Schema is the contract of what is ours in one type of event, as JSON Schema (2020-12): the content of a custom event's
// subject, or customData.pawl of a standard one. Within a version fields are added only, so a receiver ignores those
// that it does not know.
type Schema struct {
	// Name is <subject>.<predicate>@<version>; of a custom event the version is the major one of its type.
	Name string
	// Type is the type of event without version.
	Type string
	JSON []byte
}

// Custom reports whether the schema is of a custom event's content.
func (s Schema) Custom() bool { return strings.HasPrefix(s.Type, customPrefix) }

const (
	standardPrefix = "dev.cdevents."
	customPrefix   = "dev.cdeventsx.pawl-"
)

// Schemas returns every schema, ordered by name.
func Schemas() []Schema {
	entries, err := schemas.ReadDir("schemas")
	if err != nil {
		return nil // what is embedded can be read
	}
	var all []Schema
	for _, e := range entries {
		name := strings.TrimSuffix(e.Name(), ".json")
		if s, ok := SchemaOf(name); ok {
			all = append(all, s)
		}
	}
	return all
}

// SchemaOf returns the schema of a name, such as change.merged@1.
func SchemaOf(name string) (Schema, bool) {
	text, err := schemas.ReadFile("schemas/" + name + ".json")
	words, _, _ := strings.Cut(name, "@")
	for _, t := range append(Kinds(), Kind{Name: ArtifactQuarantined}) {
		if err == nil && short(t.Name) == words {
			return Schema{Name: name, Type: t.Name, JSON: text}, true
		}
	}
	return Schema{}, false
}
