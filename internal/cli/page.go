package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/pawl-cd/pawl/internal/fault"
	"github.com/pawl-cd/pawl/internal/page"
	"github.com/pawl-cd/pawl/internal/run"
	"github.com/pawl-cd/pawl/internal/worktree"
)

// patience is how long a pipe or another place that is no file may take to accept what is written.
const patience = 30 * time.Second

// thePage is what messages call the file.
const thePage = "the page"

// writable fails when what is to be written cannot be there, before anything else is done; an empty name is nothing.
func writable(what, name string) error {
	if name == "" {
		return nil
	}
	dir, err := os.Stat(filepath.Dir(name))
	file, missing := os.Stat(name)
	switch {
	case err != nil:
	case !dir.IsDir():
		err = errors.New(filepath.Dir(name) + " is no directory")
	case missing == nil && file.IsDir():
		err = errors.New(name + " is a directory")
	}
	if err != nil {
		return &exit{code: Usage, err: fmt.Errorf("writing %s: %w", what, err), hint: pageHint}
	}
	return nil
}

// save writes to a file what people or other commands read: a regular file as a whole or not at all, through whatever else stands there.
func (g *globals) save(what, name string, data []byte) error {
	data = []byte(g.door.Text(string(data)))
	target, there, err := landing(name)
	switch {
	case err != nil:
	case target == "":
		err = through(name, data, 0)
	default:
		err = replace(target, data, there)
	}
	if err != nil {
		return &exit{code: Failure, err: fmt.Errorf("writing %s: %w", what, err), hint: pageHint}
	}
	return nil
}

// landing is the regular file that a name stands for and what is known of it, nil when there is none yet. It is empty for
// what must not be replaced: a device, a pipe, a link to nothing, a descriptor of this process.
func landing(name string) (target string, there fs.FileInfo, err error) {
	link, err := os.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return name, nil, nil
	}
	if err != nil {
		return "", nil, err
	}
	absolute, err := filepath.Abs(name)
	if err != nil {
		return "", nil, err
	}
	there, missing := os.Stat(name)
	if missing != nil || !there.Mode().IsRegular() || strings.HasPrefix(absolute, "/dev/") || strings.HasPrefix(absolute, "/proc/") {
		return "", nil, nil //nolint:nilerr // a link to nothing is written through, which says what is wrong with it
	}
	if link.Mode()&fs.ModeSymlink == 0 {
		return name, there, nil
	}
	target, err = filepath.EvalSymlinks(name)
	return target, there, err
}

// through writes to what is there, which stays what it is. A pipe that nobody reads is an error, not a wait for ever.
func through(name string, data []byte, flags int) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|syscall.O_NONBLOCK|flags, 0o600)
	if errors.Is(err, syscall.ENXIO) {
		return fmt.Errorf("nobody reads %s", name)
	}
	if err != nil {
		return err
	}
	_ = f.SetWriteDeadline(time.Now().Add(patience)) // a device has none
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}

// replace writes the file beside its place and renames it over; one that is there keeps its mode and its owner.
func replace(name string, data []byte, there fs.FileInfo) error {
	sweep(filepath.Dir(name))
	f, err := os.CreateTemp(filepath.Dir(name), ".pawl-*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if there == nil {
		err = errors.Join(err, f.Chmod(0o644))
	} else {
		err = errors.Join(err, worktree.Keep(f, there))
	}
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// sweep removes what killed runs left in a directory an hour ago or earlier.
func sweep(dir string) {
	left, _ := filepath.Glob(filepath.Join(dir, ".pawl-[0-9]*")) // a directory whose name is a pattern is not swept
	for _, name := range left {
		if info, err := os.Lstat(name); err == nil && info.Mode().IsRegular() && time.Since(info.ModTime()) > time.Hour {
			_ = os.Remove(name) // it is in nobody's way
		}
	}
}

// writeReport writes the page of a run; err is what ended it early.
func (g *globals) writeReport(name string, r run.Report, err error) error {
	return g.savePage(name, func() ([]byte, error) { return page.Run(r, failureOf(err)) })
}

func failureOf(err error) page.Failure {
	if err == nil {
		return page.Failure{}
	}
	return page.Failure{Message: err.Error(), Hint: fault.Hint(err)}
}

// sum tells the job in its first line what a run, or a deployment, came to, then all of it: in the summary of GitHub Actions. GitLab has
// none, there the line ends the log.
func (g *globals) sum(r run.Report, err error, markdown string) error {
	said, job := page.Sentence(r, failureOf(err)), g.job()
	if job.inGitLab() {
		g.reporter().say(slog.LevelInfo, said, "")
	}
	return job.summary(cell(said) + "\n\n" + markdown)
}

// savePage renders a page and writes it; without a name there is none.
func (g *globals) savePage(name string, render func() ([]byte, error)) error {
	if name == "" {
		return nil
	}
	data, err := render()
	if err != nil {
		return &exit{code: Failure, err: err}
	}
	return g.save(thePage, name, data)
}
