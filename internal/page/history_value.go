package page

import "github.com/pawl-cd/pawl/internal/change"

// apart are the manifests whose values stand in several files, each of which may have a version of its own.
func apart(values []Value) map[string]bool {
	files, several := map[string]string{}, map[string]bool{}
	for _, v := range values {
		if file, known := files[v.Manifest]; known && file != v.File {
			several[v.Manifest] = true
		}
		files[v.Manifest] = v.File
	}
	return several
}

// value adds what one value was over time.
func (b *builder) value(v Value) {
	l := b.line(v.Manifest, v.File)
	if l.Source == (change.Source{}) {
		l.Source = v.Source
	}
	if v.Now != "" {
		l.Now = v.Now
	}
	for _, one := range v.Moves {
		b.note(one.At)
		u := change.Update{Manifest: v.Manifest, File: v.File, Key: v.Key, Document: v.Document, Old: one.Old, New: one.New}
		m := l.move(u, func(m Move) bool { return m.Merged.IsZero() || m.Commit == one.SHA })
		if m.Merged.IsZero() {
			m.Merged = one.At
		}
		m.Commit, m.Author = one.SHA, one.Author
	}
}
