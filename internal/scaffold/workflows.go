package scaffold

import (
	"bytes"
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
	var files []File
	update, push := s.chain.updatePath(), s.chain.deployPath()
	if update != "" {
		data, err := adapt(opt.Workflows, imageWorkflow, s.updating(opt))
		if err != nil {
			return nil, err
		}
		if update != imageWorkflow {
			data = bytes.Replace(data, []byte("\nname: docker-image\n"), []byte("\nname: pawl\n"), 1)
		}
		files = append(files, File{Path: update, Data: data, About: "the workflow that updates", Now: s.chain.now(update)})
	}
	if !s.chain.deploys() || push == "" {
		return files, nil
	}
	data, err := adapt(opt.Workflows, pushWorkflow, s.deploying(opt))
	if push != pushWorkflow {
		data = bytes.Replace(data, []byte("\nname: gitlab\n"), []byte("\nname: pawl-deploy\n"), 1)
	}
	return append(files, File{Path: push, Data: data, About: "the workflow that deploys what people merge", Now: s.chain.now(push)}), err
}

// updating are the changes of the workflow that updates. Without receivers of events nothing waits for the next run.
func (s survey) updating(opt Options) []swap {
	all := append(s.common(opt, "run"),
		swap{" This repository builds pawl from source; `pawl init` writes the same workflow with a release in it.\n", "\n"},
		swap{`paths: ["manifests/**", ".pawl.yaml"]`, "paths: " + flow(s.watched())},
		swap{"          # [{\"name\": \"dev\", \"secret\": \"TOKEN_DEV\", \"url\": \".../trigger/pipeline\"}]\n", ""},
		swap{"          GITHUB_TOKEN: ${{ github.token }}\n", "          GITHUB_TOKEN: ${{ github.token }}\n" + s.variables()},
	)
	if len(s.sinks) == 0 {
		all = append(all, swap{restoreOutbox, ""}, swap{saveOutbox, ""})
	}
	return all
}

// The steps that keep undelivered events between two runs.
const (
	restoreOutbox = `      # Events that could not be delivered wait here for the next run, whatever becomes of this one.
      - uses: actions/cache/restore@5a3ec84eff668545956fd18022155c47e93e2684 # v4.2.3
        with:
          path: ~/.local/state/pawl
          key: pawl-events-${{ github.run_id }}-${{ github.run_attempt }}
          restore-keys: pawl-events-
`
	saveOutbox = `      - uses: actions/cache/save@5a3ec84eff668545956fd18022155c47e93e2684 # v4.2.3
        if: always()
        with:
          path: ~/.local/state/pawl
          key: pawl-events-${{ github.run_id }}-${{ github.run_attempt }}
`
)

// deploying are the changes of the workflow that deploys.
func (s survey) deploying(opt Options) []swap {
	return append(s.common(opt, "deploy"),
		swap{" This repository builds pawl from\n# source; `pawl init` writes the same workflow with a release in it. The paths are those that projects deploy.\n", " The paths are\n# those that the projects deploy.\n"},
		swap{`paths: ["profiles/**"]`, "paths: " + flow(s.deployed())},
	)
}

// common are the changes of both workflows. A release is downloaded by its action, which holds it against its checksums;
// what is no release is built.
func (s survey) common(opt Options, command string) []swap {
	const build = "      - uses: actions/setup-go@d35c59abb061a4a6fb18e82ac0862c26744d6ab5 # v5.5.0\n        with:\n          go-version: \"1.26\"\n      - run: go install \"$PAWL\"\n"
	env, run := "    env:\n      PAWL: ./cmd/pawl\n", "      - run: pawl "+command+"\n"
	all := []swap{
		{"branches: [main]", "branches: " + flow([]string{s.branch()})},
		{"          PROJECTS: ${{ vars.PROJECTS }}\n          # One line for each secret that PROJECTS names.\n          TOKEN_DEV: ${{ secrets.TOKEN_DEV }}\n", s.tokens(command) + s.sinkVariables()},
	}
	if !release.MatchString(opt.Version) {
		return append(all, swap{env, "    env:\n      # a development version of pawl wrote this: use a release, see " + pages + "github-actions.md\n      PAWL: github.com/pawl-cd/pawl/cmd/pawl@latest\n"},
			swap{run, "      - run: pawl " + command + s.flags() + "\n"})
	}
	uses := "      - uses: " + action + opt.Version + "\n"
	if commit.MatchString(opt.Commit) {
		uses = "      - uses: " + action + opt.Commit + " # " + opt.Version + "\n"
	}
	return append(all, swap{env, ""}, swap{build, ""},
		swap{run, uses + "        with: {version: " + strings.TrimPrefix(opt.Version, "v") + ", command: " + quote(command+s.flags()) + "}\n"})
}

var (
	release = mustPattern(`^v\d+\.\d+\.\d+$`)
	commit  = mustPattern(`^[0-9a-f]{40}$`)
)

// tokens are the lines of an environment that hold the projects and their trigger tokens.
func (s survey) tokens(command string) string {
	c := s.chain
	written := func(name string) bool {
		return slices.Contains(s.sinkTokens(), name) || command == "run" && s.read(name)
	}
	if !c.deploys() {
		return ""
	}
	var b strings.Builder
	if c.variable != "" {
		fmt.Fprintf(&b, "          %s: ${{ %s.%s }}\n", c.variable, c.context, c.variable)
	}
	secrets := map[string]string{}
	for name, secret := range c.secrets {
		if name != c.variable && !s.read(name) && !written(name) {
			secrets[name] = secret
		}
	}
	if c.variable == "" {
		for _, p := range c.projects {
			for _, name := range []string{p.Secret, p.API} {
				if name != "" && secrets[name] == "" && !written(name) {
					secrets[name] = name
				}
			}
		}
	}
	for _, name := range sorted(secrets) {
		fmt.Fprintf(&b, "          %s: ${{ secrets.%s }}\n", name, secrets[name])
	}
	if len(secrets) == 0 && c.variable != "" {
		fmt.Fprintf(&b, "          # One line for each secret that %s names:\n          # TOKEN_DEV: ${{ secrets.TOKEN_DEV }}\n", c.variable)
	}
	return b.String()
}

// read reports whether a variable is among those that manifests read.
func (s survey) read(name string) bool {
	return slices.Contains(s.existing.env, name) || s.existing.secrets[name] != ""
}

// variables are the lines for what manifests read.
func (s survey) variables() string {
	var b strings.Builder
	for _, name := range s.existing.env {
		if name == s.chain.variable || slices.Contains(ours, name) || slices.Contains(s.sinkTokens(), name) {
			continue
		}
		fmt.Fprintf(&b, "          %s: ${{ vars.%s }}\n", name, name)
	}
	for _, name := range sorted(s.existing.secrets) {
		if slices.Contains(s.existing.env, name) || name == s.chain.variable || slices.Contains(s.sinkTokens(), name) {
			continue
		}
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
