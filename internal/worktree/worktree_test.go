//go:build unix

package worktree_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pawl-cd/pawl/internal/worktree"
)

// open returns the tree of a new directory that holds values.yaml, and the directory.
func open(t *testing.T) (*worktree.Tree, string) {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "values.yaml"), "a: 1\n")
	tree, err := worktree.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tree.Close(); err != nil {
			t.Error(err)
		}
	})
	return tree, dir
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// holds checks the content of the directory: the files by their names, nothing else.
func holds(t *testing.T, dir string, want map[string]string) {
	t.Helper()
	got := map[string]string{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		got[e.Name()] = string(data)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func inode(t *testing.T, path string) (uint64, fs.FileInfo) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Sys().(*syscall.Stat_t).Ino, info
}

// TestCreate holds that a file is made with its directories, never over another and never through a link.
func TestCreate(t *testing.T) {
	t.Parallel()
	tree, dir := open(t)
	for name, path := range map[string]string{"link": "../elsewhere", "values-link.yaml": "values.yaml"} {
		if err := os.Symlink(path, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := tree.CreateFile(".a/b/c.yaml", []byte("c: 1\n")); err != nil {
		t.Fatal(err)
	}
	if _, info := inode(t, filepath.Join(dir, ".a/b/c.yaml")); info.Mode() != 0o644 {
		t.Errorf("mode %v", info.Mode())
	}
	for name, want := range map[string]string{
		"values.yaml": "exists already", ".a/b/c.yaml": "exists already", "link/x.yaml": "lies behind a symbolic link", "values-link.yaml": "is a symbolic link",
		"values.yaml/x": "cannot be used", "../x.yaml": "cannot be used", ".a": "is not a regular file",
	} {
		if err := tree.CreateFile(name, []byte("b: 2\n")); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
	for name, want := range map[string]bool{"values.yaml": true, ".a/b/c.yaml": true, "x.yaml": false, "x/y/z.yaml": false} {
		if there, err := tree.Exists(name); there != want || err != nil {
			t.Errorf("%s: %v, %v", name, there, err)
		}
	}
	if data, err := tree.ReadFile("values.yaml"); string(data) != "a: 1\n" || err != nil {
		t.Errorf("the file holds %q, %v", data, err)
	}
}

func TestReplaceKeepsMode(t *testing.T) {
	t.Parallel()
	for _, mode := range []fs.FileMode{0o644, 0o600, 0o755, 0o666, 0o440} {
		t.Run(mode.String(), func(t *testing.T) {
			t.Parallel()
			tree, dir := open(t)
			path := filepath.Join(dir, "values.yaml")
			if err := os.Chmod(path, mode); err != nil {
				t.Fatal(err)
			}
			if err := tree.ReplaceFile("values.yaml", []byte("a: 1\n"), []byte("a: 2\n")); err != nil {
				t.Fatal(err)
			}
			if _, info := inode(t, path); info.Mode() != mode {
				t.Errorf("mode %v, want %v", info.Mode(), mode)
			}
			holds(t, dir, map[string]string{"values.yaml": "a: 2\n"})
		})
	}
}

func TestReplaceBelow(t *testing.T) {
	t.Parallel()
	tree, dir := open(t)
	write(t, filepath.Join(dir, "a/b/v.yaml"), "a: 1\n")
	if err := tree.ReplaceFile("a/b/v.yaml", []byte("a: 1\n"), []byte("a: 2\n")); err != nil {
		t.Fatal(err)
	}
	holds(t, filepath.Join(dir, "a/b"), map[string]string{"v.yaml": "a: 2\n"})
	if data, err := tree.ReadFile("a/b/v.yaml"); err != nil || string(data) != "a: 2\n" {
		t.Errorf("%q, error %v", data, err)
	}
	if data, err := fs.ReadFile(tree.FS(), "a/b/v.yaml"); err != nil || string(data) != "a: 2\n" {
		t.Errorf("%q, error %v", data, err)
	}
}

// TestReplaceIsAtomic reads the file all the while it is replaced, back and forth.
func TestReplaceIsAtomic(t *testing.T) {
	t.Parallel()
	tree, dir := open(t)
	path := filepath.Join(dir, "values.yaml")
	texts := [][]byte{[]byte(strings.Repeat("a: 1\n", 50_000)), []byte(strings.Repeat("b: 22\n", 30_000))}
	write(t, path, string(texts[0]))
	done := make(chan error, 1)
	go func() {
		var err error
		for i := 0; i < 20 && err == nil; i++ {
			err = tree.ReplaceFile("values.yaml", texts[i%2], texts[1-i%2])
		}
		done <- err
	}()
	for reads := 0; ; reads++ {
		data, err := os.ReadFile(path)
		if err != nil || !bytes.Equal(data, texts[0]) && !bytes.Equal(data, texts[1]) {
			t.Fatalf("read %d: %d bytes of neither text, error %v", reads, len(data), err)
		}
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			return
		default:
		}
	}
}

func TestChangedMeanwhile(t *testing.T) {
	t.Parallel()
	tree, dir := open(t)
	err := tree.ReplaceFile("values.yaml", []byte("a: 0\n"), []byte("a: 2\n"))
	var fault *worktree.Error
	if !errors.As(err, &fault) || fault.Error() != "values.yaml: changed while the plan was made" || fault.Advice() != "run again" {
		t.Errorf("error %v", err)
	}
	holds(t, dir, map[string]string{"values.yaml": "a: 1\n"})
}

func TestNothingToWrite(t *testing.T) {
	t.Parallel()
	tree, dir := open(t)
	path := filepath.Join(dir, "values.yaml")
	ino, info := inode(t, path)
	if err := tree.ReplaceFile("values.yaml", []byte("a: 1\n"), []byte("a: 1\n")); err != nil {
		t.Fatal(err)
	}
	now, after := inode(t, path)
	if now != ino || !after.ModTime().Equal(info.ModTime()) {
		t.Errorf("inode %d, was %d; time %v, was %v", now, ino, after.ModTime(), info.ModTime())
	}
	holds(t, dir, map[string]string{"values.yaml": "a: 1\n"})
}

// TestLeftover has what a killed run left: half a file, or a link that would lead the write elsewhere.
func TestLeftover(t *testing.T) {
	t.Parallel()
	for name, leave := range map[string]func(temp, other string) error{
		"file":      func(temp, _ string) error { return os.WriteFile(temp, []byte("a: 2 and more"), 0o444) },
		"link":      func(temp, other string) error { return os.Symlink(other, temp) },
		"hard link": func(temp, other string) error { return os.Link(other, temp) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tree, dir := open(t)
			write(t, filepath.Join(dir, "other.yaml"), "o: 1\n")
			if err := leave(filepath.Join(dir, temporary("values.yaml")), filepath.Join(dir, "other.yaml")); err != nil {
				t.Fatal(err)
			}
			if err := tree.ReplaceFile("values.yaml", []byte("a: 1\n"), []byte("a: 2\n")); err != nil {
				t.Fatal(err)
			}
			holds(t, dir, map[string]string{"values.yaml": "a: 2\n", "other.yaml": "o: 1\n"})
			if _, info := inode(t, filepath.Join(dir, "values.yaml")); info.Mode() != 0o644 {
				t.Errorf("mode %v", info.Mode())
			}
		})
	}
}

// temporary is the name under which this process writes the new content of a file.
func temporary(name string) string { return fmt.Sprintf(".%s.pawl-new-%d", name, os.Getpid()) }

// TestSweepOfAKilledApply removes what killed processes left beside targets, and nothing else: not the file of a process
// that lives, nor what somebody else named alike.
func TestSweepOfAKilledApply(t *testing.T) {
	t.Parallel()
	tree, dir := open(t)
	child := exec.CommandContext(t.Context(), "true")
	if err := child.Run(); err != nil {
		t.Fatal(err)
	}
	dead, living := child.Process.Pid, os.Getppid()
	for _, name := range []string{fmt.Sprintf(".values.yaml.pawl-new-%d", dead), ".values.yaml.pawl-new", temporary("values.yaml"),
		fmt.Sprintf(".values.yaml.pawl-new-%d", living), fmt.Sprintf(".mine.yaml.pawl-new-%d", dead), "values.yaml.pawl-new-1"} {
		write(t, filepath.Join(dir, name), "x")
	}
	old := fmt.Sprintf(".other.yaml.pawl-new-%d", living)
	write(t, filepath.Join(dir, old), "x")
	long := time.Now().Add(-2 * time.Hour)
	if err := os.Chtimes(filepath.Join(dir, old), long, long); err != nil {
		t.Fatal(err)
	}
	if err := tree.Sweep([]string{"values.yaml", "other.yaml", "absent/v.yaml", "../values.yaml"}); err != nil {
		t.Fatal(err)
	}
	holds(t, dir, map[string]string{"values.yaml": "a: 1\n", "values.yaml.pawl-new-1": "x",
		fmt.Sprintf(".values.yaml.pawl-new-%d", living): "x", fmt.Sprintf(".mine.yaml.pawl-new-%d", dead): "x"})
}

// TestSaveBetweenCompareAndRename has somebody save the file as soon as the new content begins to be written: it stays. Who
// is too late tries again.
func TestSaveBetweenCompareAndRename(t *testing.T) {
	t.Parallel()
	tree, dir := open(t)
	file, temp := filepath.Join(dir, "values.yaml"), filepath.Join(dir, temporary("values.yaml"))
	after := bytes.Repeat([]byte("a: 2\n"), worktree.MaxSize/5) // it takes a while to write
	for range 100 {
		write(t, file, "a: 1\n")
		watches, over, saved := make(chan bool), make(chan bool), make(chan error)
		go func() {
			close(watches)
			for {
				if _, err := os.Lstat(temp); err == nil {
					saved <- os.WriteFile(file, []byte("a: mine\n"), 0o644)
					return
				}
				select {
				case <-over:
					saved <- os.ErrNotExist
					return
				default:
				}
			}
		}()
		<-watches
		err := tree.ReplaceFile("values.yaml", []byte("a: 1\n"), after)
		close(over)
		switch failed := <-saved; {
		case failed != nil && !errors.Is(failed, os.ErrNotExist):
			t.Fatal(failed)
		case err == nil:
			continue // the new content was not seen, or the save came too late
		case !strings.Contains(err.Error(), "changed while"):
			t.Errorf("error %v", err)
		}
		holds(t, dir, map[string]string{"values.yaml": "a: mine\n"})
		return
	}
	t.Error("the new content was never seen")
}

// TestApplyAsRootKeepsTheOwner replaces somebody else's file.
func TestApplyAsRootKeepsTheOwner(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root may give files away")
	}
	tree, dir := open(t)
	file := filepath.Join(dir, "values.yaml")
	if err := errors.Join(os.Chown(file, 1234, 4321), os.Chmod(file, 0o640)); err != nil {
		t.Fatal(err)
	}
	if err := tree.ReplaceFile("values.yaml", []byte("a: 1\n"), []byte("a: 2\n")); err != nil {
		t.Fatal(err)
	}
	_, info := inode(t, file)
	if owner := info.Sys().(*syscall.Stat_t); owner.Uid != 1234 || owner.Gid != 4321 || info.Mode().Perm() != 0o640 {
		t.Errorf("owner %d:%d, mode %v", owner.Uid, owner.Gid, info.Mode())
	}
}

// TestRefused tries every path that must not be used, to read and to write.
func TestRefused(t *testing.T) {
	t.Parallel()
	tree, dir := open(t)
	outside := t.TempDir()
	write(t, filepath.Join(outside, "secret.yaml"), "a: 1\n")
	write(t, filepath.Join(dir, "sub/v.yaml"), "a: 1\n")
	large := filepath.Join(dir, "large.yaml")
	write(t, large, "")
	for _, err := range []error{
		os.Symlink("values.yaml", filepath.Join(dir, "link.yaml")),
		os.Symlink(filepath.Join(outside, "secret.yaml"), filepath.Join(dir, "out.yaml")),
		os.Symlink("nowhere", filepath.Join(dir, "dangling.yaml")),
		os.Symlink(outside, filepath.Join(dir, "outside")),
		os.Symlink("..", filepath.Join(dir, "sub/up")),
		os.Symlink("../..", filepath.Join(dir, "sub/upup")),
		syscall.Mkfifo(filepath.Join(dir, "fifo.yaml"), 0o644),
		os.Truncate(large, worktree.MaxSize+1),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string]string{
		"absent.yaml":         "the file does not exist",
		"absent/v.yaml":       "the file does not exist",
		"sub":                 "is not a regular file",
		".":                   "is not a regular file",
		"values.yaml/v.yaml":  "cannot be used: not a directory",
		"link.yaml":           "is a symbolic link",
		"out.yaml":            "is a symbolic link",
		"dangling.yaml":       "is a symbolic link",
		"fifo.yaml":           "is not a regular file",
		"large.yaml":          "has 8388609 bytes, more than the limit of 8388608",
		"outside/secret.yaml": "lies behind a symbolic link: outside",
		"sub/upup/" + filepath.Base(dir) + "/sub/v.yaml": "lies behind a symbolic link: sub/upup",
		"../" + filepath.Base(dir) + "/values.yaml":      "cannot be used: path escapes from parent",
		"sub/../../x.yaml":                "cannot be used: path escapes from parent",
		filepath.Join(dir, "values.yaml"): "cannot be used: path escapes from parent",
		"/etc/passwd":                     "cannot be used: path escapes from parent",
		"":                                "cannot be used: empty path",
	} {
		t.Run(path, func(t *testing.T) {
			data, err := tree.ReadFile(path)
			errWrite := tree.ReplaceFile(path, []byte("a: 1\n"), []byte("a: 2\n"))
			for _, err := range []error{err, errWrite} {
				var fault *worktree.Error
				if !errors.As(err, &fault) || fault.Path != path || fault.Message != want {
					t.Errorf("error %v, want %q", err, want)
				}
				if errors.Is(err, fs.ErrNotExist) != (want == "the file does not exist") {
					t.Errorf("error %v is or is not fs.ErrNotExist", err)
				}
			}
			if data != nil {
				t.Errorf("content %q", data)
			}
		})
	}
	holds(t, outside, map[string]string{"secret.yaml": "a: 1\n"})
	if data, err := tree.ReadFile("sub/up/values.yaml"); err == nil {
		t.Errorf("a linked directory below the root gives a file a second name: %q", data)
	}
}

func TestLargestFile(t *testing.T) {
	t.Parallel()
	tree, dir := open(t)
	if err := os.Truncate(filepath.Join(dir, "values.yaml"), worktree.MaxSize); err != nil {
		t.Fatal(err)
	}
	if data, err := tree.ReadFile("values.yaml"); err != nil || len(data) != worktree.MaxSize {
		t.Errorf("%d bytes, error %v", len(data), err)
	}
}

// TestFailureLeavesNothing has a directory where the new file would be, which cannot be replaced, and one that cannot
// be written.
func TestFailureLeavesNothing(t *testing.T) {
	t.Parallel()
	t.Run("place taken", func(t *testing.T) {
		t.Parallel()
		tree, dir := open(t)
		write(t, filepath.Join(dir, temporary("values.yaml"), "x"), "")
		if err := tree.ReplaceFile("values.yaml", []byte("a: 1\n"), []byte("a: 2\n")); err == nil {
			t.Error("no error")
		}
		if data, err := tree.ReadFile("values.yaml"); err != nil || string(data) != "a: 1\n" {
			t.Errorf("%q, error %v", data, err)
		}
	})
	t.Run("read-only directory", func(t *testing.T) {
		t.Parallel()
		if os.Geteuid() == 0 {
			t.Skip("root may write everywhere")
		}
		tree, dir := open(t)
		if err := os.Chmod(dir, 0o555); err != nil {
			t.Fatal(err)
		}
		err := tree.ReplaceFile("values.yaml", []byte("a: 1\n"), []byte("a: 2\n"))
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if !errors.Is(err, fs.ErrPermission) {
			t.Errorf("error %v", err)
		}
		holds(t, dir, map[string]string{"values.yaml": "a: 1\n"})
	})
}

func TestOpenAbsent(t *testing.T) {
	t.Parallel()
	if _, err := worktree.Open(filepath.Join(t.TempDir(), "absent")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v", err)
	}
}
