// Package fleet holds what many profiles in one process are: the file that lists them, which of them a shard takes, how fast they may
// begin, what they may share of what was listed, and how they ended. It starts nothing and asks nobody.
//
// A profile sees the variables, the token and the docker configuration that its entry names; all else does not exist for it.
package fleet

import (
	"cmp"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/pawl-cd/pawl/internal/strictyaml"
)

// FileName is the usual name of a fleet's file.
const FileName = "fleet.yaml"

// The limits where the file says none.
const (
	DefaultParallel = 16
	DefaultDeadline = 30 * time.Minute
	DefaultProfile  = 5 * time.Minute
	maxParallel     = 256
)

// MaxProfiles bounds how many profiles a fleet has.
const MaxProfiles = 100_000

// Fleet is the profiles of one operator, and what they may use.
type Fleet struct {
	Profiles []Profile
	// Parallel is how many profiles run at once.
	Parallel int
	// Deadline is for all of them, Each for one.
	Deadline, Each time.Duration
}

// Profile is one profile, and all that it sees of the operator's environment.
type Profile struct {
	// Repository is OWNER/NAME at the forge; at GitLab the groups may be nested.
	Repository string
	// Kind is that of the forge, URL its address, empty for GitHub.
	Kind, URL string
	// Token names the variable with the profile's MERGE_TOKEN, empty for none.
	Token string
	// Env are the variables that the profile sees.
	Env []string
	// Docker is the directory of its docker configuration, empty for none.
	Docker string
	// Place is where it stands in the file.
	Place strictyaml.Problem
}

// Name is the repository, with the host of the forge unless that is GitHub's own.
func (p Profile) Name() string {
	if u, err := url.Parse(p.URL); err == nil && u.Host != "" {
		return u.Host + strings.TrimRight(u.Path, "/") + "/" + p.Repository
	}
	return p.Repository
}

// Address is what --repository takes.
func (p Profile) Address() string {
	if p.URL == "" {
		return p.Repository
	}
	return strings.TrimRight(p.URL, "/") + "/" + p.Repository
}

// key is the same for two entries that mean one repository.
func (p Profile) key() string { return strings.ToLower(p.Kind + " " + p.Address()) }

type format struct {
	Version  strictyaml.Text `yaml:"version" required:"true" enum:"1" doc:"The format's version."`
	Profiles []profileBlock  `yaml:"profiles" required:"true" doc:"The profiles."`
	Limits   limitsBlock     `yaml:"limits" doc:"How much of everything at once, and for how long."`
}

type profileBlock struct {
	Repository strictyaml.Text   `yaml:"repository" required:"true" doc:"owner/repository at the forge."`
	Token      strictyaml.Text   `yaml:"token" doc:"The variable with the token that the profile knows as MERGE_TOKEN; without one it can be planned only."`
	Env        []strictyaml.Text `yaml:"env" doc:"The variables that the profile sees; nothing else of the environment exists for it."`
	Docker     strictyaml.Text   `yaml:"docker" doc:"The directory with the profile's config.json for registries; registries are asked anonymously when absent."`
	Forge      forgeBlock        `yaml:"forge" doc:"Where the repository is; at GitHub when absent."`
}

type forgeBlock struct {
	Kind strictyaml.Text `yaml:"kind" enum:"github,gitea,gitlab" doc:"The forge; gitea is Forgejo as well."`
	URL  strictyaml.Text `yaml:"url" doc:"The address of a gitea or a gitlab; https://gitlab.com for a gitlab when absent."`
}

type limitsBlock struct {
	Parallel strictyaml.Number `yaml:"parallel" doc:"Profiles at once; 16 when absent."`
	Deadline strictyaml.Text   `yaml:"deadline" doc:"How long all of them may take, as 1h; 30m when absent."`
	Profile  strictyaml.Text   `yaml:"profile" doc:"How long one of them may take; 5m when absent."`
}

// Schema returns the JSON Schema (2020-12) of the file.
func Schema() ([]byte, error) {
	return strictyaml.Schema(format{}, "https://github.com/pawl-cd/pawl/schemas/fleet@1.json", "A fleet of pawl")
}

// Parse reads the file; the problems hold every fault, and without one the fleet can be used.
func Parse(file string, data []byte) (Fleet, []strictyaml.Problem) {
	docs, problems := strictyaml.Documents(file, data)
	if len(docs) != 1 && len(problems) == 0 {
		problems = append(problems, strictyaml.Problem{File: file, Line: 1, Column: 1, Message: fmt.Sprintf("want one document, have %d", len(docs)), Hint: "write version: 1 and profiles: [{repository: OWNER/NAME, token: VARIABLE}]"})
	}
	if len(problems) > 0 {
		return Fleet{}, problems
	}
	var f format
	c := &checker{file: file, problems: strictyaml.Decode(file, docs[0], &f)}
	fleet := c.fleet(f)
	strictyaml.Sort(c.problems)
	return fleet, c.problems
}

type checker struct {
	file     string
	problems []strictyaml.Problem
}

func (c *checker) errorf(t strictyaml.Text, hint, format string, args ...any) {
	c.problems = append(c.problems, strictyaml.Problem{File: c.file, Line: t.Line, Column: t.Column, Message: fmt.Sprintf(format, args...), Hint: hint})
}

func (c *checker) fleet(f format) Fleet {
	all := Fleet{Parallel: DefaultParallel, Deadline: c.duration(f.Limits.Deadline, DefaultDeadline), Each: c.duration(f.Limits.Profile, DefaultProfile)}
	if n := f.Limits.Parallel; n.Set() {
		if n.Value < 1 || n.Value > maxParallel {
			c.errorf(strictyaml.Text{Line: n.Line, Column: n.Column}, "write e.g. 16", "want a number from 1 to %d, have %d", maxParallel, n.Value)
		}
		all.Parallel = n.Value
	}
	if len(f.Profiles) > MaxProfiles {
		c.errorf(f.Profiles[MaxProfiles].Repository, "split the file", "more than %d profiles", MaxProfiles)
		return all
	}
	if len(f.Profiles) == 0 && len(c.problems) == 0 {
		c.errorf(strictyaml.Text{Line: 1, Column: 1}, "write profiles: [{repository: OWNER/NAME, token: VARIABLE}]", "no profile is listed")
	}
	first := map[string]Profile{}
	for _, b := range f.Profiles {
		p := c.profile(b)
		if before, twice := first[p.key()]; twice && p.Repository != "" {
			c.errorf(b.Repository, "leave one of them: two runs of one profile race", "%s stands in line %d too", p.Name(), before.Place.Line)
		}
		first[p.key()] = p
		all.Profiles = append(all.Profiles, p)
	}
	return all
}

func (c *checker) profile(b profileBlock) Profile {
	p := Profile{Repository: b.Repository.Value, Kind: cmp.Or(b.Forge.Kind.Value, "github"), URL: b.Forge.URL.Value,
		Token: c.variable(b.Token), Docker: b.Docker.Value, Place: strictyaml.Problem{File: c.file, Line: b.Repository.Line, Column: b.Repository.Column}}
	parts := strings.Split(p.Repository, "/")
	if b.Repository.Set() && (len(parts) < 2 || len(parts) > 2 && p.Kind != "gitlab" || slices.ContainsFunc(parts, odd)) {
		c.errorf(b.Repository, "an address belongs to forge: {kind: KIND, url: ADDRESS}", "want OWNER/NAME, have %s", strictyaml.Quote(p.Repository))
	}
	address, wrong := Place(p.Kind, p.URL)
	switch p.URL = address; {
	case wrong == nil:
	case wrong.Kind:
		c.errorf(b.Forge.Kind, wrong.Hint, "%s", wrong.Message)
	default:
		c.errorf(b.Forge.URL, wrong.Hint, "%s", wrong.Message)
	}
	for _, t := range b.Env {
		name := c.variable(t)
		if name == "MERGE_TOKEN" || name == "DOCKER_CONFIG" {
			c.errorf(t, map[string]string{"MERGE_TOKEN": "write token: VARIABLE", "DOCKER_CONFIG": "write docker: DIRECTORY"}[name], "%s is what the entry itself says", name)
		}
		p.Env = append(p.Env, name)
	}
	return p
}

// PlaceError is a forge that cannot be found by what is said of it: by its kind, or by its address.
type PlaceError struct {
	Kind          bool
	Message, Hint string
}

// Error returns what is wrong.
func (e *PlaceError) Error() string { return e.Message }

// Advice returns what to do about it.
func (e *PlaceError) Advice() string { return e.Hint }

// Place is the address of a forge of a kind, where the words of an entry say so.
func Place(kind, address string) (string, *PlaceError) {
	address = strings.TrimRight(address, "/")
	u, err := url.Parse(address)
	switch {
	case kind == "github" && address != "":
		return address, &PlaceError{Message: "a GitHub has no url here", Hint: "another GitHub is named by GITHUB_API_URL and GITHUB_SERVER_URL, for all profiles"}
	case kind == "gitea" && address == "":
		return address, &PlaceError{Kind: true, Message: "it is not said which gitea", Hint: "add url: https://HOST"}
	case kind == "gitlab" && address == "":
		return gitLab, nil
	case address != "" && (err != nil || !utf8.ValidString(address) || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil || u.RawQuery != "" || u.Fragment != ""):
		return address, &PlaceError{Message: "want an http(s) address without credentials", Hint: "write e.g. https://git.example.com"}
	}
	return address, nil
}

// gitLab is where a gitlab is of which no more is said.
const gitLab = "https://gitlab.com"

// odd reports a part of a path that no repository has.
func odd(part string) bool {
	return part == "" || part == "." || part == ".." || strings.ContainsAny(part, ":?#%\\ ")
}

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// variable checks the name of a variable; a text that is none may be the secret itself and is not repeated.
func (c *checker) variable(t strictyaml.Text) string {
	if t.Set() && !variableName.MatchString(t.Value) {
		c.errorf(t, "name the variable that holds it", "want the name of a variable")
		return ""
	}
	return t.Value
}

func (c *checker) duration(t strictyaml.Text, unset time.Duration) time.Duration {
	if !t.Set() {
		return unset
	}
	d, err := time.ParseDuration(t.Value)
	if err != nil || d <= 0 {
		c.errorf(t, "write e.g. 30m", "want a time above zero, have %s", strictyaml.Quote(t.Value))
		return unset
	}
	return d
}
