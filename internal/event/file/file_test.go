package file_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pawl-cd/pawl/internal/event"
	"github.com/pawl-cd/pawl/internal/event/file"
)

func deliver(t *testing.T, s *file.Sink, bodies ...string) []error {
	t.Helper()
	var batch []event.Message
	for _, b := range bodies {
		batch = append(batch, event.Message{Body: []byte(b)})
	}
	return s.Deliver(context.Background(), batch)
}

func TestAppend(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "events.jsonl")
	for range 2 {
		s := file.New(path)
		errs := deliver(t, s, `{"a":1}`, `{"cut`, "{\n \"b\": \"ü\\n\"\n}", ``)
		var rejected *event.Rejected
		if errs[0] != nil || errs[2] != nil || !errors.As(errs[1], &rejected) || !errors.As(errs[3], &rejected) {
			t.Errorf("errors are %v", errs)
		}
		if err := errors.Join(s.Close(), s.Close()); err != nil {
			t.Error(err)
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("mode is %v, %v", info.Mode(), err)
	}
	const once = "{\"a\":1}\n{\"b\":\"ü\\n\"}\n"
	if diff := cmp.Diff(once+once, read(t, path)); diff != "" {
		t.Error(diff)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestRepair shows what becomes of the end of a file before the next event is written.
func TestRepair(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 3<<20)
	for name, c := range map[string]struct{ before, after string }{
		"empty":                  {"", ""},
		"whole":                  {"{\"a\":1}\n", "{\"a\":1}\n"},
		"without a line break":   {"{\"a\":1}\n{\"b\":2}", "{\"a\":1}\n{\"b\":2}\n"},
		"cut":                    {"{\"a\":1}\n{\"b\":", "{\"a\":1}\n"},
		"cut in the only line":   {"{\"b\":", ""},
		"longer than any event":  {long, long + "\n"},
		"behind a long one, cut": {long + "\n{\"b", long + "\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "events.jsonl")
			if err := os.WriteFile(path, []byte(c.before), 0o600); err != nil {
				t.Fatal(err)
			}
			s := file.New(path)
			if err := deliver(t, s, `{"c":3}`)[0]; err != nil {
				t.Fatal(err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if got := read(t, path); got != c.after+"{\"c\":3}\n" {
				t.Errorf("file ends with %q", got[max(0, len(got)-50):])
			}
		})
	}
}

func TestNoRegularFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	target, link := filepath.Join(dir, "target"), filepath.Join(dir, "link")
	if err := os.WriteFile(target, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
	for path, hint := range map[string]string{
		link: "not to a link", dir: "not to a link", os.DevNull: "not to a link",
		filepath.Join(dir, "none", "events.jsonl"): "can be written",
	} {
		s := file.New(path)
		err := deliver(t, s, `{}`)[0]
		var advice interface{ Advice() string }
		if !errors.As(err, &advice) || !strings.Contains(advice.Advice(), hint) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: error is %v", path, err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if got := read(t, target); got != "" {
		t.Errorf("the link was followed: %q", got)
	}
}

// TestAgain shows that a file that could not be opened is opened again with the next batch, which comes as a whole.
func TestAgain(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "events.jsonl")
	s := file.New(path)
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if errs := deliver(t, s, `{"a":1}`, `{"b":2}`); errs[0] == nil || errs[1] == nil {
		t.Errorf("errors are %v", errs)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if errs := deliver(t, s, `{"a":1}`, `{"b":2}`); errors.Join(errs...) != nil {
		t.Errorf("errors are %v", errs)
	}
	if got := read(t, path); got != "{\"a\":1}\n{\"b\":2}\n" {
		t.Errorf("file is %q", got)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
