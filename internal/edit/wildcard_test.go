package edit

import (
	"testing"
	"time"
)

// TestWildcardOverLargeMapIsLinear: a wildcard over a map of 16,000 keys was quadratic, on one line even more. Eight times
// the keys may cost at most 24 times as much; quadratic is 64 times, also when a busy machine is looked at again.
func TestWildcardOverLargeMapIsLinear(t *testing.T) {
	wildcard, err := ParsePath("$.versions.*")
	if err != nil {
		t.Fatal(err)
	}
	for name, flow := range map[string]bool{"block": false, "one line": true} {
		fastest := func(keys int) time.Duration {
			data := flat(keys, flow)
			best := time.Hour
			for range 3 {
				start := time.Now()
				writeAll(t, data, wildcard)
				best = min(best, time.Since(start))
			}
			return best
		}
		small, large := fastest(2000), fastest(16_000)
		for range 5 {
			if large <= 24*small {
				break
			}
			small, large = fastest(2000), fastest(16_000)
		}
		if large > 24*small {
			t.Errorf("%s: %s for 2000 keys, %s for 16000", name, small, large)
		}
	}
}

// TestSealed knows SOPS' metadata from other maps of that name, and the checksum that covers everything from the other.
func TestSealed(t *testing.T) {
	t.Parallel()
	const mac = "sops:\n  mac: ENC[AES256_GCM,data:x,type:str]\n"
	for name, c := range map[string]struct {
		in     string
		sealed bool
	}{
		"plain":                   {"a: 1\n", false},
		"sealed":                  {"a: 1\n" + mac, true},
		"encrypted values only":   {"a: 1\n" + mac + "  mac_only_encrypted: true\n", false},
		"said to be false":        {"a: 1\n" + mac + "  mac_only_encrypted: false\n", true},
		"values of a chart":       {"sops:\n  enabled: true\n", false},
		"deeper":                  {"x:\n  sops:\n    mac: y\n", false},
		"second document":         {"a: 1\n---\nb: 1\n" + mac, true},
		"one of two seals":        {mac + "  mac_only_encrypted: true\n---\n" + mac, true},
		"JSON":                    {`{"a": "1", "sops": {"mac": "ENC[x]", "version": "3.9.0"}}`, true},
		"a list":                  {"- sops\n", false},
		"empty":                   {"", false},
		"a text of the same name": {"sops: mac\n", false},
	} {
		f, err := Parse("in.yaml", []byte(c.in))
		if err != nil {
			t.Fatal(err)
		}
		if _, _, sealed := f.Sealed(); sealed != c.sealed {
			t.Errorf("%s: sealed %t, want %t", name, sealed, c.sealed)
		}
	}
}

// TestEncrypted finds values that only their tool may write.
func TestEncrypted(t *testing.T) {
	t.Parallel()
	const in = "plain: 1.0.0\nsecret: ENC[AES256_GCM,data:x,type:str]\neyaml: >\n  ENC[PKCS7,x]\nvault: !vault |\n  $ANSIBLE_VAULT;1.1\n  66\n" +
		"sops:\n  version: 3.9.0\n  mac: ENC[x]\n  mac_only_encrypted: true\nother: {sops: {version: 3.9.0}}\n"
	f, err := Parse("in.yaml", []byte(in))
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]bool{"$.plain": false, "$.secret": true, "$.eyaml": true, "$.vault": true, "$.sops.version": true, "$.other.sops.version": false} {
		p, err := ParsePath(key)
		if err != nil {
			t.Fatal(err)
		}
		scalars, err := f.Find(p)
		if err != nil {
			t.Fatal(err)
		}
		if got := f.Encrypted(scalars[0]); got != want {
			t.Errorf("%s: encrypted %t, want %t", key, got, want)
		}
	}
}

// TestBeside returns the texts of the same map, in small maps and in large ones.
func TestBeside(t *testing.T) {
	t.Parallel()
	large := string(flat(100, false)) + "  digest: x\n  tag: 1.0.0\n"
	for in, want := range map[string]string{
		"versions: {tag: 1.0.0, digest: x}\n":                 "x",
		"versions: {tag: 1.0.0, digest: ~}\n":                 "",
		"versions: {tag: 1.0.0, digest: ''}\n":                "",
		"d: &d x\nversions: {digest: *d, tag: 1.0.0}\n":       "x",
		"versions: {tag: 1.0.0, digest: {a: b}}\n":            "none",
		"versions: {tag: 1.0.0, x: {digest: y}}\ndigest: z\n": "none",
		large: "x",
	} {
		f, err := Parse("in.yaml", []byte(in))
		if err != nil {
			t.Fatal(err)
		}
		p, err := ParsePath("$.versions.tag")
		if err != nil {
			t.Fatal(err)
		}
		scalars, err := f.Find(p)
		if err != nil {
			t.Fatal(err)
		}
		got := "none"
		for _, s := range f.Beside(scalars[0], "digest", "tag") {
			got = s.Value
		}
		if got != want || f.Name(scalars[0]) != "tag" {
			t.Errorf("%q: beside %s is %q, want %q", in, f.Name(scalars[0]), got, want)
		}
	}
}
