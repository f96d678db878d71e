package conformance

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/vektah/gqlparser/v2/ast"
)

// Variable names the directory of the npm packages (a node_modules) in the environment.
const Variable = "PAWL_OCTOKIT"

// Description is what GitHub says about its APIs. It is read-only and may be shared.
type Description struct {
	routes []route
	schema *ast.Schema
}

// FromEnvironment loads the packages that Variable names. Without it there is no description and no error, except under
// CI=true, where missing packages are an error.
func FromEnvironment() (*Description, error) {
	dir := os.Getenv(Variable)
	switch {
	case dir != "":
		return Load(dir)
	case os.Getenv("CI") == "true":
		return nil, fmt.Errorf("checking conformance: %s is not set", Variable)
	}
	return nil, nil //nolint:nilnil // documented: not installed, and not demanded
}

// Load reads both descriptions below a node_modules directory; it takes about a second.
func Load(modules string) (*Description, error) {
	octokit := filepath.Join(modules, "@octokit")
	rest, err := os.ReadFile(filepath.Join(octokit, "openapi/generated/api.github.com.json")) //nolint:gosec // a directory that the caller names
	if err != nil {
		return nil, err
	}
	routes, err := loadRoutes(rest)
	if err != nil {
		return nil, fmt.Errorf("loading GitHub's REST description: %w", err)
	}
	graph, err := os.ReadFile(filepath.Join(octokit, "graphql-schema/schema.graphql")) //nolint:gosec // a directory that the caller names
	if err != nil {
		return nil, err
	}
	schema, err := loadSchema(string(graph))
	if err != nil {
		return nil, fmt.Errorf("loading GitHub's GraphQL schema: %w", err)
	}
	return &Description{routes, schema}, nil
}

// reduced is the part of an OpenAPI document that is kept.
type reduced struct {
	OpenAPI    string                                `json:"openapi"`
	Info       json.RawMessage                       `json:"info"`
	Paths      map[string]map[string]json.RawMessage `json:"paths"`
	Components map[string]map[string]json.RawMessage `json:"components"`
}

func loadRoutes(data []byte) ([]route, error) {
	var whole reduced
	if err := json.Unmarshal(data, &whole); err != nil {
		return nil, err
	}
	document, err := document(whole)
	if err != nil {
		return nil, err
	}
	if err := relax(document); err != nil {
		return nil, err
	}
	return compile(document), nil
}

// document is the reduced description, with its references resolved.
func document(whole reduced) (*openapi3.T, error) {
	small, err := reduce(whole)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(small)
	if err != nil {
		return nil, err
	}
	return openapi3.NewLoader().LoadFromData(text)
}

// reduce keeps the used operations and the components that they reach.
func reduce(whole reduced) (reduced, error) {
	small := reduced{whole.OpenAPI, whole.Info, map[string]map[string]json.RawMessage{}, map[string]map[string]json.RawMessage{}}
	var open []json.RawMessage
	for _, operation := range Operations() {
		method, path, _ := strings.Cut(operation, " ")
		method = strings.ToLower(method)
		text, described := whole.Paths[path][method]
		if !described {
			return reduced{}, fmt.Errorf("finding %s: not described", operation)
		}
		if small.Paths[path] == nil {
			small.Paths[path] = map[string]json.RawMessage{}
		}
		small.Paths[path][method] = text
		open = append(open, text)
	}
	reference := regexp.MustCompile(`"\$ref":\s*"#/components/([^/"]+)/([^/"]+)`)
	for len(open) > 0 {
		text := open[0]
		open = open[1:]
		for _, found := range reference.FindAllSubmatch(text, -1) {
			if added := small.add(whole, string(found[1]), string(found[2])); added != nil {
				open = append(open, added)
			}
		}
	}
	return small, nil
}

// add copies a component and returns it when it is new.
func (r reduced) add(whole reduced, kind, name string) json.RawMessage {
	if kind == "examples" {
		r.put(kind, name, whole.Components[kind][name])
		return nil
	}
	if r.Components[kind][name] != nil {
		return nil
	}
	r.put(kind, name, whole.Components[kind][name])
	return whole.Components[kind][name]
}

func (r reduced) put(kind, name string, text json.RawMessage) {
	if r.Components[kind] == nil {
		r.Components[kind] = map[string]json.RawMessage{}
	}
	r.Components[kind][name] = text
}
