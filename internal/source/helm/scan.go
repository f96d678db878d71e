package helm

import (
	"bytes"
	"errors"
	"io"
	"regexp"

	"gopkg.in/yaml.v3"
)

// simpleValue is a scalar on one line, or an empty collection.
var simpleValue = regexp.MustCompile(`^ (\{\}|\[\]|"[ -!#-\[\]-~]*"|[A-Za-z0-9][A-Za-z0-9._+-]*(:[A-Za-z0-9._+-]+)*)$`)

// scan reads an index in the layout that Helm itself writes, without a tree of the whole document, which would take
// fifty times its size: a chart's name and the lines below it at its indentation are a YAML document of their own.
//
//	entries:
//	  chart:
//	  - version: 1.0.0
//
// It reports false for everything that is not plainly this, and leaves it to decode.
func scan(data []byte) (map[string][]string, bool) {
	block, ok := entries(data)
	if !ok || len(block) == 0 {
		return nil, false
	}
	charts := map[string][]string{}
	for len(block) > 0 {
		line, rest := cutLine(block)
		chart, ok := chartName(line)
		if _, twice := charts[chart]; twice || !ok {
			return nil, false
		}
		after := skipChart(rest)
		versions, ok := chartVersions(chart, block[:len(block)-len(after)])
		if !ok {
			return nil, false
		}
		charts[chart], block = versions, after
	}
	return charts, true
}

// entries returns the lines below the key "entries". Nothing else at the top level may be more than a key with a
// simple value; tabs and carriage returns are not for scan.
func entries(data []byte) ([]byte, bool) {
	if bytes.ContainsAny(data, "\t\r") {
		return nil, false
	}
	var block []byte
	seen := map[string]bool{}
	for len(data) > 0 {
		line, rest := cutLine(data)
		key, ok := topLevelKey(line)
		if !ok || seen[key] {
			return nil, false
		}
		seen[key] = true
		data = skipIndented(rest)
		below := rest[:len(rest)-len(data)]
		switch {
		case string(line) == "entries:":
			block = below
		case key == "entries", len(bytes.TrimSpace(below)) > 0:
			return nil, false
		}
	}
	return block, seen["entries"]
}

// topLevelKey returns the key of a line that holds a plain key, and nothing or a simple value.
func topLevelKey(line []byte) (string, bool) {
	key, value, ok := bytes.Cut(line, []byte(":"))
	if !ok || !plainName(key) {
		return "", false
	}
	if len(value) > 0 && !simpleValue.Match(value) {
		return "", false
	}
	return string(key), true
}

// skipIndented returns what follows the lines that are empty or begin with a space.
func skipIndented(data []byte) []byte {
	for len(data) > 0 && (data[0] == ' ' || data[0] == '\n') {
		_, data = cutLine(data)
	}
	return data
}

// chartName reads a line "  name:".
func chartName(line []byte) (string, bool) {
	name, ok := bytes.CutPrefix(line, []byte("  "))
	if !ok {
		return "", false
	}
	name, ok = bytes.CutSuffix(name, []byte(":"))
	return string(name), ok && plainName(name)
}

func plainName(name []byte) bool {
	for i, c := range name {
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_'
		if !letter && (i == 0 || c != '-' && c != '.' && (c < '0' || c > '9')) {
			return false
		}
	}
	return len(name) > 0
}

// skipChart returns what follows the lines of a chart, which are empty or begin with "  - " or deeper.
func skipChart(data []byte) []byte {
	for len(data) > 0 && ofChart(data) {
		_, data = cutLine(data)
	}
	return data
}

func ofChart(line []byte) bool {
	return line[0] == '\n' || bytes.HasPrefix(line, []byte("  - ")) || bytes.HasPrefix(line, []byte("   "))
}

// chartVersions decodes the lines of one chart. An alias to an anchor outside of them is an error of the library, and
// so must be what it would leave behind them unread.
func chartVersions(chart string, lines []byte) ([]string, bool) {
	var document map[string][]struct {
		Version string `yaml:"version"`
	}
	decoder := yaml.NewDecoder(bytes.NewReader(lines))
	if err := decoder.Decode(&document); err != nil {
		return nil, false
	}
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, false
	}
	list, ok := document[chart]
	if !ok || len(document) != 1 {
		return nil, false
	}
	versions := make([]string, 0, len(list))
	for _, e := range list {
		if e.Version != "" {
			versions = append(versions, e.Version)
		}
	}
	return versions, true
}

func cutLine(data []byte) (line, rest []byte) {
	line, rest, _ = bytes.Cut(data, []byte("\n"))
	return line, rest
}
