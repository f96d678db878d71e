package helm

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"regexp"

	"gopkg.in/yaml.v3"
)

// maxPart bounds what is handed to the YAML library at once, in bytes; group is what is handed to it where it can be
// divided. maxOthers bounds the keys at the top.
const (
	maxPart   = 1 << 20
	group     = 32 << 10
	maxOthers = 1000
)

var (
	// topKey is the beginning of a plain key at the top.
	topKey = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]*:( |$)`)
	// entriesKey is the one that is looked for, with the charts below it.
	entriesKey = regexp.MustCompile(`^entries:[ ]*( #.*)?$`)
	// chartKey is a chart with its versions below it.
	chartKey = regexp.MustCompile(`^(?:([A-Za-z0-9_][A-Za-z0-9_.-]*)|"([A-Za-z0-9_.-]+)"):[ ]*( #.*)?$`)
)

// scan reads an index in block style, in the layout that Helm itself writes or another indentation:
//
//	entries:
//	  chart:
//	  - version: 1.0.0
//
// It goes from line to line: a line that is indented less than what comes before it ends it, whatever that is, so each
// key at the top, and each item of a chart's list, is a YAML document of its own. Plain items are read here, others by
// the library, some at a time. It returns errUnusual for everything that is not plainly this.
func scan(r io.Reader) (map[string][]string, error) {
	s := &scanner{lines: lines{in: bufio.NewReaderSize(r, 64<<10)}, charts: charts{versions: map[string][]string{}}, others: map[string]bool{}}
	if err := s.document(); err != nil {
		return nil, err
	}
	return s.charts.versions, nil
}

type scanner struct {
	lines
	charts charts
	// found says that the entries were read, others are the other keys at the top.
	found  bool
	others map[string]bool
}

func (s *scanner) document() error {
	for started := false; ; {
		err := s.next()
		switch {
		case errors.Is(err, io.EOF) && s.found:
			return nil
		case errors.Is(err, io.EOF):
			return errUnusual // the library says what is wrong
		case err != nil:
			return err
		case s.idle:
			continue
		case !started && string(s.text()) == "---":
			started = true
			continue
		case s.indent > 0, !topKey.Match(s.text()):
			return errUnusual
		case !entriesKey.Match(s.text()):
			err = s.other()
		case s.found, !printable(s.text()):
			return errUnusual
		default:
			s.found = true
			err = s.entries()
		}
		if started = true; err != nil {
			return err
		}
	}
}

// other skips a key at the top that is not looked for, with what belongs to it.
func (s *scanner) other() error {
	part := append([]byte(nil), s.line...)
	for {
		err := s.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if !s.idle && s.indent == 0 && !s.item() {
			s.back()
			break
		}
		if part = append(part, s.line...); len(part) > maxPart {
			return errUnusual
		}
	}
	var node yaml.Node
	if !one(part, &node) || node.Kind != yaml.MappingNode || len(node.Content) != 2 {
		return errUnusual
	}
	key := node.Content[0].Value
	if s.others[key] || key == "entries" || len(s.others) >= maxOthers {
		return errUnusual
	}
	s.others[key] = true
	return nil
}

// entries reads the charts, which stand at one indentation.
func (s *scanner) entries() error {
	indent := 0
	for {
		err := s.next()
		switch {
		case errors.Is(err, io.EOF) && indent > 0:
			return nil
		case errors.Is(err, io.EOF):
			return errUnusual
		case err != nil:
			return err
		case s.idle:
			continue
		case s.indent == 0 && indent > 0 && !s.item():
			s.back()
			return nil
		case indent == 0:
			indent = s.indent
		}
		if s.indent != indent || indent == 0 {
			return errUnusual
		}
		if err := s.chart(); err != nil {
			return err
		}
	}
}

// chart reads a chart from the line of its name on.
func (s *scanner) chart() error {
	key := chartKey.FindSubmatch(s.text())
	if key == nil || !printable(s.text()) {
		return errUnusual
	}
	name := string(key[1]) + string(key[2])
	if null(name) && len(key[1]) > 0 {
		return errUnusual
	}
	if err := s.charts.begin(name); err != nil {
		return err
	}
	items := &items{chart: name, charts: &s.charts, at: -1}
	for chartIndent := s.indent; ; {
		err := s.next()
		switch {
		case errors.Is(err, io.EOF):
			return items.end()
		case err != nil:
			return err
		case s.idle:
			err = items.more(s.line)
		case s.item() && (s.indent == items.at || items.at < 0 && s.indent >= chartIndent):
			items.at = s.indent
			err = items.begin(s.line)
		case items.at >= 0 && s.indent > items.at:
			err = items.more(s.line)
		case s.indent <= chartIndent:
			s.back()
			return items.end()
		default:
			return errUnusual
		}
		if err != nil {
			return err
		}
	}
}

// one decodes a text that is one YAML document and nothing else; the library would leave what follows it unread.
func one(text []byte, into *yaml.Node) bool {
	var document yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	if err := decoder.Decode(&document); err != nil || len(document.Content) != 1 {
		return false
	}
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return false
	}
	*into = *document.Content[0]
	return true
}

// null reports whether a plain text means nothing at all.
func null(text string) bool { return text == "null" || text == "Null" || text == "NULL" || text == "~" }
