package event

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/pawl-cd/pawl/internal/source"
)

// MaxIncoming bounds an incoming event, in bytes.
const MaxIncoming = 64 << 10

// Incoming is an event that somebody else tells. All of it is untrusted, and bounded: it holds visible ASCII, and prose
// on one line where the field says so.
type Incoming struct {
	ID, Source, Chain string
	// At is when it happened by its own timestamp, in UTC; zero for a time that JSON cannot hold.
	At time.Time
	// Name is the type without its version.
	Name string
	// Ignored says why the event is acknowledged and nothing is done about it, empty when something is.
	Ignored string
	// Artifact is what was published, deleted or quarantined. Image (HOST/PATH or as in manifests) and Tag are the hint
	// that a published image gives, empty where the artifact is none.
	Artifact   source.Artifact
	Image, Tag string
	// User and Reason are prose; Until is when a quarantine ends, zero for never.
	User, Reason string
	Until        time.Time
}

// Signed reports whether a signature is the one that a key makes over the bytes of an event: HMAC-SHA256 in hexadecimal, with or
// without sha256= before it.
func Signed(raw []byte, key, signature string) bool {
	given, err := hex.DecodeString(strings.TrimPrefix(strings.TrimSpace(signature), "sha256="))
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write(raw)
	return err == nil && key != "" && hmac.Equal(given, mac.Sum(nil))
}

// IncomingError says why an event is refused.
type IncomingError struct{ Reason, Hint string }

// Error gives the reason.
func (e *IncomingError) Error() string { return "reading the incoming event: " + e.Reason }

// Advice returns what to do.
func (e *IncomingError) Advice() string { return e.Hint }

func refuse(format string, args ...any) error {
	return &IncomingError{fmt.Sprintf(format, args...), "send a CDEvent 0.4.1 or 0.5 as JSON, alone or as the data of a CloudEvent in structured mode; pawl events validate FILE checks it"}
}

// foreign is what is read of an event; 0.4 calls its version otherwise.
type foreign struct {
	at      time.Time
	Context *struct {
		SpecVersion string `json:"specversion"`
		Version     string `json:"version"`
		ID          string `json:"id"`
		Source      string `json:"source"`
		Type        string `json:"type"`
		Timestamp   string `json:"timestamp"`
		ChainID     string `json:"chainId"`
	} `json:"context"`
	Subject struct {
		ID      string          `json:"id"`
		Content json.RawMessage `json:"content"`
	} `json:"subject"`
}

// Parse reads an incoming CDEvent of version 0.4.1 or 0.5, alone or in a CloudEvent in structured mode. accept are the
// sources that may send, each with everything below its path; own is our own source, whose events are ignored, so that
// nothing runs in a circle. Versions and types that are not known are ignored as well. The error is an *IncomingError.
func Parse(raw []byte, accept []string, own string) (Incoming, error) {
	if len(raw) > MaxIncoming {
		return Incoming{}, refuse("it is longer than %d bytes", MaxIncoming)
	}
	e, err := open(raw)
	if err != nil {
		return Incoming{}, err
	}
	c := e.Context
	in := Incoming{ID: c.ID, Source: c.Source, Chain: c.ChainID, Name: c.Type, At: e.at}
	if parts := typed.FindStringSubmatch(c.Type); parts != nil {
		in.Name = parts[1]
	}
	switch spec := c.SpecVersion; {
	case own != "" && strings.TrimSuffix(own, "/") == strings.TrimSuffix(in.Source, "/"):
		in.Ignored = "this instance told it itself"
		return in, nil
	case !accepted(accept, in.Source):
		return Incoming{}, &IncomingError{fmt.Sprintf("events from %s are not accepted", in.Source),
			"if you trust it, add it in .pawl.yaml: events: {accept: [SOURCE]}"}
	case spec == "" && c.Version != "0.4.1" || spec != "" && !strings.HasPrefix(spec, "0.5."):
		in.Ignored = "its version of CDEvents is not known"
		return in, nil
	}
	return e.read(in)
}

// typed splits a type from its version.
var typed = regexp.MustCompile(`^(dev\.cdeventsx?\.[A-Za-z0-9-]+\.[A-Za-z]+)\.0\.[0-9]+\.[0-9]+$`)

// open takes an event out of its CloudEvent, if it is in one, and checks that it has a bounded context.
func open(raw []byte) (foreign, error) {
	var outer struct {
		foreign
		SpecVersion string          `json:"specversion"`
		ID          string          `json:"id"`
		Source      string          `json:"source"`
		Type        string          `json:"type"`
		Data        json.RawMessage `json:"data"`
		DataBase64  []byte          `json:"data_base64"`
	}
	if err := json.Unmarshal(raw, &outer); err != nil {
		return foreign{}, refuse("it is not a JSON object of the expected form")
	}
	e := outer.foreign
	if outer.SpecVersion != "" && e.Context == nil {
		data := outer.Data
		if len(data) == 0 {
			data = outer.DataBase64
		}
		if err := json.Unmarshal(bytes.TrimSpace(data), &e); err != nil {
			return foreign{}, refuse("the CloudEvent holds no CDEvent as its data")
		}
	}
	c := e.Context
	if c == nil {
		return foreign{}, refuse("it has no context")
	}
	if outer.SpecVersion != "" && (c.ID != outer.ID || c.Source != outer.Source || c.Type != outer.Type) {
		return foreign{}, refuse("the CloudEvent's id, source and type are not those of the CDEvent in it")
	}
	if c.ID == "" || c.Source == "" || c.Type == "" {
		return foreign{}, refuse("its context has no id, source or type")
	}
	for _, text := range []string{c.ID, c.Source, c.Type, c.ChainID} {
		if len(text) > maxName || !source.Visible(text) {
			return foreign{}, refuse("id, source, type and chainId of its context have to be visible ASCII, at most %d characters each", maxName)
		}
	}
	at, err := time.Parse(time.RFC3339Nano, c.Timestamp)
	if err != nil {
		return foreign{}, refuse("its timestamp is no time as in RFC 3339")
	}
	if at = at.UTC(); at.Year() > 0 && at.Year() <= 9999 { // an offset may lead beyond
		e.at = at
	}
	return e, nil
}

// below reports whether a source is a given one or one below its path.
func below(source, s string) bool {
	source = strings.TrimSuffix(source, "/")
	return source != "" && (s == source || strings.HasPrefix(s, source+"/"))
}

func accepted(accept []string, source string) bool {
	for _, a := range accept {
		if below(a, source) {
			return true
		}
	}
	return false
}

// read understands the event by its type.
func (e foreign) read(in Incoming) (Incoming, error) {
	switch in.Name {
	case ArtifactPublished, ArtifactDeleted, ArtifactQuarantined:
	default:
		in.Ignored = "its type means nothing here"
		return in, nil
	}
	var content *struct{ User, Reason, Until string }
	if err := json.Unmarshal(e.Subject.Content, &content); err != nil || content == nil {
		return Incoming{}, refuse("subject.content is not what its type promises")
	}
	artifact, err := source.ParseArtifact(e.Subject.ID)
	if err != nil {
		return Incoming{}, refuse("subject.id is %v", err)
	}
	in.Artifact, in.User, in.Reason = artifact, prose(content.User), prose(content.Reason)
	if in.Name == ArtifactQuarantined && in.Reason == "" {
		return Incoming{}, refuse("subject.content.reason is missing: a quarantine has one")
	}
	if content.Until != "" && in.Name == ArtifactQuarantined {
		if in.Until, err = time.Parse(time.RFC3339, content.Until); err != nil {
			return Incoming{}, refuse("subject.content.until is no time as in RFC 3339")
		}
	}
	if in.Name == ArtifactPublished {
		in.Image, in.Tag = hintOf(artifact)
	}
	return in, nil
}

// prose is untrusted text on one line, without control characters.
func prose(text string) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, ""))
	return cut(strings.Join(strings.Fields(text), " "), maxLine)
}

// hintOf names the image that an artifact is, as manifests do, and its tag. The type docker, which some tools use, has the
// tag as its version. A repository_url that does not end with the name is the place where the repository stands.
func hintOf(a source.Artifact) (image, tag string) {
	switch a.Type {
	case "oci":
		switch {
		case a.Repository == "":
			return "", ""
		case strings.ToLower(a.Repository[strings.LastIndexByte(a.Repository, '/')+1:]) != a.Name:
			return a.Repository + "/" + a.Name, a.Tag
		}
		return a.Repository, a.Tag
	case "docker":
		tag = a.Version
		if strings.HasPrefix(tag, "sha256:") {
			tag = a.Tag
		}
		return strings.TrimPrefix(strings.Join([]string{a.Repository, a.Namespace, a.Name}, "/"), "/"), tag
	default:
		return "", ""
	}
}
