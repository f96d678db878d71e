package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/pawl-cd/pawl/internal/forge"
)

// push is the part of GitHub's push event that says what was pushed
// (https://docs.github.com/en/webhooks/webhook-events-and-payloads#push).
type push struct {
	Ref, After string
	Forced     bool
	Repository struct {
		DefaultBranch string `json:"default_branch"`
	}
	HeadCommit struct {
		ID, Message, URL string
		Timestamp        time.Time
	} `json:"head_commit"`
	Commits []struct{ Added, Modified, Removed []string }
}

// push reads the push event; its zero value stands for another event or none.
func (a actions) push() (push, error) {
	name := a.env("GITHUB_EVENT_PATH")
	if name == "" || !a.pushed() {
		return push{}, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return push{}, fmt.Errorf("reading the event: %w", err)
	}
	defer f.Close()
	var event push
	if err := json.NewDecoder(io.LimitReader(f, maxEvent)).Decode(&event); err != nil {
		return push{}, fmt.Errorf("reading the event: %s is no JSON object of a push event", name)
	}
	return event, nil
}

func (p push) there() bool { return p.Ref != "" }

// gone reports that the ref was deleted.
func (p push) gone() bool { return strings.Trim(p.After, "0") == "" }

// base is the branch that is deployed: the configured one, else the repository's default.
func (p push) base(configured string) string {
	if configured == "" {
		return p.Repository.DefaultBranch
	}
	return configured
}

// fill puts what the event says of its head into the fields of a commit that are empty. A forced push does not say what
// it changed.
func (p push) fill(c forge.Commit) forge.Commit {
	c.SHA, c.At = p.After, p.HeadCommit.Timestamp.UTC()
	if c.Message == "" {
		c.Message = p.HeadCommit.Message
	}
	if c.URL == "" {
		c.URL = p.HeadCommit.URL
	}
	if len(c.Changed) == 0 && !p.Forced {
		for _, one := range p.Commits {
			c.Changed = slices.Concat(c.Changed, one.Added, one.Modified, one.Removed)
		}
		slices.Sort(c.Changed)
		c.Changed = slices.Compact(c.Changed)
	}
	return c
}
