package gitserver

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/pawl-cd/pawl/internal/git"
)

// Update is a ref that a push wants to move; an empty Old or New stands for no ref.
type Update struct{ Ref, Old, New string }

// Push is what a client sent.
type Push struct {
	Updates []Update
	Objects git.Objects
	Atomic  bool
	banded  bool
	report  bool
}

// ParsePush reads the body of POST git-receive-pack.
func ParsePush(body []byte) (Push, error) {
	p := Push{Objects: git.Objects{}}
	for first := true; ; first = false {
		text, rest, end, err := next(body)
		if err != nil {
			return Push{}, err
		}
		if body = rest; end != "" {
			break
		}
		line := strings.TrimSuffix(string(text), "\n")
		if first {
			command, capabilities, _ := strings.Cut(line, "\x00")
			line = command
			for word := range strings.FieldsSeq(capabilities) {
				p.Atomic, p.banded, p.report = p.Atomic || word == "atomic", p.banded || word == "side-band-64k", p.report || word == "report-status"
			}
		}
		parts := strings.SplitN(line, " ", 3)
		if len(parts) != 3 || !git.IsID(parts[0]) || !git.IsID(parts[1]) {
			return Push{}, fmt.Errorf("protocol error: expected old/new/ref, got %q", line)
		}
		p.Updates = append(p.Updates, Update{parts[2], strings.TrimPrefix(parts[0], nothing), strings.TrimPrefix(parts[1], nothing)})
	}
	if len(body) == 0 {
		return p, nil
	}
	var err error
	p.Objects, err = git.Unpack(body)
	return p, err
}

// Lacks is the first object that new commits need and neither the push nor the repository has, empty when nothing lacks.
func (p Push) Lacks(known func(id string) (git.Object, bool)) string {
	has := func(id string) bool {
		_, sent := p.Objects[id]
		if !sent {
			_, sent = known(id)
		}
		return sent
	}
	for id, one := range p.Objects {
		switch one.Kind {
		case git.KindCommit:
			c, err := p.Objects.Commit(id)
			if err != nil {
				return id
			}
			for _, needed := range append(c.Parents, c.Tree) {
				if !has(needed) {
					return needed
				}
			}
		case git.KindTree:
			entries, err := p.Objects.Tree(id)
			if err != nil {
				return id
			}
			for _, e := range entries {
				if e.Mode != "160000" && !has(e.ID) {
					return e.ID
				}
			}
		}
	}
	for _, u := range p.Updates {
		if u.New != "" && !has(u.New) {
			return u.New
		}
	}
	return ""
}

// Report is what the client is told: why the objects were not taken, empty when they were; why refs were not moved; and
// what is said to people.
func (p Push) Report(unpack string, refused map[string]string, said string) []byte {
	var report, out bytes.Buffer
	if unpack == "" {
		unpack = "ok"
	}
	packet(&report, "unpack "+unpack+"\n")
	for _, u := range p.Updates {
		reason := refused[u.Ref]
		if reason == "" && unpack != "ok" {
			reason = "unpacker error"
		}
		if reason != "" {
			packet(&report, "ng "+u.Ref+" "+reason+"\n")
		} else {
			packet(&report, "ok "+u.Ref+"\n")
		}
	}
	report.WriteString(flush)
	switch {
	case !p.report:
		return nil
	case !p.banded:
		return report.Bytes()
	}
	if said != "" {
		band(&out, 2, []byte(said))
	}
	band(&out, 1, report.Bytes())
	out.WriteString(flush)
	return out.Bytes()
}
