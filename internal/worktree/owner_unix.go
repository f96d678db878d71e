//go:build unix

package worktree

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// chown gives a file the owner and group of another one, each as far as the process may.
func chown(f *os.File, like fs.FileInfo) {
	owner, ok := like.Sys().(*syscall.Stat_t)
	if !ok {
		return
	}
	_ = f.Chown(-1, int(owner.Gid)) // to a group of one's own anybody may
	_ = f.Chown(int(owner.Uid), -1)
}

// running reports whether there is such a process.
func running(pid int) bool {
	err := syscall.Kill(pid, 0)
	return err == nil || errors.Is(err, syscall.EPERM)
}
