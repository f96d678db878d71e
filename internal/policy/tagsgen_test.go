// Deterministic tag generator (splitmix64; no library RNG). Copy verbatim; check TagsSHA256 before comparing.
package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

type sm64 uint64

func (s *sm64) next() uint64 {
	*s += 0x9E3779B97F4A7C15
	z := uint64(*s)
	z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9
	z = (z ^ (z >> 27)) * 0x94D049BB133111EB
	return z ^ (z >> 31)
}
func (s *sm64) n(n uint64) uint64 { return s.next() % n }

// GenTags returns n unique tags, seed fixed at 42:
// k=n(100): <70 vX.Y.Z | <80 X.Y.Z | <90 vX.Y.Z-rc.N | <95 sha-<7hex> | else YYYYMMDD-<7hex>
// X=n(21) Y=n(61) Z=n(201) N=n(1000), drawn in that order.
func GenTags(n int) []string {
	s := sm64(42)
	seen := make(map[string]bool, n)
	out := make([]string, 0, n)
	for len(out) < n {
		k := s.n(100)
		var t string
		switch {
		case k < 90:
			x, y, z := s.n(21), s.n(61), s.n(201)
			t = fmt.Sprintf("%d.%d.%d", x, y, z)
			if k < 70 || k >= 80 {
				t = "v" + t
			}
			if k >= 80 {
				t += fmt.Sprintf("-rc.%d", s.n(1000))
			}
		case k < 95:
			t = fmt.Sprintf("sha-%07x", s.n(1<<28))
		default:
			y, m, d := 2020+s.n(7), 1+s.n(12), 1+s.n(28)
			t = fmt.Sprintf("%04d%02d%02d-%07x", y, m, d, s.n(1<<28))
		}
		if !seen[t] {
			seen[t] = true
			out = append(out, t)
		}
	}
	return out
}

func TagsSHA256(tags []string) string {
	h := sha256.Sum256([]byte(strings.Join(tags, "\n")))
	return hex.EncodeToString(h[:])
}
