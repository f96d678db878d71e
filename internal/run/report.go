package run

import (
	"encoding/json"
	"time"

	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/plan"
)

// ReportSchema is the version of the report's JSON form.
const ReportSchema = "pawl.report/1"

// Report is what a run did. Its JSON form is a contract.
type Report struct {
	Schema string `json:"schema"`
	DryRun bool   `json:"dryRun,omitempty"`
	// Shadow is what a shadow run recorded; such a run is a dry run besides.
	Shadow *Shadow `json:"shadow,omitempty"`
	// Paused is why nothing was to be written.
	Paused string `json:"paused,omitempty"`
	// Incoming is the event that asked for the run.
	Incoming *Incoming `json:"incoming,omitempty"`
	// Started is the time of the run, Duration how long it took in seconds.
	Started  time.Time `json:"started"`
	Duration float64   `json:"duration"`
	// Rounds counts how often the run started over because the base moved.
	Rounds int `json:"rounds,omitempty"`
	// Plan is absent from the report of a deployment alone.
	Plan plan.Plan `json:"plan,omitzero"`
	// Preview is what a dry run would propose; Pull what was proposed, Withdrawn the pull requests that were closed
	// because nothing is left to change; Merge what became of the pull request.
	Preview   *Preview     `json:"preview,omitempty"`
	Pull      *forge.Pull  `json:"pull,omitempty"`
	Withdrawn []int        `json:"withdrawn,omitempty"`
	Merge     *forge.Merge `json:"merge,omitempty"`
	// Disarmed are the pull requests whose auto-merge, or place in the merge queue, was taken back.
	Disarmed []int `json:"disarmed,omitempty"`
	// Lost says that there is no ledger although there was one; then nothing is merged and nothing is fired. Unplanned are
	// merges in pawl's name that are not what pawl planned, and that nothing has deployed.
	Lost      *Lost       `json:"lost,omitempty"`
	Unplanned []Unplanned `json:"unplanned,omitempty"`
	// Deploy is what became of the triggers, absent when no project is configured.
	Deploy *Deploy `json:"deploy,omitempty"`
	// Chain is the id of the chain that the events of the change have, absent when there is nothing to change.
	Chain string `json:"chain,omitempty"`
	// Events are the CDEvents of the run in the order in which they were told, or would be by a run that may write;
	// Delivery is how each sink stands.
	Events   []json.RawMessage `json:"events,omitempty"`
	Delivery []Delivery        `json:"delivery,omitempty"`
	// Receivers is how many sinks are configured.
	Receivers int `json:"-"`
	// Calls counts the requests to the forge, Steps tells them and the time by the parts of the run; Expires is when the
	// token does.
	Calls   int       `json:"calls"`
	Steps   []Step    `json:"steps,omitempty"`
	Expires time.Time `json:"tokenExpires,omitzero"`
}

// Incoming is an event of somebody else; all of it is what the event says. Type is without version, Artifact a package URL.
// At is when it happened by its own timestamp, Ignored why nothing was done about it.
type Incoming struct {
	ID       string    `json:"id"`
	Source   string    `json:"source"`
	Type     string    `json:"type"`
	At       time.Time `json:"at,omitzero"`
	Chain    string    `json:"chain,omitempty"`
	Artifact string    `json:"artifact,omitempty"`
	Reason   string    `json:"reason,omitempty"`
	Ignored  string    `json:"ignored,omitempty"`
}

// Delivery is how one sink stands at the end of a run: how many events it acknowledged and refused, how many wait for a
// later run, how many of the run's own the ledger could not keep, and the latest failure.
type Delivery struct {
	Sink      string `json:"sink"`
	Delivered int    `json:"delivered"`
	Dead      int    `json:"dead"`
	Waiting   int    `json:"waiting"`
	Lost      int    `json:"lost,omitempty"`
	Detail    string `json:"detail,omitempty"`
}
