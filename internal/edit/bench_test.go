package edit

import (
	"fmt"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// megabyte returns a profile of about 1 MB with the given number of services.
func megabyte() (data []byte, services int) {
	var out strings.Builder
	for out.Len() < 1<<20 {
		fmt.Fprintf(&out, "service-%05d: # owned by a team\n  image:\n    repository: registry.example/team/service-%05d\n    tag: v1.%d.0\n  config: {replicas: 2, host: 'é.example'}\n\n", services, services, services)
		services++
	}
	return []byte(out.String()), services
}

func BenchmarkApply(b *testing.B) {
	data, services := megabyte()
	for _, count := range []int{1, 60, 6000} {
		b.Run(fmt.Sprintf("edits=%d", count), func(b *testing.B) {
			var paths []Path
			for i := range count {
				p, err := ParsePath(fmt.Sprintf("$.service-%05d.image.tag", i*services/count))
				if err != nil {
					b.Fatal(err)
				}
				paths = append(paths, p)
			}
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				run(b, data, paths)
			}
		})
	}
}

func run(b *testing.B, data []byte, paths []Path) {
	b.Helper()
	f, err := Parse("in.yaml", data)
	if err != nil {
		b.Fatal(err)
	}
	var edits []Edit
	for _, p := range paths {
		scalars, err := f.Find(p)
		if err != nil {
			b.Fatal(err)
		}
		edits = append(edits, Edit{scalars[0], "v2.0.0"})
	}
	if _, err := f.Apply(edits); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkParser is what yaml.v3 alone needs to read the file once; an edit needs it twice.
func BenchmarkParser(b *testing.B) {
	data, _ := megabyte()
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		var n yaml.Node
		if err := yaml.Unmarshal(data, &n); err != nil {
			b.Fatal(err)
		}
	}
}

// flat is a map of so many versions, as a block or on one line.
func flat(keys int, flow bool) []byte {
	var out strings.Builder
	if flow {
		out.WriteString("versions: {")
		for i := range keys {
			fmt.Fprintf(&out, "service-%05d: 1.0.0, ", i)
		}
		out.WriteString("}\n")
		return []byte(out.String())
	}
	out.WriteString("versions:\n")
	for i := range keys {
		fmt.Fprintf(&out, "  service-%05d: 1.0.0\n", i)
	}
	return []byte(out.String())
}

// writeAll changes every value that a wildcard selects, and looks beside each.
func writeAll(tb testing.TB, data []byte, wildcard Path) {
	tb.Helper()
	f, err := Parse("in.yaml", data)
	if err != nil {
		tb.Fatal(err)
	}
	scalars, err := f.Find(wildcard)
	if err != nil {
		tb.Fatal(err)
	}
	edits := make([]Edit, 0, len(scalars))
	for _, s := range scalars {
		if len(f.Beside(s, "digest")) > 0 {
			tb.Fatal("a digest beside a version")
		}
		edits = append(edits, Edit{s, "1.1.0"})
	}
	if _, err := f.Apply(edits); err != nil {
		tb.Fatal(err)
	}
}

func BenchmarkWildcard(b *testing.B) {
	wildcard, err := ParsePath("$.versions.*")
	if err != nil {
		b.Fatal(err)
	}
	for _, keys := range []int{1000, 4000, 16_000} {
		for _, flow := range []bool{false, true} {
			b.Run(fmt.Sprintf("keys=%d/flow=%t", keys, flow), func(b *testing.B) {
				data := flat(keys, flow)
				for b.Loop() {
					writeAll(b, data, wildcard)
				}
			})
		}
	}
}
