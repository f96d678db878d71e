//go:build unix

package cli

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// saver returns what writes pages and the files of GitHub Actions, with these variables.
func saver(env map[string]string) *globals {
	return newGlobals(System{Out: io.Discard, Err: io.Discard, Env: func(name string) (string, bool) { v, ok := env[name]; return v, ok }})
}

// TestReportToADeviceAsRoot writes through what is no regular file, which stays what it is: --page /dev/null as root
// replaced the device.
func TestReportToADeviceAsRoot(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	device := filepath.Join(dir, "null")
	if err := syscall.Mknod(device, syscall.S_IFCHR|0o666, 1<<8|3); err != nil { // not root, or a container: then nobody can replace it
		device = os.DevNull
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink(device, link); err != nil {
		t.Fatal(err)
	}
	g := saver(map[string]string{"GITHUB_OUTPUT": device, "GITHUB_STEP_SUMMARY": link})
	for _, name := range []string{device, link} {
		if err := errors.Join(writable(thePage, name), g.save(thePage, name, []byte("page"))); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := errors.Join(g.job().output("a", "b"), g.job().summary("c")); err != nil {
		t.Error(err)
	}
	if info, err := os.Stat(device); err != nil || info.Mode()&fs.ModeCharDevice == 0 {
		t.Errorf("the device is %v, %v", info, err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&fs.ModeSymlink == 0 {
		t.Errorf("the link is %v, %v", info, err)
	}
}

// TestReportToAPipe writes to a named pipe that somebody reads, and does not wait for ever for one whom nobody does.
func TestReportToAPipe(t *testing.T) {
	t.Parallel()
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	g := saver(map[string]string{"GITHUB_OUTPUT": pipe})
	if err := g.save(thePage, pipe, []byte("page")); err == nil || !strings.Contains(err.Error(), "nobody reads") {
		t.Errorf("without a reader: %v", err)
	}
	if err := g.job().output("a", "b"); err == nil || !strings.Contains(err.Error(), "nobody reads") {
		t.Errorf("without a reader: %v", err)
	}
	reader, err := os.OpenFile(pipe, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	page := strings.Repeat("0123456789", 100_000) // more than a pipe holds
	read := make(chan string)
	defer reader.Close()
	go func() {
		var data []byte
		for len(data) == 0 { // until somebody writes, a pipe is at its end
			runtime.Gosched()
			data, _ = io.ReadAll(reader)
		}
		read <- string(data)
	}()
	if err := g.save(thePage, pipe, []byte(page)); err != nil {
		t.Fatal(err)
	}
	if got := <-read; got != page {
		t.Errorf("%d bytes came, want %d", len(got), len(page))
	}
	if info, err := os.Lstat(pipe); err != nil || info.Mode()&fs.ModeNamedPipe == 0 {
		t.Errorf("the pipe is %v, %v", info, err)
	}
}

// TestReportThroughALink replaces the file that a link leads to, and makes it when it is missing; mode and owner stay.
func TestReportThroughALink(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	if err := errors.Join(os.Mkdir(at("sub"), 0o755), os.WriteFile(at("sub/page.html"), []byte("old"), 0o600), os.Symlink("sub/page.html", at("link")),
		os.Symlink("sub/new.html", at("dangling"))); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 {
		if err := os.Chown(at("sub/page.html"), 1234, 4321); err != nil {
			t.Fatal(err)
		}
	}
	g := saver(nil)
	for link, file := range map[string]string{"link": "sub/page.html", "dangling": "sub/new.html"} {
		if err := g.save(thePage, at(link), []byte("page")); err != nil {
			t.Error(err)
		}
		info, err := os.Lstat(at(link))
		data, _ := os.ReadFile(at(file))
		if err != nil || info.Mode()&fs.ModeSymlink == 0 || string(data) != "page" {
			t.Errorf("%s: %v, %v, content %q", link, info, err, data)
		}
	}
	info, err := os.Stat(at("sub/page.html"))
	if err != nil || info.Mode().Perm() != 0o600 || os.Geteuid() == 0 && info.Sys().(*syscall.Stat_t).Uid != 1234 {
		t.Errorf("the file is %v, %v", info.Mode(), err)
	}
}

// TestReportSweepsWhatAKilledRunLeft removes unfinished pages once they are old.
func TestReportSweepsWhatAKilledRunLeft(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	long := time.Now().Add(-2 * time.Hour)
	for _, name := range []string{".pawl-1", ".pawl-2", ".pawl-mine"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{".pawl-1", ".pawl-mine"} {
		if err := os.Chtimes(filepath.Join(dir, name), long, long); err != nil {
			t.Fatal(err)
		}
	}
	if err := saver(nil).save(thePage, filepath.Join(dir, "page.html"), []byte("page")); err != nil {
		t.Fatal(err)
	}
	left, _ := filepath.Glob(filepath.Join(dir, ".*"))
	if len(left) != 2 {
		t.Errorf("left are %v", left)
	}
}

// TestFilesAreCleaned shows that what is written to files passes the door.
func TestFilesAreCleaned(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	const secret = "glptt-0123456789"
	env := map[string]string{"GITHUB_TOKEN": secret, "GITHUB_OUTPUT": filepath.Join(dir, "output"), "GITHUB_STEP_SUMMARY": filepath.Join(dir, "summary")}
	g := saver(env)
	if err := errors.Join(g.job().output("a", secret), g.job().summary(cell(secret)), g.save(thePage, filepath.Join(dir, "page"), []byte("<p>"+secret))); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"output", "summary", "page"} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || strings.Contains(string(data), "0123") || !strings.Contains(string(data), "***") {
			t.Errorf("%s: %q, %v", name, data, err)
		}
	}
}
