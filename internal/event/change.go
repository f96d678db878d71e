package event

import (
	"strconv"
	"time"
)

// Branch is a branch of ours that was made for the pull request Change. At is when that was made, by the forge's clock: of
// the branch it tells no time, nor which commit it began with.
type Branch struct {
	Name    string
	Change  int
	Chain   string
	Updates []Update
	At      time.Time
}

type branchData struct {
	Change string `json:"change"`
}

// repositoryContent is the content of branch.* and change.*: the repository, and a description where there is one.
type repositoryContent struct {
	Description string     `json:"description,omitempty"`
	Repository  *reference `json:"repository,omitempty"`
}

// BranchCreated tells that the branch of a change is there. It follows the versions that were found for it.
func (t *Teller) BranchCreated(b Branch) Message {
	name, change := t.name(b.Name), t.changeSubject(b.Change)
	return t.tell(occurrence{name: BranchCreated, id: t.identify(BranchCreated, name, change), subject: name,
		source: t.about.RepositoryURL, content: repositoryContent{Repository: t.repository()}, data: branchData{change},
		links: t.foundPaths(b.Updates), chain: t.name(b.Chain), at: b.At})
}

// Change is a pull request as the forge and its own metadata describe it, so that any run can tell of it.
type Change struct {
	Number int
	// URI is its page, Branch its head branch, HeadSHA the head that is told of.
	URI, Branch, HeadSHA string
	Title                string
	Chain                string
	Updates              []Update
	// RollbackOf are the numbers of the changes whose values it takes back, CausedBy the ids of the events that asked for it.
	RollbackOf []int
	CausedBy   []string
	// Require says which checks a merge needs, as the pull request says it: named, protection, none or off; empty when
	// it does not.
	Require string
	// At is when it was made, or the told head was pushed, by the forge's clock.
	At time.Time
}

// changeSubject is the subject's id of a change: <owner>/<repo>#<n>.
func (t *Teller) changeSubject(number int) string {
	return t.about.Repository + "#" + strconv.Itoa(number)
}

func (t *Teller) changeEvent(name string, number int, discriminator string) string {
	return t.identify(name, t.changeSubject(number), discriminator)
}

// createdEvent is the id of the event that a change began with.
func (t *Teller) createdEvent(number int) string {
	return t.changeEvent(ChangeCreated, number, strconv.Itoa(number))
}

type createdData struct {
	URI     string       `json:"uri,omitempty"`
	Branch  string       `json:"branch"`
	Require string       `json:"require,omitempty"`
	Updates []updateData `json:"updates"`
	Omitted int          `json:"omitted,omitempty"`
}

// ChangeCreated tells that a pull request was opened. It follows the versions that were found for it: their ids can be
// computed from the updates, while the run that found them may be another one than the one that tells.
func (t *Teller) ChangeCreated(c Change) Message {
	data := createdData{URI: t.uri(c.URI), Branch: t.name(c.Branch), Require: t.name(c.Require)}
	data.Updates, data.Omitted = t.updates(c.Updates)
	content := repositoryContent{Description: t.line(c.Title), Repository: t.repository()}
	return t.ofChange(ChangeCreated, c, strconv.Itoa(c.Number), content, data, append(t.foundPaths(c.Updates), t.origins(c)...), c.At)
}

// maxOrigins bounds the links of a change to what it takes back and to what asked for it.
const maxOrigins = 10

// origins are the relations of a change to those whose values it takes back, and to the events that asked for it.
func (t *Teller) origins(c Change) []link {
	var links []link
	for _, number := range c.RollbackOf[:min(len(c.RollbackOf), maxOrigins)] {
		links = append(links, relation(rollback, t.createdEvent(number)))
	}
	for _, id := range c.CausedBy[:min(len(c.CausedBy), maxOrigins)] {
		if id = t.name(id); id != "" {
			links = append(links, relation(causedBy, id))
		}
	}
	return links
}

type updatedData struct {
	HeadSHA string       `json:"headSha"`
	Updates []updateData `json:"updates"`
	Omitted int          `json:"omitted,omitempty"`
}

// ChangeUpdated tells that a pull request got other updates. Its time tells it from others: the head may be somebody
// else's by now.
func (t *Teller) ChangeUpdated(c Change) Message {
	data := updatedData{HeadSHA: t.name(c.HeadSHA)}
	data.Updates, data.Omitted = t.updates(c.Updates)
	return t.followsCreated(ChangeUpdated, c, timestamp(c.At), data, c.At)
}

// enabledContent is the content of our automerge.enabled. The strategy is "auto", the only one that a forge shows
// afterwards.
type enabledContent struct {
	Strategy string `json:"strategy"`
	HeadSHA  string `json:"headSha"`
}

// AutoMergeEnabled tells that the forge was asked to merge a pull request by itself, as it is since the given time.
func (t *Teller) AutoMergeEnabled(c Change, at time.Time) Message {
	content := enabledContent{"auto", t.name(c.HeadSHA)}
	return t.ofChange(AutoMergeEnabled, c, timestamp(at), content, nil, t.afterCreated(c), at)
}

// Merge is a merge: the commit that it made on the base, and whether the forge had been asked to merge by itself. At is
// the forge's time.
type Merge struct {
	Commit string
	Auto   bool
	At     time.Time
}

type mergedData struct {
	MergeCommit string `json:"mergeCommit"`
	AutoMerge   bool   `json:"autoMerge"`
	Require     string `json:"require,omitempty"`
}

// ChangeMerged tells that a pull request was merged.
func (t *Teller) ChangeMerged(c Change, m Merge) Message {
	data := mergedData{t.name(m.Commit), m.Auto, t.name(c.Require)}
	return t.followsCreated(ChangeMerged, c, data.MergeCommit, data, m.At)
}

// mergedEvent is the id of the event of a merge.
func (t *Teller) mergedEvent(number int, commit string) string {
	return t.changeEvent(ChangeMerged, number, t.name(commit))
}

// Abandon is why a pull request was closed and not merged. At is the forge's time.
type Abandon struct {
	Reason Reason
	At     time.Time
}

// Reason is why a pull request was given up.
type Reason string

// The reasons: a person closed it, nothing is left to change.
const (
	Closed    Reason = "closed"
	Withdrawn Reason = "withdrawn"
)

type abandonedData struct {
	Reason Reason `json:"reason"`
}

// ChangeAbandoned tells that a pull request was closed and not merged.
func (t *Teller) ChangeAbandoned(c Change, a Abandon) Message {
	return t.followsCreated(ChangeAbandoned, c, timestamp(a.At), abandonedData{a.Reason}, a.At)
}

func (t *Teller) afterCreated(c Change) []link { return []link{path(t.createdEvent(c.Number))} }

func (t *Teller) followsCreated(name string, c Change, discriminator string, data any, at time.Time) Message {
	content := repositoryContent{Repository: t.repository()}
	return t.ofChange(name, c, discriminator, content, data, t.afterCreated(c), at)
}

func (t *Teller) ofChange(name string, c Change, discriminator string, content, data any, links []link, at time.Time) Message {
	return t.tell(occurrence{name: name, id: t.changeEvent(name, c.Number, discriminator), subject: t.changeSubject(c.Number),
		source: t.about.Forge, content: content, data: data, links: links, chain: t.name(c.Chain), at: at})
}
