package helm

import "bytes"

// plainItem reads the version of an item, the list of which is indented so far. Each line must be a key with a plain
// value or a plain text in double quotes, a key without one, or an item of a list of such values below that key:
//
//   - name: redis
//     urls:
//   - https://charts.example/redis-1.0.0.tgz
//     version: 1.0.0
//
// It reports false for everything else.
func plainItem(item []byte, at int) (version string, ok bool) {
	p := plain{keys: at + 2, list: -1}
	for first := true; len(item) > 0; first = false {
		var line []byte
		line, item, _ = bytes.Cut(item, []byte("\n"))
		text := bytes.TrimLeft(line, " ")
		indent := len(line) - len(text)
		if first {
			if text, ok = bytes.CutPrefix(text, []byte("- ")); !ok || len(text) == 0 || text[0] == ' ' {
				return "", false
			}
			indent = p.keys
		}
		value, dash := bytes.CutPrefix(text, []byte("- "))
		if dash {
			ok = p.item(value, indent)
		} else {
			ok = indent == p.keys && p.key(text)
		}
		if !ok {
			return "", false
		}
	}
	return p.version, true
}

// plain is an item as far as it is read.
type plain struct {
	// keys is the indentation of the keys, list that of the items below the last one, below zero before the first. open
	// says that the last key has no value of its own.
	keys, list int
	open       bool
	seen       [32][]byte
	count      int
	version    string
}

// item reads an item of the list below a key.
func (p *plain) item(value []byte, indent int) bool {
	if !p.open || indent < p.keys || p.list >= 0 && p.list != indent {
		return false
	}
	p.list = indent
	return plainValue(value)
}

// key reads a key with its value.
func (p *plain) key(text []byte) bool {
	key, value, found := bytes.Cut(text, []byte(":"))
	if !found || !plainKey(key) || p.count == len(p.seen) {
		return false
	}
	for _, other := range p.seen[:p.count] {
		if bytes.Equal(key, other) {
			return false
		}
	}
	p.seen[p.count], p.count = key, p.count+1
	p.open, p.list = len(value) == 0, -1
	if string(key) != "version" {
		return p.open || value[0] == ' ' && plainValue(value[1:])
	}
	if p.open || value[0] != ' ' || !plainValue(value[1:]) {
		return false
	}
	if p.version = string(value[1:]); p.version[0] == '"' {
		p.version = p.version[1 : len(p.version)-1]
		return p.version != ""
	}
	return !null(p.version)
}

// plainKey reports whether a text is a word; a merge key is none.
func plainKey(key []byte) bool {
	for _, c := range key {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return len(key) > 0
}

// plainValue reports whether a text on one line is a YAML scalar that means its own characters, or those between double
// quotes. Printable ASCII can mean something else in the first place only, but for a colon before a space and a hash.
func plainValue(value []byte) bool {
	if n := len(value); n > 1 && value[0] == '"' {
		return value[n-1] == '"' && !bytes.ContainsFunc(value[1:n-1], func(c rune) bool { return c < ' ' || c > '~' || c == '"' || c == '\\' })
	}
	for i, c := range value {
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
		last := i == len(value)-1
		switch {
		case letter:
		case i == 0, c < ' ', c > '~', c == '#', c == ' ' && last, c == ':' && (last || value[i+1] == ' '):
			return false
		}
	}
	return len(value) > 0
}
