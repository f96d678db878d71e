package forge

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"
)

// Tree is the files of one commit as an fs.FS, of which some can be read: those that were asked for.
type Tree struct {
	reader  Reader
	modes   map[string]fs.FileMode
	folders map[string][]fs.DirEntry
}

// ReadTree lists a commit and reads the files whose paths are wanted.
func ReadTree(ctx context.Context, f Forge, commit string, wanted func(path string) bool) (*Tree, error) {
	modes, err := f.List(ctx, commit)
	if err != nil {
		return nil, err
	}
	t := &Tree{modes: modes, folders: map[string][]fs.DirEntry{".": nil}}
	var paths []string
	for name := range modes {
		if wanted(name) {
			paths = append(paths, name)
		}
	}
	slices.Sort(paths)
	if t.reader, err = f.Read(ctx, commit, paths); err != nil {
		return nil, err
	}
	for name, mode := range modes {
		t.place(name, mode)
	}
	for _, entries := range t.folders {
		slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	}
	return t, nil
}

// place puts a path into its folder, and the folder into its own.
func (t *Tree) place(name string, mode fs.FileMode) {
	dir := path.Dir(name)
	_, there := t.folders[dir]
	t.folders[dir] = append(t.folders[dir], fs.FileInfoToDirEntry(entry{t, name, mode}))
	if !there {
		t.place(dir, fs.ModeDir|0o755)
	}
}

// FS is the tree.
func (t *Tree) FS() fs.FS { return t }

// ReadFile returns the bytes of a file that was asked for.
func (t *Tree) ReadFile(name string) ([]byte, error) { return t.reader.ReadFile(name) }

// Open opens a file or a folder.
func (t *Tree) Open(name string) (fs.File, error) {
	info, err := t.Stat(name)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: errors.Unwrap(err)}
	}
	if info.IsDir() {
		return &opened{info: info, entries: t.folders[name]}, nil
	}
	data, err := t.ReadFile(name)
	if err != nil {
		return nil, err
	}
	return &opened{info: info, Reader: bytes.NewReader(data)}, nil
}

// Stat describes a file or a folder; of files that were not asked for the size is not known, and a link is not followed.
func (t *Tree) Stat(name string) (fs.FileInfo, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "stat", Path: name, Err: fs.ErrInvalid}
	}
	if _, folder := t.folders[name]; folder {
		return entry{t, name, fs.ModeDir | 0o755}, nil
	}
	mode, found := t.modes[name]
	if !found {
		return nil, &fs.PathError{Op: "stat", Path: name, Err: fs.ErrNotExist}
	}
	return entry{t, name, mode}, nil
}

// entry is a file or a folder of a tree.
type entry struct {
	tree *Tree
	path string
	mode fs.FileMode
}

func (e entry) Name() string       { return path.Base(e.path) }
func (e entry) Mode() fs.FileMode  { return e.mode }
func (e entry) ModTime() time.Time { return time.Time{} }
func (e entry) IsDir() bool        { return e.mode.IsDir() }
func (e entry) Sys() any           { return nil }

func (e entry) Size() int64 {
	if !e.mode.IsRegular() {
		return 0
	}
	data, _ := e.tree.ReadFile(e.path) // not asked for: 0
	return int64(len(data))
}

// opened is a file, or a folder with what is left to be listed of it.
type opened struct {
	info fs.FileInfo
	*bytes.Reader
	entries []fs.DirEntry
}

func (o *opened) Stat() (fs.FileInfo, error) { return o.info, nil }
func (o *opened) Close() error               { return nil }

func (o *opened) Read(p []byte) (int, error) {
	if o.Reader == nil {
		return 0, &fs.PathError{Op: "read", Path: o.info.Name(), Err: errors.New("is a directory")}
	}
	return o.Reader.Read(p)
}

// ReadDir lists a folder.
func (o *opened) ReadDir(n int) ([]fs.DirEntry, error) {
	if n <= 0 {
		n = len(o.entries)
	} else if len(o.entries) == 0 {
		return nil, io.EOF
	}
	some := o.entries[:min(n, len(o.entries))]
	o.entries = o.entries[len(some):]
	return slices.Clone(some), nil
}
