package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"

	"github.com/pawl-cd/pawl/internal/past"
)

// What is read of the files of a profile as they were: bytes of one and of all.
const (
	maxContent  = 8 << 20
	maxContents = 512 << 20
)

// git is a process of git that answers.
type git struct {
	*exec.Cmd
	out  io.Reader
	errs *strings.Builder
	stop context.CancelFunc
}

// ownSettings are those on which our reading rests, whatever a person has set.
var ownSettings = []string{"-c", "log.showSignature=false", "-c", "log.showRoot=true", "-c", "log.follow=false", "-c", "log.diffMerges=separate",
	"-c", "i18n.logOutputEncoding=UTF-8", "-c", "diff.renameLimit=1000"}

// startGit starts git in a directory with what it reads from its input.
func startGit(ctx context.Context, dir, in string, args ...string) (git, error) {
	ctx, cancel := context.WithCancel(ctx)
	cmd := exec.CommandContext(ctx, "git", slices.Concat([]string{"--literal-pathspecs", "-C", dir}, ownSettings, args)...)
	g := git{Cmd: cmd, errs: &strings.Builder{}, stop: cancel}
	cmd.Stdin, cmd.Stderr, cmd.Env = strings.NewReader(in), g.errs, append(os.Environ(), "LC_ALL=C") // what it says is looked at
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		cancel()
		return g, fmt.Errorf("asking git: %w", err)
	}
	g.out = out
	return g, nil
}

// end waits for the process; err is what went wrong in reading it, after which it is not let write on.
func (g git) end(err error) error {
	if err != nil {
		g.stop()
	}
	defer g.stop()
	if err = errors.Join(err, g.Wait()); err != nil {
		first, _, _ := strings.Cut(g.errs.String(), "\n")
		return fmt.Errorf("asking git: %s (%w)", first, err)
	}
	return nil
}

// halt ends a process that is not read to its end.
func (g git) halt() error {
	g.stop()
	return ignoreExit(g.Wait())
}

// gitOutput is what git answers to what it reads from its input.
func gitOutput(ctx context.Context, dir, in string, args ...string) ([]byte, error) {
	g, err := startGit(ctx, dir, in, args...)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(g.out, maxLog+1))
	if len(data) > maxLog {
		return nil, errors.Join(fmt.Errorf("asking git: the history has more than %d bytes", maxLog), g.halt())
	}
	if err := g.end(err); err != nil {
		return nil, err
	}
	return data, nil
}

// gitContents reads the contents that the past needs, all from one process; cut says that it stopped where there were too
// many bytes.
func gitContents(ctx context.Context, dir string, p *past.Past) (cut bool, err error) {
	names := p.Contents()
	if len(names) == 0 {
		return false, nil
	}
	g, err := startGit(ctx, dir, strings.Join(names, "\n")+"\n", "cat-file", "--batch")
	if err != nil {
		return false, err
	}
	read, err := takeContents(g.out, p, len(names))
	if err == nil && read > maxContents {
		return true, g.halt()
	}
	return false, g.end(err)
}

// takeContents hands contents to the past as they come, and returns how many bytes they had.
func takeContents(out io.Reader, p *past.Past, n int) (read int, err error) {
	r := bufio.NewReaderSize(out, 1<<16)
	for i := 0; i < n && read <= maxContents; i++ {
		data, err := gitContent(r)
		if err != nil {
			return read, err
		}
		if data != nil {
			read += len(data)
			p.Read(i, data)
		}
	}
	return read, nil
}

// gitContent reads the next content that git cat-file --batch prints, nil for one that is missing or too long.
func gitContent(r *bufio.Reader) ([]byte, error) {
	head, err := r.ReadString('\n')
	if err != nil {
		return nil, err
	}
	parts := strings.Fields(head)
	if len(parts) != 3 {
		return nil, nil // NAME missing
	}
	size, err := strconv.Atoi(parts[2])
	if err != nil {
		return nil, err
	}
	if size > maxContent || parts[1] != "blob" {
		_, err = io.CopyN(io.Discard, r, int64(size)+1)
		return nil, err
	}
	data := make([]byte, size+1)
	_, err = io.ReadFull(r, data)
	return data[:size], err
}

// ignoreExit leaves out that a process which was stopped did not end well.
func ignoreExit(err error) error {
	if _, ok := errors.AsType[*exec.ExitError](err); ok || errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}
