package gate

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Schema is the version of the file of verdicts.
const Schema = "pawl.verdicts/1"

// Outcome is what a gate said.
type Outcome string

// The outcomes: the program let the version pass or denied it, or it could not judge.
const (
	Pass   Outcome = "pass"
	Deny   Outcome = "deny"
	Broken Outcome = "broken"
)

// Verdict is what a gate said of a version. Its JSON form is a contract.
type Verdict struct {
	Gate string `json:"gate"`
	// Key is what it belongs to, empty where the program could not be asked.
	Key string `json:"key,omitempty"`
	// Artifact is the version's package URL, Version its spelling at the source, Digest that of its bytes: without one it counts for
	// the run that it was made for, and is remembered by none.
	Artifact string  `json:"artifact"`
	Digest   string  `json:"digest,omitempty"`
	Version  string  `json:"version"`
	Outcome  Outcome `json:"outcome"`
	// Detail is the end of what the program printed, or why it could not judge.
	Detail string    `json:"detail,omitempty"`
	At     time.Time `json:"at,omitzero"`
}

// Verdicts is what the gates said of versions.
type Verdicts struct {
	Schema   string    `json:"schema"`
	Verdicts []Verdict `json:"verdicts"`
}

// Limits of a file of verdicts.
const (
	// MaxSize is the largest file read, in bytes.
	MaxSize = 1 << 20
	// MaxDetail bounds what is kept of a program's output, in bytes.
	MaxDetail = 500
)

// Parse reads a file of verdicts. What a gate can say is a closed list; whoever writes the file decides what may be merged.
func Parse(data []byte) (Verdicts, error) {
	var all Verdicts
	if len(data) > MaxSize {
		return Verdicts{}, fmt.Errorf("it has %d bytes, more than the limit of %d", len(data), MaxSize)
	}
	if err := json.Unmarshal(data, &all); err != nil {
		return Verdicts{}, fmt.Errorf("it is not what pawl gates writes: %w", err)
	}
	if all.Schema != Schema {
		return Verdicts{}, fmt.Errorf("want schema %s, have %q", Schema, all.Schema)
	}
	for i, v := range all.Verdicts {
		if v.Gate == "" || !slices.Contains([]Outcome{Pass, Deny, Broken}, v.Outcome) {
			return Verdicts{}, fmt.Errorf("verdict %d: want a gate and one of pass, deny and broken, have %q and %q", i+1, v.Gate, v.Outcome)
		}
		all.Verdicts[i].Detail = Clean(v.Detail)
	}
	return all, nil
}

// Encode is the bytes of a file of verdicts.
func (v Verdicts) Encode() []byte {
	v.Schema = Schema
	if v.Verdicts == nil {
		v.Verdicts = []Verdict{}
	}
	data, _ := json.MarshalIndent(v, "", "  ") // texts and times always are JSON
	return append(data, '\n')
}

// Find is the verdict of a gate with the key. A denial comes before a pass, and both before what could not judge.
func (v Verdicts) Find(gate, key string) (Verdict, bool) {
	var found Verdict
	for _, one := range v.Verdicts {
		if key == "" || one.Gate != gate || one.Key != key {
			continue
		}
		if found.Outcome == "" || one.Outcome == Deny || found.Outcome == Broken {
			found = one
		}
	}
	return found, found.Outcome != ""
}

// Clean is the end of a program's output as one line that can be shown: without what moves a cursor, at most MaxDetail bytes.
func Clean(text string) string {
	text = strings.ToValidUTF8(text, "?")
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r >= 0x2028 && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			return ' '
		}
		return r
	}, text)
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > MaxDetail {
		text = "…" + strings.ToValidUTF8(text[len(text)-MaxDetail+len("…"):], "")
	}
	return text
}
