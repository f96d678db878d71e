//go:build unix

package program

import (
	"os/exec"
	"syscall"
)

// apart starts the program as the head of a group of its own, so that what it started ends with it.
func apart(command *exec.Cmd) {
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	command.Cancel = func() error { return syscall.Kill(-command.Process.Pid, syscall.SIGKILL) }
}

// sweep ends what the program left behind.
func sweep(command *exec.Cmd) {
	if command.Process != nil {
		_ = syscall.Kill(-command.Process.Pid, syscall.SIGKILL) // there is nobody, mostly
	}
}
