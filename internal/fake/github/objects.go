package github

import (
	"crypto/sha1" //nolint:gosec // git's object ids are SHA-1
	"encoding/hex"
	"fmt"
	"strconv"
)

// object is one git object: its kind ("blob", "tree", "commit") and its bytes without the header.
type object struct {
	kind string
	data []byte
}

// store holds the objects of a repository and of all its forks, as GitHub does.
type store struct {
	objects map[string]object
	commits map[string]*commit // parsed, by id
	order   []string           // ids in the order they were written
	signed  map[string]bool    // commits that GitHub itself signed
}

func newStore() *store {
	return &store{objects: map[string]object{}, commits: map[string]*commit{}, signed: map[string]bool{}}
}

// put stores an object and returns its id.
func (s *store) put(kind string, data []byte) string {
	sum := sha1.New() //nolint:gosec // see above
	sum.Write(header(kind, len(data)))
	sum.Write(data)
	id := hex.EncodeToString(sum.Sum(nil))
	if _, known := s.objects[id]; !known {
		s.objects[id] = object{kind, data}
		s.order = append(s.order, id)
	}
	return id
}

func header(kind string, size int) []byte {
	return append([]byte(kind+" "+strconv.Itoa(size)), 0)
}

// get returns the bytes of an object of that kind.
func (s *store) get(kind, id string) ([]byte, error) {
	found, ok := s.objects[id]
	if !ok || found.kind != kind {
		return nil, fmt.Errorf("reading %s %s: not found", kind, id)
	}
	return found.data, nil
}

func (s *store) has(kind, id string) bool { return s.objects[id].kind == kind && kind != "" }
