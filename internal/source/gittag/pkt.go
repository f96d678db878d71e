package gittag

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// maxTags bounds the tags of one repository.
const maxTags = 100_000

// errOdd is an answer that is no advertisement of refs.
var errOdd = errors.New("the answer is no advertisement of refs as git servers send it")

// tags reads the names of the tags in an advertisement of refs
// (https://git-scm.com/docs/gitprotocol-http#_smart_clients): packets of a length in four hexadecimal digits, which counts
// itself, and as much content. A packet of length 0 ends a part; the first part holds the name of the service.
func tags(r io.Reader) ([]string, error) {
	first, err := packet(r)
	if err != nil || !bytes.HasPrefix(first, []byte("# service=git-upload-pack")) {
		return nil, errors.Join(errOdd, err)
	}
	if end, err := packet(r); err != nil || end != nil {
		return nil, errors.Join(errOdd, err)
	}
	var all []string
	for {
		line, err := packet(r)
		if err != nil {
			return nil, err
		}
		if line == nil {
			return all, nil
		}
		ref, _, _ := bytes.Cut(line, []byte{0}) // what the server can do stands behind the first one
		id, name, ok := strings.Cut(strings.TrimSuffix(string(ref), "\n"), " ")
		if message, failed := strings.CutPrefix(string(ref), "ERR "); failed {
			return nil, fmt.Errorf("the server says: %.200q", message)
		}
		if !ok || !hexadecimal(id) {
			if strings.HasPrefix(id, "shallow") || strings.HasPrefix(id, "version") {
				continue
			}
			return nil, errOdd
		}
		tag, isTag := strings.CutPrefix(name, "refs/tags/")
		if !isTag || strings.HasSuffix(tag, "^{}") { // what an annotated tag points to
			continue
		}
		if all = append(all, tag); len(all) > maxTags {
			return nil, fmt.Errorf("there are more than %d tags", maxTags)
		}
	}
}

// packet returns the content of the next packet, nil for one that ends a part.
func packet(r io.Reader) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, cut(err)
	}
	length, err := strconv.ParseUint(string(head[:]), 16, 16)
	switch {
	case err != nil || length > 0 && length < 4:
		return nil, errOdd
	case length == 0:
		return nil, nil
	}
	content := make([]byte, length-4)
	if _, err := io.ReadFull(r, content); err != nil {
		return nil, cut(err)
	}
	return content, nil
}

// cut says that an answer ends too early.
func cut(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the answer ends in the middle")
	}
	return err
}

func hexadecimal(id string) bool {
	return (len(id) == 40 || len(id) == 64) && strings.Trim(id, "0123456789abcdef") == ""
}
