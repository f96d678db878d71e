// Package git holds git's objects as values: commits, trees and blobs with their names, and the packs that they travel in.
// Names are computed from bytes and never believed; packs, objects, differences and folders are bounded.
package git

import (
	"bytes"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Kind is the type of an object, as packs number it.
type Kind byte

// The kinds.
const (
	KindCommit Kind = 1
	KindTree   Kind = 2
	KindBlob   Kind = 3
	KindTag    Kind = 4
)

// String is the kind's word.
func (k Kind) String() string {
	return [...]string{KindCommit: "commit", KindTree: "tree", KindBlob: "blob", KindTag: "tag"}[k]
}

// Object is one object of git (https://git-scm.com/book/en/v2/Git-Internals-Git-Objects).
type Object struct {
	Kind Kind
	Data []byte
}

// ID is the object's name: 40 hexadecimal digits.
func (o Object) ID() string {
	h := sha1.New()
	fmt.Fprintf(h, "%s %d\x00", o.Kind, len(o.Data))
	h.Write(o.Data)
	return hex.EncodeToString(h.Sum(nil))
}

// Blob is the object that holds the bytes of a file.
func Blob(data []byte) Object { return Object{KindBlob, data} }

// Objects are objects by their names, which were computed from their bytes.
type Objects map[string]Object

// Add adds an object and returns its name.
func (o Objects) Add(one Object) string {
	id := one.ID()
	o[id] = one
	return id
}

// ErrMissing is for an object that is needed and was not sent.
var ErrMissing = errors.New("an object is missing")

// get returns an object that has to be there and of a kind.
func (o Objects) get(id string, kind Kind) ([]byte, error) {
	found, ok := o[id]
	if !ok || found.Kind != kind {
		return nil, fmt.Errorf("%w: %s %s", ErrMissing, kind, id)
	}
	return found.Data, nil
}

// Entry is what a tree holds under a name: Mode in git's octal digits (100644, 100755, 120000 a link, 40000 a folder,
// 160000 a submodule).
type Entry struct{ Mode, ID string }

const folderMode = "40000"

// Regular reports whether the entry is a file whose bytes may be edited.
func (e Entry) Regular() bool { return e.Mode == "100644" || e.Mode == "100755" }

// FileMode is the entry's mode as package fs has it: a link is one, a submodule is irregular.
func (e Entry) FileMode() fs.FileMode {
	switch {
	case e.Regular():
		return 0o644
	case e.Mode == folderMode:
		return fs.ModeDir | 0o755
	case e.Mode == "120000":
		return fs.ModeSymlink | 0o777
	default:
		return fs.ModeIrregular
	}
}

// Tree is a folder: its entries by their names.
type Tree map[string]Entry

// Tree decodes a tree object.
func (o Objects) Tree(id string) (Tree, error) {
	data, err := o.get(id, KindTree)
	if err != nil {
		return nil, err
	}
	tree := Tree{}
	for len(data) > 0 {
		head, rest, found := bytes.Cut(data, []byte{0})
		mode, name, spaced := strings.Cut(string(head), " ")
		mode = strings.TrimLeft(mode, "0")
		if _, twice := tree[name]; !found || !spaced || twice || len(rest) < sha1.Size || !isName(name) || !isMode(mode) {
			return nil, Malformed("tree " + id)
		}
		tree[name] = Entry{mode, hex.EncodeToString(rest[:sha1.Size])}
		data = rest[sha1.Size:]
	}
	return tree, nil
}

// isName reports whether a name may stand in a folder.
func isName(name string) bool {
	return name != "" && name != "." && name != ".." && !strings.Contains(name, "/") && !strings.EqualFold(name, ".git")
}

func isMode(mode string) bool {
	return slices.Contains([]string{"100644", "100755", "100664", "120000", "160000", folderMode}, mode)
}

// Object encodes a tree.
func (t Tree) Object() Object {
	names := make([]string, 0, len(t))
	for name := range t {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int { return strings.Compare(t.order(a), t.order(b)) })
	var out bytes.Buffer
	for _, name := range names {
		id, _ := hex.DecodeString(t[name].ID) // names come from objects
		fmt.Fprintf(&out, "%s %s\x00%s", t[name].Mode, name, id)
	}
	return Object{KindTree, out.Bytes()}
}

// order is a name as git orders trees: a folder as if a slash ended it.
func (t Tree) order(name string) string {
	if t[name].Mode == folderMode {
		return name + "/"
	}
	return name
}

const (
	// maxDepth and maxFiles bound a tree: one of a few bytes can stand for more files than fit in a machine.
	maxDepth = 64
	maxFiles = 200_000
)

// Files returns all files, links and submodules below a tree, by path.
func (o Objects) Files(root string) (map[string]Entry, error) {
	files := map[string]Entry{}
	return files, o.collect(root, "", maxDepth, files)
}

func (o Objects) collect(id, prefix string, depth int, files map[string]Entry) error {
	tree, err := o.Tree(id)
	if err != nil {
		return err
	}
	for name, e := range tree {
		if e.Mode != folderMode {
			files[path.Join(prefix, name)] = e
		} else if depth == 0 {
			return fmt.Errorf("%s is too deep in folders: more than %d", prefix, maxDepth)
		} else if err := o.collect(e.ID, path.Join(prefix, name), depth-1, files); err != nil {
			return err
		}
		if len(files) > maxFiles {
			return fmt.Errorf("the tree holds more than %d files", maxFiles)
		}
	}
	return nil
}

// Edit returns what a tree becomes when files change: the name of the new root, and the trees that are made. An entry
// without a Mode removes the file; a folder that holds nothing any more goes. An empty root begins anew.
func (o Objects) Edit(root string, changes map[string]Entry) (string, Objects, error) {
	made := Objects{}
	id, err := o.edit(made, root, changes)
	return id, made, err
}

func (o Objects) edit(made Objects, root string, changes map[string]Entry) (string, error) {
	tree := Tree{}
	if root != "" {
		var err error
		if tree, err = o.Tree(root); err != nil {
			return "", err
		}
	}
	below := map[string]map[string]Entry{}
	for file, e := range changes {
		folder, rest, deep := strings.Cut(file, "/")
		switch {
		case !isName(folder):
			return "", fmt.Errorf("%q is no path", file)
		case deep && below[folder] == nil:
			below[folder] = map[string]Entry{rest: e}
		case deep:
			below[folder][rest] = e
		case e.Mode == "":
			delete(tree, folder)
		default:
			tree[folder] = e
		}
	}
	for folder, inner := range below {
		if err := o.editFolder(made, tree, folder, inner); err != nil {
			return "", err
		}
	}
	return made.Add(tree.Object()), nil
}

func (o Objects) editFolder(made Objects, tree Tree, folder string, changes map[string]Entry) error {
	old := tree[folder]
	if old.Mode != folderMode {
		old.ID = ""
	}
	id, err := o.edit(made, old.ID, changes)
	if err != nil {
		return err
	}
	if len(made[id].Data) == 0 {
		delete(tree, folder)
		return nil
	}
	tree[folder] = Entry{folderMode, id}
	return nil
}

// Person is who made a commit, and when.
type Person struct {
	Name, Email string
	At          time.Time
}

// Commit is a commit.
type Commit struct {
	ID, Tree          string
	Parents           []string
	Author, Committer Person
	Message           string
}

// Commit decodes a commit object.
func (o Objects) Commit(id string) (Commit, error) {
	data, err := o.get(id, KindCommit)
	if err != nil {
		return Commit{}, err
	}
	head, message, _ := strings.Cut(string(data), "\n\n")
	c := Commit{ID: id, Message: message}
	for line := range strings.SplitSeq(head, "\n") {
		key, value, _ := strings.Cut(line, " ")
		switch key {
		case "tree":
			c.Tree = value
		case "parent":
			c.Parents = append(c.Parents, value)
		case "author":
			c.Author = person(value)
		case "committer":
			c.Committer = person(value)
		}
	}
	for _, id := range append(c.Parents, c.Tree) {
		if !IsID(id) {
			return Commit{}, Malformed("commit " + c.ID)
		}
	}
	return c, nil
}

// person reads NAME <EMAIL> SECONDS ZONE, as far as it is that.
func person(text string) Person {
	name, rest, _ := strings.Cut(text, "<")
	email, when, _ := strings.Cut(rest, ">")
	seconds, _, _ := strings.Cut(strings.TrimSpace(when), " ")
	at, err := strconv.ParseInt(seconds, 10, 64)
	p := Person{Name: strings.TrimSpace(name), Email: email}
	if err == nil {
		p.At = time.Unix(at, 0).UTC()
	}
	return p
}

// Object encodes a commit; the ID is not looked at.
func (c Commit) Object() Object {
	var out bytes.Buffer
	fmt.Fprintf(&out, "tree %s\n", c.Tree)
	for _, p := range c.Parents {
		fmt.Fprintf(&out, "parent %s\n", p)
	}
	fmt.Fprintf(&out, "author %s\ncommitter %s\n\n%s", c.Author, c.Committer, c.Message)
	return Object{KindCommit, out.Bytes()}
}

// String is the person as a commit names them.
func (p Person) String() string {
	clean := strings.NewReplacer("<", "", ">", "", "\n", " ", "\x00", "")
	return fmt.Sprintf("%s <%s> %d +0000", strings.TrimSpace(clean.Replace(p.Name)), clean.Replace(p.Email), p.At.Unix())
}

// IsID reports whether a text is the full name of an object.
func IsID(text string) bool {
	return len(text) == 2*sha1.Size && strings.Trim(text, "0123456789abcdef") == ""
}
