package scaffold_test

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/pawl-cd/pawl/internal/manifest"
	"github.com/pawl-cd/pawl/internal/scaffold"
)

// tracks are the targets of all proposed manifests, as "source | filter | file key".
func tracks(t *testing.T, p scaffold.Proposal) []string {
	t.Helper()
	var all []string
	for _, f := range p.Files {
		if f.Tracks == "" {
			continue
		}
		loaded, err := manifest.Load(fstest.MapFS{f.Path: {Data: f.Data}}, []string{strings.Split(f.Path, "/")[0]}, manifest.Options{Env: func(string) (string, bool) { return "", false }})
		if err != nil || len(loaded) != 1 {
			t.Fatalf("%s: %v", f.Path, err)
		}
		m := loaded[0]
		for _, target := range m.Targets {
			line := m.Sources[0].Query.String() + " | " + m.Sources[0].Filter.String() + " | " + target.File + " " + target.Key.String()
			if target.Digest {
				line += " digest"
			}
			if v, err := target.Transform.Apply("v1"); err == nil && v != "v1" {
				line += " " + v
			}
			all = append(all, line)
		}
	}
	slices.Sort(all)
	return all
}

type finding struct {
	files map[string]string
	want  []string
	// said must stand in what is left out, unknown or remarked.
	said []string
}

func checkFindings(t *testing.T, cases map[string]finding) {
	t.Helper()
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := propose(t, repository(c.files))
			if diff := cmp.Diff(c.want, tracks(t, p)); diff != "" {
				t.Error(diff)
			}
			said := notes(p.Missing) + notes(p.Left) + notes(p.Remarks)
			for _, want := range c.said {
				if !strings.Contains(said, want) {
					t.Errorf("%q is not said: %s", want, said)
				}
			}
		})
	}
}

const helmRepository = "apiVersion: source.toolkit.fluxcd.io/v1\nkind: HelmRepository\nmetadata: {name: stable, namespace: flux}\nspec: {url: 'https://charts.example/stable/'}\n"

func helmRelease(name, version string) string {
	return "kind: HelmRelease\nmetadata: {name: " + name + "}\nspec:\n  chart:\n    spec:\n      chart: " + name + "\n      version: '" + version + "'\n      sourceRef: {kind: HelmRepository, name: stable, namespace: flux}\n"
}

// TestFindCharts holds where charts are found, and which are left out.
func TestFindCharts(t *testing.T) {
	t.Parallel()
	checkFindings(t, map[string]finding{
		"HelmRelease": {map[string]string{"a.yaml": helmRepository, "b.yaml": helmRelease("web", "1.2.3")},
			[]string{"https://charts.example/stable#web | semver ^1.0.0 | b.yaml $[?(@.kind=='HelmRelease' && @.metadata.name=='web')].spec.chart.spec.version"}, nil},
		"several documents": {map[string]string{"a.yaml": helmRepository + "---\n" + helmRelease("web", "1.2.3") + "---\n" + helmRelease("api", "0.4.1")},
			[]string{"https://charts.example/stable#api | semver ~0.4 | a.yaml $[?(@.kind=='HelmRelease' && @.metadata.name=='api')].spec.chart.spec.version",
				"https://charts.example/stable#web | semver ^1.0.0 | a.yaml $[?(@.kind=='HelmRelease' && @.metadata.name=='web')].spec.chart.spec.version"}, nil},
		"no repository": {map[string]string{"b.yaml": helmRelease("web", "1.2.3")}, nil, []string{"the HelmRepository stable is not in this repository"}},
		"two repositories": {map[string]string{"a.yaml": helmRepository, "c.yaml": strings.Replace(helmRepository, "/stable/", "/other", 1), "b.yaml": helmRelease("web", "1.2.3")},
			nil, []string{"the HelmRepository stable has several URLs"}},
		"a range":    {map[string]string{"a.yaml": helmRepository, "b.yaml": helmRelease("web", ">=1.0.0")}, nil, []string{"1 range of versions: what installs it chooses: b.yaml $.spec.chart.spec.version >=1.0.0"}},
		"a variable": {map[string]string{"a.yaml": helmRepository, "b.yaml": helmRelease("web", "${version}")}, nil, []string{"1 version or file with templates"}},
		"OCIRepository": {map[string]string{"a.yaml": "kind: OCIRepository\nmetadata: {name: x}\nspec:\n  url: oci://ghcr.io/org/charts/x\n  ref: {tag: 1.2.3, digest: 'sha256:00'}\n"},
			[]string{"ghcr.io/org/charts/x | semver ^1.0.0 | a.yaml $[?(@.kind=='OCIRepository' && @.metadata.name=='x')].spec.ref.digest digest", "ghcr.io/org/charts/x | semver ^1.0.0 | a.yaml $[?(@.kind=='OCIRepository' && @.metadata.name=='x')].spec.ref.tag"}, nil},
		"OCIRepository with a range": {map[string]string{"a.yaml": "kind: OCIRepository\nspec: {url: 'oci://ghcr.io/org/x', ref: {semver: 1.x}}\n"}, nil, []string{"1 range of versions"}},
		"Chart.yaml": {map[string]string{"web/Chart.yaml": "version: 9.9.9\ndependencies:\n  - {name: cache, version: 17.0.1, repository: 'https://charts.example'}\n  - {name: db, version: 1.0.0, repository: 'oci://ghcr.io/org/charts'}\n" +
			"  - {name: own, version: 1.0.0, repository: 'file://../own'}\n  - {name: any, version: 1.x, repository: 'https://charts.example'}\n", "web/Chart.lock": "x"},
			[]string{"https://charts.example#cache | semver ^17.0.0 | web/Chart.yaml $.dependencies[?(@.name=='cache')].version",
				"oci://ghcr.io/org/charts#db | semver ^1.0.0 | web/Chart.yaml $.dependencies[?(@.name=='db')].version"},
			[]string{"1 range", "1 chart from git", "web/Chart.lock: it must follow when a dependency changes"}},
		"the same chart twice": {map[string]string{"Chart.yaml": "dependencies:\n  - {name: x, alias: a, version: 1.0.0, repository: 'https://charts.example'}\n  - {name: x, alias: b, version: 1.0.0, repository: 'https://charts.example'}\n"},
			[]string{"https://charts.example#x | semver ^1.0.0 | Chart.yaml $.dependencies[?(@.alias=='a')].version", "https://charts.example#x | semver ^1.0.0 | Chart.yaml $.dependencies[?(@.alias=='b')].version"}, nil},
		"Argo CD": {map[string]string{"a.yaml": "kind: Application\nspec:\n  sources:\n    - {repoURL: 'https://charts.example', chart: x, targetRevision: 1.2.3}\n    - {repoURL: ghcr.io/org/charts, chart: y, targetRevision: 2.0.0}\n    - {repoURL: 'https://git.example/x', path: y, targetRevision: v1.0.0}\n",
			"b.yaml": "kind: ApplicationSet\nspec: {template: {spec: {source: {repoURL: 'https://charts.example', chart: z, targetRevision: '{{version}}'}}}}\n"},
			[]string{"https://charts.example#x | semver ^1.0.0 | a.yaml $.spec.sources[?(@.chart=='x')].targetRevision", "oci://ghcr.io/org/charts#y | semver ^2.0.0 | a.yaml $.spec.sources[?(@.chart=='y')].targetRevision"},
			[]string{"1 version or file with templates"}},
		"Helmfile": {map[string]string{"helmfile.yaml": "repositories:\n  - {name: own, url: 'https://charts.example'}\n  - {name: reg, url: ghcr.io/org, oci: true}\nreleases:\n" +
			"  - {name: a, chart: own/a, version: 1.2.3}\n  - {name: b, chart: reg/b, version: 0.1.2}\n  - {name: c, chart: 'oci://ghcr.io/org/c', version: 1.0.0}\n  - {name: d, chart: ./d, version: 1.0.0}\n  - {name: e, chart: gone/e, version: 1.0.0}\n"},
			[]string{"https://charts.example#a | semver ^1.0.0 | helmfile.yaml $.releases[?(@.name=='a')].version", "oci://ghcr.io/org#b | semver ~0.1 | helmfile.yaml $.releases[?(@.name=='b')].version",
				"oci://ghcr.io/org#c | semver ^1.0.0 | helmfile.yaml $.releases[?(@.name=='c')].version"}, []string{"the repository gone is not in this repository"}},
		"kustomize": {map[string]string{"kustomization.yaml": "helmCharts:\n  - {name: x, repo: 'https://charts.example', version: 1.2.3}\n"},
			[]string{"https://charts.example#x | semver ^1.0.0 | kustomization.yaml $.helmCharts[?(@.name=='x')].version"}, nil},
		"Fleet": {map[string]string{"fleet.yaml": "helm: {repo: 'https://charts.example', chart: x, version: 1.2.3+up2.0}\n"}, []string{"https://charts.example#x | semver ^1.0.0 | fleet.yaml $.helm.version"}, nil},
		"a manifest with errors": {map[string]string{"fleet.yaml": "helm: {repo: 'https://charts.example', chart: x, version: 1.2.3}\n",
			"manifests/x.yaml": "scmz: 1\nsources: {a: {kind: helmchart, spec: {url: 'https://charts.example', name: x, versionfilter: ^1.0.0}}}\ntargets: {t: {kind: yaml, spec: {file: other.yaml, key: $.x}}}\n"},
			nil, []string{"1 version whose manifest has errors: fleet.yaml $.helm.version"}},
	})
}

// TestOthersPolicies holds that what other tools follow is followed as they do, or left out.
func TestOthersPolicies(t *testing.T) {
	t.Parallel()
	flux := func(spec string) string {
		return "kind: ImageRepository\nmetadata: {name: app, namespace: f}\nspec: {image: ghcr.io/org/app}\n---\nkind: ImagePolicy\nmetadata: {name: app, namespace: f}\nspec:\n  imageRepositoryRef: {name: app}\n" + spec
	}
	const marked = "image: ghcr.io/org/app:main-abc1234-17 # {\"$imagepolicy\": \"f:app\"}\nn: ghcr.io/org/app # {\"$imagepolicy\": \"f:app:name\"}\n"
	argo := func(notes string) string {
		return "kind: Application\nmetadata:\n  name: web\n  annotations:\n" + notes + "spec: {source: {path: deploy/web}}\n"
	}
	const list, kustomized = "    argocd-image-updater.argoproj.io/image-list: ", "images: [{name: org/web, newTag: 1.2.0}]\n"
	checkFindings(t, map[string]finding{
		"Flux, a group": {map[string]string{"p.yaml": flux("  filterTags: {pattern: '^(main)-[a-f0-9]+-(?P<ts>[0-9]+)', extract: '$ts'}\n  policy: {numerical: {order: asc}}\n"), "a.yaml": marked},
			[]string{"ghcr.io/org/app | regex/numeric ^(?:main)-[a-f0-9]+-(?P<ts>[0-9]+) | a.yaml $.image ghcr.io/org/app:v1"}, nil},
		"Flux, a range of tags": {map[string]string{"p.yaml": flux("  filterTags: {pattern: '^v'}\n  policy: {semver: {range: '>=1.0.0 <2.0.0'}}\n"), "a.yaml": "tag: v1.0.0 # {\"$imagepolicy\": \"f:app:tag\"}\n"},
			[]string{"ghcr.io/org/app | semver >=1.0.0 <2.0.0 among tags like ^v | a.yaml $.tag"}, nil},
		"Flux, alphabetical":     {map[string]string{"p.yaml": flux("  policy: {alphabetical: {}}\n"), "a.yaml": marked}, []string{"ghcr.io/org/app | regex/alphabetical ^(.*)$ | a.yaml $.image ghcr.io/org/app:v1"}, nil},
		"Flux, the lowest":       {map[string]string{"p.yaml": flux("  policy: {alphabetical: {order: desc}}\n"), "a.yaml": marked}, nil, []string{"its ImagePolicy takes the lowest"}},
		"Flux, no policy":        {map[string]string{"a.yaml": marked}, nil, []string{"its ImagePolicy app is not in this repository"}},
		"Flux, another image":    {map[string]string{"p.yaml": flux("  policy: {alphabetical: {}}\n"), "a.yaml": strings.ReplaceAll(marked, "org/app:main", "org/other:main")}, nil, []string{"holds another image than its ImagePolicy"}},
		"Argo, a constraint":     {map[string]string{"a.yaml": argo(list + "web=org/web:~1.2\n"), "deploy/web/kustomization.yaml": kustomized, "other/kustomization.yaml": kustomized}, []string{"docker.io/org/web | semver ^1.0.0 | other/kustomization.yaml $.images[?(@.name=='org/web')].newTag", "docker.io/org/web | semver ~1.2 | deploy/web/kustomization.yaml $.images[?(@.name=='org/web')].newTag"}, nil},
		"Argo, a file of values": {map[string]string{"a.yaml": strings.Replace(argo(list+"web=org/web:~1.2\n"), "path: deploy/web", "path: charts/web, helm: {valueFiles: [../../envs/web.yaml]}", 1), "envs/web.yaml": "image: {repository: org/web, tag: 1.2.0}\n"}, []string{"docker.io/org/web | semver ~1.2 | envs/web.yaml $.image.tag"}, nil},
		"Argo, no constraint":    {map[string]string{"a.yaml": argo(list + "org/web\n"), "deploy/web/kustomization.yaml": kustomized}, []string{"docker.io/org/web | semver * | deploy/web/kustomization.yaml $.images[?(@.name=='org/web')].newTag"}, nil},
		"Argo, allowed tags":     {map[string]string{"a.yaml": argo(list + "web=org/web\n    argocd-image-updater.argoproj.io/web.allow-tags: 'regexp:^1'\n    argocd-image-updater.argoproj.io/web.update-strategy: name\n"), "deploy/web/kustomization.yaml": kustomized}, []string{"docker.io/org/web | regex/alphabetical ^(.*)$ among tags like ^1 | deploy/web/kustomization.yaml $.images[?(@.name=='org/web')].newTag"}, nil},
		"Argo, the last built":   {map[string]string{"a.yaml": argo(list + "web=org/web\n    argocd-image-updater.argoproj.io/web.update-strategy: newest-build\n"), "deploy/web/kustomization.yaml": kustomized}, nil, []string{"update-strategy newest-build of Argo CD Image Updater"}},
		"Argo, the resource": {map[string]string{"a.yaml": argo("    x: y\n"), "deploy/web/kustomization.yaml": kustomized, "u.yaml": "kind: ImageUpdater\nspec:\n  applicationRefs:\n    - namePattern: w*\n      images: [{alias: web, imageName: 'org/web:~1.2'}]\n"},
			[]string{"docker.io/org/web | semver ~1.2 | deploy/web/kustomization.yaml $.images[?(@.name=='org/web')].newTag"}, nil},
		"Renovate": {map[string]string{"v.yaml": "# renovate: datasource=docker depName=org/a\na: 1.2.3\n# renovate: datasource=helm depName=x registryUrl=https://charts.example\nb: 1.2.3\n" +
			"# renovate: datasource=github-releases depName=org/tool\nc: 1.2.3\n# renovate: datasource=github-tags depName=org/tool\nd: v1.2.3\ne: v1.2.3 # renovate: datasource=docker depName=org/e\nf: 1.2.3\n"},
			[]string{"docker.io/org/a | semver ^1.0.0 | v.yaml $.a", "docker.io/org/e | semver ^1.0.0 | v.yaml $.e", "https://charts.example#x | semver ^1.0.0 | v.yaml $.b", "org/tool | semver ^1.0.0 | v.yaml $.c 1"},
			[]string{"1 hint of Renovate for a source that pawl does not ask: v.yaml $.d github-tags"}},
		"Renovate above an image": {map[string]string{"v.yaml": "image:\n  repository: org/a\n  # renovate: datasource=docker depName=org/a\n  tag: 1.2.3\n"}, []string{"docker.io/org/a | semver ^1.0.0 | v.yaml $.image.tag"}, nil},
	})
}

// TestLeftOut holds what is left out and how it is counted, and that environments get manifests of their own.
func TestLeftOut(t *testing.T) {
	t.Parallel()
	const image = "image: org/a:1.2.3\n"
	checkFindings(t, map[string]finding{
		"tests":                       {map[string]string{"test/a.yaml": image, "x/e2e/a.yaml": image, "docs/b.yaml": image, "a.yaml": image}, []string{"docker.io/org/a | semver ^1.0.0 | a.yaml $.image org/a:v1"}, []string{"3 files of tests, examples and documentation: docs/, test/, x/e2e/"}},
		"test is a stage":             {map[string]string{"env/test/a.yaml": image, "env/prod/a.yaml": image}, []string{"docker.io/org/a | semver ^1.0.0 | env/prod/a.yaml $.image org/a:v1", "docker.io/org/a | semver ^1.0.0 | env/test/a.yaml $.image org/a:v1"}, nil},
		"generated":                   {map[string]string{"a.yaml": "---\n# Code generated by x. DO NOT EDIT.\n" + image}, nil, []string{"1 generated file"}},
		"a common comment":            {map[string]string{"a.yaml": "# Default values for x.\n" + image}, []string{"docker.io/org/a | semver ^1.0.0 | a.yaml $.image org/a:v1"}, nil},
		"only what SOPS keeps secret": {map[string]string{"a.yaml": image + "s: ENC[x]\nsops: {mac: 'ENC[x]', mac_only_encrypted: true}\n"}, []string{"docker.io/org/a | semver ^1.0.0 | a.yaml $.image org/a:v1"}, nil},
		"a registry elsewhere": {map[string]string{"a.yaml": "global: {imageRegistry: r.example}\na: {image: {repository: org/a, tag: 1.2.3}}\nb: {image: {repository: ghcr.io/org/b, tag: 1.2.3}}\nc: {image: {registry: quay.io, repository: org/c, tag: 1.2.3}}\nimage: org/d:1.0.0\n"},
			[]string{"ghcr.io/org/b | semver ^1.0.0 | a.yaml $.b.image.tag", "quay.io/org/c | semver ^1.0.0 | a.yaml $.c.image.tag"}, []string{"the registry of org/a is set by global.imageRegistry", "the registry of org/d is set by"}},
		"a registry for all":    {map[string]string{"a.yaml": "image: {registry: r.example}\na: {image: {repository: org/a, tag: 1.2.3}}\n", "b.yaml": "global: {image: {registry: r.example}}\na: {image: {repository: org/b, tag: 1.2.3}}\n"}, nil, []string{"the registry of org/a is set by image.registry", "the registry of org/b is set by global.image.registry"}},
		"built and used":        {map[string]string{"compose.yaml": "services:\n  web: {build: ., image: 'org/a:1.2.3'}\n  job: {image: 'org/a:1.2.3'}\n"}, nil, []string{"2 images that their compose files build"}},
		"rendered":              {map[string]string{"a.yaml": "---\n# Source: web/templates/pod.yaml\n" + image}, nil, []string{"1 generated file"}},
		"an anchor for two":     {map[string]string{"a.yaml": "a: {image: {repository: org/a, tag: &t 1.2.3}}\nb: {image: {repository: org/b, tag: *t}}\n"}, nil, []string{"it is the version of org/a and of org/b"}},
		"an aliased text":       {map[string]string{"a.yaml": "x: &i org/a:1.2.3\nimage: *i\n"}, []string{"docker.io/org/a | semver ^1.0.0 | a.yaml $.x org/a:v1"}, nil},
		"an aliased repository": {map[string]string{"a.yaml": "x: &r org/a\nimage: {repository: *r, tag: 1.2.3}\n"}, []string{"docker.io/org/a | semver ^1.0.0 | a.yaml $.image.tag"}, nil},
	})
	p := propose(t, repository(map[string]string{"dev/a.yaml": image, "overlays/prod-eu/a.yaml": image, "values-uat.yaml": image, "base/a.yaml": image}))
	if want := ".pawl.yaml manifests/a-dev.yaml manifests/a-prod-eu.yaml manifests/a-uat.yaml manifests/a.yaml .github/workflows/docker-image.yaml"; paths(p) != want {
		t.Errorf("proposed %s", paths(p))
	}
}
