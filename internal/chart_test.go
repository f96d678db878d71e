package internal

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"maps"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/registry"
	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	"sigs.k8s.io/yaml"

	"github.com/pawl-cd/pawl/internal/cli"
	"github.com/pawl-cd/pawl/internal/fleet"
)

// The chart, and the values that it is rendered with: NAME.values.yaml gives NAME.want.yaml.
const (
	chart       = "packaging/kubernetes/pawl"
	chartValues = "internal/testdata/chart"
)

// tool is the program, or the folder, that a variable names; without it the test is skipped, or fails where everything must be shown.
func tool(t *testing.T, variable string) string {
	t.Helper()
	program := os.Getenv(variable)
	if program == "" {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is not set: not all is proved", variable)
		}
		t.Skipf("%s is not set", variable)
	}
	return program
}

// helm runs Helm in the top folder, with a home of its own, and returns what it prints and what it complains about. A Helm that was
// built from its module takes the cluster for an old one; what args say of it comes last and counts.
func helm(t *testing.T, args ...string) (string, string, error) {
	t.Helper()
	if args[0] == "template" || args[0] == "lint" {
		args = slices.Insert(slices.Clone(args), 1, "--kube-version=1.34.0")
	}
	home := t.TempDir()
	command := exec.CommandContext(t.Context(), tool(t, "PAWL_HELM"), args...)
	command.Dir = ".."
	command.Env = []string{"HOME=" + home, "PATH=" + os.Getenv("PATH"), "KUBECONFIG=" + filepath.Join(home, "none")}
	var out, complaint bytes.Buffer
	command.Stdout, command.Stderr = &out, &complaint
	err := command.Run()
	return out.String(), complaint.String(), err
}

// template renders the chart.
func template(t *testing.T, args ...string) string {
	t.Helper()
	out, complaint, err := helm(t, append([]string{"template", "pawl-fleet", chart}, args...)...)
	if err != nil || complaint != "" {
		t.Fatalf("%v: %s", err, complaint)
	}
	return out
}

// inline writes values to a file, and returns the arguments that name it.
func inline(t *testing.T, values map[string]any) []string {
	t.Helper()
	text, err := json.Marshal(values)
	if err != nil {
		t.Fatal(err)
	}
	text = bytes.ReplaceAll(text, []byte("\u0085"), []byte(`\u0085`)) // a line break to YAML
	name := filepath.Join(t.TempDir(), "values.json")
	if err := os.WriteFile(name, text, 0o644); err != nil {
		t.Fatal(err)
	}
	return []string{"--values", name}
}

// cases are the names of the files with values.
func cases(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("../" + chartValues + "/*.values.yaml")
	if err != nil || len(files) < 4 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for i, file := range files {
		files[i] = strings.TrimSuffix(filepath.Base(file), ".values.yaml")
	}
	return files
}

// objects are the documents of a rendering by their kind and name, each read into the type of Kubernetes' API; a kind that is not
// listed here is an error.
func objects(t *testing.T, rendering string) map[string]any {
	t.Helper()
	all := map[string]any{}
	for _, document := range strings.Split("\n"+rendering, "\n---\n") {
		var head struct {
			APIVersion, Kind string
			Metadata         struct{ Name string }
		}
		if err := yaml.Unmarshal([]byte(document), &head); err != nil {
			t.Fatal(err)
		}
		if head.Kind == "" { // comments alone
			continue
		}
		into, known := map[string]any{
			"batch/v1 CronJob": &batch.CronJob{}, "v1 ConfigMap": &core.ConfigMap{}, "v1 PersistentVolumeClaim": &core.PersistentVolumeClaim{},
			"v1 ServiceAccount": &core.ServiceAccount{}, "networking.k8s.io/v1 NetworkPolicy": &networking.NetworkPolicy{},
		}[head.APIVersion+" "+head.Kind]
		key := head.Kind + " " + head.Metadata.Name
		if _, twice := all[key]; twice || !known {
			t.Fatalf("%s %s is there twice, or of no known kind", head.APIVersion, key)
		}
		strictly(t, document, into)
		all[key] = into
	}
	return all
}

// object is one of them.
func object[T any](t *testing.T, all map[string]any, key string) T {
	t.Helper()
	one, ok := all[key].(T)
	if !ok {
		t.Fatalf("no %s in %v", key, slices.Sorted(maps.Keys(all)))
	}
	return one
}

// betweenDocuments are more empty lines with Helm 4 than with Helm 3.
var betweenDocuments = regexp.MustCompile(`\n+---\n`)

// TestChart renders the chart with each file of values: Helm finds no fault, the bytes are the expected ones, every document is of
// Kubernetes' API, each pod has few rights, and the shards end as they should.
func TestChart(t *testing.T) {
	t.Parallel()
	for _, name := range cases(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			values := "--values=" + chartValues + "/" + name + ".values.yaml"
			if out, complaint, err := helm(t, "lint", "--strict", chart, values); err != nil || strings.Contains(out+complaint, "fail\"") {
				t.Fatalf("%v: %s%s", err, out, complaint)
			}
			golden := "../" + chartValues + "/" + name + ".want.yaml"
			got := betweenDocuments.ReplaceAllString(template(t, values), "\n---\n")
			if os.Getenv("PAWL_UPDATE") != "" {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(readText(t, golden[len("../"):]), got); diff != "" {
				t.Error(diff)
			}
			jobs := 0
			for key, one := range objects(t, got) {
				switch one := one.(type) {
				case *core.ConfigMap:
					if _, problems := fleet.Parse("fleet.yaml", []byte(one.Data["fleet.yaml"])); len(problems) > 0 {
						t.Errorf("pawl does not take the list: %v", problems)
					}
				case *batch.CronJob:
					jobs++
					checkFlags(t, one.Spec.JobTemplate.Spec.Template.Spec.Containers[0].Args)
					checkRights(t, one.Spec.JobTemplate.Spec.Template.Spec)
					if !strings.HasSuffix(key, "-list") {
						checkShards(t, one)
					}
				case *core.ServiceAccount:
					if one.AutomountServiceAccountToken == nil || *one.AutomountServiceAccountToken {
						t.Errorf("the account's token is mounted: %+v", one)
					}
				}
			}
			if jobs == 0 {
				t.Error("nothing runs")
			}
		})
	}
}

// checkFlags shows that pawl knows the command line of a pod.
func checkFlags(t *testing.T, args []string) {
	t.Helper()
	words := slices.Clone(args)
	for i := range words {
		words[i] = strings.ReplaceAll(words[i], "$(JOB_COMPLETION_INDEX)", "0")
	}
	for word, want := range map[string]bool{"--help": true, "--shards=0": false} {
		var out bytes.Buffer
		code := cli.Run(t.Context(), append(slices.Clone(words), word), cli.System{Out: &out, Err: &out, Env: func(string) (string, bool) { return "", false }, Now: time.Now})
		if (code == cli.OK) != want {
			t.Errorf("pawl %s %s exits with %d: %s", strings.Join(words, " "), word, code, &out)
		}
	}
}

// checkShards shows that a job has a pod for each shard, that all of them are named, and how they end.
func checkShards(t *testing.T, cron *batch.CronJob) {
	t.Helper()
	spec := cron.Spec.JobTemplate.Spec
	if *spec.CompletionMode != batch.IndexedCompletion || *spec.Completions != *spec.Parallelism || *spec.MaxFailedIndexes != *spec.Completions ||
		*spec.BackoffLimitPerIndex != 1 || spec.BackoffLimit != nil || cron.Spec.ConcurrencyPolicy != batch.ForbidConcurrent || spec.Template.Spec.RestartPolicy != core.RestartPolicyNever {
		t.Errorf("the job: %+v", spec)
	}
	args := strings.Join(spec.Template.Spec.Containers[0].Args, " ")
	shard := fmt.Sprintf(" --shard=$(JOB_COMPLETION_INDEX)/%d", *spec.Completions)
	if *spec.Completions == 1 && strings.Contains(args, "--shard") || *spec.Completions > 1 && !strings.HasSuffix(args, shard) {
		t.Errorf("%d pods run %s", *spec.Completions, args)
	}
	checkEnds(t, spec)
}

// TestChartIsTheManifest shows that the chart makes of the same profiles what packaging/kubernetes/fleet.yaml says, so that neither
// is changed without the other.
func TestChartIsTheManifest(t *testing.T) {
	t.Parallel()
	const image = ":1.2.3@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	plain := objects(t, strings.Replace(readText(t, "packaging/kubernetes/fleet.yaml"), ":VERSION@sha256:DIGEST", image, 1))
	ours := objects(t, readText(t, chartValues+"/example.want.yaml"))
	for _, all := range []map[string]any{plain, ours} {
		list := object[*core.ConfigMap](t, all, "ConfigMap pawl-fleet")
		profiles, problems := fleet.Parse("fleet.yaml", []byte(list.Data["fleet.yaml"]))
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		for i := range profiles.Profiles {
			profiles.Profiles[i].Place.Line, profiles.Profiles[i].Place.Column = 0, 0
		}
		list.Data["fleet.yaml"] = fmt.Sprintf("%+v", profiles)
		job := object[*batch.CronJob](t, all, "CronJob pawl-fleet")
		// The chart names its parts, and says aloud when an image is pulled.
		list.Labels, job.Labels, job.Spec.JobTemplate.Spec.Template.Labels = nil, nil, nil
		job.Spec.JobTemplate.Spec.Template.Spec.Containers[0].ImagePullPolicy = core.PullIfNotPresent
	}
	if diff := cmp.Diff(plain, ours); diff != "" {
		t.Error(diff)
	}
}

// hostName is a label of DNS.
var hostName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// TestChartNames shows that whatever a release is called, the host of each pod has a name that Kubernetes takes: that of the CronJob, the
// job's number in minutes, and the shard.
func TestChartNames(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"pawl": "pawl", "shop": "shop-pawl", "pawl-fleet": "pawl-fleet", "9": "9-pawl", "a.b": "a-b-pawl",
		strings.Repeat("a", 46) + ".bcdefg": strings.Repeat("a", 46), strings.Repeat("a", 53): strings.Repeat("a", 47),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, complaint, err := helm(t, append([]string{"template", name, chart}, inline(t, usable(map[string]any{"shards": 1000}))...)...)
			if err != nil {
				t.Fatalf("%v: %s", err, complaint)
			}
			object[*batch.CronJob](t, objects(t, out), "CronJob "+want)
			if host := want + "-29929123-999"; !hostName.MatchString(host) {
				t.Errorf("no host is called %s", host)
			}
		})
	}
}

// TestChartNotes shows what a person reads who has installed the chart.
func TestChartNotes(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"one":     "pawl-fleet runs at @daily (Etc/UTC) as one pod, and changes nothing; it is suspended.\n",
		"example": "pawl-fleet runs at 23 */2 * * * (Etc/UTC) as 3 pods.\n",
	} {
		out, complaint, err := helm(t, "install", "pawl-fleet", chart, "--dry-run=client", "--namespace=updates", "--values="+chartValues+"/"+name+".values.yaml")
		if err != nil || !strings.Contains(out, "\nNOTES:\n"+want) || !strings.Contains(out, "kubectl --namespace updates create job pawl-fleet-now --from=cronjob/pawl-fleet\n") {
			t.Errorf("%s: %v: %s%s", name, err, complaint, out)
		}
	}
}

// TestChartAsDocumented runs what docs/fleet.md shows, on the two files that it shows, with the chart of this checkout.
func TestChartAsDocumented(t *testing.T) {
	t.Parallel()
	page := readText(t, "docs/fleet.md")
	_, command, found := strings.Cut(page, "`helm upgrade --install pawl oci://ghcr.io/pawl-cd/charts/pawl --version 1.2.3 ")
	command, _, closed := strings.Cut(command, "`")
	if !found || !closed {
		t.Fatal("the page shows no command")
	}
	words := strings.Fields(command)
	for i, word := range words {
		for _, name := range []string{"fleet.yaml", "chart.yaml"} {
			flag, ours := strings.CutSuffix(word, name)
			_, body, shown := strings.Cut(page, "```yaml\n# "+name+"\n")
			if !ours || !shown {
				continue
			}
			body, _, _ = strings.Cut(body, "```")
			file := filepath.Join(t.TempDir(), name)
			if err := os.WriteFile(file, []byte(body), 0o644); err != nil {
				t.Fatal(err)
			}
			words[i] = flag + file
		}
	}
	all := objects(t, template(t, append(words, "--set=image.tag=1.2.3")...))
	job := object[*batch.CronJob](t, all, "CronJob pawl-fleet")
	checkShards(t, job)
	if name := job.Spec.JobTemplate.Spec.Template.Spec.Containers[0].EnvFrom[0].SecretRef.Name; name != "pawl-fleet" || all["NetworkPolicy pawl-fleet"] == nil {
		t.Errorf("the variables come from %s: %v", name, slices.Sorted(maps.Keys(all)))
	}
}

// TestChartBelow shows that the chart can be a part of another one, which has values for all of its parts.
func TestChartBelow(t *testing.T) {
	t.Parallel()
	tool(t, "PAWL_HELM")
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "charts", "pawl"), os.DirFS("../"+chart)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "Chart.yaml"), []byte("apiVersion: v2\nname: platform\nversion: 1.0.0\ndependencies: [{name: pawl, version: 0.0.0}]\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	out, complaint, err := helm(t, append([]string{"template", "platform", dir}, inline(t, map[string]any{"global": map[string]any{"team": "a"}, "pawl": usable(nil)})...)...)
	if err != nil {
		t.Fatalf("%v: %s", err, complaint)
	}
	object[*batch.CronJob](t, objects(t, out), "CronJob platform-pawl")
}

// TestChartIsReleased packs the chart as a release does, twice with the same bytes, pushes it to a registry, and takes it from there:
// it has the version, and the image by its digest. Without a digest nothing is packed.
func TestChartIsReleased(t *testing.T) {
	t.Parallel()
	program, dir := tool(t, "PAWL_HELM"), t.TempDir()
	digests, digest := filepath.Join(dir, "digests.txt"), strings.Repeat("0123456789abcdef", 4)
	if err := os.WriteFile(digests, []byte(digest+"  ghcr.io/pawl-cd/pawl:1.2.3\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	pack := func(version string) (string, string, error) {
		command := exec.CommandContext(t.Context(), "bash", "../packaging/kubernetes/package.sh", version, digests, t.TempDir(), program)
		command.Env = []string{"HOME=" + dir, "PATH=" + os.Getenv("PATH")}
		var out, complaint bytes.Buffer
		command.Stdout, command.Stderr = &out, &complaint
		err := command.Run()
		return strings.TrimSuffix(out.String(), "\n"), complaint.String(), err
	}
	if file, complaint, err := pack("1.2.4"); err == nil || file != "" || !strings.Contains(complaint, "names no single digest of ghcr.io/pawl-cd/pawl:1.2.4") {
		t.Errorf("%s is packed without a digest: %v: %s", file, err, complaint)
	}
	var archives []string
	for range 2 {
		file, complaint, err := pack("1.2.3")
		if err != nil || filepath.Base(file) != "pawl-1.2.3.tgz" {
			t.Fatalf("%s: %v: %s", file, err, complaint)
		}
		archives = append(archives, file)
	}
	first, err := os.ReadFile(archives[0])
	if err != nil {
		t.Fatal(err)
	}
	if second, err := os.ReadFile(archives[1]); err != nil || !bytes.Equal(first, second) {
		t.Errorf("the same commit gives other bytes: %v", err)
	}
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(server.Close)
	charts := "oci://" + strings.TrimPrefix(server.URL, "http://") + "/charts"
	if _, complaint, err := helm(t, "push", archives[0], charts, "--plain-http"); err != nil {
		t.Fatalf("%v: %s", err, complaint)
	}
	args := []string{"template", "pawl-fleet", charts + "/pawl", "--version=1.2.3", "--plain-http", "--set=fleet.version=1,fleet.profiles[0].repository=org/shop"}
	out, complaint, err := helm(t, args...)
	if err != nil {
		t.Fatalf("%v: %s", err, complaint)
	}
	for values, want := range map[string]string{"tag=1.2.4": ":1.2.4", "digest=sha256:" + digest[1:] + "f": "@sha256:" + digest[1:] + "f", "repository=mirror.example.com/pawl": ":1.2.3@sha256:" + digest} {
		out, complaint, err := helm(t, append(slices.Clone(args), "--set=image."+values)...)
		if err != nil || !strings.Contains(out, "/pawl"+want+"\"\n") {
			t.Errorf("with %s: %v: %s: no image %s", values, err, complaint, want)
		}
	}
	job := object[*batch.CronJob](t, objects(t, out), "CronJob pawl-fleet")
	if image := job.Spec.JobTemplate.Spec.Template.Spec.Containers[0].Image; image != "ghcr.io/pawl-cd/pawl:1.2.3@sha256:"+digest || job.Labels["app.kubernetes.io/version"] != "1.2.3" {
		t.Errorf("it runs %s as %v", image, job.Labels)
	}

	release, version := readText(t, ".github/workflows/release.yaml"), "helm.sh/helm/v4/cmd/helm@v4.3.1"
	for _, want := range []string{`bash packaging/kubernetes/package.sh "$VERSION" dist/digests.txt dist .tools/helm`, `gh release upload "v$VERSION" "$chart"`,
		`.tools/helm push "$chart" oci://ghcr.io/pawl-cd/charts`, "HELM: " + version, "dist/pawl-*.tgz"} {
		if !strings.Contains(release, want) {
			t.Errorf("a release does not say %s", want)
		}
	}
	if !strings.Contains(readText(t, ".ci/run"), "tool helm "+version+" ") {
		t.Error("the chart is tested with another Helm than it is released with")
	}
}
