package edit

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"sync"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"github.com/pawl-cd/pawl/internal/fault"
	"github.com/pawl-cd/pawl/internal/strictyaml"
)

const (
	maxFileSize = 8 << 20   // bytes
	maxNodes    = 1_000_000 // keys and values, all documents together
	maxDepth    = 1000      // levels of maps and lists
)

// File is a YAML file, parsed once, that knows its bytes; it is safe for concurrent use.
type File struct {
	name   string
	data   []byte
	bom    int   // bytes of a leading byte order mark
	lines  []int // offset of each line, the first one behind the mark
	docs   []*yaml.Node
	places map[*yaml.Node]place
	depth  int
	keys   sync.Map // of large maps, by node: map[string][]int, the slots of each name
}

// place says where a node hangs.
type place struct {
	parent   *yaml.Node // nil for the root of a document
	slot     int        // index in parent.Content
	document int
}

// Parse reads every document of a file of at most 8 MiB of UTF-8; the name is for messages. Its error is an *Error.
func Parse(name string, data []byte) (*File, error) {
	f := &File{name: name, data: data}
	if err := f.checkBytes(); err != nil {
		return nil, err
	}
	if bytes.HasPrefix(data, []byte("\uFEFF")) {
		f.bom = len("\uFEFF")
	}
	f.lines = lineOffsets(data, f.bom)
	if err := f.decode(); err != nil {
		return nil, err
	}
	if err := f.index(); err != nil {
		return nil, err
	}
	return f, nil
}

func (f *File) checkBytes() error {
	switch {
	case len(f.data) > maxFileSize:
		return &Error{File: f.name, Line: 1, Column: 1, Message: fmt.Sprintf("expected a file of at most %d bytes, found %d", maxFileSize, len(f.data)),
			Hint: "split the file, or check that the target names the right one"}
	case bytes.HasPrefix(f.data, []byte("\xFF\xFE")), bytes.HasPrefix(f.data, []byte("\xFE\xFF")), isBareUTF16(f.data):
		return &Error{File: f.name, Line: 1, Column: 1, Message: "expected UTF-8, found UTF-16", Hint: "save the file as UTF-8"}
	}
	if at := bytes.IndexByte(f.data, 0); at >= 0 {
		return f.byteError(at, "expected text, found a NUL byte")
	}
	if at := invalidUTF8(f.data); at >= 0 {
		return f.byteError(at, fmt.Sprintf("expected UTF-8, found byte 0x%02X", f.data[at]))
	}
	return nil
}

// isBareUTF16 recognises UTF-16 without a byte order mark by its first two characters.
func isBareUTF16(data []byte) bool {
	return len(data) >= 4 && (data[0] == 0 && data[1] != 0 && data[2] == 0 && data[3] != 0 ||
		data[0] != 0 && data[1] == 0 && data[2] != 0 && data[3] == 0)
}

func invalidUTF8(data []byte) int {
	if utf8.Valid(data) {
		return -1
	}
	for at := 0; at < len(data); {
		r, size := utf8.DecodeRune(data[at:])
		if r == utf8.RuneError && size == 1 {
			return at
		}
		at += size
	}
	return -1
}

func (f *File) byteError(at int, message string) error {
	before := f.data[:at]
	start := bytes.LastIndexByte(before, '\n') + 1
	return &Error{File: f.name, Line: bytes.Count(before, []byte("\n")) + 1, Column: utf8.RuneCount(before[start:]) + 1,
		Message: message, Hint: "save the file as UTF-8 text"}
}

func (f *File) decode() error {
	data := acceptVersion(f.data[f.bom:])
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	for {
		doc, err := decodeOne(decoder)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return f.syntaxError(data, err)
		}
		if len(doc.Content) == 1 {
			f.docs = append(f.docs, doc.Content[0])
		}
	}
}

// decodeOne guards the call because yaml.v3 panics on some malformed input.
func decodeOne(decoder *yaml.Decoder) (doc *yaml.Node, err error) {
	defer fault.Guard(&err, func(cause any) error { return fmt.Errorf("yaml: the parser failed: %v", cause) })
	doc = new(yaml.Node)
	return doc, decoder.Decode(doc)
}

var newerVersion = regexp.MustCompile(`(?m)^(%YAML[ \t]+1\.)2([ \t\r]|$)`)

// acceptVersion lets yaml.v3, which knows version 1.1 only, read files that say %YAML 1.2; no byte moves.
func acceptVersion(data []byte) []byte {
	if !bytes.Contains(data, []byte("%YAML")) {
		return data
	}
	return newerVersion.ReplaceAll(data, []byte("${1}1${2}"))
}

func (f *File) syntaxError(data []byte, err error) error {
	p := strictyaml.Syntax(data, err)
	return &Error{File: f.name, Line: p.Line, Column: p.Column, Message: "expected YAML: " + p.Message, Hint: p.Hint, Err: err}
}

// index notes the place of every node and enforces the bounds on their number and depth.
func (f *File) index() error {
	f.places = make(map[*yaml.Node]place, len(f.data)/16)
	for i, root := range f.docs {
		if err := f.indexNode(root, place{document: i}, 1); err != nil {
			return err
		}
	}
	return nil
}

func (f *File) indexNode(n *yaml.Node, p place, depth int) error {
	f.places[n] = p
	f.depth = max(f.depth, depth)
	switch {
	case len(f.places) > maxNodes:
		return f.at(n, fmt.Sprintf("expected at most %d keys and values in a file, found more", maxNodes), "split the file")
	case depth > maxDepth:
		return f.at(n, fmt.Sprintf("expected at most %d levels of nesting, found more", maxDepth), "flatten the file")
	}
	for i, child := range n.Content {
		if err := f.indexNode(child, place{parent: n, slot: i, document: p.document}, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// at makes an error that points at a node.
func (f *File) at(n *yaml.Node, message, hint string) *Error {
	return &Error{File: f.name, Line: max(n.Line, 1), Column: max(n.Column, 1), Message: message, Hint: hint}
}
