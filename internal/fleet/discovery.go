package fleet

import (
	_ "embed" // the schema is a file, so that editors and other tools can use it as well
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// DiscoverySchema is the version of the JSON form of Discovery.
const DiscoverySchema = "pawl.fleet-discovery/1"

//go:embed schemas/pawl.fleet-discovery@1.json
var discoverySchema string

// DiscoverySchemaJSON returns the JSON Schema (2020-12) of the JSON form of Discovery.
func DiscoverySchemaJSON() []byte { return []byte(discoverySchema) }

// Finding says what a repository is to a fleet.
type Finding string

// The findings.
const (
	// New: it holds a profile that the file does not list.
	New Finding = "new"
	// Known: the file lists it.
	Known Finding = "known"
	// Gone: the file lists it, and the forge does not.
	Gone Finding = "gone"
	// Archived, Disabled, Mirrored and Deleted: it takes no changes.
	Archived Finding = "archived"
	Disabled Finding = "disabled"
	Mirrored Finding = "mirror"
	Deleted  Finding = "deleted"
	// NoProfile: no profile is seen in it.
	NoProfile Finding = "no-profile"
	// Odd: its name is none that an entry can have.
	Odd Finding = "odd"
	// Unread: it could not be looked into.
	Unread Finding = "unread"
)

// Discovery is what a forge lists, held against the file of a fleet.
type Discovery struct {
	Schema string    `json:"schema"`
	At     time.Time `json:"at"`
	Forge  string    `json:"forge"`
	// URL is the address of the forge, empty for GitHub.
	URL   string `json:"url,omitempty"`
	Owner string `json:"owner,omitempty"`
	Topic string `json:"topic,omitempty"`
	// Repositories are those that are listed, here or there, by name.
	Repositories []Found `json:"repositories"`
}

// Found is one repository.
type Found struct {
	Repository string  `json:"repository"`
	Finding    Finding `json:"finding"`
	// Listed says that the file lists it, whatever else is found.
	Listed bool `json:"listed,omitempty"`
	// Entry is what to write into the file, for what is New.
	Entry *Entry `json:"entry,omitempty"`
	// Variables are those that its configuration names; which of them it may see a person decides.
	Variables []string `json:"variables,omitempty"`
	// Detail says what a person should know, Hint what to do.
	Detail string `json:"detail,omitempty"`
	Hint   string `json:"hint,omitempty"`
	// Place is where the file lists it.
	Place string `json:"-"`
}

// Entry is an entry of the file, as it is written there.
type Entry struct {
	Repository string      `json:"repository" yaml:"repository"`
	Token      string      `json:"token,omitempty" yaml:"token,omitempty"`
	Forge      *EntryForge `json:"forge,omitempty" yaml:"forge,omitempty,flow"`
}

// EntryForge is the forge of an entry.
type EntryForge struct {
	Kind string `json:"kind" yaml:"kind"`
	URL  string `json:"url,omitempty" yaml:"url,omitempty"`
}

// Entry is the entry of a repository at a forge, with the variable of its token.
func (d Discovery) Entry(repository, token string) *Entry {
	e := &Entry{Repository: repository, Token: token}
	switch {
	case d.Forge == "gitlab" && d.URL == gitLab:
		e.Forge = &EntryForge{Kind: d.Forge}
	case d.Forge != "github":
		e.Forge = &EntryForge{Kind: d.Forge, URL: d.URL}
	}
	return e
}

// pathPart is what a part of a path consists of at each of the forges.
var pathPart = regexp.MustCompile(`^[A-Za-z0-9_.-]+$`)

// IsRepository reports whether a text that strangers chose is the path of a repository at a kind of forge, and nothing else.
func IsRepository(kind, text string) bool {
	parts := strings.Split(text, "/")
	return len(parts) > 1 && (len(parts) == 2 || kind == "gitlab") && len(text) < 1000 &&
		!slices.ContainsFunc(parts, func(part string) bool { return !pathPart.MatchString(part) || odd(part) })
}

// Match holds what the forge lists against the entries of the file: those that name one are Listed, and those of the same forge and
// owner that it does not list are added as Gone.
func (d *Discovery) Match(entries []Profile) {
	at := map[string]int{}
	for i, one := range d.Repositories {
		at[Profile{Repository: one.Repository, Kind: d.Forge, URL: d.URL}.key()] = i
	}
	for _, p := range entries {
		i, listed := at[p.key()]
		same := Profile{Kind: p.Kind, URL: p.URL}.key() == Profile{Kind: d.Forge, URL: d.URL}.key()
		switch {
		case listed:
			one := &d.Repositories[i]
			if one.Listed, one.Place = true, p.Place.Place(); one.Finding == New {
				one.Finding = Known
			}
		case same && (d.Owner == "" || strings.HasPrefix(strings.ToLower(p.Repository), strings.ToLower(d.Owner)+"/")):
			d.Repositories = append(d.Repositories, Found{Repository: p.Repository, Finding: Gone, Listed: true, Place: p.Place.Place(),
				Detail: "the forge does not list it" + d.scope(), Hint: d.advice()})
		}
	}
	slices.SortStableFunc(d.Repositories, func(a, b Found) int { return strings.Compare(a.Repository, b.Repository) })
}

// scope says among what something is not.
func (d *Discovery) scope() string {
	if d.Topic != "" {
		return " with the topic " + d.Topic
	}
	return ""
}

func (d *Discovery) advice() string {
	if d.Topic != "" {
		return "take the entry out if the repository is gone, or give the repository the topic; else see whether the token may see it"
	}
	return "take the entry out if the repository is gone; else see whether the token may see it"
}

// Of are the repositories with a finding.
func (d Discovery) Of(finding Finding) []Found {
	var all []Found
	for _, one := range d.Repositories {
		if one.Finding == finding {
			all = append(all, one)
		}
	}
	return all
}

// YAML is what a person adds to the file: the entries of what is New, as a file of its own when whole. It is empty when nothing is.
func (d Discovery) YAML(whole bool) (string, error) {
	found := d.Of(New)
	if len(found) == 0 {
		return "", nil
	}
	var b strings.Builder
	if whole {
		b.WriteString("version: 1\nprofiles:\n")
	}
	for _, one := range found {
		text, err := yaml.Marshal([]*Entry{one.Entry})
		if err != nil {
			return "", fmt.Errorf("writing the entry of %s: %w", one.Repository, err)
		}
		for line := range strings.Lines(string(text)) {
			b.WriteString("  " + line)
		}
		if len(one.Variables) > 0 {
			fmt.Fprintf(&b, "    # env: [%s]\n", strings.Join(one.Variables, ", "))
		}
		if one.Detail != "" {
			fmt.Fprintf(&b, "    # %s\n", one.Detail)
		}
	}
	return b.String(), nil
}
