// Package recorded reads recorded exchanges of the real GitHub, GitLab and registries. Its tests replay them through the
// program's own clients, and hold the fakes against them: a fake that is kinder than the real thing is a defect.
package recorded

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
)

// Variable names the directory of the recordings in the environment.
const Variable = "PAWL_RECORDINGS"

// Exchange is one request and the answer to it.
type Exchange struct {
	N              int
	Source, Origin string
	Host           string
	Method, Path   string
	Status         int
	Headers        map[string]string
	// Body is JSON; an answer that was none is a JSON string.
	Body json.RawMessage
	// Request is the request's body.
	Request json.RawMessage
	Note    string
	// Cut tells that parts of the body were left out.
	Cut bool
}

// Text is the answer's body as it was sent.
func (e Exchange) Text() string {
	var text string
	if json.Unmarshal(e.Body, &text) == nil {
		return text
	}
	return string(e.Body)
}

// Header returns the answer's headers.
func (e Exchange) Header() http.Header {
	h := http.Header{}
	for name, value := range e.Headers {
		h.Set(name, value)
	}
	return h
}

// Find returns the directory of the recordings: the one that Variable names, else the one beside the repository; empty
// when there is none, which is an error under CI=true unless Variable is none.
func Find() (string, error) {
	switch dir := os.Getenv(Variable); dir {
	case "":
	case "none":
		return "", nil
	default:
		return dir, nil
	}
	here, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for dir := here; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			beside := filepath.Join(filepath.Dir(dir), "shared", "recordings")
			if _, err := os.Stat(beside); err == nil {
				return beside, nil
			}
			break
		}
		if dir == filepath.Dir(dir) {
			break
		}
	}
	if os.Getenv("CI") == "true" {
		return "", fmt.Errorf("looking for recordings: %s is not set", Variable)
	}
	return "", nil
}

// Load reads the exchanges of a directory, by number.
func Load(dir string) (map[int]Exchange, error) {
	data, err := os.ReadFile(filepath.Join(dir, "exchanges.jsonl")) //nolint:gosec // a directory that the caller names
	if err != nil {
		return nil, err
	}
	all := map[int]Exchange{}
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, len(data)+1)
	for lines.Scan() {
		var e Exchange
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return nil, fmt.Errorf("reading exchange %d: %w", len(all)+1, err)
		}
		all[e.N] = e
	}
	return all, lines.Err()
}
