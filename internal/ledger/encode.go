package ledger

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// Snapshot is a ledger as files: slash-separated path to bytes.
type Snapshot map[string][]byte

// MaxSize bounds a snapshot, in bytes over all files.
const MaxSize = 32 << 20

// The files of a ledger.
const (
	claimsFile  = "claims.json"
	valuesFile  = "values.json"
	vetoesFile  = "vetoes.json"
	cursorsFile = "cursors.json"
	pullsFile   = "pulls.json"
	leversFile  = "levers.json"
	seenFile    = "seen.json"
	// denialsFile holds what gates said against versions.
	denialsFile = "verdicts.json"
	// reportedFile holds the faults of the last run.
	reportedFile = "reported.json"
	// acceptedFile holds when a person let a lost ledger begin anew.
	acceptedFile = "accepted.json"
	// pendingFile holds the events of runs that receivers have not got, as JSON Lines.
	pendingFile = "pending.jsonl"
)

// IsLedger reports whether a tree with these paths can be a ledger: an empty one, or one that holds a file of it.
func IsLedger(paths []string) bool {
	return len(paths) == 0 || slices.ContainsFunc(paths, IsFile)
}

// IsFile reports whether a path is that of a file of a ledger.
func IsFile(path string) bool {
	return slices.Contains([]string{claimsFile, valuesFile, vetoesFile, cursorsFile, pullsFile, leversFile, seenFile, denialsFile, reportedFile, sealFile, acceptedFile, pendingFile, ShadowFile}, path)
}

// rest is what this version does not know: whole files, and fields beside a file's list.
type rest struct {
	files  Snapshot
	fields map[string]Extra
}

// Decode reads a ledger. No file at all is an empty ledger; a file of another schema, a broken file and more than
// MaxSize bytes are errors that name the file.
func Decode(s Snapshot) (Ledger, error) {
	l := Ledger{rest: rest{files: Snapshot{}, fields: map[string]Extra{}}}
	size := 0
	for path, text := range s {
		size += len(text)
		l.rest.files[path] = text
	}
	if size > MaxSize {
		return Ledger{}, fmt.Errorf("reading the ledger: %d bytes are more than %d", size, MaxSize)
	}
	for _, read := range []func() error{
		func() error { return readFile(&l, claimsFile, &l.Claims, compareClaims) },
		func() error { return readFile(&l, valuesFile, &l.Values, compareValues) },
		func() error { return readFile(&l, vetoesFile, &l.Vetoes, compareVetoes) },
		func() error { return readFile(&l, cursorsFile, &l.Cursors, compareCursors) },
		func() error { return readFile(&l, pullsFile, &l.Pulls, comparePulls) },
		func() error { return readFile(&l, leversFile, &l.Levers, compareLevers) },
		func() error { return readFile(&l, seenFile, &l.Seen, compareSightings) },
		func() error { return readFile(&l, denialsFile, &l.Denials, compareDenials) },
		func() error { return readFile(&l, reportedFile, &l.Reported, compareReported) },
		func() error { return readFile(&l, acceptedFile, &l.Accepted, compareAcceptances) },
		func() error { return readLines(&l, pendingFile, &l.Pending) },
		func() error {
			err := readLines(&l, ShadowFile, &l.Shadow)
			slices.SortStableFunc(l.Shadow, compareDecisions)
			return err
		},
	} {
		if err := read(); err != nil {
			return Ledger{}, err
		}
	}
	return l, nil
}

// Encode writes the ledger as files: entries in the order of their keys, indented, with a final newline. Equal ledgers
// give equal bytes.
func (l Ledger) Encode() (Snapshot, error) {
	s := Snapshot{}
	for path, text := range l.rest.files {
		s[path] = bytes.Clone(text)
	}
	for _, write := range []func() error{
		func() error { return writeFile(l, s, claimsFile, l.Claims, compareClaims) },
		func() error { return writeFile(l, s, valuesFile, l.Values, compareValues) },
		func() error { return writeFile(l, s, vetoesFile, l.Vetoes, compareVetoes) },
		func() error { return writeFile(l, s, cursorsFile, l.Cursors, compareCursors) },
		func() error { return writeFile(l, s, pullsFile, l.Pulls, comparePulls) },
		func() error { return writeFile(l, s, leversFile, l.Levers, compareLevers) },
		func() error { return writeFile(l, s, seenFile, l.Seen, compareSightings) },
		func() error { return writeFile(l, s, denialsFile, l.Denials, compareDenials) },
		func() error { return writeFile(l, s, reportedFile, l.Reported, compareReported) },
		func() error { return writeFile(l, s, acceptedFile, l.Accepted, compareAcceptances) },
		func() error { return writeLines(l, s, pendingFile, l.Pending) },
		func() error { return writeLines(l, s, ShadowFile, l.Shadow) },
		func() error { return writeSeal(l, s) },
	} {
		if err := write(); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// readFile reads one list and keeps the fields beside it. Of two entries with one key the later one counts.
func readFile[T any](l *Ledger, path string, list *[]T, compare func(a, b T) int) error {
	text, found := l.rest.files[path]
	if !found {
		return nil
	}
	delete(l.rest.files, path)
	var fields Extra
	if err := json.Unmarshal(text, &fields); err != nil {
		return fmt.Errorf("reading %s of the ledger: %w", path, err)
	}
	var schema string
	if err := json.Unmarshal(fields["schema"], &schema); err != nil || schema != Schema && schema != BrakeSchema {
		return fmt.Errorf("reading %s of the ledger: schema %s is not %q", path, cut(string(fields["schema"])), BrakeSchema)
	}
	l.braked = l.braked || schema == BrakeSchema
	var entries []json.RawMessage
	name := listName(path)
	if raw, found := fields[name]; found {
		if err := json.Unmarshal(raw, &entries); err != nil {
			return fmt.Errorf("reading %s of the ledger: %w", path, err)
		}
	}
	for i, raw := range entries {
		var entry T
		if err := decodeEntry(raw, &entry); err != nil {
			return fmt.Errorf("reading %s of the ledger: entry %d: %w", path, i, err)
		}
		*list = append(*list, entry)
	}
	*list = normalize(*list, compare)
	delete(fields, "schema")
	delete(fields, name)
	l.rest.fields[path] = fields
	return nil
}

// writeFile writes one list; an empty list without anything unknown beside it needs no file.
func writeFile[T any](l Ledger, s Snapshot, path string, list []T, compare func(a, b T) int) error {
	extra := l.rest.fields[path]
	if len(list) == 0 && len(extra) == 0 && !(path == valuesFile && l.schema() == BrakeSchema) { // which older versions know, and refuse
		return nil
	}
	entries := make([]json.RawMessage, 0, len(list))
	for _, entry := range normalize(slices.Clone(list), compare) {
		raw, err := encodeEntry(entry)
		if err != nil {
			return fmt.Errorf("writing %s of the ledger: %w", path, err)
		}
		entries = append(entries, raw)
	}
	text, err := document(l.schema(), listName(path), entries, extra)
	if err != nil {
		return fmt.Errorf("writing %s of the ledger: %w", path, err)
	}
	s[path] = text
	return nil
}

// readLines reads a file of JSON Lines: the schema, then an entry a line, the oldest first.
func readLines[T any](l *Ledger, path string, list *[]T) error {
	text, found := l.rest.files[path]
	if !found {
		return nil
	}
	delete(l.rest.files, path)
	for i, line := range bytes.Split(bytes.TrimSpace(text), []byte("\n")) {
		if i == 0 {
			var head struct{ Schema string }
			if err := json.Unmarshal(line, &head); err != nil || head.Schema != Schema {
				return fmt.Errorf("reading %s of the ledger: schema %s is not %q", path, cut(head.Schema), Schema)
			}
			l.rest.fields[path] = Extra{}
			continue
		}
		var entry T
		if err := decodeEntry(line, &entry); err != nil {
			return fmt.Errorf("reading %s of the ledger: line %d: %w", path, i+1, err)
		}
		*list = append(*list, entry)
	}
	return nil
}

// writeLines writes one. Nothing needs no file; one that was there stays without entries, for a ledger is never without any file.
func writeLines[T any](l Ledger, s Snapshot, path string, list []T) error {
	if _, was := l.rest.fields[path]; len(list) == 0 && !was {
		return nil
	}
	out := bytes.NewBufferString(fmt.Sprintf("{\"schema\":%q}\n", Schema))
	for _, entry := range list {
		line, err := encodeEntry(entry)
		if err != nil {
			return fmt.Errorf("writing %s of the ledger: %w", path, err)
		}
		out.Write(line)
		out.WriteByte('\n')
	}
	s[path] = out.Bytes()
	return nil
}

// schema is the version of the files: the later one as soon as people said something that older versions must not overlook.
func (l Ledger) schema() string {
	if l.braked || len(l.Levers)+len(l.Seen) > 0 {
		return BrakeSchema
	}
	return Schema
}

// document puts the schema first, then what is unknown, then the list.
func document(schema, name string, entries []json.RawMessage, extra Extra) ([]byte, error) {
	fields := Extra{}
	for k, v := range extra {
		fields[k] = v
	}
	head, err := marshal(fields)
	if err != nil {
		return nil, err
	}
	list, err := marshal(map[string]any{name: entries})
	if err != nil {
		return nil, err
	}
	parts := []string{fmt.Sprintf(`"schema":%q`, schema)}
	for _, object := range [][]byte{head, list} {
		if inner := strings.TrimSuffix(strings.TrimPrefix(string(object), "{"), "}"); inner != "" {
			parts = append(parts, inner)
		}
	}
	var out bytes.Buffer
	if err := json.Indent(&out, []byte("{"+strings.Join(parts, ",")+"}"), "", "  "); err != nil {
		return nil, err
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}

// decodeEntry reads an entry and keeps the fields that its type does not name.
func decodeEntry[T any](raw json.RawMessage, entry *T) error {
	if err := json.Unmarshal(raw, entry); err != nil {
		return err
	}
	var extra Extra
	if err := json.Unmarshal(raw, &extra); err != nil {
		return err
	}
	known := fieldNames(reflect.TypeFor[T]())
	for name := range extra {
		if slices.ContainsFunc(known, func(k string) bool { return strings.EqualFold(k, name) }) {
			delete(extra, name)
		}
	}
	if len(extra) > 0 {
		reflect.ValueOf(entry).Elem().FieldByName("Extra").Set(reflect.ValueOf(extra))
	}
	return nil
}

// encodeEntry writes an entry in the order of its fields, what is unknown after them in the order of the names.
func encodeEntry[T any](entry T) (json.RawMessage, error) {
	known, err := marshal(entry)
	if err != nil {
		return nil, err
	}
	extra := reflect.ValueOf(entry).FieldByName("Extra").Interface().(Extra)
	if len(extra) == 0 {
		return known, nil
	}
	unknown, err := marshal(extra)
	if err != nil {
		return nil, err
	}
	return append(append(known[:len(known)-1], ','), unknown[1:]...), nil
}

// fieldNames lists the JSON names of a struct's fields, embedded structs included.
func fieldNames(t reflect.Type) []string {
	var names []string
	for _, f := range reflect.VisibleFields(t) {
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" && name != "-" {
			names = append(names, name)
		}
	}
	return names
}

// marshal encodes on one line and leaves <, > and & as people write them.
func marshal(v any) ([]byte, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}

// normalize sorts a list by key and keeps the last entry of each.
func normalize[T any](list []T, compare func(a, b T) int) []T {
	slices.SortStableFunc(list, compare)
	kept := list[:0]
	for i, entry := range list {
		if i+1 < len(list) && compare(entry, list[i+1]) == 0 {
			continue
		}
		kept = append(kept, entry)
	}
	return kept
}

func listName(path string) string { return strings.TrimSuffix(path, ".json") }
