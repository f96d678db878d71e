package event

import (
	"time"

	"github.com/pawl-cd/pawl/internal/source"
)

// Exclude is that a version may not be written, because somebody said so.
type Exclude struct {
	Artifact source.Artifact
	// Rule is what bars it: quarantine. Reason is why, Until when that ends, zero for never; Cause the id of the event that said
	// it, empty when a person did.
	Rule, Reason, Cause string
	Until               time.Time
	// At is when it was said.
	At time.Time
}

type excludeContent struct {
	Rule   string `json:"rule"`
	Reason string `json:"reason"`
	Until  string `json:"until,omitempty"`
}

// Excluded tells that a version is barred. Any run tells it in the same bytes.
func (t *Teller) Excluded(e Exclude) Message {
	content := excludeContent{Rule: t.name(e.Rule), Reason: t.line(e.Reason)}
	if !e.Until.IsZero() {
		content.Until = timestamp(e.Until)
	}
	var links []link
	if cause := t.name(e.Cause); cause != "" {
		links = append(links, relation(causedBy, cause))
	}
	subject := t.purl(e.Artifact)
	return t.tell(occurrence{name: ArtifactExcluded, id: t.identify(ArtifactExcluded, subject, content.Rule, timestamp(e.At)), subject: subject,
		content: content, links: links, at: e.At})
}
