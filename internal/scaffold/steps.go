package scaffold

import (
	"errors"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/pawl-cd/pawl/internal/fault"
)

// workflow, job and step hold the parts of a workflow that are read.
type workflow struct {
	On   yaml.Node
	Env  map[string]string
	Jobs map[string]job
}

type job struct {
	Name     string
	Env      map[string]string
	Strategy yaml.Node
	Steps    []step
}

type step struct {
	Uses, Run string
	Env       map[string]string
	With      map[string]string
}

func unmarshal(text string, out any) (err error) {
	defer fault.Guard(&err, func(any) error { return errors.New("malformed YAML") })
	return yaml.Unmarshal([]byte(text), out)
}

// scalars are the texts of a scalar, of a list, or of the keys of a map.
func scalars(n *yaml.Node) []string {
	if n.Kind == yaml.ScalarNode {
		return []string{n.Value}
	}
	var all []string
	for i, c := range n.Content {
		if c.Kind == yaml.ScalarNode && (n.Kind == yaml.SequenceNode || i%2 == 0) {
			all = append(all, c.Value)
		}
	}
	return all
}

// jobNames are the names of the checks of a workflow's jobs, without those that depend on an expression.
func (w workflow) jobNames() []string {
	var all []string
	for id, j := range w.Jobs {
		name := j.Name
		if name == "" {
			name = id
		}
		if !strings.Contains(name, "${{") && j.Strategy.Kind == 0 {
			all = append(all, name)
		}
	}
	return all
}

func split(list string) []string {
	all := strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == '\n' })
	for i := range all {
		all[i] = strings.TrimSpace(all[i])
	}
	return slices.DeleteFunc(all, func(s string) bool { return s == "" || strings.Contains(s, "${{") })
}

func child2(n *yaml.Node, first, second string) *yaml.Node {
	if c := child(n, first); c != nil {
		return child(c, second)
	}
	return nil
}

// literal are the texts of a node that are no patterns.
func literal(n *yaml.Node) []string {
	if n == nil {
		return nil
	}
	return slices.DeleteFunc(scalars(n), func(s string) bool { return s == "" || strings.ContainsAny(s, "*?[]!${}'\"\\#,") })
}

func (w workflow) steps() []step {
	var all []step
	for _, id := range sorted(w.Jobs) {
		for _, s := range w.Jobs[id].Steps {
			env := map[string]string{}
			for _, level := range []map[string]string{w.Env, w.Jobs[id].Env, s.Env} {
				for k, v := range level {
					env[k] = v
				}
			}
			s.Env = env
			all = append(all, s)
		}
	}
	return all
}

// updates reports whether a step runs Updatecli or opens the pull request.
func (s step) updates() bool {
	return strings.Contains(s.Run, "updatecli ") || strings.HasPrefix(s.Uses, "updatecli/") || strings.Contains(s.Uses, "create-pull-request")
}

// triggers reports whether a step sends what GitLab's trigger endpoint wants, or lets pawl send it.
func (s step) triggers() bool {
	return strings.Contains(s.Run, "curl") && (strings.Contains(s.Run, "trigger/pipeline") || tokenOf.MatchString(s.Run)) ||
		s.deploys()
}

// runs reports whether a step is pawl run, deploys whether it is pawl deploy.
func (s step) runs() bool {
	command := s.With["command"]
	return strings.Contains(s.Run, "pawl run") || strings.HasPrefix(s.Uses, action) && (command == "" || command == "run" || strings.HasPrefix(command, "run "))
}

func (s step) deploys() bool {
	command := s.With["command"]
	return strings.Contains(s.Run, "pawl deploy") || strings.HasPrefix(s.Uses, action) && (command == "deploy" || strings.HasPrefix(command, "deploy "))
}

// texts are all scalars below a node.
func texts(n *yaml.Node) []string {
	if n.Kind == yaml.ScalarNode {
		return []string{n.Value}
	}
	var all []string
	for _, c := range n.Content {
		all = append(all, texts(c)...)
	}
	return all
}
