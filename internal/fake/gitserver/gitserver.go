// Package gitserver is the other side of git's smart HTTP protocol, for fakes that hold their repositories in memory: what
// git-upload-pack and git-receive-pack answer, as bytes. It decides nothing about users and rules; those are the fake's.
// It is held against git itself: git clones from it, and pushes to it.
package gitserver

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/pawl-cd/pawl/internal/git"
)

const (
	flush     = "0000"
	delimiter = "0001"
	nothing   = "0000000000000000000000000000000000000000"
	// bandSize is how much one packet of a band carries.
	bandSize = 65515
)

// Repository is what is served.
type Repository struct {
	// Refs are all refs by their full names, Head is the one that HEAD names.
	Refs map[string]string
	Head string
	// Object returns an object by its name.
	Object func(id string) (git.Object, bool)
	// NoFilter is a server that is not configured to filter: it dies of one, without a word.
	NoFilter bool
}

func packet(to *bytes.Buffer, text string) { fmt.Fprintf(to, "%04x%s", len(text)+4, text) }

// Advertise answers GET info/refs of a service; version is what the request's Git-Protocol asks for.
func (r Repository) Advertise(service, version string) []byte {
	var out bytes.Buffer
	packet(&out, "# service="+service+"\n")
	out.WriteString(flush)
	if service == "git-upload-pack" && strings.Contains(version, "version=2") {
		packet(&out, "version 2\n")
		packet(&out, "agent=git/fake\n")
		packet(&out, "ls-refs=unborn\n")
		features := "shallow wait-for-done filter"
		if r.NoFilter {
			features = "shallow wait-for-done"
		}
		packet(&out, "fetch="+features+"\n")
		packet(&out, "object-format=sha1\n")
		out.WriteString(flush)
		return out.Bytes()
	}
	// Thin packs name objects that only this side has: it says that it wants none.
	capabilities := "\x00report-status delete-refs side-band-64k quiet atomic ofs-delta no-thin object-format=sha1 agent=git/fake"
	names := slices.Sorted(maps.Keys(r.Refs))
	for _, name := range names {
		packet(&out, r.Refs[name]+" "+name+capabilities+"\n")
		capabilities = ""
	}
	if len(names) == 0 {
		packet(&out, nothing+" capabilities^{}"+capabilities+"\n")
	}
	out.WriteString(flush)
	return out.Bytes()
}

// request is one command of protocol 2.
type request struct {
	command string
	lines   []string
}

func parse(body []byte) (request, error) {
	var r request
	arguments := false
	for len(body) > 0 {
		text, rest, end, err := next(body)
		if err != nil {
			return request{}, err
		}
		body = rest
		switch {
		case end == flush:
			return r, nil
		case end == delimiter:
			arguments = true
		case arguments:
			r.lines = append(r.lines, strings.TrimSuffix(string(text), "\n"))
		default:
			if command, ok := strings.CutPrefix(strings.TrimSuffix(string(text), "\n"), "command="); ok {
				r.command = command
			}
		}
	}
	return request{}, fmt.Errorf("the request does not end")
}

// next reads a packet.
func next(body []byte) (text, rest []byte, end string, err error) {
	if len(body) < 4 {
		return nil, nil, "", fmt.Errorf("a packet is cut off")
	}
	n, err := strconv.ParseUint(string(body[:4]), 16, 16)
	switch {
	case err != nil || n == 3 || int(n) > len(body):
		return nil, nil, "", fmt.Errorf("a packet has the length %q", body[:4])
	case n < 3:
		return nil, body[4:], string(body[:4]), nil
	}
	return body[4:n], body[n:], "", nil
}

// UploadPack answers POST git-upload-pack.
func (r Repository) UploadPack(body []byte) []byte {
	in, err := parse(body)
	if err != nil {
		return failure(err.Error())
	}
	switch in.command {
	case "ls-refs":
		return r.list(in.lines)
	case "fetch":
		return r.fetch(in.lines)
	default:
		return failure("unknown command " + strconv.Quote(in.command))
	}
}

// failure is how the protocol says that a request cannot be served.
func failure(text string) []byte {
	var out bytes.Buffer
	packet(&out, "ERR "+text+"\n")
	return out.Bytes()
}

func (r Repository) list(lines []string) []byte {
	symrefs := slices.Contains(lines, "symrefs")
	var prefixes []string
	for _, l := range lines {
		if prefix, ok := strings.CutPrefix(l, "ref-prefix "); ok {
			prefixes = append(prefixes, prefix)
		}
	}
	wanted := func(name string) bool {
		return len(prefixes) == 0 || slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(name, p) })
	}
	var out bytes.Buffer
	if id := r.Refs[r.Head]; wanted("HEAD") && (id != "" || slices.Contains(lines, "unborn")) {
		if id == "" {
			id = "unborn"
		}
		text := id + " HEAD"
		if symrefs {
			text += " symref-target:" + r.Head
		}
		packet(&out, text+"\n")
	}
	for _, name := range slices.Sorted(maps.Keys(r.Refs)) {
		if wanted(name) {
			packet(&out, r.Refs[name]+" "+name+"\n")
		}
	}
	out.WriteString(flush)
	return out.Bytes()
}

// order is what a fetch asks for.
type order struct {
	wants, haves []string
	depth        int
	filter       string
	done         bool
}

func (r Repository) order(lines []string) (order, error) {
	var o order
	for _, l := range lines {
		word, rest, _ := strings.Cut(l, " ")
		switch word {
		case "want":
			if _, known := r.Object(rest); !known {
				return o, fmt.Errorf("upload-pack: not our ref %s", rest)
			}
			o.wants = append(o.wants, rest)
		case "have":
			if _, known := r.Object(rest); known {
				o.haves = append(o.haves, rest)
			}
		case "deepen":
			n, err := strconv.Atoi(rest)
			if err != nil || n < 1 {
				return o, fmt.Errorf("Invalid deepen: %s", l) //nolint:staticcheck // git's text
			}
			o.depth = n
		case "filter":
			if r.NoFilter || rest != "blob:none" && rest != "tree:0" {
				return o, errFilter
			}
			o.filter = rest
		case "done":
			o.done = true
		}
	}
	return o, nil
}

var errFilter = fmt.Errorf("unexpected line")

func (r Repository) fetch(lines []string) []byte {
	o, err := r.order(lines)
	switch {
	case err == errFilter: //nolint:errorlint // it is the value itself
		return nil // git dies, and tells its own log
	case err != nil:
		return failure(err.Error())
	}
	var out bytes.Buffer
	if !o.done {
		packet(&out, "acknowledgments\n")
		for _, id := range o.haves {
			packet(&out, "ACK "+id+"\n")
		}
		if len(o.haves) == 0 {
			packet(&out, "NAK\n")
			out.WriteString(flush)
			return out.Bytes()
		}
		packet(&out, "ready\n")
		out.WriteString(delimiter)
	}
	sent, edge := r.choose(o)
	if o.depth > 0 {
		packet(&out, "shallow-info\n")
		for _, id := range edge {
			packet(&out, "shallow "+id+"\n")
		}
		out.WriteString(delimiter)
	}
	data, err := git.Pack(sent)
	if err != nil {
		return failure(err.Error())
	}
	packet(&out, "packfile\n")
	band(&out, 1, data)
	out.WriteString(flush)
	return out.Bytes()
}

func band(to *bytes.Buffer, number byte, data []byte) {
	for part := range slices.Chunk(data, bandSize) {
		packet(to, string(append([]byte{number}, part...)))
	}
}

// choose are the objects that an order wants, and the commits at which a shallow history ends.
func (r Repository) choose(o order) (sent git.Objects, edge []string) {
	had := git.Objects{}
	for id := range r.reach(o.haves, 0, nil) {
		if c, err := (git.Objects{id: r.must(id)}).Commit(id); err == nil && slices.Contains(o.haves, id) {
			r.below(had, c.Tree, "")
		}
		had[id] = git.Object{}
	}
	sent = git.Objects{}
	ends := map[string]bool{}
	for id := range r.reach(o.wants, o.depth, ends) {
		if _, there := had[id]; there && !slices.Contains(o.wants, id) {
			continue
		}
		one := r.must(id)
		if _, there := had[id]; !there {
			sent[id] = one
		}
		if one.Kind != git.KindCommit {
			continue
		}
		if c, err := (git.Objects{id: one}).Commit(id); err == nil && o.filter != "tree:0" {
			r.below(sent, c.Tree, o.filter)
		}
	}
	for _, id := range o.wants { // trees and blobs may be wanted by name, whatever the filter
		if one := r.must(id); one.Kind == git.KindTree {
			r.below(sent, id, o.filter)
		} else if _, there := had[id]; !there {
			sent[id] = one
		}
	}
	for id := range had {
		delete(sent, id)
	}
	return sent, slices.Sorted(maps.Keys(ends))
}

// must returns an object that is known to be there.
func (r Repository) must(id string) git.Object {
	one, _ := r.Object(id)
	return one
}

// reach are the commits that some reach, as far as a depth; where that cuts off parents is noted.
func (r Repository) reach(from []string, depth int, ends map[string]bool) map[string]bool {
	found := map[string]bool{}
	level := from
	for n := 1; len(level) > 0; n++ {
		var below []string
		for _, id := range level {
			if found[id] {
				continue
			}
			found[id] = true
			c, err := (git.Objects{id: r.must(id)}).Commit(id)
			if err != nil {
				continue // no commit
			}
			if n == depth && len(c.Parents) > 0 {
				ends[id] = true
				continue
			}
			below = append(below, c.Parents...)
		}
		level = below
	}
	return found
}

// below adds a tree with all that lies in it.
func (r Repository) below(to git.Objects, tree, filter string) {
	if _, known := to[tree]; known {
		return
	}
	one, ok := r.Object(tree)
	if !ok {
		return // the empty tree of an import may not be stored
	}
	to[tree] = one
	entries, err := to.Tree(tree)
	if err != nil {
		return
	}
	for _, e := range entries {
		switch {
		case e.Mode == "40000":
			r.below(to, e.ID, filter)
		case e.Mode != "160000" && filter != "blob:none":
			to[e.ID] = r.must(e.ID)
		}
	}
}
