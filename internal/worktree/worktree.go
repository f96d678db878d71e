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
	"strconv"
	"strings"
	"time"
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
	if err := t.create(name, data, func(f *os.File) error { return f.Chmod(0o644) }); err != nil {
		return explain(name, err)
	}
	return nil
}

// ReplaceFile writes the new content beside the file and renames it over, provided that the file still holds the bytes
// before, also when the new content is ready: what somebody saves in the meantime stays. Only what is saved in the moment
// of the renaming itself, or by a program that opened the file before, is lost. Mode and owner stay as they are, the
// owner as far as the process may. Nothing happens when nothing would change.
func (t *Tree) ReplaceFile(name string, before, after []byte) error {
	if err := t.unchanged(name, before); err != nil {
		return err
	}
	if bytes.Equal(before, after) {
		return nil
	}
	info, err := t.stat(name)
	if err != nil {
		return err
	}
	temp := path.Join(path.Dir(name), fmt.Sprintf(".%s%s-%d", path.Base(name), tempMark, os.Getpid()))
	if err := t.write(temp, after, info); err != nil {
		return explain(name, err)
	}
	err = t.unchanged(name, before)
	if err == nil {
		if err = t.root.Rename(filepath.FromSlash(temp), filepath.FromSlash(name)); err != nil {
			err = explain(name, err)
		}
	}
	if err != nil {
		return errors.Join(err, t.root.Remove(filepath.FromSlash(temp)))
	}
	return nil
}

// unchanged fails when the file does not hold these bytes.
func (t *Tree) unchanged(name string, before []byte) error {
	now, err := t.ReadFile(name)
	if err != nil {
		return err
	}
	if !bytes.Equal(now, before) {
		return &Error{Path: name, Message: "changed while the plan was made", Hint: "run again"}
	}
	return nil
}

// tempMark stands in the names of files that are not ready yet, .NAME.pawl-new-PID, before the process that writes them.
const tempMark = ".pawl-new"

// Sweep removes what killed processes left beside the files: their new contents that were never renamed.
func (t *Tree) Sweep(names []string) error {
	var errs []error
	dirs := map[string]map[string]bool{}
	for _, name := range names {
		dir := path.Dir(name)
		if dirs[dir] == nil {
			dirs[dir] = map[string]bool{}
		}
		dirs[dir]["."+path.Base(name)] = true
	}
	for dir, bases := range dirs {
		entries, err := fs.ReadDir(t.root.FS(), dir)
		if err != nil {
			continue // a directory that cannot be listed is told of by whoever reads its files
		}
		for _, e := range entries {
			base, owner, found := strings.Cut(e.Name(), tempMark)
			if found && bases[base] && e.Type().IsRegular() && !(alive(strings.TrimPrefix(owner, "-")) && recent(e)) {
				errs = append(errs, t.root.Remove(filepath.FromSlash(path.Join(dir, e.Name()))))
			}
		}
	}
	return errors.Join(errs...)
}

// recent reports that a file was written within the hour; later the number of its process may be another one's.
func recent(e fs.DirEntry) bool {
	info, err := e.Info()
	return err == nil && time.Since(info.ModTime()) < time.Hour
}

// alive reports whether a process writes, other than this one.
func alive(pid string) bool {
	n, err := strconv.Atoi(pid)
	return err == nil && n > 0 && n != os.Getpid() && running(n)
}

// write makes a new file with its content on disk, and the mode and owner of another one; what a killed run left behind is
// replaced.
func (t *Tree) write(name string, data []byte, like fs.FileInfo) error {
	if err := t.root.Remove(filepath.FromSlash(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return t.create(name, data, func(f *os.File) error { return Keep(f, like) })
}

// Keep gives a file the mode of another one, and its owner and group as far as the process may.
func Keep(f *os.File, like fs.FileInfo) error {
	chown(f, like) // first: it takes bits away from the mode
	return f.Chmod(like.Mode().Perm())
}

// create makes a new file with its content on disk.
func (t *Tree) create(name string, data []byte, finish func(*os.File) error) error {
	name = filepath.FromSlash(name)
	f, err := t.root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, finish(f), f.Sync(), f.Close())
	if err != nil {
		return errors.Join(err, t.root.Remove(name))
	}
	return nil
}
