package deploy

import (
	"fmt"
	"path"
	"regexp"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// maxName bounds a project's name, in bytes.
const maxName = 100

// Patterns are compiled when they are first used: most commands never do.
//
// variableName is how the name of an environment variable is written; shownName is one that is surely no token which
// was written in its place, and may be repeated in a message.
var (
	variableName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`) })
	shownName    = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Z_][A-Z0-9_]{0,99}$`) })
)

// Check returns every fault of a list as Problems, nil when there is none: those of the list itself, and variables
// that the environment, which lookup reads, does not have. It is to be asked before anything is written.
func Check(list []Project, lookup func(name string) (string, bool)) error {
	all := static(list)
	for i, project := range list {
		p := problems{project: label(i, project.Name)}
		checkVariable(&p, "secret", project.Secret, "the project's trigger token", lookup)
		checkVariable(&p, "api", project.API, "a token with the scope read_api", lookup)
		all = append(all, p.all...)
	}
	return all.orNil()
}

// Static returns the faults of each project that do not depend on the environment, in the order of the list.
func Static(list []Project) [][]Problem {
	all, twice := make([][]Problem, len(list)), duplicates(list)
	for i, project := range list {
		all[i] = checkProject(i, project)
		for _, p := range twice {
			if p.index == i {
				all[i] = append(all[i], p)
			}
		}
	}
	return all
}

// static returns the faults that do not depend on the environment.
func static(list []Project) Problems {
	var all Problems
	for i, project := range list {
		all = append(all, checkProject(i, project)...)
	}
	return append(all, duplicates(list)...)
}

func checkProject(index int, project Project) Problems {
	p := problems{project: label(index, project.Name)}
	if why := checkName(project.Name); why != "" {
		p.add(`write a short name of printable characters, such as "dev"`, "name: %s", why)
	}
	if _, _, err := project.Endpoint(); err != nil {
		p.add(addressHint, "url: %v", err)
	}
	if project.Secret == "" {
		p.add(`name the environment variable that holds the project's trigger token, such as "secret":"TOKEN_DEV"`, "secret is missing")
	}
	for _, field := range [][2]string{{"secret", project.Secret}, {"api", project.API}} {
		if field[1] != "" && !variableName().MatchString(field[1]) {
			p.add("put the token into an environment variable, and write the name of that variable", "%s: want the name of an environment variable", field[0])
		}
	}
	for _, pattern := range project.Paths {
		if why := checkPattern(pattern); why != "" {
			p.add("write paths below the root with forward slashes, such as values.yaml, charts/ or charts/**/*.yaml", "paths: %q %s", pattern, why)
		}
	}
	return p.all
}

// checkName says what is wrong with a name, empty when nothing is.
func checkName(name string) string {
	switch {
	case name == "":
		return "it is missing"
	case len(name) > maxName:
		return fmt.Sprintf("it is longer than %d bytes", maxName)
	case !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }):
		return "it holds characters that cannot be printed"
	case strings.TrimSpace(name) != name:
		return "it begins or ends with a space"
	}
	return ""
}

func checkPattern(pattern string) string {
	clean := path.Clean(pattern)
	switch {
	case strings.TrimSpace(pattern) == "":
		return "is empty"
	case strings.Contains(pattern, `\`):
		return "holds a backslash"
	case path.IsAbs(clean) || clean == ".." || strings.HasPrefix(clean, "../"):
		return "leaves the root"
	}
	if _, err := path.Match(clean, ""); err != nil {
		return "is no valid pattern"
	}
	return ""
}

// duplicates returns names and endpoints that two projects share: the same pipeline would be fired twice.
func duplicates(list []Project) Problems {
	var all Problems
	names, places := map[string]int{}, map[string]int{}
	for i, project := range list {
		p := problems{project: label(i, project.Name), index: i}
		if first, seen := names[project.Name]; seen && project.Name != "" {
			p.add("give each project a name of its own", "the name is also that of project #%d", first+1)
		} else {
			names[project.Name] = i
		}
		if place, err := project.place(); err == nil {
			if first, seen := places[place]; seen {
				p.add("name each GitLab project once, with all its paths", "the url is also that of project #%d", first+1)
			} else {
				places[place] = i
			}
		}
		all = append(all, p.all...)
	}
	return all
}

func checkVariable(p *problems, field, name, what string, lookup func(string) (string, bool)) {
	if name == "" || !variableName().MatchString(name) {
		return // said by checkProject
	}
	shown := "it names"
	if shownName().MatchString(name) {
		shown = name
	}
	value, set := lookup(name)
	hint := fmt.Sprintf("set the variable %s to %s", shown, what)
	switch {
	case !set:
		p.add(hint, "%s: the environment variable %s is not set", field, shown)
	case strings.TrimSpace(value) == "":
		p.add(hint, "%s: the environment variable %s is empty", field, shown)
	case strings.ContainsFunc(strings.TrimSpace(value), func(r rune) bool { return r <= ' ' || r > '~' }):
		p.add(hint+" alone", "%s: the environment variable %s holds characters that no token has", field, shown)
	}
}
