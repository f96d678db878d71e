// Package worktree reads and replaces files below one root directory. No path leaves the root, through a link or
// otherwise; a replaced file keeps its mode and is never seen half written.
package worktree

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
)

// MaxSize is the largest file that is read, in bytes.
const MaxSize = 8 << 20

// Tree is a directory that files are read and replaced in. Its paths use forward slashes.
type Tree struct{ root *os.Root }

// Open opens the directory.
func Open(dir string) (*Tree, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("opening the root: %w", err)
	}
	return &Tree{root: root}, nil
}

// Close releases the directory.
func (t *Tree) Close() error { return t.root.Close() }

// FS is the tree for reading, as an fs.FS.
func (t *Tree) FS() fs.FS { return t.root.FS() }

// Error is a file that cannot be used, and what to do.
type Error struct {
	Path, Message, Hint string
	err                 error
}

// Error returns "path: message".
func (e *Error) Error() string { return e.Path + ": " + e.Message }

// Advice returns the hint.
func (e *Error) Advice() string { return e.Hint }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.err }

// ReadFile returns the content of a regular file of at most MaxSize bytes. A symbolic link, also on the
// way to the file, is refused: in the repository it is a file of its own, whose content is not what it points to.
func (t *Tree) ReadFile(name string) ([]byte, error) {
	if _, err := t.stat(name); err != nil {
		return nil, err
	}
	f, err := t.root.Open(filepath.FromSlash(name))
	if err != nil {
		return nil, explain(name, err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, MaxSize+1))
	if err != nil {
		return nil, explain(name, err)
	}
	if len(data) > MaxSize {
		return nil, tooLarge(name, int64(len(data)))
	}
	return data, nil
}

// stat returns what is known of a file that may be read.
func (t *Tree) stat(name string) (fs.FileInfo, error) {
	for i, c := range name {
		if c != '/' {
			continue
		}
		if info, err := t.root.Lstat(filepath.FromSlash(name[:i])); err == nil && info.Mode()&fs.ModeSymlink != 0 {
			return nil, &Error{Path: name, Message: "lies behind a symbolic link: " + name[:i], Hint: "name the file by its own path"}
		}
	}
	info, err := t.root.Lstat(filepath.FromSlash(name))
	switch {
	case err != nil:
		return nil, explain(name, err)
	case info.Mode()&fs.ModeSymlink != 0:
		return nil, &Error{Path: name, Message: "is a symbolic link", Hint: "name the file that it points to, below the root"}
	case !info.Mode().IsRegular():
		return nil, &Error{Path: name, Message: "is not a regular file", Hint: "name a YAML file"}
	case info.Size() > MaxSize:
		return nil, tooLarge(name, info.Size())
	}
	return info, nil
}

func tooLarge(name string, size int64) error {
	return &Error{Path: name, Message: fmt.Sprintf("has %d bytes, more than the limit of %d", size, MaxSize), Hint: "move the tracked values to a file of their own"}
}

func explain(name string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return &Error{Path: name, Message: "the file does not exist", Hint: "correct file in the manifest, or create the file with the key in it", err: err}
	}
	var p *fs.PathError
	if errors.As(err, &p) {
		err = p.Err
	}
	return &Error{Path: name, Message: fmt.Sprintf("cannot be used: %v", err), err: err}
}

// Exists reports whether there is a file. What is no file of its own, or lies behind a symbolic link, is an error.
func (t *Tree) Exists(name string) (bool, error) {
	_, err := t.stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// CreateFile writes a new file, and the directories that it needs. It never replaces one.
func (t *Tree) CreateFile(name string, data []byte) error {
	there, err := t.Exists(name)
	if err != nil {
		return err
	}
	if there {
		return &Error{Path: name, Message: "exists already"}
	}
	if err := t.root.MkdirAll(filepath.FromSlash(path.Dir(name)), 0o755); err != nil {
		return explain(name, err)
	}
	if err := t.create(name, data, 0o644); err != nil {
		return explain(name, err)
	}
	return nil
}

// ReplaceFile writes the new content beside the file and renames it over, provided that the file still holds the bytes
// before. Nothing happens when nothing would change.
func (t *Tree) ReplaceFile(name string, before, after []byte) error {
	now, err := t.ReadFile(name)
	if err != nil {
		return err
	}
	if !bytes.Equal(now, before) {
		return &Error{Path: name, Message: "changed while the plan was made", Hint: "run again"}
	}
	if bytes.Equal(before, after) {
		return nil
	}
	info, err := t.stat(name)
	if err != nil {
		return err
	}
	temp := path.Join(path.Dir(name), "."+path.Base(name)+".pawl-new")
	if err := t.write(temp, after, info.Mode().Perm()); err != nil {
		return explain(name, err)
	}
	if err := t.root.Rename(filepath.FromSlash(temp), filepath.FromSlash(name)); err != nil {
		return explain(name, errors.Join(err, t.root.Remove(filepath.FromSlash(temp))))
	}
	return nil
}

// write makes a new file with its content on disk; what a killed run left behind is replaced.
func (t *Tree) write(name string, data []byte, mode fs.FileMode) error {
	if err := t.root.Remove(filepath.FromSlash(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return t.create(name, data, mode)
}

// create makes a new file with its content on disk and this mode, whatever the process's mask.
func (t *Tree) create(name string, data []byte, mode fs.FileMode) error {
	name = filepath.FromSlash(name)
	f, err := t.root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
	if err != nil {
		return errors.Join(err, t.root.Remove(name))
	}
	return nil
}
