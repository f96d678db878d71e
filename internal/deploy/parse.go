package deploy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pawl-cd/pawl/internal/fault"
)

// maxProjects bounds a list.
const maxProjects = 1000

const listHint = `write a JSON list such as [{"name":"dev","url":"https://gitlab.example/api/v4/projects/19/trigger/pipeline","secret":"TOKEN_DEV"}], or [] for no project`

// fields are the words of a project, in the order of Project.
var fields = []string{"name", "url", "secret", "api", "paths"}

// Parse reads a list of projects: [{"name", "url", "secret", "api"?, "paths"?}, ...]. It is as strict as a
// configuration file: a field that it does not know is a fault, because the one that was meant would be missing. Every
// fault that can be seen without the environment is in the error, which is Problems.
func Parse(data []byte) ([]Project, error) {
	elements, bad := list(data)
	if bad != nil {
		return nil, bad
	}
	projects := make([]Project, len(elements))
	var all Problems
	for i, element := range elements {
		var p problems
		projects[i], p = parseProject(i, element)
		all = append(all, p.all...)
	}
	if all != nil {
		return nil, append(all, duplicates(projects)...)
	}
	if all = static(projects); all != nil {
		return nil, all
	}
	return projects, nil
}

// list splits the JSON into its elements.
func list(data []byte) ([]json.RawMessage, error) {
	var elements []json.RawMessage
	err := json.Unmarshal(data, &elements)
	var syntax *json.SyntaxError
	text := ""
	switch {
	case len(bytes.TrimSpace(data)) == 0:
		text = "the list is empty text"
	case errors.As(err, &syntax):
		text = fmt.Sprintf("no JSON: %v, at byte %d", syntax, syntax.Offset)
	case err != nil, elements == nil:
		text = "want a list"
	case len(elements) > maxProjects:
		text = fmt.Sprintf("%d projects are more than %d", len(elements), maxProjects)
	default:
		return elements, nil
	}
	return nil, Problems{{Text: text, Hint: listHint}}
}

// parseProject reads one element, and when it has the right shape also looks at what its fields say.
func parseProject(index int, element json.RawMessage) (Project, problems) {
	p := problems{project: label(index, "")}
	var object map[string]json.RawMessage
	if json.Unmarshal(element, &object) != nil || object == nil {
		p.add(listHint, "want an object")
		return Project{}, p
	}
	var out Project
	if json.Unmarshal(object["name"], &out.Name) == nil {
		p.project = label(index, out.Name)
	}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		if slices.Contains(fields, name) {
			continue
		}
		if near := misspelt(name); near != "" {
			p.add(fault.DidYouMean(near), "the field %q is not known", name)
			continue
		}
		p.add(fieldHint(name), "a field is not known")
	}
	wrong := len(p.all)
	for i, into := range []any{&out.Name, &out.URL, &out.Secret, &out.API, &out.Paths} {
		field(&p, fields[i], object[fields[i]], into)
	}
	if len(p.all) == wrong {
		p.all = append(p.all, checkProject(index, out)...)
	}
	return out, p
}

// misspelt is the field that differs from a name in one letter, empty for none.
func misspelt(name string) string {
	for _, known := range fields {
		if fault.Distance(name, known) == 1 {
			return known
		}
	}
	return ""
}

// fieldHint names the known fields, and a field's own spelling when only the case differs. The unknown name itself is
// not repeated: what stands in a wrong place may be a secret.
func fieldHint(name string) string {
	for _, known := range fields {
		if strings.EqualFold(name, known) {
			return "write " + known + " in lower case"
		}
	}
	return "use the fields " + strings.Join(fields, ", ")
}

// field reads a field into a text or a list of texts; an absent one and null are empty.
func field(p *problems, name string, raw json.RawMessage, into any) {
	if raw == nil || json.Unmarshal(raw, into) == nil {
		return
	}
	if name == "paths" {
		p.add(`write paths as a list such as ["values.yaml"]`, "paths: want a list of texts")
		return
	}
	p.add("write "+name+" as a text in quotes", "%s: want a text", name)
}
