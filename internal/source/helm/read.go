package helm

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// Bounds of what is read of an index.
const (
	// maxTree bounds an index that has to be held as a tree, in bytes: a tree takes fifty times its text.
	maxTree = 4 << 20
	// maxEntries bounds the charts and versions of an index, maxVersions the versions of a chart.
	maxEntries  = 2_000_000
	maxVersions = 300_000
)

// errUnusual says that an index is not laid out plainly; the YAML library has to look at it.
var errUnusual = errors.New("the index is not laid out as Helm writes it")

var (
	errManyEntries  = fmt.Errorf("the index lists more than %d charts and versions", maxEntries)
	errManyVersions = fmt.Errorf("the index lists more than %d versions of one chart", maxVersions)
)

// ReadIndex reads an index.yaml. Of each chart only the versions are kept. An index as Helm or a JSON library writes it
// is read as it comes, in time that grows as its size does; others are bounded. It ends where the reader does: one that
// fails when a context ends makes it end then.
func ReadIndex(r io.Reader) (Index, error) {
	seen := &recorder{from: r}
	in := bufio.NewReaderSize(seen, 64<<10)
	read := scan
	if begin, err := in.Peek(1); err == nil && begin[0] == '{' {
		read = scanJSON
	}
	charts, err := read(in)
	if err == nil {
		return Index{charts: charts}, nil
	}
	if !errors.Is(err, errUnusual) {
		return Index{}, err
	}
	data, err := seen.all()
	if err != nil {
		return Index{}, err
	}
	return decode(data)
}

// recorder keeps what it reads as long as it is little.
type recorder struct {
	from io.Reader
	kept []byte
	much bool
}

// Read keeps what it gives.
func (r *recorder) Read(p []byte) (int, error) {
	n, err := r.from.Read(p)
	if r.much = r.much || len(r.kept)+n > maxTree; r.much {
		r.kept = nil
	} else {
		r.kept = append(r.kept, p[:n]...)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return n, fmt.Errorf("reading index: %w", err)
	}
	return n, err
}

// all is everything that was read and is still to be read.
func (r *recorder) all() ([]byte, error) {
	if _, err := io.Copy(io.Discard, io.LimitReader(r, maxTree+1)); err != nil {
		return nil, err
	}
	if r.much {
		return nil, fmt.Errorf("%w and is larger than %d MB", errUnusual, maxTree>>20)
	}
	return r.kept, nil
}

// charts are the versions by chart, counted.
type charts struct {
	versions map[string][]string
	count    int
}

// add keeps a version of a chart; one without a text is counted alone.
func (c *charts) add(chart, version string) error {
	if c.count++; c.count > maxEntries {
		return errManyEntries
	}
	if version == "" {
		return nil
	}
	if c.versions[chart] = append(c.versions[chart], version); len(c.versions[chart]) > maxVersions {
		return errManyVersions
	}
	return nil
}

// begin starts a chart, which must be new.
func (c *charts) begin(chart string) error {
	if _, twice := c.versions[chart]; twice {
		return errUnusual
	}
	if c.count++; c.count > maxEntries {
		return errManyEntries
	}
	c.versions[chart] = nil
	return nil
}
