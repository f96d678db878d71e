package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"time"
	"unicode"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/pawl-cd/pawl/internal/config"
	"github.com/pawl-cd/pawl/internal/fault"
	"github.com/pawl-cd/pawl/internal/fleet"
	"github.com/pawl-cd/pawl/internal/forge"
	"github.com/pawl-cd/pawl/internal/httpx"
	"github.com/pawl-cd/pawl/internal/manifest"
	"github.com/pawl-cd/pawl/internal/strictyaml"
	"github.com/pawl-cd/pawl/internal/wire"
)

// maxTold is how many repositories one line names.
const maxTold = 10

type fleetDiscoverOptions struct {
	*globals
	file, output        string
	forge, url          string
	owner, topic, token string
}

func newFleetDiscover(g *globals) *cobra.Command {
	o := &fleetDiscoverOptions{globals: g}
	cmd := &cobra.Command{
		Use:   "discover",
		Short: "Print entries of a fleet's file for the profiles that a forge lists",
		Long: `Discover prints the entries that the file of a fleet lacks, for a person to take over: the profiles among the repositories of an
owner, or among all that a token is for: the installation of a GitHub App, else all in which its user has a role. It asks the forge
only, and changes nothing. The file is whole where there is none yet. A profile has .pawl.yaml or manifests at the top of its default
branch. The variables that its .pawl.yaml names stand in a comment: which of them it sees is yours to say.

On stderr it names what is left out, and entries that the forge does not list. It exits with 3 when a repository could not be looked
into, with 1 when the forge could not be listed to the end: then nothing is printed.`,
		Example: `  pawl fleet discover --owner acme --topic pawl --token ACME_TOKEN > fleet.yaml
  pawl fleet discover --token APP_TOKEN
  pawl fleet discover --forge gitlab --url https://gitlab.acme.example --owner acme/platform --token ACME_TOKEN
  pawl fleet discover --owner acme --output json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context()) },
	}
	addOutput(cmd, &o.output, "yaml", "json")
	f := cmd.Flags()
	f.StringVar(&o.file, "fleet", fleet.FileName, "the `file` that lists the profiles so far, or - for stdin; it may be missing")
	f.StringVar(&o.forge, "forge", "github", "the `kind` of forge: github, gitea or gitlab")
	f.StringVar(&o.url, "url", "", "the `address` of a gitea or a gitlab")
	f.StringVar(&o.owner, "owner", "", "list what this `owner` has, at GitLab in the groups below as well; without it, what the token is for")
	f.StringVar(&o.topic, "topic", "", "take only repositories with this `topic`")
	f.StringVar(&o.token, "token", "", "the `variable` with the token that lists; the entries name it as that of the profiles")
	return cmd
}

// discovering is what the flags mean.
type discovering struct {
	fleet.Discovery
	// whole says that there is no file yet.
	whole   bool
	entries []fleet.Profile
	client  forge.Catalog
}

func (o *fleetDiscoverOptions) run(ctx context.Context) error {
	d, err := o.prepare()
	if err != nil {
		return err
	}
	listed, err := d.client.List(ctx, forge.Wanted{Owner: o.owner, Topic: o.topic})
	if err != nil {
		return &exit{code: Failure, err: err, hint: o.elsewhere(err)}
	}
	for _, one := range listed {
		d.Repositories = append(d.Repositories, d.found(one))
	}
	d.Match(d.entries)
	if err := o.look(ctx, d); err != nil {
		return err
	}
	if err := o.print(d); err != nil {
		return err
	}
	o.tell(d)
	if len(d.Of(fleet.Unread)) > 0 {
		return &exit{code: Partial, topics: []topic{fleetTopic}}
	}
	return nil
}

// elsewhere is a hint for who may have meant another forge than GitHub; empty for what the error advises itself.
func (o *fleetDiscoverOptions) elsewhere(err error) string {
	if o.forge == "github" && errors.Is(err, httpx.ErrUnknownHost) {
		return "name a Gitea or a GitLab with --forge and --url; a network without internet needs HTTPS_PROXY"
	}
	return ""
}

// prepare reads the flags and the file; nothing is asked yet.
func (o *fleetDiscoverOptions) prepare() (*discovering, error) {
	if o.config != "" {
		return nil, usage(errors.New("--config: that of a profile of a fleet is the one of its base branch"))
	}
	if o.forge != "github" && o.forge != "gitea" && o.forge != "gitlab" {
		return nil, usage(fmt.Errorf("--forge: want github, gitea or gitlab, have %q", o.forge))
	}
	address, wrong := fleet.Place(o.forge, o.url)
	if wrong != nil {
		if wrong.Kind {
			wrong.Hint = "add --url https://HOST"
		}
		return nil, &exit{code: Usage, err: fmt.Errorf("--url: %w", wrong), hint: wrong.Hint, topics: []topic{usageTopic}}
	}
	token, err := o.secret()
	if err != nil {
		return nil, err
	}
	if o.owner == "" && token == "" {
		return nil, &exit{code: Usage, err: errors.New("it is not said whose repositories are meant"), topics: []topic{usageTopic},
			hint: "name an --owner, or with --token the variable with the token whose repositories are meant"}
	}
	if o.owner != "" && !fleet.IsRepository(o.forge, o.owner+"/x") {
		return nil, usage(fmt.Errorf("--owner: want the name of a person, an organization or, at GitLab, a group, have %q", o.owner))
	}
	if len(o.topic) > 255 || strings.ContainsFunc(o.topic, func(r rune) bool { return r == ',' || !unicode.IsPrint(r) }) {
		return nil, usage(fmt.Errorf("--topic: want one topic, have %q", o.topic))
	}
	d := &discovering{Discovery: fleet.Discovery{
		Schema: fleet.DiscoverySchema, At: o.sys.Now().UTC().Truncate(time.Second),
		Forge: o.forge, URL: address, Owner: o.owner, Topic: o.topic, Repositories: []fleet.Found{},
	}}
	if d.entries, d.whole, err = o.known(); err != nil {
		return nil, err
	}
	w := wire.Wire{
		Config: config.Config{Forge: config.Forge{Kind: o.forge, URL: address}}, Env: o.sys.Env, Timeout: o.timeout, UserAgent: "pawl/" + buildVersion(),
		Redactor: o.door, Log: o.logger(), Transport: o.sys.Transport, Now: o.sys.Now, Sleep: o.sys.Sleep,
	}
	if d.client, err = w.Catalog(token); err != nil {
		return nil, &exit{code: Usage, err: err, hint: "see GITHUB_API_URL and --url"}
	}
	return d, nil
}

// secret is the token that the named variable holds. A name that is none may be the secret itself and is not repeated.
func (o *fleetDiscoverOptions) secret() (string, error) {
	if o.token == "" {
		return "", nil
	}
	if !variableName.MatchString(o.token) {
		return "", usage(fault.New("put the token into a variable, and write e.g. --token ACME_TOKEN", "--token: want the name of a variable; the token itself stays in the environment"))
	}
	value, set := o.sys.Env(o.token)
	if !set || value == "" {
		err := fmt.Errorf("--token: the variable %s is not set", o.token)
		return "", &exit{code: Usage, err: err, hint: "set it to a token of the forge", topics: []topic{fleetTopic}}
	}
	o.door.Add(value)
	return value, nil
}

// known are the entries of the file. One that is missing has none, and so has one that a shell has just emptied to write into it.
func (o *fleetDiscoverOptions) known() (entries []fleet.Profile, whole bool, err error) {
	data, err := o.read(o.file, maxFleetFile)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(bytes.TrimSpace(data)) == 0 {
		return nil, true, nil
	}
	if err != nil {
		err = fmt.Errorf("reading the fleet: %w", err)
		return nil, false, &exit{code: Usage, err: err, hint: noFleet, topics: []topic{fleetTopic}}
	}
	all, problems := fleet.Parse(o.file, data)
	for _, p := range problems {
		o.reporter().problem(p)
	}
	if strictyaml.Failed(problems) {
		return nil, false, &exit{code: Usage, topics: []topic{fleetTopic}}
	}
	return all.Profiles, false, nil
}

// findings are those of repositories that take no changes.
var findings = map[forge.Frozen]fleet.Finding{
	forge.FrozenArchived: fleet.Archived, forge.FrozenDisabled: fleet.Disabled, forge.FrozenMirror: fleet.Mirrored, forge.FrozenDeleted: fleet.Deleted,
}

// found is what a listing says of a repository; what it holds is looked at later.
func (d *discovering) found(r forge.Listed) fleet.Found {
	one := fleet.Found{Repository: r.Name, Finding: fleet.New}
	switch finding, frozen := findings[r.Frozen]; {
	case !fleet.IsRepository(d.Forge, r.Name), d.Owner != "" && !strings.HasPrefix(strings.ToLower(r.Name), strings.ToLower(d.Owner)+"/"):
		one.Finding, one.Detail = fleet.Odd, "no repository of the owner has such a name"
	case frozen:
		one.Finding = finding
	}
	return one
}

// look looks into what the file does not list: for each repository a request, and one more for what has a configuration. After
// the forge says that there were too many, no more are sent.
func (o *fleetDiscoverOptions) look(ctx context.Context, d *discovering) error {
	var group errgroup.Group
	group.SetLimit(config.DefaultConcurrency)
	var enough atomic.Pointer[error]
	for i := range d.Repositories {
		one := &d.Repositories[i]
		if one.Finding != fleet.New {
			continue
		}
		group.Go(func() error {
			var err error
			if said := enough.Load(); said != nil {
				err = *said
			} else {
				err = o.inspect(ctx, d, one)
			}
			if err == nil || ctx.Err() != nil {
				return ctx.Err()
			}
			if low, _ := errors.AsType[*httpx.Error](err); low != nil && low.Wait > 0 {
				enough.CompareAndSwap(nil, &err)
			}
			one.Finding, one.Entry, one.Variables = fleet.Unread, nil, nil
			one.Detail, one.Hint = o.door.Text(err.Error()), fault.Hint(err)
			return nil
		})
	}
	return group.Wait()
}

// inspect looks for a profile in a repository.
func (o *fleetDiscoverOptions) inspect(ctx context.Context, d *discovering, one *fleet.Found) (err error) {
	defer o.caught(&err)
	names, err := d.client.Top(ctx, one.Repository)
	if err != nil {
		return err
	}
	folder := ""
	for _, dir := range o.folders() {
		if slices.Contains(names, dir) {
			folder = dir
			break
		}
	}
	configured := slices.Contains(names, config.FileName)
	if !configured && folder == "" {
		one.Finding = fleet.NoProfile
		return nil
	}
	one.Entry = d.Entry(one.Repository, o.token)
	if !configured {
		one.Detail = "it has no " + config.FileName + ", only " + folder
		return nil
	}
	data, err := d.client.File(ctx, one.Repository, config.FileName)
	if err != nil {
		return err
	}
	c, problems := config.Parse(config.FileName, data)
	if strictyaml.Failed(problems) {
		one.Detail = "its " + config.FileName + " cannot be used: pawl validate says why"
		return nil
	}
	own := []string{"MERGE_TOKEN", "DOCKER_CONFIG"} // which an entry says otherwise
	one.Variables = slices.DeleteFunc(c.Variables(), func(name string) bool { return slices.Contains(own, name) })
	return nil
}

// folders are the directories at the top that may hold manifests.
func (o *fleetDiscoverOptions) folders() []string {
	dirs := o.manifests
	if len(dirs) == 0 {
		dirs = manifest.UsualDirs()
	}
	var all []string
	for _, dir := range dirs {
		first, _, _ := strings.Cut(strings.TrimPrefix(dir, "./"), "/")
		all = append(all, first+"/")
	}
	return all
}

func (o *fleetDiscoverOptions) print(d *discovering) error {
	if o.output == "json" {
		if err := writeJSON(o.sys.Out, d.Discovery); err != nil {
			return &exit{code: Failure, err: err}
		}
		return nil
	}
	text, err := d.YAML(d.whole)
	if err != nil {
		return &exit{code: Failure, err: err}
	}
	return o.write(text)
}

// leftOut are the findings of what gets no entry, in words.
var leftOut = []struct {
	finding fleet.Finding
	words   string
}{
	{fleet.Archived, "archived"}, {fleet.Disabled, "disabled by the forge"}, {fleet.Mirrored, "mirrors of something else"},
	{fleet.Deleted, "about to be deleted"},
	{fleet.NoProfile, "without a profile at the top of the default branch that can be seen"},
}

// tell says what is printed, what is not, and which entries of the file a person should look at.
func (o *fleetDiscoverOptions) tell(d *discovering) {
	r := o.reporter()
	for _, one := range d.Repositories {
		switch {
		case one.Finding == fleet.Gone:
			r.say(slog.LevelWarn, one.Place+": "+one.Repository+": "+one.Detail, one.Hint)
		case one.Listed && one.Finding != fleet.Known:
			text := fmt.Sprintf("%s: %s takes no changes, %s", one.Place, one.Repository, wordsOf(one.Finding))
			r.say(slog.LevelWarn, text, "take the entry out")
		}
	}
	for _, line := range leftOut {
		names := namesOf(d.Of(line.finding))
		if len(names) > 0 {
			r.say(slog.LevelInfo, fmt.Sprintf("left out, %s: %s", line.words, some(names)), "")
		}
	}
	if odd := namesOf(d.Of(fleet.Odd)); len(odd) > 0 {
		text := "left out, with a name that no entry can have: " + some(inQuotes(odd))
		r.say(slog.LevelWarn, text, "rename them, or ask who runs the forge")
	}
	unread := d.Of(fleet.Unread)
	for _, one := range unread[:min(len(unread), maxTold)] {
		r.say(slog.LevelError, one.Detail, one.Hint)
	}
	if more := len(unread) - maxTold; more > 0 {
		text := fmt.Sprintf("and %d more could not be looked into", more)
		r.say(slog.LevelError, text, "run again later: what is in the file by then is not looked at again")
	}
	fresh, listed := len(d.Of(fleet.New)), len(d.Repositories)-len(d.Of(fleet.Gone))
	hint := ""
	if listed == 0 && o.topic != "" {
		hint = "give the repositories the topic " + o.topic + " at the forge, or leave out --topic: what holds no profile is left out all the same"
	}
	r.say(slog.LevelInfo, fmt.Sprintf("%s listed: %d new, %d in the file", repositories(listed), fresh, len(d.Of(fleet.Known))), hint)
	if fresh > 0 && o.output == "yaml" {
		r.next("look through the entries, say with env and docker what each profile sees, and try them with pawl fleet run --dry-run")
	}
}

func wordsOf(finding fleet.Finding) string {
	for _, line := range leftOut {
		if line.finding == finding {
			return line.words
		}
	}
	return string(finding)
}

// namesOf are the names of those that the file does not list.
func namesOf(all []fleet.Found) []string {
	var names []string
	for _, one := range all {
		if !one.Listed {
			names = append(names, one.Repository)
		}
	}
	return names
}

func inQuotes(names []string) []string {
	var all []string
	for _, name := range names {
		all = append(all, strictyaml.Quote(name))
	}
	return all
}

// some names a few of many.
func some(names []string) string {
	text := strings.Join(names[:min(len(names), maxTold)], ", ")
	if more := len(names) - maxTold; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

func repositories(n int) string {
	if n == 1 {
		return "1 repository"
	}
	return fmt.Sprintf("%d repositories", n)
}
