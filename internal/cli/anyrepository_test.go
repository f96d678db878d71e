package cli_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/pawl-cd/pawl/internal/fake"
)

// trees is how many random repositories are tried.
func trees() uint64 {
	if n, err := strconv.ParseUint(os.Getenv("PAWL_SEEDS"), 10, 32); err == nil {
		return n
	}
	return 8
}

// TestAnyRepository makes random repositories, lets init write manifests for them, publishes a newer version of
// everything and applies: exactly the versions change, every other byte stays. Then entries and documents are put in and
// moved about, a newer version is published again, and apply does the same, or refuses a place and leaves it.
func TestAnyRepository(t *testing.T) {
	t.Parallel()
	for seed := range trees() {
		g := &grower{r: rand.New(rand.NewPCG(seed, 14))}
		g.grow()
		root := t.TempDir()
		g.write(t, root, 0)
		if err := os.Mkdir(filepath.Join(root, ".git"), 0o755); err != nil {
			t.Fatal(err)
		}
		server := g.publish(t, root, 1)
		code, out, errs := execute(t, nil, false, "init", "--root", root)
		if code != 0 || !strings.Contains(out, " 0 errors, 0 warnings") {
			t.Fatalf("seed %d: init: exit code %d: %s%s", seed, code, out, errs)
		}
		if code, out, errs := execute(t, nil, false, "apply", "--root", root); code != 0 {
			t.Fatalf("seed %d: apply: exit code %d: %s%s", seed, code, out, errs)
		}
		g.check(t, root, seed, 1, true)
		server.Close()

		g.mix()
		g.write(t, root, 1)
		server = g.publish(t, root, 2)
		valid, _, _ := execute(t, nil, false, "validate", "--root", root)
		code, out, errs = execute(t, nil, false, "apply", "--root", root)
		if refused := g.check(t, root, seed, 2, false); refused > 0 && code != 3 || code != 0 && code != 3 {
			t.Fatalf("seed %d: %d places refused with exit codes %d, %d: %s%s", seed, refused, valid, code, out, errs)
		}
		server.Close()
		if t.Failed() {
			return
		}
	}
}

// grower makes a repository. Places of versions are marks in the texts; a mark stands for one text at each level.
type grower struct {
	r      *rand.Rand
	files  map[string]*grown
	places [][3]string
	images []*published
	charts []*published
	names  int
}

// grown is a file: documents of entries between a head and a tail.
type grown struct {
	docs []plant
	crlf bool
	// more means that documents may be put beside its own.
	more bool
}

type plant struct {
	head, tail string
	entries    []string
	// extra makes an entry that nobody tracks.
	extra func() string
}

// published is an image or a chart: tag makes the version of a level.
type published struct {
	name string
	tag  func(level int) string
}

func (g *grower) name(prefix string) string { g.names++; return prefix + strconv.Itoa(g.names) }
func (g *grower) chance(n int) bool         { return g.r.IntN(n) == 0 }

// families are the shapes of versions, by number.
func (g *grower) family(chart bool) func(level int) string {
	major, minor, n := 1+g.r.IntN(30), g.r.IntN(20), g.r.IntN(300)
	hashes := [3]string{}
	for i := range hashes {
		hashes[i] = fmt.Sprintf("%06xa", 0x100000+g.r.IntN(0xefffff))
	}
	all := []func(int) string{
		func(l int) string { return fmt.Sprintf("%d.%d.%d", major, minor+l, n) },
		func(l int) string { return fmt.Sprintf("v%d.%d.%d", major, minor, n+l) },
		func(l int) string { return fmt.Sprintf("0.%d.%d", minor, n+l) },
		func(l int) string { return fmt.Sprintf("%d.%d.0-infitx.%d", major, minor, n+l) },
		func(l int) string { return fmt.Sprintf("%d.%d", major, minor+9+l) },
		func(l int) string { return fmt.Sprintf("%d.%d-alpine", major, minor+l) },
		func(l int) string { return fmt.Sprintf("%d.%d.%d-alpine3.%d", major, minor+l, n, 10+l) },
		func(l int) string { return fmt.Sprintf("%d.%d.%d.%d-ls%d", major, minor, n, 2000+l, n+l) },
		func(l int) string { return fmt.Sprintf("2025.%d.%d", 1+minor%9+l, n) },
		func(l int) string { return fmt.Sprintf("main-%s-%d", hashes[l], 1700000000+l) },
		func(l int) string { return fmt.Sprintf("202601%02d-%s", 10+l, hashes[l]) },
	}
	if chart {
		all = all[:4]
	}
	return all[g.r.IntN(len(all))]
}

func (g *grower) image() *published {
	if len(g.images) > 0 && g.chance(3) {
		return g.images[g.r.IntN(len(g.images))]
	}
	host := []string{"", "ghcr.io/", "docker.io/"}[g.r.IntN(3)]
	p := &published{host + "org/" + g.name("img"), g.family(false)}
	g.images = append(g.images, p)
	return p
}

func (g *grower) chart() *published {
	p := &published{g.name("chart"), g.family(true)}
	g.charts = append(g.charts, p)
	return p
}

// mark is a place whose text is made for each level.
func (g *grower) mark(text func(level int) string) string {
	g.places = append(g.places, [3]string{text(0), text(1), text(2)})
	return fmt.Sprintf("\x00%d\x00", len(g.places)-1)
}

var looksLikeNumber = regexp.MustCompile(`^\d+\.\d+$`)

// tag is a place of a tag alone, in some quotes, pinned or not. What YAML would take for a number gets quotes.
func (g *grower) tag(p *published, pinnable bool) string {
	quote, pinned := []string{"", `"`, "'"}[g.r.IntN(3)], pinnable && g.chance(4)
	return g.mark(func(l int) string {
		text, q := p.tag(l), quote
		if pinned {
			text += "@" + fake.Digest(repositoryPath(p.name), text)
		}
		if q == "" && l > 0 && looksLikeNumber.MatchString(text) {
			q = `"`
		}
		return q + text + q
	})
}

// reference is a place of an image with its tag.
func (g *grower) reference(p *published) string {
	quote, pinned := []string{"", `"`, "'"}[g.r.IntN(3)], g.chance(4)
	return g.mark(func(l int) string {
		text := p.name + ":" + p.tag(l)
		if pinned {
			text += "@" + fake.Digest(repositoryPath(p.name), p.tag(l))
		}
		return quote + text + quote
	})
}

func repositoryPath(image string) string {
	if host, rest, _ := strings.Cut(image, "/"); strings.Contains(host, ".") {
		return rest
	}
	return image
}

// untracked is an image that no manifest follows.
func (g *grower) untracked() string { return "other/" + g.name("extra") + ":1.0.0" }

func (g *grower) workload() plant {
	p := plant{head: fmt.Sprintf("kind: %s\nmetadata: {name: %s}\nspec:\n  template:\n    spec:\n      containers:\n", []string{"Deployment", "StatefulSet"}[g.r.IntN(2)], g.name("app")), tail: "      volumes: [] # none\n"}
	for range 1 + g.r.IntN(3) {
		name := "c" // one name in many workloads
		if len(p.entries) > 0 {
			name = g.name("c")
		}
		order := []string{"        - name: " + name + "\n          image: " + g.reference(g.image()) + " # kept\n", "        - image: " + g.reference(g.image()) + "\n          name: " + name + "\n"}
		p.entries = append(p.entries, order[g.r.IntN(2)])
	}
	p.extra = func() string { return "        - name: " + g.name("c") + "\n          image: " + g.untracked() + "\n" }
	return p
}

func (g *grower) kustomization() plant {
	p := plant{head: "kind: Kustomization\nimages:\n"}
	seen := map[string]bool{}
	for range 1 + g.r.IntN(4) {
		if image := g.image(); !seen[image.name] {
			seen[image.name] = true
			p.entries = append(p.entries, "  - {name: "+image.name+", newTag: "+g.tag(image, false)+"}\n")
		}
	}
	p.extra = func() string { return "  - name: other/" + g.name("x") + "\n    newTag: 1.0.0\n" }
	return p
}

func (g *grower) values() plant {
	p := plant{head: "# values of an application\nüml: \"é\"\n", extra: func() string { return g.name("k") + ":\n  image: {repository: other/x, tag: 1.0.0}\n" }}
	for range 1 + g.r.IntN(4) {
		image, key := g.image(), g.name("k")
		anchor := g.name("v")
		all := []string{
			key + ":\n  image:\n    repository: " + image.name + "\n    tag: " + g.tag(image, true) + "   # one\n",
			key + ": {image: {tag: " + g.tag(image, false) + ", repository: " + image.name + "}}\n",
			key + "Image: " + g.reference(image) + "\n",
			anchor + ": &" + anchor + " " + g.tag(image, true) + "\n" + key + ": {image: {repository: " + image.name + ", tag: *" + anchor + "}}\n",
			key + ":\n  image: {repository: " + image.name + ", tag: latest}\n",
			key + ": {image: {repository: '{{ x }}', tag: 1.0.0}}\n",
		}
		p.entries = append(p.entries, all[g.r.IntN(len(all))])
	}
	return p
}

func (g *grower) compose() plant {
	p := plant{head: "services:\n", extra: func() string { return "  " + g.name("s") + ": {image: " + g.untracked() + "}\n" }}
	for range 1 + g.r.IntN(3) {
		p.entries = append(p.entries, "  "+g.name("s")+":\n    image: "+g.reference(g.image())+"\n", "  "+g.name("s")+": {build: ., image: 'org/built:1.0.0'}\n")
	}
	return p
}

func (g *grower) chartFile() plant {
	p := plant{head: "apiVersion: v2\nname: umbrella\nversion: 1.0.0\ndependencies:\n",
		extra: func() string {
			return "  - {name: " + g.name("d") + ", version: 1.x, repository: 'https://charts.example'}\n"
		}}
	for range 1 + g.r.IntN(3) {
		chart := g.chart()
		p.entries = append(p.entries, "  - name: "+chart.name+"\n    version: "+g.tag(chart, false)+"\n    repository: https://charts.example\n")
	}
	return p
}

func (g *grower) release() plant {
	chart, image := g.chart(), g.image()
	return plant{head: "kind: HelmRelease\nmetadata: {name: " + g.name("hr") + "}\nspec:\n  chart:\n    spec:\n      chart: " + chart.name + "\n      version: " + g.tag(chart, false) +
		"\n      sourceRef: {kind: HelmRepository, name: main}\n  values:\n    image:\n      repository: " + image.name + "\n      tag: " + g.tag(image, true) + "\n"}
}

func (g *grower) artifact() plant {
	image := g.image()
	place := image.name
	if !strings.Contains(place, ".") {
		place = "docker.io/" + place
	}
	return plant{head: "kind: OCIRepository\nmetadata: {name: " + g.name("oci") + "}\nspec:\n  url: oci://" + place + "\n  ref:\n    tag: " + g.tag(image, false) + "\n"}
}

func (g *grower) application() plant {
	chart := g.chart()
	return plant{head: "kind: Application\nmetadata: {name: " + g.name("argo") + "}\nspec:\n  source: {repoURL: 'https://charts.example', chart: " + chart.name + ", targetRevision: " + g.tag(chart, false) + "}\n"}
}

// grow makes the files: some of one document, some of several, and some that are left alone.
func (g *grower) grow() {
	const image = "image: org/never:1.0.0\n"
	g.files = map[string]*grown{
		"repositories.yaml":    {docs: []plant{{head: "kind: HelmRepository\nmetadata: {name: main}\nspec: {url: 'https://charts.example'}\n"}}},
		"tests/pod.yaml":       {docs: []plant{{head: image}}},
		"secret.yaml":          {docs: []plant{{head: image + "sops: {mac: 'ENC[x]'}\n"}}},
		"gen.yaml":             {docs: []plant{{head: "# Generated by a tool. DO NOT EDIT.\n" + image}}},
		"c/Chart.yaml":         {docs: []plant{{head: "name: c\n"}}},
		"c/templates/pod.yaml": {docs: []plant{{head: "image: org/never:1.0.0\nx: {{ .Values.x }}\n"}}},
	}
	dirs := []string{"apps", "infra", "dev", "env/prod"}
	for range 1 + g.r.IntN(6) {
		dir := dirs[g.r.IntN(len(dirs))]
		g.files[dir+"/"+g.name("f")+".yaml"] = &grown{more: true, docs: []plant{[]func() plant{g.workload, g.release, g.artifact, g.application}[g.r.IntN(4)]()}}
		g.files[dir+"/"+g.name("values")+".yaml"] = &grown{docs: []plant{g.values()}, crlf: g.chance(4)}
	}
	several := &grown{}
	for range 2 + g.r.IntN(3) {
		several.docs = append(several.docs, []func() plant{g.workload, g.release, g.artifact, g.application}[g.r.IntN(4)]())
	}
	g.files["all.yaml"] = several
	g.files["kustomization.yaml"] = &grown{docs: []plant{g.kustomization()}}
	g.files["docker-compose.yaml"] = &grown{docs: []plant{g.compose()}}
	g.files["umbrella/Chart.yaml"] = &grown{docs: []plant{g.chartFile()}}
}

// mix puts entries and documents in and moves all about.
func (g *grower) mix() {
	for _, name := range slices.Sorted(maps.Keys(g.files)) {
		f := g.files[name]
		for i := range f.docs {
			d := &f.docs[i]
			for d.extra != nil && g.chance(2) {
				d.entries = append(d.entries, d.extra())
			}
			if !strings.Contains(strings.Join(d.entries, ""), "*v") { // an anchor comes before its alias
				g.r.Shuffle(len(d.entries), func(i, j int) { d.entries[i], d.entries[j] = d.entries[j], d.entries[i] })
			}
		}
		if f.more || len(f.docs) > 1 {
			for range g.r.IntN(3) {
				f.docs = append(f.docs, plant{head: g.stranger()})
			}
			g.r.Shuffle(len(f.docs), func(i, j int) { f.docs[i], f.docs[j] = f.docs[j], f.docs[i] })
		}
	}
}

// stranger is a document that nobody tracks, of the kinds that are tracked.
func (g *grower) stranger() string {
	name := "metadata: {name: " + g.name("new") + "}\n"
	return []string{
		"kind: Deployment\n" + name + "spec:\n  template: {spec: {containers: [{name: c, image: '" + g.untracked() + "'}]}}\n",
		"kind: HelmRelease\n" + name + "spec:\n  chart: {spec: {chart: other, version: 1.0.0, sourceRef: {kind: HelmRepository, name: gone}}}\n  values: {image: {repository: other/x, tag: 1.0.0}}\n",
		"kind: OCIRepository\n" + name + "spec: {url: 'oci://ghcr.io/other/x', ref: {tag: 1.0.0}}\n",
		"kind: Application\n" + name + "spec: {source: {repoURL: 'https://charts.example', chart: other, targetRevision: 1.0.0}}\n",
	}[g.r.IntN(4)]
}

// text is a file with the marks in it.
func (f *grown) text() string {
	docs := make([]string, len(f.docs))
	for i, d := range f.docs {
		docs[i] = d.head + strings.Join(d.entries, "") + d.tail
	}
	text := strings.Join(docs, "---\n")
	if f.crlf {
		text = strings.ReplaceAll(text, "\n", "\r\n")
	}
	return text
}

var markText = regexp.MustCompile("\x00(\\d+)\x00")

// fill puts the text of a level in the place of each mark.
func (g *grower) fill(text string, level int) string {
	return markText.ReplaceAllStringFunc(text, func(m string) string {
		i, _ := strconv.Atoi(strings.Trim(m, "\x00"))
		return g.places[i][level]
	})
}

func (g *grower) write(t *testing.T, root string, level int) {
	t.Helper()
	for name, f := range g.files {
		writeFile(t, filepath.Join(root, name), g.fill(f.text(), level))
	}
}

// publish serves every version up to a level, and others that must not be taken.
func (g *grower) publish(t *testing.T, root string, level int) *httptest.Server {
	t.Helper()
	images, charts := map[string][]string{}, map[string][]string{}
	versions := func(p *published) []string {
		all := []string{"999.0.0", "latest", "sha-0a1b2c3", "999.1-alpine", "1.2.3.4.5"}
		for l := range level + 1 {
			all = append(all, p.tag(l))
		}
		g.r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		return all
	}
	for _, p := range g.images {
		images[repositoryPath(p.name)] = versions(p)
	}
	for _, p := range g.charts {
		charts[p.name] = []string{"999.0.0"}
		for l := range level + 1 {
			charts[p.name] = append(charts[p.name], p.tag(l))
		}
	}
	mux := http.NewServeMux()
	mux.Handle("/", fake.NewRegistry(fake.RegistryOptions{Tags: images}))
	mux.Handle("/charts/", fake.NewHelm(charts))
	server := httptest.NewServer(mux)
	writeFile(t, filepath.Join(root, ".pawl.yaml"), strings.ReplaceAll("version: 1\nmirrors: {docker.io: URL, ghcr.io: URL, 'https://charts.example': URL/charts}\n", "URL", server.URL))
	return server
}

// check holds every file against the texts of a level; unless all must have moved, a place may have stayed. It returns how
// many did.
func (g *grower) check(t *testing.T, root string, seed uint64, level int, all bool) (stayed int) {
	t.Helper()
	for name, f := range g.files {
		have, text := readFile(t, filepath.Join(root, name)), f.text()
		want := g.fill(text, level)
		for _, m := range markText.FindAllStringSubmatch(text, -1) {
			if have == want || all {
				break
			}
			i, _ := strconv.Atoi(m[1])
			kept := g.places[i]
			kept[level] = kept[level-1]
			g.places[i], kept = kept, g.places[i]
			if other := g.fill(text, level); closer(have, other, want) {
				want = other
				stayed++
			} else {
				g.places[i] = kept
			}
		}
		if have != want {
			t.Errorf("seed %d: %s at level %d is\n%s\nwant\n%s", seed, name, level, have, want)
		}
	}
	return stayed
}

// closer reports whether a text has more of its beginning in common with a than with b.
func closer(have, a, b string) bool {
	common := func(s string) int {
		n := 0
		for n < min(len(s), len(have)) && s[n] == have[n] {
			n++
		}
		return n
	}
	return common(a) > common(b)
}
