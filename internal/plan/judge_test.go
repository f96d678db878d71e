package plan_test

import (
	"context"
	"strings"
	"testing"

	"github.com/pawl-cd/pawl/internal/plan"
	"github.com/pawl-cd/pawl/internal/source"
)

// TestPlatforms shows that an image is taken only when it is built for all that the policy wants; the next lower one that is comes
// instead, of at most three; no value goes down because of it.
func TestPlatforms(t *testing.T) {
	t.Parallel()
	const both, one = "linux/amd64 linux/arm64", "linux/amd64"
	for name, c := range map[string]struct {
		policy    string
		platforms map[string]string
		tags      []string
		current   string
		want      string
		looked    int
	}{
		"all there":           {"platforms: [linux/amd64, linux/arm64]", map[string]string{"1.2.0": both}, []string{"1.0.0", "1.1.0", "1.2.0"}, "1.0.0", "update newest-match 1.2.0", 1},
		"a variant":           {"platforms: linux/arm64", map[string]string{"1.2.0": "linux/arm64/v8"}, []string{"1.2.0"}, "1.0.0", "update newest-match 1.2.0", 1},
		"the next lower":      {"platforms: [linux/amd64, linux/arm64]", map[string]string{"1.2.0": one, "1.1.0": both}, []string{"1.0.0", "1.1.0", "1.2.0"}, "1.0.0", "update newest-match 1.1.0", 2},
		"none":                {"platforms: linux/arm64", map[string]string{"1.2.0": one, "1.1.0": one}, []string{"1.0.0", "1.1.0", "1.2.0"}, "1.0.0", "held platform-missing", 2},
		"at most three":       {"platforms: linux/arm64", map[string]string{"1.1.0": both}, []string{"1.0.0", "1.1.0", "1.2.0", "1.3.0", "1.4.0"}, "1.0.0", "held platform-missing", 3},
		"never down":          {"platforms: linux/arm64", map[string]string{"1.0.0": both}, []string{"1.0.0", "1.2.0"}, "1.1.0", "held platform-missing", 1},
		"there already":       {"platforms: linux/arm64", nil, []string{"1.0.0"}, "1.0.0", "current already-newest", 0},
		"nothing wanted":      {"digest: hold", nil, []string{"1.0.0", "1.1.0"}, "1.0.0", "update newest-match 1.1.0", 0},
		"a person's hold":     {"platforms: linux/arm64, hold: {version: 1.1.0}", nil, []string{"1.0.0", "1.1.0"}, "1.0.0", "update held 1.1.0", 0},
		"a value without one": {"platforms: linux/arm64", map[string]string{"1.1.0": both}, []string{"1.0.0", "1.1.0"}, "latest", "update newest-match 1.1.0", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := &world{listings: map[string][]string{"docker.io/org/app": c.tags}, platforms: map[string][]string{}}
			for tag, all := range c.platforms {
				w.platforms["docker.io/org/app:"+tag] = words(all)
			}
			asked := &counted{world: w}
			p := newPlanner(w, map[string]string{"values.yaml": "tag: " + c.current + "\n"})
			p.Platformer = asked
			made := planned(t, p, map[string]string{"app": "sources: {s: {kind: dockerimage, spec: {image: org/app, versionfilter: '*'}}}\ntargets: {t: {kind: yaml, spec: {file: values.yaml, key: $.tag}}}\npolicy: {" + c.policy + "}\n"})
			if got := outcome(made); got != c.want || asked.n != c.looked {
				t.Errorf("it is %q after %d questions, want %q after %d: %s", got, asked.n, c.want, c.looked, made.Outcomes[0].Detail)
			}
		})
	}
}

// outcome says what became of the first target.
func outcome(made plan.Plan) string {
	o := made.Outcomes[0]
	text := string(o.Outcome) + " " + string(o.Reason)
	for _, u := range made.Changes {
		text += " " + u.New
	}
	return text
}

// falling is a source whose client has a fault.
type falling struct{ *world }

func (f falling) List(ctx context.Context, q source.Query) (source.Listing, error) {
	if strings.Contains(q.String(), "bad") {
		panic("a fault")
	}
	return f.world.List(ctx, q)
}

// TestFaultOfOneSource shows that a fault of pawl's own at one source stops no other one.
func TestFaultOfOneSource(t *testing.T) {
	t.Parallel()
	w := &world{listings: map[string][]string{"docker.io/org/good": {"1.0.0", "1.1.0"}}}
	p := newPlanner(w, map[string]string{"values.yaml": "a: 1.0.0\nb: 1.0.0\n"})
	p.Lister = falling{w}
	manifest := func(image, key string) string {
		return "sources: {s: {kind: dockerimage, spec: {image: org/" + image + ", versionfilter: '*'}}}\ntargets: {t: {kind: yaml, spec: {file: values.yaml, key: $." + key + "}}}\n"
	}
	made := planned(t, p, map[string]string{"bad": manifest("bad", "a"), "good": manifest("good", "b")})
	if o := made.Outcomes[0]; o.Outcome != "failed" || o.Reason != "source-failed" || !strings.Contains(o.Detail, "pawl failed in itself at docker.io/org/bad: a fault") {
		t.Errorf("it is %+v", o)
	}
	if len(made.Changes) != 1 || made.Changes[0].New != "1.1.0" {
		t.Errorf("the other source gives %+v", made.Changes)
	}
}
