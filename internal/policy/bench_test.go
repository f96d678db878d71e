package policy

import (
	"fmt"
	"testing"

	"github.com/pawl-cd/pawl/internal/source"
)

// benchRanges are the four ranges and their winners.
var benchRanges = []struct{ pattern, of10k, of100k string }{
	{"*", "v20.60.158", "20.60.199"},
	{">=1.0.0 <15.0.0", "v14.60.107", "v14.60.200"},
	{"~12.3", "v12.3.142", "v12.3.200"},
	{"^20", "v20.60.158", "20.60.199"},
}

func generated(t testing.TB, n int, sum string) source.Listing {
	t.Helper()
	tags := GenTags(n)
	if TagsSHA256(tags) != sum {
		t.Fatalf("the generated tags differ: %s", TagsSHA256(tags))
	}
	return listing(tags...)
}

func generated10k(t testing.TB) source.Listing {
	return generated(t, 10_000, "233cc7ae3fad349a16fe0e07f5040700093d95dab74310d2a49c7b57ece64400")
}

func generated100k(t testing.TB) source.Listing {
	return generated(t, 100_000, "a7c09def8ac96ff6028ef9bde02aa8e69b48331d59ee8ba58ba8c74c351ae522")
}

func BenchmarkSelect(b *testing.B) {
	for _, l := range []struct {
		name    string
		listing source.Listing
	}{{"10k", generated10k(b)}, {"100k", generated100k(b)}} {
		for _, c := range benchRanges {
			r := Request{Listing: l.listing, Current: "v1.2.3", Filter: filter(b, c.pattern), Now: today}
			b.Run(fmt.Sprintf("%s/%s", l.name, c.pattern), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if d := Decide(r); d.Outcome == None {
						b.Fatal(d)
					}
				}
			})
		}
	}
}

// BenchmarkParseOnly is the floor: every tag is read as a version and nothing else is done.
func BenchmarkParseOnly(b *testing.B) {
	l := generated100k(b)
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		for i := range l {
			if _, ok := parse(l[i].Tag, false); ok {
				n++
			}
		}
		if n < 80_000 {
			b.Fatal(n)
		}
	}
}
