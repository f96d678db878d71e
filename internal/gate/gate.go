// Package gate is what a team declares as a judge of versions, as values: which program with which arguments, what it is told of a
// version, and what it said. It starts nothing: package program does, for `pawl gates` alone, whose file of verdicts a run reads.
package gate

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/pawl-cd/pawl/internal/fault"
)

// Gate is a program that judges versions.
type Gate struct {
	Name string
	// Run is the program and its arguments, with placeholders in braces.
	Run []string
	// Deny are the exit codes with which it denies a version; 0 lets it pass.
	Deny []int
	// Kinds are the kinds of sources whose versions it judges; none means all.
	Kinds   []string
	Timeout time.Duration
	// Env are the variables that it gets besides the usual ones.
	Env []string
	// Files are the SHA-256 of what its arguments name below the root, by path.
	Files map[string]string
}

// Subject is what a gate is told of a version.
type Subject struct {
	// Kind is that of the source; Image is its name: HOST/PATH of an image or of a chart at oci://.
	Kind, Image string
	// Tag is the image's tag that is written, Version the version in the source's spelling, Digest that of an image.
	Tag, Digest, Version string
	// Current is the text in the file, Manifest the name of the manifest.
	Current, Manifest string
	// Artifact is the version's package URL.
	Artifact string
}

// words are the placeholders, and what each stands for.
func (s Subject) words() map[string]string {
	return map[string]string{"image": s.Image, "tag": s.Tag, "digest": s.Digest, "version": s.Version, "current": s.Current, "manifest": s.Manifest}
}

var braced = regexp.MustCompile(`\{([a-z]+)\}`)

// expand replaces the placeholders of an argument. A word in braces behind a dollar or another brace belongs to the program.
func expand(argument string, word func(string) string) string {
	var out strings.Builder
	end := 0
	for _, at := range braced.FindAllStringSubmatchIndex(argument, -1) {
		if at[0] > 0 && strings.IndexByte("{$", argument[at[0]-1]) >= 0 {
			continue
		}
		out.WriteString(argument[end:at[0]] + word(argument[at[2]:at[3]]))
		end = at[1]
	}
	return out.String() + argument[end:]
}

// Check returns what is wrong with an argument: the program itself has no placeholder, and no other word stands in braces.
func Check(argument string, program bool) (err error) {
	known := []string{"image", "tag", "digest", "version", "current", "manifest"}
	expand(argument, func(word string) string {
		switch {
		case program:
			err = fault.New("write the program as it is; what is judged may only choose arguments", "the program holds {%s}", word)
		case !slices.Contains(known, word):
			hint := "write one of {image}, {tag}, {digest}, {version}, {current} and {manifest}"
			if near := fault.Nearest(word, known); near != "" {
				hint = fault.DidYouMean("{" + near + "}")
			}
			err = fault.New(hint, "there is no placeholder {%s}", word)
		}
		return word
	})
	return err
}

// Judges reports whether the gate is for the versions of a kind of source.
func (g Gate) Judges(kind string) bool { return len(g.Kinds) == 0 || slices.Contains(g.Kinds, kind) }

// Arguments are the program and its arguments for a version; each stays one argument whatever the version holds. The error says
// why the program cannot be asked: it wants a digest that nobody knows, or what stands for an argument would be read as an option.
func (g Gate) Arguments(s Subject) ([]string, error) {
	words := s.words()
	all := make([]string, 0, len(g.Run))
	for _, argument := range g.Run {
		var without string
		text := expand(argument, func(word string) string {
			if words[word] == "" {
				without = word
			}
			return words[word]
		})
		switch {
		case without != "":
			return nil, fmt.Errorf("no %s of %s is known", without, s.Version)
		case strings.HasPrefix(text, "-") && !strings.HasPrefix(argument, "-"):
			return nil, fmt.Errorf("%q would be read as an option", text)
		case strings.ContainsRune(text, 0):
			return nil, fmt.Errorf("%q cannot be an argument", text)
		}
		all = append(all, text)
	}
	return all, nil
}

// Key is what a verdict belongs to: the arguments, what the files hold that they name, and the version with its bytes.
func (g Gate) Key(arguments []string, s Subject) string {
	data, err := json.Marshal(struct {
		Arguments        []string
		Deny             []int
		Files            map[string]string
		Artifact, Digest string
	}{arguments, g.Deny, g.Files, s.Artifact, s.Digest})
	if err != nil {
		return "" // texts and numbers always are JSON
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// Named are the paths below the root that arguments may name: themselves, or what follows a = in them.
func (g Gate) Named() []string {
	var all []string
	for _, argument := range g.Run {
		_, value, _ := strings.Cut(argument, "=")
		for _, name := range []string{argument, value} {
			if name = strings.TrimPrefix(name, "./"); name != "" && !strings.HasPrefix(name, "-") {
				all = append(all, name)
			}
		}
	}
	return all
}
