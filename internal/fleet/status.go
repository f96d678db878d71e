package fleet

import (
	"cmp"
	_ "embed" // the schema is a file, so that editors and other tools can use it as well
	"slices"
	"strings"
	"time"

	"github.com/pawl-cd/pawl/internal/status"
)

// StatusSchema is the version of the JSON form of Status.
const StatusSchema = "pawl.fleet-status/1"

//go:embed schemas/pawl.fleet-status@1.json
var statusSchema string

// StatusSchemaJSON returns the JSON Schema (2020-12) of the JSON form of Status. It refers to that of one profile's by its $id.
func StatusSchemaJSON() []byte { return []byte(statusSchema) }

// Status is how the profiles of a fleet stand.
type Status struct {
	Schema   string     `json:"schema"`
	At       time.Time  `json:"at"`
	Shard    string     `json:"shard,omitempty"`
	Profiles []Standing `json:"profiles"`
}

// Standing is how one profile stands; Status is absent where it could not be read, and Detail says why.
type Standing struct {
	Profile string         `json:"profile"`
	Forge   string         `json:"forge"`
	Status  *status.Status `json:"status,omitempty"`
	Detail  string         `json:"detail,omitempty"`
	Hint    string         `json:"hint,omitempty"`
}

// Troubled reports that the last deployment of a project needs somebody.
func Troubled(p status.Project) bool {
	return slices.Contains([]string{"refused", "unknown", "failed", "canceled", "timeout"}, p.State)
}

// Sort puts first what a person should look at first: what could not be read, a lost ledger, a pause, a failed deployment, other
// brakes, an open pull request.
func (s *Status) Sort() {
	slices.SortStableFunc(s.Profiles, func(a, b Standing) int {
		return cmp.Or(cmp.Compare(a.rank(), b.rank()), strings.Compare(a.Profile, b.Profile))
	})
}

func (s Standing) rank() int {
	switch {
	case s.Status == nil:
		return 0
	case s.Status.Lost != "":
		return 1
	case s.Status.Paused != nil:
		return 2
	case slices.ContainsFunc(s.Status.Projects, Troubled):
		return 3
	case len(s.Status.Brakes) > 0:
		return 4
	case s.Status.Pull != nil:
		return 5
	default:
		return 6
	}
}
