package helm

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// FuzzIndex holds the quick reader against the YAML library: what it accepts, it reads alike.
func FuzzIndex(f *testing.F) {
	for _, s := range []string{
		"apiVersion: v1\nentries:\n  redis:\n  - version: 1.0.0\n  - version: \"2.0.0\"\ngenerated: \"x\"\n",
		"entries:\n  a:\n    - version: 1.0\n\n  b:\n  - version: |\n      x\n\n    name: y\n",
		"entries:\n  a:\n  - &x {version: 1}\n  - *x\n  b:\n  - *x\n",
		"entries: {}\n", "entries:\n", "---\nentries:\n  a:\n", "entries:\n  a: []\n", "x: 'a\n  b'\nentries:\n  a:\n  - version: '1\n      2'\n",
		"entries:\n  a:\n   - version: 1\n  - version: 2\n", "entries:\n  a:\n  - version: 1\n...\nentries:\n  b:\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		quick, ok := scan(data)
		if !ok {
			return
		}
		whole, err := decode(data)
		if err != nil {
			t.Fatalf("scan reads %q, which is not YAML: %v", data, err)
		}
		if diff := cmp.Diff(whole.charts, quick, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%q: %s", data, diff)
		}
	})
}

func TestScanReadsWhatHelmWrites(t *testing.T) {
	t.Parallel()
	got, ok := scan([]byte("apiVersion: v1\nentries:\n  redis:\n  - version: 1.0.0\n\n  - version: 2.0.0\ngenerated: \"x\"\n"))
	if diff := cmp.Diff(map[string][]string{"redis": {"1.0.0", "2.0.0"}}, got); !ok || diff != "" {
		t.Errorf("%v %s", ok, diff)
	}
}
