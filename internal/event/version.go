package event

import (
	"strconv"
	"time"

	"github.com/pawl-cd/pawl/internal/source"
)

// MaxUpdates bounds the updates, and the links to them, that one event names.
const MaxUpdates = 100

// Update is one value that goes to another version.
type Update struct {
	// Artifact is the version that is gone to.
	Artifact source.Artifact
	// Manifest asks for it; File, Document (an index) and Key say where the value stands.
	Manifest, File string
	Document       int
	Key            string
	// From and To are the values.
	From, To string
}

// updateData is an update as events name it. The artifact is without digest, which a pull request does not record.
type updateData struct {
	Artifact string `json:"artifact,omitempty"`
	targetData
	From string `json:"from"`
	To   string `json:"to"`
}

type targetData struct {
	Manifest string `json:"manifest"`
	File     string `json:"file"`
	Document int    `json:"document,omitempty"`
	Key      string `json:"key"`
}

func (t *Teller) target(u Update) targetData {
	return targetData{t.name(u.Manifest), t.name(u.File), max(u.Document, 0), t.name(u.Key)}
}

// updates returns the first updates, and how many there are besides. The list is never null.
func (t *Teller) updates(all []Update) (first []updateData, omitted int) {
	first = []updateData{}
	for _, u := range all[:min(len(all), MaxUpdates)] {
		first = append(first, updateData{t.purl(u.Artifact.Undigested()), t.target(u), t.name(u.From), t.name(u.To)})
	}
	return first, len(all) - len(first)
}

// purl writes an artifact without secrets, empty when there is none.
func (t *Teller) purl(a source.Artifact) string {
	if a.Name == "" {
		return ""
	}
	a.Namespace, a.Name, a.Version = t.name(a.Namespace), t.name(a.Name), t.name(a.Version)
	a.Repository, a.Tag = t.name(a.Repository), t.name(a.Tag)
	return a.String()
}

// Find is a new version that the policy chose.
type Find struct {
	Update
	// Policy is the code of the reason.
	Policy string
	// Announced says that the incoming event told of this artifact.
	Announced bool
	// Chain is the chain of the change that will hold the update.
	Chain string
	At    time.Time
}

// findContent is the content of our version.found.
type findContent struct {
	From   string     `json:"from"`
	To     string     `json:"to"`
	Policy string     `json:"policy"`
	Target targetData `json:"target"`
}

// Found tells that there is a version to go to.
func (t *Teller) Found(f Find) Message {
	links := []link{path(t.runEvent(PipelineRunStarted))}
	if f.Announced && t.about.Trigger != "" {
		links = append(links, relation(causedBy, t.about.Trigger))
	}
	subject := t.purl(f.Artifact)
	if subject == "" {
		subject = "pkg:generic/unknown"
	}
	return t.tell(occurrence{name: VersionFound, id: t.foundEvent(f.Update), subject: subject,
		content: findContent{t.name(f.From), t.name(f.To), t.line(f.Policy), t.target(f.Update)},
		links:   links, chain: t.name(f.Chain), at: f.At})
}

// foundEvent is the id of the event that an update was found with. The digest does not count: what a pull request says
// of its updates is enough to compute the id, so that a later run refers to the same event.
func (t *Teller) foundEvent(u Update) string {
	at := t.target(u)
	return t.identify(VersionFound, t.purl(u.Artifact.Undigested()), at.Manifest, at.File, strconv.Itoa(at.Document), at.Key, t.name(u.To))
}

// foundPaths says that something follows the versions that were found for it.
func (t *Teller) foundPaths(all []Update) []link {
	var links []link
	seen := map[string]bool{}
	for _, u := range all[:min(len(all), MaxUpdates)] {
		if id := t.foundEvent(u); !seen[id] {
			seen[id] = true
			links = append(links, path(id))
		}
	}
	return links
}
