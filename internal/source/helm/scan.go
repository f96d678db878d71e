package helm

import (
	"bytes"

	"gopkg.in/yaml.v3"
)

// scan reads an index in the layout that Helm itself writes, without a tree of the whole document, which would take
// fifty times its size: the lines below a chart's name at the chart's indentation are a YAML document of their own.
//
//	entries:
//	  chart:
//	  - version: 1.0.0
//
// It reports false for everything that is not plainly this, and leaves it to decode.
func scan(data []byte) (map[string][]string, bool) {
	block, ok := entries(data)
	if !ok {
		return nil, false
	}
	charts := map[string][]string{}
	for len(block) > 0 {
		line, rest := cutLine(block)
		chart, ok := chartName(line)
		if !ok {
			return nil, false
		}
		if _, twice := charts[chart]; twice {
			return nil, false
		}
		var body []byte
		body, block = chartBody(rest)
		versions, ok := chartVersions(body)
		if !ok {
			return nil, false
		}
		charts[chart] = versions
	}
	return charts, true
}

// entries returns the lines below the key "entries". Anchors, aliases, tags and flow collections at the top level,
// further documents, tabs and carriage returns are not for scan.
func entries(data []byte) ([]byte, bool) {
	if bytes.ContainsAny(data, "\t\r") {
		return nil, false
	}
	var block []byte
	found := false
	for len(data) > 0 {
		line, rest := cutLine(data)
		if !topLevelKey(line) {
			return nil, false
		}
		end := len(rest) - len(skipIndented(rest))
		if string(line) == "entries:" {
			if found {
				return nil, false
			}
			block, found = rest[:end], true
		}
		data = rest[end:]
	}
	return block, found
}

// topLevelKey reports whether a line is a plain key, with a plain or quoted scalar on the same line or nothing.
func topLevelKey(line []byte) bool {
	key, value, ok := bytes.Cut(line, []byte(":"))
	if !ok || !plainName(key) {
		return false
	}
	value = bytes.TrimSpace(value)
	return len(value) == 0 || !bytes.ContainsAny(value[:1], "&*!|>[{%@`?-")
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

// chartBody splits the lines of a chart, which begin with "  -" or deeper, from what follows.
func chartBody(data []byte) (body, rest []byte) {
	rest = data
	for len(rest) > 0 && ofChart(rest) {
		_, rest = cutLine(rest)
	}
	return data[:len(data)-len(rest)], rest
}

func ofChart(line []byte) bool {
	return line[0] == '\n' || bytes.HasPrefix(line, []byte("  - ")) || bytes.HasPrefix(line, []byte("   "))
}

// chartVersions decodes the lines of one chart. An alias to an anchor outside of them is an error of the library.
func chartVersions(body []byte) ([]string, bool) {
	var list []struct {
		Version string `yaml:"version"`
	}
	if err := yaml.Unmarshal(body, &list); err != nil {
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
