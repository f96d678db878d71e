package github

import (
	"bytes"
	"compress/zlib"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

// persist writes to Options.Dir what has changed there. It reports a full disk by failing the next clone, not the request.
func (s *Server) persist() {
	if s.options.Dir == "" {
		return
	}
	for _, r := range s.repos {
		if !r.dirty {
			continue
		}
		if err := r.save(r.dir(), r.persisted); err == nil {
			r.persisted, r.dirty = len(r.store.order), false
		}
	}
}

func (r *Repo) dir() string {
	return filepath.Join(r.server.options.Dir, r.owner, r.name+".git")
}

// Dir is the bare repository on disk, empty without Options.Dir.
func (r *Repo) Dir() string {
	if r.server.options.Dir == "" {
		return ""
	}
	return r.dir()
}

// Save writes the whole repository to a new bare repository, which git can clone.
func (r *Repo) Save(dir string) error {
	r.lock()
	defer r.unlock()
	return r.save(dir, 0)
}

// save writes the objects from the given position on, then the refs: a reader never sees a ref without its objects.
func (r *Repo) save(dir string, from int) error {
	for _, below := range []string{"objects", "refs/heads", "refs/tags"} {
		if err := os.MkdirAll(filepath.Join(dir, below), 0o750); err != nil {
			return fmt.Errorf("saving %s: %w", r.FullName(), err)
		}
	}
	for _, id := range r.store.order[from:] {
		if err := writeObject(filepath.Join(dir, "objects"), id, r.store.objects[id]); err != nil {
			return fmt.Errorf("saving object %s: %w", id, err)
		}
	}
	for name, text := range map[string]string{
		"HEAD":        "ref: " + headsPrefix + r.settings.DefaultBranch + "\n",
		"config":      "[core]\n\trepositoryformatversion = 0\n\tbare = true\n",
		"packed-refs": r.packedRefs(),
	} {
		if err := replaceFile(filepath.Join(dir, name), []byte(text)); err != nil {
			return fmt.Errorf("saving %s of %s: %w", name, r.FullName(), err)
		}
	}
	return nil
}

func (r *Repo) packedRefs() string {
	lines := make([]string, 0, len(r.refs))
	for ref, id := range r.refs {
		lines = append(lines, ref+"\x00"+id)
	}
	sort.Strings(lines)
	var out strings.Builder
	out.WriteString("# pack-refs with: sorted\n")
	for _, line := range lines {
		ref, id, _ := strings.Cut(line, "\x00")
		out.WriteString(id + " " + ref + "\n")
	}
	return out.String()
}

func writeObject(objects, id string, o object) error {
	path := filepath.Join(objects, id[:2], id[2:])
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return err
	}
	var packed bytes.Buffer
	out := zlib.NewWriter(&packed)
	_, _ = out.Write(header(o.kind, len(o.data))) // a buffer never fails
	_, _ = out.Write(o.data)
	if err := out.Close(); err != nil {
		return err
	}
	return replaceFile(path, packed.Bytes())
}

func replaceFile(path string, data []byte) error {
	if err := os.WriteFile(path+".tmp", data, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".tmp", path)
}
