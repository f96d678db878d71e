package edit

import (
	"fmt"
	"strings"
	"testing"
)

func TestParsePathKeepsTheText(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"$", "$.a", "a.b", `$["a.b"]['c']`, "$..a[*]", "$.a[?(@.x =~ /v1\\.2.*/ && @.y == 'a]b')].z"} {
		p, err := ParsePath(key)
		if err != nil || p.String() != key {
			t.Errorf("got %s, %v, want %s", p, err, key)
		}
	}
}

// TestNamesWithDots reads the spellings of names that hold dots, and leaves alone what only looks like one.
func TestNamesWithDots(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]string{
		"$.'image.tag'":                   "$['image.tag']",
		`image\.tag`:                      "$['image.tag']",
		`$.image\.tag`:                    "$['image.tag']",
		`$.a.b\.c\.d.e[0].'f g'`:          `$.a['b.c.d'].e[0].'f g'`,
		`.updates\.jenkins\.io.content`:   "$['updates.jenkins.io'].content",
		"$.service.annotations.'a.b/c-d'": "$.service.annotations['a.b/c-d']",
		"$.'a.b'[0].c":                    "$['a.b'][0].c",
		"'a.b'.c":                         "$['a.b'].c",
		"$.a['b.c']":                      "$.a['b.c']",
		`$.a[?(@.b =~ /x\.y/)].c`:         `$.a[?(@.b =~ /x\.y/)].c`,
		"$.it's":                          "$.it's",
	} {
		if got := bracketed(key); got != want {
			t.Errorf("%s: have %s, want %s", key, got, want)
		}
	}
}

// The estimate counts what multiplies the work, wherever quotes and escapes hide it, and nothing that only looks like it.
func TestVisits(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]float64{
		"$.a.b":                                     100,
		"$..a":                                      100,
		"$..a..b":                                   1000,
		"$.a[0,1][2,3,4]":                           600,
		"$['a','b,c']":                              200,
		"$.a[?(@.x=='*,:..')]":                      100,
		"$.a[?(@.x=~/.*:,/)]":                       100,
		"$.a[?(@..x.y)]":                            10_000,
		"$.a[?(@.x[*] || @.y[1:2])]":                1_000_000,
		`$.a[?(@.x=='\')][0,0][?(@.x=='\')]`:        200,
		`$.a[?(@['x\'][*],y']=='1')][0,0]`:          200,
		"$.a" + strings.Repeat("[0,0]", 10):         100 * 1024,
		"$..a[?(@.b=='x')]..c[?($..d.e=='y')][0,1]": 200_000,
	} {
		p, err := ParsePath(key)
		if err != nil {
			t.Errorf("%s: %v", key, err)
			continue
		}
		if got := p.visits(100, 10); got != want {
			t.Errorf("%s: got %v, want %v", key, got, want)
		}
	}
}

func ExampleFile_Apply() {
	f, err := Parse("values.yaml", []byte("image: {tag: v1.2.3} # pinned\n"))
	if err != nil {
		fmt.Println(err)
		return
	}
	path, err := ParsePath("$.image.tag")
	if err != nil {
		fmt.Println(err)
		return
	}
	scalars, err := f.Find(path)
	if err != nil {
		fmt.Println(err)
		return
	}
	data, err := f.Apply([]Edit{{Scalar: scalars[0], Value: "1.20"}})
	fmt.Printf("%s%v\n", data, err)
	// Output:
	// image: {tag: "1.20"} # pinned
	// <nil>
}
