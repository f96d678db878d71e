package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/pawl-cd/pawl/internal/change"
	"github.com/pawl-cd/pawl/internal/manifest"
	"github.com/pawl-cd/pawl/internal/page"
	"github.com/pawl-cd/pawl/internal/past"
)

// maxNames is how many names of one file are followed back.
const maxNames = 5

// values are the tracked values of the profile as its files held them over time, none where there is no manifest.
func (o *historyOptions) values(ctx context.Context) ([]page.Value, error) {
	s, err := o.open()
	if errors.Is(err, manifest.ErrNone) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer s.close()
	keys, sources := s.keys()
	if len(keys) == 0 {
		return nil, nil
	}
	series, err := o.series(ctx, keys)
	if err != nil {
		return nil, &exit{code: Failure, err: err}
	}
	all := make([]page.Value, len(series))
	for i, one := range series {
		all[i] = page.Value{Series: one, Source: sources[one.Manifest]}
	}
	return all, nil
}

// keys are the places that the manifests track, and what each manifest follows. A manifest with a fault is told of; what can
// be read of it counts.
func (s *session) keys() ([]past.Key, map[string]change.Source) {
	var keys []past.Key
	sources, broken := map[string]change.Source{}, 0
	for _, m := range s.manifests {
		if !m.Valid() {
			broken++
		}
		for _, t := range m.Targets {
			if !findable(t) {
				continue
			}
			keys = append(keys, past.Key{Manifest: m.Name, File: t.File, Address: t.Address()})
			if _, known := sources[m.Name]; !known {
				sources[m.Name] = sourceOf(m, t)
			}
		}
	}
	if broken > 0 {
		s.g.reporter().say(slog.LevelWarn, count(broken, "manifest")+" with faults: values may be missing from the history", "run pawl validate")
	}
	return keys, sources
}

// findable reports whether a target says where its value is, in a file whose name git can be asked for.
func findable(t manifest.Target) bool {
	return t.File != "" && !strings.Contains(t.File, "\n") && (t.Key.String() != "" || !t.Pattern.Zero())
}

// sourceOf is the source of a target, as far as the manifest has it.
func sourceOf(m manifest.Manifest, t manifest.Target) change.Source {
	for _, src := range m.Sources {
		if src.ID == t.SourceID {
			return change.Source{Kind: string(src.Query.Kind), Name: src.Name}
		}
	}
	return change.Source{}
}

// series asks git what the keys were.
func (o *historyOptions) series(ctx context.Context, keys []past.Key) ([]past.Series, error) {
	dir := o.history(ctx)
	commits, err := gitTouched(ctx, dir, keys)
	if err != nil {
		return nil, err
	}
	p := past.New(keys, commits)
	cut, err := gitContents(ctx, dir, p)
	if err != nil {
		return nil, err
	}
	if cut {
		o.reporter().say(slog.LevelWarn, fmt.Sprintf("the files had more than %d MB: older values are missing from the history", maxContents>>20), "")
	}
	return p.Series(), nil
}

// history is where git is asked for the files: in the profile's directory, which may be a part of the repository that is
// named, or else at the top of that one, which may be bare.
func (o *historyOptions) history(ctx context.Context) string {
	if of := askGit(ctx, o.root, "rev-parse", "--absolute-git-dir"); of == "" || of != askGit(ctx, o.git, "rev-parse", "--absolute-git-dir") {
		return o.git
	}
	return o.root
}

// gitTouched are the commits on the first line of HEAD that touched the keys' files, also under the names that these had
// before, the newest first.
func gitTouched(ctx context.Context, dir string, keys []past.Key) ([]past.Commit, error) {
	var names []string
	for _, k := range keys {
		names = append(names, k.File)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	for range maxNames - 1 {
		commits, err := gitLog(ctx, dir, names)
		if err != nil {
			return nil, err
		}
		older, err := gitRenamed(ctx, dir, past.Appeared(commits, names), names)
		if err != nil || len(older) == 0 {
			return commits, err
		}
		names = append(names, older...)
	}
	return gitLog(ctx, dir, names)
}

// gitLog asks for the commits that touched files.
func gitLog(ctx context.Context, dir string, names []string) ([]past.Commit, error) {
	in := "HEAD\n--\n" + strings.Join(names, "\n") + "\n"
	data, err := gitOutput(ctx, dir, in, "log", "--stdin", "-z", "--raw", "--no-abbrev", "--first-parent", "-m", "--find-renames",
		"--relative", "--no-color", "--no-decorate", fmt.Sprintf("--max-count=%d", maxCommits), "--format="+past.LogFormat)
	if err != nil {
		return nil, err
	}
	return past.ParseLog(data)
}

// gitRenamed are the names that known files had before the commits in which they appeared, without those that are known.
func gitRenamed(ctx context.Context, dir string, appeared []past.Commit, known []string) ([]string, error) {
	if len(appeared) == 0 {
		return nil, nil
	}
	var in strings.Builder
	for _, c := range appeared {
		fmt.Fprintf(&in, "%s %s\n", c.SHA, c.Parent)
	}
	data, err := gitOutput(ctx, dir, in.String(), "diff-tree", "--stdin", "-r", "-z", "--raw", "--no-abbrev", "--find-renames",
		"--diff-filter=R", "--relative")
	if err != nil {
		return nil, err
	}
	renames, err := past.ParseRenames(data)
	if err != nil {
		return nil, err
	}
	var older []string
	for _, r := range renames {
		fresh := !slices.Contains(known, r.From) && !slices.Contains(older, r.From)
		if fresh && slices.Contains(known, r.To) && !strings.Contains(r.From, "\n") {
			older = append(older, r.From)
		}
	}
	return older, nil
}
