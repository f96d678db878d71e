package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pawl-cd/pawl/internal/deploy"
	"github.com/pawl-cd/pawl/internal/gate"
	"github.com/pawl-cd/pawl/internal/gate/program"
	"github.com/pawl-cd/pawl/internal/ledger"
	"github.com/pawl-cd/pawl/internal/plan"
)

// theVerdicts is what messages call the file.
const theVerdicts = "the verdicts"

type gatesOptions struct {
	*globals
	inputs
	verdicts, ledger, output string
	settle                   time.Duration
}

func newGates(g *globals) *cobra.Command {
	o := &gatesOptions{globals: g}
	cmd := &cobra.Command{
		Use:   "gates",
		Short: "Start the programs of gates over what would be written, and keep their verdicts",
		Long: `Gates plans, starts the programs of gates in .pawl.yaml over each version that would be written, and writes what
they said to a file, which pawl run --verdicts reads. It is the only command that starts programs, and wants no token: give it
a step of its own. Where one denies a version, the next lower one is judged, at most three for a value. What runs remember
(brakes, ages, what people rejected) comes from pawl ledger show.`,
		Example: `  pawl ledger show --file ledger.json
  pawl gates --ledger ledger.json --verdicts verdicts.json
  pawl run --verdicts verdicts.json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context()) },
	}
	addOutput(cmd, &o.output, "text", "json")
	f := cmd.Flags()
	f.StringVar(&o.verdicts, "verdicts", "", "the `file` to write what the gates say to")
	f.StringVar(&o.ledger, "ledger", "", "a `file` that pawl ledger show wrote, or - for stdin; without it every version counts that the filters let through")
	f.StringVar(&o.Image, "image", "", "the `image` that was published, as for pawl run")
	f.StringVar(&o.Tag, "tag", "", "the `tag` that was published")
	f.DurationVar(&o.settle, "settle", 2*time.Minute, "wait this `time` for an announced tag to appear")
	return cmd
}

func (o *gatesOptions) run(ctx context.Context) error {
	if o.verdicts == "" {
		return usage(errors.New("--verdicts: name the file to write to"))
	}
	if err := writable(theVerdicts, o.verdicts); err != nil {
		return err
	}
	dispatched, err := o.job().inputs()
	if err != nil {
		return &exit{code: Usage, err: err, topics: []topic{eventFileTopic}}
	}
	s, err := o.open()
	if err != nil {
		return err
	}
	defer s.close()
	s.warn()
	if err := o.keep(gate.Verdicts{}); err != nil { // what an earlier run left counts for none, whatever happens here
		return err
	}
	judge, err := o.judge(s)
	if err != nil {
		return err
	}
	if len(s.gatesUsed()) == 0 {
		return o.tell(gate.Verdicts{}, plan.Plan{})
	}
	p, _ := s.pipeline()
	p.Judge = judge
	if o.ledger != "" {
		if p.Ledger, err = o.remembered(); err != nil {
			return &exit{code: Usage, err: fmt.Errorf("--ledger: %w", err), hint: "name a file that pawl ledger show wrote"}
		}
		p.Sightings = true
	}
	hints := o.inputs.or(dispatched)
	p.Announced = o.announced(hints, o.settle)
	made, err := p.Plan(ctx, s.manifests)
	if err != nil {
		return &exit{code: Interrupted, err: err}
	}
	return o.tell(judge.Said(), made)
}

// judge makes what starts the programs, and refuses to where one of them could read a secret.
func (o *gatesOptions) judge(s *session) (*program.Judge, error) {
	gates, err := s.gates()
	if err != nil {
		return nil, err
	}
	used := s.gatesUsed()
	if name := s.secretSet(); name != "" && len(used) > 0 {
		return nil, &exit{code: Usage, err: fmt.Errorf("%s is set, and a program can read the environment of what started it", name), topics: []topic{gatesTopic},
			hint: "run pawl gates in a step or a job of its own, without tokens; what pawl run remembers comes from pawl ledger show"}
	}
	root, err := filepath.Abs(o.root)
	if err != nil {
		return nil, &exit{code: Failure, err: err}
	}
	judge := &program.Judge{Gates: gates, Root: root, Env: o.sys.Env, Hide: o.door.Text, Now: o.sys.Now, Save: o.keep}
	if err := judge.Look(used); err != nil {
		return nil, &exit{code: Usage, err: err, topics: []topic{gatesTopic}}
	}
	return judge, nil
}

// keep writes all verdicts; a reader sees the file before or after, never half of it.
func (o *gatesOptions) keep(all gate.Verdicts) error {
	return o.save(theVerdicts, o.verdicts, all.Encode())
}

// tell prints the verdicts, and ends as they were.
func (o *gatesOptions) tell(said gate.Verdicts, made plan.Plan) error {
	slices.SortStableFunc(said.Verdicts, func(a, b gate.Verdict) int {
		return strings.Compare(a.Artifact+" "+a.Gate, b.Artifact+" "+b.Gate)
	})
	text := string(said.Encode())
	if o.output != "json" {
		text = verdictLines(said.Verdicts)
	}
	if err := o.write(text); err != nil {
		return err
	}
	topics := topicsOfPlan(made)
	if slices.ContainsFunc(said.Verdicts, func(v gate.Verdict) bool { return v.Outcome == gate.Broken }) {
		topics = append(topics, gatesTopic)
	}
	if len(topics) > 0 {
		return &exit{code: Partial, topics: topics}
	}
	return nil
}

// verdictWords say an outcome in a line.
var verdictWords = map[gate.Outcome]string{gate.Pass: "passes", gate.Deny: "denied", gate.Broken: "not judged"}

func verdictLines(all []gate.Verdict) string {
	var b strings.Builder
	for _, v := range all {
		line := fmt.Sprintf("%s: %s %s", v.Gate, v.Artifact, verdictWords[v.Outcome])
		if v.Detail != "" && v.Outcome != gate.Pass {
			line += ": " + v.Detail
		}
		b.WriteString(printable(line) + "\n")
	}
	if len(all) == 0 {
		b.WriteString("nothing to judge\n")
	}
	return b.String()
}

// gates are the declared gates by name, each with what the files hold that its arguments name.
func (s *session) gates() (map[string]gate.Gate, error) {
	all := make(map[string]gate.Gate, len(s.config.Gates))
	for _, g := range s.config.Gates {
		g.Files = map[string]string{}
		for _, name := range g.Named() {
			if err := s.digests(name, g.Files); err != nil {
				return nil, &exit{code: Usage, err: fmt.Errorf("gates.%s: %w", g.Name, err), topics: []topic{gatesTopic}}
			}
		}
		all[g.Name] = g
	}
	return all, nil
}

// maxNamed bounds the files of a directory that a gate's argument names.
const maxNamed = 1000

// digests notes the SHA-256 of a file below the root, or of all files of a directory there; what is neither is no path.
func (s *session) digests(name string, into map[string]string) error {
	name = path.Clean(name)
	if !fs.ValidPath(name) || name == "." {
		return nil
	}
	fsys := s.tree.FS()
	if _, err := fs.Stat(fsys, name); err != nil {
		return nil //nolint:nilerr // an argument that is no path below the root
	}
	return fs.WalkDir(fsys, name, func(p string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() && p != name {
			return err
		}
		if len(into) >= maxNamed {
			return fmt.Errorf("the arguments name more than %d files", maxNamed)
		}
		info, err := fs.Stat(fsys, p)
		if err != nil || info.IsDir() {
			return err
		}
		f, err := fsys.Open(p)
		if err != nil {
			return err
		}
		defer f.Close()
		sum := sha256.New()
		if _, err := io.Copy(sum, f); err != nil {
			return err
		}
		into[p] = hex.EncodeToString(sum.Sum(nil))
		return nil
	})
}

// gatesUsed are the gates that a manifest's policy names, in the order of the configuration.
func (s *session) gatesUsed() []string {
	var used []string
	for _, g := range s.config.Gates {
		for _, m := range s.manifests {
			for _, src := range m.Sources {
				if m.Valid() && slices.Contains(src.Policy.Gates, g.Name) && g.Judges(string(src.Query.Kind)) && !slices.Contains(used, g.Name) {
					used = append(used, g.Name)
				}
			}
		}
	}
	return used
}

// secretSet is the first variable of the environment that holds a secret of the profile, empty when there is none.
func (s *session) secretSet() string {
	names := s.config.SecretVariables()
	if variable := s.config.Deploy.Variable; variable != "" {
		if projects, err := deploy.Parse([]byte(s.env(variable))); err == nil {
			for _, p := range projects {
				names = append(names, p.Secret, p.API)
			}
		}
	}
	for _, name := range names {
		if name != "" && s.env(name) != "" {
			return name
		}
	}
	return ""
}

// recorded answers for gates from a file of verdicts; an empty name is a file without any.
func (s *session) recorded(file string) (plan.Judge, error) {
	gates, err := s.gates()
	if err != nil {
		return nil, err
	}
	judge := gate.Recorded{Gates: gates}
	if file == "" {
		return judge, nil
	}
	data, err := s.g.read(file, gate.MaxSize)
	if err == nil {
		judge.Verdicts, err = gate.Parse(data)
	}
	if err != nil {
		return nil, &exit{code: Usage, err: fmt.Errorf("--verdicts: %w", err), hint: "name the file that pawl gates --verdicts wrote", topics: []topic{gatesTopic}}
	}
	for i, v := range judge.Verdicts.Verdicts {
		judge.Verdicts.Verdicts[i].Detail = s.g.door.Text(v.Detail)
	}
	return judge, nil
}

// remembered reads what pawl ledger show wrote.
func (o *gatesOptions) remembered() (ledger.Ledger, error) {
	data, err := o.read(o.ledger, 2*ledger.MaxSize)
	if err != nil {
		return ledger.Ledger{}, err
	}
	var all ledgerFiles
	if err := json.Unmarshal(data, &all); err != nil {
		return ledger.Ledger{}, err
	}
	if all.Schema != ledgerSchema {
		return ledger.Ledger{}, fmt.Errorf("want schema %s, have %q", ledgerSchema, all.Schema)
	}
	files := ledger.Snapshot{}
	for name, text := range all.Files {
		files[name] = []byte(text)
	}
	return ledger.Decode(files)
}
