package internal

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"

	"github.com/pawl-cd/pawl/internal/fleet"
)

// usable are values that the chart takes; spoilt ones are laid over them.
func usable(over map[string]any) map[string]any {
	values := map[string]any{
		"fleet": map[string]any{"version": 1, "profiles": []any{map[string]any{"repository": "org/shop", "token": "SHOP_TOKEN"}}}, "secrets": []any{"pawl"},
		"image": map[string]any{"tag": "1.2.3"},
	}
	maps.Copy(values, over)
	return values
}

// entry is a fleet with one profile, which has more keys.
func entry(more map[string]any) map[string]any {
	profile := map[string]any{"repository": "org/shop"}
	maps.Copy(profile, more)
	return map[string]any{"version": 1, "profiles": []any{profile}}
}

// TestChartRefuses lists values that are wrong, and what the chart says to them; what may be a secret is not said again.
func TestChartRefuses(t *testing.T) {
	t.Parallel()
	type m = map[string]any
	const token = "ghp_0123456789abcdefghijABCDEFGHIJ012345"
	for name, c := range map[string]struct {
		over   map[string]any
		want   string
		secret string
	}{
		"a mistyped key":                {m{"shard": 3}, "additional properties 'shard' not allowed", ""},
		"a mistyped key below":          {m{"image": m{"tga": "1.2.3"}}, "additional properties 'tga' not allowed", ""},
		"a mistyped key of the fleet":   {m{"fleet": entry(m{"tokn": "A"})}, "additional properties 'tokn' not allowed", ""},
		"a word for a number":           {m{"shards": "3"}, "'/shards': got string, want integer", ""},
		"no pod":                        {m{"shards": 0}, "'/shards': minimum: got 0, want 1", ""},
		"a number for a text":           {m{"env": m{"PORT": 4318}}, "'/env/PORT': got number, want string", ""},
		"a list for a map":              {m{"env": []any{"A=b"}}, "'/env': got array, want object", ""},
		"no name of a variable":         {m{"env": m{"A B": "c"}}, "'A B' does not match pattern", ""},
		"a quote in the schedule":       {m{"schedule": `*/5 * * * "`}, "'/schedule': ", ""},
		"a line in the schedule":        {m{"schedule": "1 2 3 4 5\nsuspend: true"}, "'/schedule': ", ""},
		"a zone in the schedule":        {m{"schedule": "TZ=UTC 1 2 3 4 5"}, "'/schedule': ", ""},
		"a zone that is none":           {m{"timeZone": `UTC" #`}, "'/timeZone': ", ""},
		"root":                          {m{"runAsUser": 0}, "'/runAsUser': minimum: got 0, want 1", ""},
		"other rights":                  {m{"securityContext": m{"privileged": true}}, "additional properties 'securityContext' not allowed", ""},
		"no known bound":                {m{"resources": m{"limit": m{"memory": "1Gi"}}}, "additional properties 'limit' not allowed", ""},
		"a bound that is none":          {m{"resources": m{"limits": m{"memory": "much"}}}, "'/resources/limits/memory': ", ""},
		"a rule that is none":           {m{"networkPolicy": m{"egress": []any{m{"from": []any{}}}}}, "additional properties 'from' not allowed", ""},
		"an image that is none":         {m{"image": m{"repository": "a b"}}, "'/image/repository': ", ""},
		"a digest that is none":         {m{"image": m{"digest": "sha256:0123"}}, "'/image/digest': ", ""},
		"a long name":                   {m{"fullnameOverride": strings.Repeat("a", 48)}, "'/fullnameOverride': ", ""},
		"an image that moves":           {m{"image": m{"tag": "latest"}}, "image.tag: latest moves: name a version, or image.digest", ""},
		"no image":                      {m{"image": m{"tag": ""}}, "set image.tag or image.digest", ""},
		"no fleet":                      {m{"fleet": nil}, "no profile is listed", ""},
		"two fleets":                    {m{"existingConfigMap": "ours"}, "leave one of them", ""},
		"a fleet that is no YAML":       {m{"fleet": "version: 1\nprofiles: ["}, "fleet: error converting YAML", ""},
		"a fleet without profiles":      {m{"fleet": "version: 1\n"}, "fleet: want profiles: [{", ""},
		"a profile that is a word":      {m{"fleet": "profiles: [org/shop]\n"}, "fleet.profiles[0]: want {repository: OWNER/NAME", ""},
		"a fleet that is too long":      {m{"fleet": "version: 1\nprofiles:\n" + strings.Repeat("- {repository: org/shop}\n", 42000)}, "fleet: 1050021 bytes are more than a ConfigMap holds", ""},
		"no secret for a token":         {m{"secrets": []any{}}, "fleet.profiles[0]: secrets is empty: name the Secret whose key is the variable SHOP_TOKEN", ""},
		"a token as a secret's value":   {m{"secrets": m{"SHOP_TOKEN": "hunter22"}}, "'/secrets': got object, want array", "hunter22"},
		"a token as a secret's name":    {m{"secrets": []any{"hunter_22"}}, "secrets[0]: want the name of a Secret that is there", "hunter_22"},
		"a token as an object":          {m{"secrets": []any{m{"SHOP_TOKEN": "hunter22"}}}, "'/secrets/0': got object, want string", "hunter22"},
		"a token in env":                {m{"env": m{"SHOP_TOKEN": "hunter22"}}, "env.SHOP_TOKEN: this is a secret", "hunter22"},
		"the token of a profile in env": {m{"fleet": entry(m{"token": "SHOP"}), "env": m{"SHOP": "hunter22"}}, "env.SHOP: this is the token of fleet.profiles[0]", "hunter22"},
		"a password in env":             {m{"env": m{"DB_PASSWORD": "hunter22"}}, "env.DB_PASSWORD: this is a secret", "hunter22"},
		"headers in env":                {m{"env": m{"OTEL_EXPORTER_OTLP_HEADERS": "Authorization=hunter22"}}, "env.OTEL_EXPORTER_OTLP_HEADERS: this is a secret", "hunter22"},
		"credentials of a proxy":        {m{"env": m{"HTTPS_PROXY": "http://me:hunter22@proxy.example.com"}}, "env.HTTPS_PROXY: this is a secret", "hunter22"},
		"a GitHub token anywhere":       {m{"podAnnotations": m{"a": token}}, "a token or a key stands in the values", token},
		"a GitLab token anywhere":       {m{"env": m{"A": "glpat-0123456789abcdefghij"}}, "a token or a key stands in the values", "0123456789abcdefghij"},
		"a key anywhere":                {m{"env": m{"A": "-----BEGIN RSA PRIVATE KEY-----\nMIIhunter22"}}, "a token or a key stands in the values", "hunter22"},
		"a token in the fleet":          {m{"fleet": entry(m{"token": token})}, "a token or a key stands in the values", token},
		"a token in the fleet's text":   {m{"fleet": "version: 1\nprofiles: [{repository: a/b, token: " + token + "}]\n"}, "a token or a key stands in the values", token},
		"a word that is no variable":    {m{"fleet": entry(m{"token": "hunter-22"})}, "fleet.profiles[0]: token and env want the name of a variable", "hunter-22"},
		"an env that is no variable":    {m{"fleet": entry(m{"env": []any{"hunter-22"}})}, "fleet.profiles[0]: token and env want the name of a variable", "hunter-22"},
		"credentials of a forge":        {m{"fleet": entry(m{"forge": m{"kind": "gitea", "url": "https://me:hunter22@git.example.com"}})}, "fleet.profiles[0].forge.url: want an address without credentials", "hunter22"},
		"nothing there for docker":      {m{"fleet": entry(m{"docker": "creds/shop"})}, "fleet.profiles[0].docker: nothing is at creds/shop", ""},
		"a relative place":              {m{"docker": []any{m{"path": "creds", "secret": "a"}}}, "'/docker/0/path': ", ""},
		"a place above":                 {m{"docker": []any{m{"path": "/a/../fleet", "secret": "a"}}}, "'/docker/0/path': ", ""},
		"a place that is taken":         {m{"docker": []any{m{"path": "/fleet", "secret": "a"}}}, "docker[0].path: something else is at /fleet", ""},
		"a place twice":                 {m{"docker": []any{m{"path": "/a", "secret": "a"}, m{"path": "/a", "secret": "b"}}}, "docker[1].path: something else is at /a", ""},
		"a volume for one pod":          {m{"snapshot": m{"enabled": true, "accessMode": "ReadWriteOnce"}}, "snapshot.accessMode: 3 shards run on several nodes", ""},
		"certificates twice":            {m{"caCertificates": m{"configMap": "a"}, "env": m{"SSL_CERT_DIR": "/a"}}, "leave one of them", ""},
		"as soon as a fleet ends":       {m{"activeDeadlineSeconds": int(fleet.DefaultDeadline.Seconds())}, "no sooner than limits.deadline: 30m", ""},
		"a job that ends first":         {m{"fleet": "version: 1\nprofiles: [{repository: a/b}]\nlimits: {deadline: 1h30s}\n"}, "activeDeadlineSeconds: the job ends after 3600 s, and its fleet no sooner than limits.deadline: 1h30s", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, complaint, err := helm(t, append([]string{"template", "pawl-fleet", chart}, inline(t, usable(c.over))...)...)
			if err == nil || out != "" || !strings.Contains(complaint, c.want) {
				t.Errorf("want %q, have %v: %s%s", c.want, err, complaint, out)
			}
			if c.secret != "" && strings.Contains(complaint, c.secret) {
				t.Errorf("it says the secret: %s", complaint)
			}
		})
	}
	t.Run("an old cluster", func(t *testing.T) {
		t.Parallel()
		args := append([]string{"template", "pawl-fleet", chart, "--kube-version=1.28.15"}, inline(t, usable(nil))...)
		if _, complaint, err := helm(t, args...); err == nil || !strings.Contains(complaint, "chart requires kubeVersion: >=1.29.0-0") {
			t.Errorf("%v: %s", err, complaint)
		}
	})
	t.Run("nothing", func(t *testing.T) {
		t.Parallel()
		if rendering := template(t, inline(t, usable(nil))...); len(objects(t, rendering)) != 2 {
			t.Errorf("what is not spoilt is not taken: %s", rendering)
		}
	})
}

// hostile are texts that mean something to YAML, to templates, to a shell or to Kubernetes, and random ones made of their parts.
func hostile() []string {
	all := []string{
		"", " ", "~", "null", "yes", "0x10", "1e3", "1.10", "2026-11-28", "- a", "a: b", "a #b", "#", "'", `"`, `\`, `\n`, "a\nb: c\n", "\n", "\n\n  a", "a\r\nb\r\n", "\ta", " a ",
		"---\nkind: Secret", "...", "{{ .Release.Name }}", "{{- fail \"x\" }}", "${HOME}", "$(JOB_COMPLETION_INDEX)", "$$(A)", "`id`", "$(id)", "'; rm -rf /; '", "&a", "*a", "!!binary YQ==", "|", ">-\n a", "? a", "%YAML 1.1",
		"@a", "é\u00a0\u2028\u0085\ufeff😀", "\x01\x1b[31m", "<script>&amp;", strings.Repeat("a ", 300),
	}
	parts := []string{"\n", "\n  ", "\r", "\t", " ", ":", "#", "'", `"`, `\`, "-", "{{", "}}", "{", "}", "[", "]", "|", ">", "&", "*", "!", "%", "@", "`", "$(", "$", ")", "a", "1", "é", "\u2028", "---"}
	random := rand.New(rand.NewPCG(18, 18))
	for range 300 {
		var text strings.Builder
		for range 1 + random.IntN(8) {
			text.WriteString(parts[random.IntN(len(parts))])
		}
		all = append(all, text.String())
	}
	return all
}

// TestChartHostile shows that a text stays what it is wherever it may stand, and never becomes another key or another value.
func TestChartHostile(t *testing.T) {
	t.Parallel()
	env, notes, comments := map[string]any{}, map[string]any{}, ""
	for i, text := range hostile() {
		env[fmt.Sprintf("V%03d", i)], notes[fmt.Sprintf("example.com/n%03d", i)] = text, text
		comments += "# " + strings.NewReplacer("\n", " ", "\r", " ", "\u0085", " ", "\u2028", " ", "\ufeff", " ", "\x01", " ", "\x1b", " ").Replace(text) + "\n"
	}
	for name, file := range map[string]string{
		"as people write it": comments + "version: 1\nprofiles:\n  - {repository: org/shop, token: SHOP_TOKEN} # why: \"it's\" {{ ours }}\n",
		"no last line break": "version: 1\nprofiles: [{repository: org/shop}]",
		"other line breaks":  "version: 1\r\nprofiles:\r\n- repository: org/shop\r\n",
		"spaces before":      "  version: 1\n  profiles: [{repository: org/shop}]\n\n\n",
		"spaces after":       "version: 1   \nprofiles: [{repository: org/shop}]  \n  ",
		"a document's mark":  "---\nversion: 1\nprofiles: [{repository: org/shop}]\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			all := objects(t, template(t, inline(t, usable(map[string]any{"fleet": file, "env": env, "podAnnotations": notes,
				"serviceAccount": map[string]any{"create": true, "annotations": notes}, "podLabels": map[string]any{"app.kubernetes.io/name": "\"}"}}))...))
			if diff := cmp.Diff(map[string]string{"fleet.yaml": file}, object[*core.ConfigMap](t, all, "ConfigMap pawl-fleet").Data); diff != "" {
				t.Errorf("the list: %s", diff)
			}
			pod := object[*batch.CronJob](t, all, "CronJob pawl-fleet").Spec.JobTemplate.Spec.Template
			if len(pod.Spec.Containers[0].Env) != len(env) {
				t.Errorf("%d variables of %d", len(pod.Spec.Containers[0].Env), len(env))
			}
			for _, v := range pod.Spec.Containers[0].Env {
				// Kubernetes puts variables in for $(NAME), and takes $$( as what it is.
				if want := strings.ReplaceAll(env[v.Name].(string), "$(", "$$("); v.Value != want {
					t.Errorf("%s is %q, want %q", v.Name, v.Value, want)
				}
			}
			for where, have := range map[string]map[string]string{"pod": pod.Annotations, "account": object[*core.ServiceAccount](t, all, "ServiceAccount pawl-fleet").Annotations} {
				for key, want := range notes {
					if have[key] != want {
						t.Errorf("%s of the %s is %q, want %q", key, where, have[key], want)
					}
				}
			}
			if pod.Labels["app.kubernetes.io/name"] != "pawl" {
				t.Errorf("a label of ours is %q", pod.Labels["app.kubernetes.io/name"])
			}
		})
	}
	t.Run("keys", func(t *testing.T) {
		t.Parallel()
		want := entry(map[string]any{"repository": "org/\"}\n- x: {{ y }}", "env": []any{"A"}, "docker": "/a"})
		all := objects(t, template(t, inline(t, usable(map[string]any{"fleet": want, "docker": []any{map[string]any{"path": "/a", "secret": "a"}}}))...))
		var have map[string]any
		strictly(t, object[*core.ConfigMap](t, all, "ConfigMap pawl-fleet").Data["fleet.yaml"], &have)
		if diff := cmp.Diff(fmt.Sprint(want), fmt.Sprint(have)); diff != "" {
			t.Error(diff)
		}
	})
}

// TestChartValues holds the schema of the values against the format of the fleet, and the values against the schema: each has its
// place there, and each place its value.
func TestChartValues(t *testing.T) {
	t.Parallel()
	type object = map[string]any
	var schema, values, format object
	text, err := fleet.Schema()
	if err := errors.Join(err, json.Unmarshal(text, &format), json.Unmarshal([]byte(readText(t, chart+"/values.schema.json")), &schema)); err != nil {
		t.Fatal(err)
	}
	schema["definitions"] = format["definitions"]
	want, err := json.MarshalIndent(schema, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if os.Getenv("PAWL_UPDATE") != "" {
		if err := os.WriteFile("../"+chart+"/values.schema.json", append(want, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(string(want)+"\n", readText(t, chart+"/values.schema.json")); diff != "" {
		t.Errorf("the schema of the values is not that of the fleet's file: run PAWL_UPDATE=1 go test ./internal -run TestChartValues\n%s", diff)
	}
	strictly(t, readText(t, chart+"/values.yaml"), &values)
	var compare func(at string, schema, value object)
	compare = func(at string, schema, value object) {
		properties, _ := schema["properties"].(object)
		if schema["type"] == "object" && properties != nil && schema["additionalProperties"] != false {
			t.Errorf("%s takes any key", at)
		}
		for key := range value {
			if properties[key] == nil {
				t.Errorf("%s.%s has no place in the schema", at, key)
			}
		}
		for key, p := range properties {
			if _, there := value[key]; !there && at+key != "global" {
				t.Errorf("%s%s is in the schema, and has no value", at, key)
			}
			if sub, _ := p.(object)["properties"].(object); sub != nil {
				inner, _ := value[key].(object)
				compare(at+key+".", p.(object), inner)
			}
		}
	}
	compare("", schema, values)
}
