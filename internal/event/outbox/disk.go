package outbox

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// maxRecord bounds the file of one event, in bytes.
const maxRecord = 1 << 20

// disk is what the spool asks of a file system. A crash leaves each call done or not done, except that write may leave a
// part of its file.
type disk interface {
	// mkdir makes a private directory and its parents.
	mkdir(dir string) error
	// write makes a private file with a name of its own in the directory.
	write(dir string, data []byte) (name string, err error)
	// link gives the file one more name; a name that is taken is fs.ErrExist.
	link(from, to string) error
	remove(name string) error
	read(name string) ([]byte, error)
	list(dir string) ([]fs.DirEntry, error)
	// sync puts a file or directory on the medium.
	sync(name string) error
}

// osDisk is the operating system's.
type osDisk struct{}

func (osDisk) mkdir(dir string) error     { return os.MkdirAll(dir, 0o700) }
func (osDisk) link(from, to string) error { return os.Link(from, to) }
func (osDisk) remove(name string) error   { return os.Remove(name) }

func (osDisk) list(dir string) ([]fs.DirEntry, error) { return os.ReadDir(dir) }

func (osDisk) write(dir string, data []byte) (string, error) {
	f, err := os.CreateTemp(dir, "*")
	if err != nil {
		return "", err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Close()); err != nil {
		return "", errors.Join(err, os.Remove(f.Name()))
	}
	return f.Name(), nil
}

func (osDisk) read(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxRecord+1))
	if err == nil && len(data) > maxRecord {
		err = fmt.Errorf("%w: more than %d bytes", errDamaged, maxRecord)
	}
	return data, err
}

func (osDisk) sync(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
