package change

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf16"
)

// MetadataSchema is the version of the block that a pull request's body carries.
const MetadataSchema = "pawl.pr/1"

const (
	metadataOpen  = "<!-- pawl:"
	metadataClose = " -->"
	// maxMetadata bounds the block's JSON, in bytes, written and read.
	maxMetadata = 24_000
)

// MaxChain bounds the id of a chain that is taken from elsewhere, in bytes: pull requests and commits have to hold it.
const MaxChain = 200

// Metadata is the hidden block of a pull request's body. It is untrusted: anyone can paste one into a pull request.
type Metadata struct {
	Schema string `json:"schema"`
	Chain  string `json:"chain,omitempty"`
	Base   string `json:"base,omitempty"`
	Digest string `json:"digest,omitempty"`
	// Require is the mode of the requirement that the pull request states.
	Require Mode `json:"require,omitempty"`
	// Revised tells that the pull request was changed since it was opened.
	Revised *Revision `json:"revised,omitempty"`
	// RollbackOf are the pull requests whose values it takes back, CausedBy the ids of the events that asked for it; at most ten each.
	RollbackOf []int    `json:"rollbackOf,omitempty"`
	CausedBy   []string `json:"causedBy,omitempty"`
	// Updates are the first of the set's updates, Omitted the number of those that had no room.
	Updates []MetadataUpdate `json:"updates"`
	Omitted int              `json:"omitted,omitempty"`
}

// Revision is when the change of a pull request was last replaced by another. Pull is its number: a block that was
// written for another pull request tells nothing about this one.
type Revision struct {
	Pull int       `json:"pull"`
	At   time.Time `json:"at"`
}

// MetadataUpdate is one update as the block names it.
type MetadataUpdate struct {
	Manifest string `json:"manifest"`
	File     string `json:"file"`
	Document int    `json:"document,omitempty"`
	Key      string `json:"key"`
	Old      string `json:"old"`
	New      string `json:"new"`
	Version  string `json:"version,omitempty"`
	Artifact string `json:"artifact,omitempty"`
	Reason   string `json:"reason,omitempty"`
}

// Update is the update that is named.
func (u MetadataUpdate) Update() Update {
	return Update{Manifest: u.Manifest, File: u.File, Document: u.Document, Key: u.Key, Old: u.Old, New: u.New, Version: u.Version, Artifact: u.Artifact, Reason: u.Reason}
}

// maxCauses bounds the pull requests and events that a block names.
const maxCauses = 10

// metadata writes the block.
func metadata(s Set, need Requirement) (string, error) {
	m := Metadata{Schema: MetadataSchema, Chain: s.Chain, Base: s.Base, Digest: s.Digest(), Require: need.Mode, Revised: s.Revised, RollbackOf: s.RollbackOf[:min(len(s.RollbackOf), maxCauses)], Updates: []MetadataUpdate{}}
	for _, id := range s.CausedBy[:min(len(s.CausedBy), maxCauses)] {
		if len(id) <= MaxChain {
			m.CausedBy = append(m.CausedBy, id)
		}
	}
	updates := s.sorted()
	size := len(s.Chain) + len(s.Base) + 12*len(m.RollbackOf)
	for _, id := range m.CausedBy {
		size += len(id) + 8
	}
	for _, u := range updates {
		entry := MetadataUpdate{u.Manifest, u.File, u.Document, u.Key, u.Old, u.New, u.Version, u.Artifact, u.Reason}
		text, err := inertJSON(entry)
		if err != nil {
			return "", err
		}
		if size += len(text) + 1; size > maxMetadata-2_000 {
			break
		}
		m.Updates = append(m.Updates, entry)
	}
	m.Omitted = len(updates) - len(m.Updates)
	if len(m.Chain)+len(m.Base) > 400 {
		m.Chain, m.Base = "", ""
	}
	text, err := inertJSON(m)
	if err != nil {
		return "", err
	}
	return metadataOpen + text + metadataClose, nil
}

// inertJSON encodes a value so that its strings hold nothing but letters, digits, spaces and harmless marks; the rest
// is escaped as \u0040, so that no text closes the comment or means anything where the body is shown or becomes a
// commit message.
func inertJSON(v any) (string, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("encoding metadata: %w", err)
	}
	var out strings.Builder
	inside, runes := false, []rune(string(text))
	for i := 0; i < len(runes); i++ {
		switch c := runes[i]; {
		case inside && c == '\\':
			out.WriteString(string(runes[i : i+2]))
			i++
		case c == '"':
			inside = !inside
			out.WriteRune(c)
		case inside && !inert(c, runes[i-1]):
			for _, unit := range utf16.AppendRune(nil, c) {
				fmt.Fprintf(&out, `\u%04x`, unit)
			}
		default:
			out.WriteRune(c)
		}
	}
	return out.String(), nil
}

// inert reports whether a character means nothing after the one before it.
func inert(c, before rune) bool {
	switch c {
	case '-', '.':
		return !strings.ContainsRune("-hHwW", before)
	case '/':
		return before != ':'
	}
	return c < 0x80 && (alphanumeric(byte(c)) || strings.ContainsRune(wordMarks+" ,'", c))
}

// ParseMetadata returns the last metadata block of a body. ok is false when there is none, or none that is complete,
// bounded and of this schema; unknown fields are ignored.
func ParseMetadata(body string) (m Metadata, ok bool) {
	at := strings.LastIndex(body, metadataOpen+"{") // other marks of ours may follow
	if at < 0 {
		return Metadata{}, false
	}
	text, _, closed := strings.Cut(body[at+len(metadataOpen):], "-->")
	if !closed || len(text) > 4*maxMetadata {
		return Metadata{}, false
	}
	if err := json.Unmarshal([]byte(text), &m); err != nil || m.Schema != MetadataSchema {
		return Metadata{}, false
	}
	return m, true
}
