package dispatch

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/pawl-cd/pawl/internal/deploy"
)

// repository is OWNER/NAME as GitHub allows it.
var repository = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]*/[A-Za-z0-9._-]+$`)

// triggerPath is how the address of a GitLab project's trigger ends.
const triggerPath = "/trigger/pipeline"

// Target is one repository that is to be told.
type Target struct {
	// Repository is OWNER/NAME; for a project at a GitLab its host and its path or number.
	Repository string
	// Trigger is the address of the project's trigger, empty for a repository at GitHub.
	Trigger string
	// Variable is the name of the variable that it stands in.
	Variable string
	// Token may start workflows there, or pipelines. It is sent to its forge and shown nowhere.
	Token string
	// Others are further variables that name the same repository; their tokens are not used.
	Others []string
}

// String returns the repository, so that printing a target shows no token.
func (t Target) String() string { return t.Repository }

// GoString returns the same for %#v.
func (t Target) GoString() string { return t.Repository }

// VariableError is a variable that names no target.
type VariableError struct {
	Variable, Reason string
}

// Error names the variable and what is wrong with it, never its value.
func (e *VariableError) Error() string {
	return fmt.Sprintf("reading the target in %s: %s", e.Variable, e.Reason)
}

// Advice returns the form of a value.
func (e *VariableError) Advice() string {
	return "set " + e.Variable + " to OWNER/REPOSITORY:TOKEN, at a GitLab to https://HOST/api/v4/projects/ID" + triggerPath + ":TOKEN, or unset it"
}

// Targets reads the targets out of an environment of NAME=value: the value of each variable whose name begins with the
// prefix is OWNER/REPOSITORY:TOKEN, split at its first colon, or the address of a GitLab project's trigger, a colon and its token. They are sorted by repository, each once; of several
// variables for one repository the first by name counts. The errors are the malformed ones, by name.
func Targets(environ []string, prefix string) ([]Target, []*VariableError) {
	var found []Target
	var errs []*VariableError
	for _, entry := range environ {
		name, value, ok := strings.Cut(entry, "=")
		if !ok || !strings.HasPrefix(name, prefix) {
			continue
		}
		target, reason := parse(name, value)
		if reason != "" {
			errs = append(errs, &VariableError{Variable: name, Reason: reason})
			continue
		}
		found = append(found, target)
	}
	slices.SortFunc(errs, func(a, b *VariableError) int { return cmp.Compare(a.Variable, b.Variable) })
	return merge(found), errs
}

// parse reads one variable, or says what is wrong with it; space around its value, such as a pasted newline, does not count.
func parse(name, value string) (target Target, reason string) {
	if strings.Contains(value, "://") {
		return parseTrigger(name, strings.TrimSpace(value))
	}
	at, token, found := strings.Cut(strings.TrimSpace(value), ":")
	_, last, _ := strings.Cut(at, "/")
	switch {
	case strings.TrimSpace(value) == "":
		return target, "it is empty"
	case !found:
		return target, "no colon separates the repository from the token"
	case !repository.MatchString(at) || last == "." || last == "..":
		return target, "before the first colon stands no OWNER/REPOSITORY"
	case token == "":
		return target, "no token stands after the colon"
	case strings.ContainsFunc(token, unsendable):
		return target, "the token holds a space or a character that no header can hold"
	}
	return Target{Repository: at, Variable: name, Token: token}, ""
}

// parseTrigger reads the address of a GitLab project's trigger with its token.
func parseTrigger(name, value string) (target Target, reason string) {
	address, token, found := strings.Cut(value, triggerPath+":")
	if !found {
		return target, "it holds a URL that is not that of a GitLab project's trigger with a token behind it"
	}
	address += triggerPath
	base, project, err := deploy.Project{URL: address}.Endpoint()
	switch {
	case err != nil:
		return target, "the address of the trigger: " + err.Error()
	case token == "":
		return target, "no token stands after the colon"
	case strings.ContainsFunc(token, unsendable):
		return target, "the token holds a space or a character that is in no token"
	}
	_, host, _ := strings.Cut(base, "://")
	return Target{Repository: host + "/" + project, Trigger: address, Variable: name, Token: token}, ""
}

// Secrets are the tokens that the value of a variable may hold, also of one that names no target.
func Secrets(value string) []string {
	_, token, found := strings.Cut(value, ":")
	if strings.Contains(value, "://") {
		token = value[strings.LastIndexByte(value, ':')+1:]
		if _, after, there := strings.Cut(value, triggerPath+":"); there {
			token = after
		}
	}
	if !found {
		return nil
	}
	return []string{token}
}

// unsendable reports what cannot stand in a token: it is sent in a header.
func unsendable(r rune) bool { return r <= ' ' || r > '~' }

// merge sorts the targets and makes one of those that name the same repository, whose names GitHub compares without
// regard to case.
func merge(all []Target) []Target {
	slices.SortFunc(all, func(a, b Target) int {
		return cmp.Or(cmp.Compare(folded(a), folded(b)), cmp.Compare(a.Variable, b.Variable))
	})
	var once []Target
	for _, t := range all {
		if n := len(once); n > 0 && folded(once[n-1]) == folded(t) {
			once[n-1].Others = append(once[n-1].Others, t.Variable)
			continue
		}
		once = append(once, t)
	}
	return once
}

// folded is what targets are told apart by: the project gitlab/profile at a host called gitlab is not the repository of that name.
func folded(t Target) string {
	name := strings.ToLower(t.Repository)
	if t.Trigger != "" {
		name += " at a GitLab"
	}
	return name
}
