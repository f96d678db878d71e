//go:build !unix

package worktree

import (
	"io/fs"
	"os"
)

// chown does nothing: what owners are differs.
func chown(*os.File, fs.FileInfo) {}

// running reports whether there is such a process.
func running(pid int) bool {
	p, err := os.FindProcess(pid)
	return err == nil && p.Release() == nil
}
