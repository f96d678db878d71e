package strictyaml

import "testing"

// FuzzSyntax: every text that is no YAML has a place in it and a message, whatever it holds.
func FuzzSyntax(f *testing.F) {
	for _, seed := range []string{"a: [x\nb: c\n", "a:\n\tb: 'c", "\xff\xfea\x00", "a: {{ b }}-\r\n c", "- a\nb", "? [\n", "%YAML 9\n---\n\"", "a: 'b'c\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		_, problems := Documents("f.yaml", data)
		for _, p := range problems {
			lines := 1
			for _, c := range data {
				if c == '\n' {
					lines++
				}
			}
			if p.Line < 0 || p.Line > lines+1 || p.Column < 0 || p.Message == "" {
				t.Errorf("%q: %+v", data, p)
			}
		}
	})
}
