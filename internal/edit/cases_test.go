package edit

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the messages in testdata/cases/*/want.err")

// Each folder of testdata/cases is a file, a key and a value, and what comes out: want.yaml, or the message in want.err.
func TestCases(t *testing.T) {
	t.Parallel()
	folders, err := filepath.Glob(filepath.Join("testdata", "cases", "*"))
	if err != nil || len(folders) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, folder := range folders {
		t.Run(filepath.Base(folder), func(t *testing.T) {
			t.Parallel()
			in, key, value := read(t, folder, "in.yaml"), read(t, folder, "key"), read(t, folder, "value")
			got, err := setAll(in, key, value)
			if _, statErr := os.Stat(filepath.Join(folder, "want.yaml")); statErr == nil {
				checkResult(t, read(t, folder, "want.yaml"), string(got), key, value, err)
				return
			}
			checkMessage(t, folder, got, err)
		})
	}
}

func checkResult(t *testing.T, want, got, key, value string, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("-want +got\n%s", diff)
	}
	twice, err := setAll(got, key, value)
	if err != nil || string(twice) != got {
		t.Fatalf("applying twice: %v\n%s", err, twice)
	}
}

func checkMessage(t *testing.T, folder string, got []byte, err error) {
	t.Helper()
	if err == nil {
		t.Fatalf("expected an error, got\n%s", got)
	}
	if got != nil {
		t.Errorf("bytes beside an error: %q", got)
	}
	message := err.Error() + "\n"
	var advisor interface{ Advice() string }
	if errors.As(err, &advisor) && advisor.Advice() != "" {
		message += "hint: " + advisor.Advice() + "\n"
	}
	if *update {
		if err := os.WriteFile(filepath.Join(folder, "want.err"), []byte(message), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(read(t, folder, "want.err"), message); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func read(t *testing.T, folder, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(folder, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// setAll writes the value at every scalar that the key resolves to.
func setAll(in, key, value string) ([]byte, error) {
	path, err := ParsePath(key)
	if err != nil {
		return nil, err
	}
	f, err := Parse("in.yaml", []byte(in))
	if err != nil {
		return nil, err
	}
	scalars, err := f.Find(path)
	if err != nil {
		return nil, err
	}
	edits := make([]Edit, 0, len(scalars))
	for _, s := range scalars {
		edits = append(edits, Edit{Scalar: s, Value: value})
	}
	return f.Apply(edits)
}
