package scaffold_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/pawl-cd/pawl/internal/config"
	"github.com/pawl-cd/pawl/internal/edit"
	"github.com/pawl-cd/pawl/internal/manifest"
	"github.com/pawl-cd/pawl/internal/policy"
	"github.com/pawl-cd/pawl/internal/scaffold"
)

// FuzzPropose holds, for any values file, workflow and git configuration, that each manifest that is proposed loads and
// leads to exactly one scalar, whose tag passes its filter, and that the configuration has no fault.
func FuzzPropose(f *testing.F) {
	for _, s := range []string{
		"a: {image: {repository: org/a, tag: v1.2.3}}\n", "image: org/a:1.2.3-rc.1\n---\nb: 1\n", "? [a]\n: {image: org/a:1.0.0}\n", "'~': {image: {name: a/b, version: 1.0.0-alpine}}\n",
		"\"a\\nb\": {image: org/a:v1.0.0}\n", "images: [{name: org/a, newTag: v0.0.1}]\n", "a: &a {image: org/a:v1.0.0}\nb: {<<: *a}\n", "\ufeffimage: org/a:v1.0.0\r\n", "*: {image: a/b:v1.0.0}\n", "'': {image: org/a:v1.0.0}\n",
	} {
		f.Add(s, oldTrigger, origin)
	}
	f.Add("image: org/a:v1.0.0\n", oldUpdate, "[remote \"origin\"]\nurl = https://x@github.com/a/b\n")
	f.Fuzz(func(t *testing.T, values, workflow, git string) {
		files := repository(map[string]string{"values.yaml": values, ".github/workflows/gitlab.yaml": workflow, ".git/config": git})
		p, err := scaffold.Propose(files, scaffold.Options{})
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range p.Files {
			if file.Path == ".pawl.yaml" {
				if _, problems := config.Parse(file.Path, file.Data); len(problems) > 0 {
					t.Errorf("problems %v of\n%s", problems, file.Data)
				}
			}
			if strings.HasPrefix(file.Path, "manifests/") {
				checkManifest(t, file, []byte(values))
			}
		}
	})
}

func checkManifest(t *testing.T, file scaffold.File, values []byte) {
	t.Helper()
	all, err := manifest.Load(fstest.MapFS{file.Path: {Data: file.Data}}, nil, manifest.Options{})
	if err != nil || len(all) != 1 || len(all[0].Problems)+len(all[0].Lint()) > 0 {
		t.Fatalf("%v, %+v of\n%s", err, all, file.Data)
	}
	parsed, err := edit.Parse("values.yaml", values)
	if err != nil {
		t.Fatal(err)
	}
	for _, target := range all[0].Targets {
		found, err := parsed.Find(target.Key)
		if err != nil || len(found) != 1 {
			t.Fatalf("%s leads to %v, %v", target.Key, found, err)
		}
		if target.Digest {
			continue
		}
		tag, _ := policy.SplitDigest(found[0].Value)
		tag = tag[strings.LastIndexByte(tag, ':')+1:]
		if !all[0].Sources[0].Filter.Admits(tag, all[0].Sources[0].Policy) {
			t.Errorf("the filter %s does not admit %s", all[0].Sources[0].Filter, tag)
		}
	}
}
