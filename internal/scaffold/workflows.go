package scaffold

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// Where the workflows are, in this repository as in every other.
const (
	workflowDir   = ".github/workflows"
	imageWorkflow = workflowDir + "/docker-image.yaml"
	pushWorkflow  = workflowDir + "/gitlab.yaml"
)

// swap replaces one text, which has to be there once.
type swap struct{ old, with string }

// workflows adapts the embedded ones; gitlab.yaml is of use only when something is deployed.
func (s survey) workflows(opt Options) ([]File, error) {
	image, err := adapt(opt.Workflows, imageWorkflow, append(s.common(opt),
		swap{"pipelines that deploy\n# it. To use it in a profile of your own, copy this file and change PAWL below.\n", "pipelines that deploy\n# it.\n"},
		swap{`paths: ["manifests/**", ".pawl.yaml"]`, "paths: " + flow(s.watched())},
		swap{"      - run: pawl run\n", "      - run: pawl run" + s.flags() + "\n"},
		swap{"          # [{\"name\": \"dev\", \"secret\": \"TOKEN_DEV\", \"url\": \".../trigger/pipeline\"}]\n", ""},
		swap{"          GITHUB_TOKEN: ${{ github.token }}\n", "          GITHUB_TOKEN: ${{ github.token }}\n" + s.variables()},
	))
	if err != nil {
		return nil, err
	}
	files := []File{{Path: imageWorkflow, Data: image, About: "the workflow that updates"}}
	if !s.chain.deploys() {
		return files, nil
	}
	push, err := adapt(opt.Workflows, pushWorkflow, append(s.common(opt),
		swap{" To use it in a profile of your own, copy this\n# file and change PAWL below; the paths are those that your projects deploy.\n", " The paths are those that\n# the projects deploy.\n"},
		swap{`paths: ["profiles/**"]`, "paths: " + flow(s.deployed())},
		swap{"      - run: pawl deploy\n", "      - run: pawl deploy" + s.flags() + "\n"},
	))
	return append(files, File{Path: pushWorkflow, Data: push, About: "the workflow that deploys what people merge"}), err
}

// common are the changes of both workflows.
func (s survey) common(opt Options) []swap {
	pinned := ""
	if !release.MatchString(opt.Version) {
		opt.Version, pinned = "latest", "      # pin it to the release that you use\n"
	}
	return []swap{
		{"branches: [main]", "branches: " + flow([]string{s.branch()})},
		{"      # In another repository: github.com/pawl-cd/pawl/cmd/pawl@VERSION\n      PAWL: ./cmd/pawl\n",
			pinned + "      PAWL: github.com/pawl-cd/pawl/cmd/pawl@" + opt.Version + "\n"},
		{"          PROJECTS: ${{ vars.PROJECTS }}\n          # One line for each secret that PROJECTS names.\n          TOKEN_DEV: ${{ secrets.TOKEN_DEV }}\n", s.tokens()},
	}
}

var release = mustPattern(`^v\d+\.\d+\.\d+$`)

// tokens are the lines of an environment that hold the projects and their trigger tokens.
func (s survey) tokens() string {
	c := s.chain
	if !c.deploys() {
		return ""
	}
	var b strings.Builder
	if c.variable != "" {
		fmt.Fprintf(&b, "          %s: ${{ %s.%s }}\n", c.variable, c.context, c.variable)
	}
	secrets := map[string]string{}
	for name, secret := range c.secrets {
		if name != c.variable && !slices.Contains(s.existing.env, name) && s.existing.secrets[name] == "" {
			secrets[name] = secret
		}
	}
	if c.variable == "" {
		for _, p := range c.projects {
			if secrets[p.Secret] == "" {
				secrets[p.Secret] = p.Secret
			}
		}
	}
	for _, name := range sorted(secrets) {
		fmt.Fprintf(&b, "          %s: ${{ secrets.%s }}\n", name, secrets[name])
	}
	if len(secrets) == 0 {
		fmt.Fprintf(&b, "          # One line for each secret that %s names:\n          # TOKEN_DEV: ${{ secrets.TOKEN_DEV }}\n", c.variable)
	}
	return b.String()
}

// variables are the lines for what manifests read.
func (s survey) variables() string {
	var b strings.Builder
	for _, name := range s.existing.env {
		fmt.Fprintf(&b, "          %s: ${{ vars.%s }}\n", name, name)
	}
	for _, name := range sorted(s.existing.secrets) {
		fmt.Fprintf(&b, "          %s: ${{ secrets.%s }}\n", name, name)
	}
	return b.String()
}

// watched are the paths whose change people review.
func (s survey) watched() []string {
	dirs := s.existing.dirs
	if len(dirs) == 0 {
		dirs = []string{s.existing.drafts}
	}
	var all []string
	for _, dir := range dirs {
		all = append(all, dir+"/**")
	}
	return append(all, ".pawl.yaml")
}

// deployed are the files that projects consume: those of the old workflow, and all that manifests write.
func (s survey) deployed() []string {
	all := s.targets()
	return append(all, s.extra()...)
}

// flags name the manifests where pawl does not look by itself.
func (s survey) flags() string {
	var b strings.Builder
	for _, dir := range s.existing.flags() {
		b.WriteString(" --manifests " + path.Clean(dir))
	}
	return b.String()
}

func adapt(fsys fs.FS, name string, swaps []swap) ([]byte, error) {
	data, err := fs.ReadFile(fsys, name)
	if err != nil {
		return nil, fmt.Errorf("reading the workflow: %w", err)
	}
	text := string(data)
	for _, s := range swaps {
		if n := strings.Count(text, s.old); n != 1 {
			return nil, fmt.Errorf("adapting %s: %q is there %d times", name, s.old, n)
		}
		text = strings.Replace(text, s.old, s.with, 1)
	}
	return []byte(text), nil
}
