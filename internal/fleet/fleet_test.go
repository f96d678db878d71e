package fleet_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pawl-cd/pawl/internal/fleet"
	"github.com/pawl-cd/pawl/internal/source"
	"github.com/pawl-cd/pawl/internal/strictyaml"
)

// TestParse lists what a file may say, and what is wrong with one that may not.
func TestParse(t *testing.T) {
	t.Parallel()
	const head = "version: 1\nprofiles:\n"
	for _, c := range []struct{ text, says string }{
		{head + "  - {repository: acme/shop, token: SHOP_TOKEN, env: [PROJECTS, TOKEN_DEV], docker: creds/shop}\n", ""},
		{head + "  - {repository: acme/team/shop, forge: {kind: gitlab}}\n", ""},
		{head + "  - {repository: acme/shop, forge: {kind: gitea, url: 'https://git.example/sub/'}}\n  - {repository: acme/shop}\nlimits: {parallel: 3, deadline: 1h, profile: 90s}\n", ""},
		{"", "f:1:1: want one document, have 0"},
		{"profiles: []\n", "f:1:1: missing key \"version\""},
		{"version: 2\nprofiles: []\n", "f:1:10"},
		{"version: 1\nprofiles: []\n", "f:1:1: no profile is listed"},
		{head + "  - {token: A}\n", "f:3:5: missing key \"repository\""},
		{head + "  - {repository: shop}\n", "f:3:18: want OWNER/NAME"},
		{head + "  - {repository: acme/team/shop}\n", "f:3:18: want OWNER/NAME"},
		{head + "  - {repository: acme/..}\n", "f:3:18: want OWNER/NAME"},
		{head + "  - {repository: 'https://github.com/acme/shop'}\n", "f:3:18: want OWNER/NAME"},
		{head + "  - {repository: acme/shop}\n  - {repository: Acme/Shop}\n", "f:4:18: Acme/Shop stands in line 3 too"},
		{head + "  - {repository: acme/shop, token: ghp_abc-def}\n", "f:3:36: want the name of a variable"},
		{head + "  - {repository: acme/shop, env: [MERGE_TOKEN]}\n", "f:3:35: MERGE_TOKEN is what the entry itself says"},
		{head + "  - {repository: acme/shop, env: [DOCKER_CONFIG]}\n", "f:3:35: DOCKER_CONFIG is what the entry itself says"},
		{head + "  - {repository: acme/shop, forge: {kind: gitea}}\n", "f:3:43: it is not said which gitea"},
		{head + "  - {repository: acme/shop, forge: {url: 'https://git.example'}}\n", "f:3:42: a GitHub has no url here"},
		{head + "  - {repository: acme/shop, forge: {kind: gitea, url: 'https://me:pw@git.example'}}\n", "f:3:55: want an http(s) address"},
		{head + "  - {repository: acme/shop, forge: {kind: bitbucket}}\n", "f:3:43"},
		{head + "  - {repository: acme/shop, tokn: A}\n", "f:3:29"},
		{head + "  - {repository: acme/shop}\nlimits: {parallel: 0}\n", "f:4:20: want a number from 1 to 256"},
		{head + "  - {repository: acme/shop}\nlimits: {deadline: soon}\n", "f:4:20: want a time above zero"},
	} {
		all, problems := fleet.Parse("f", []byte(c.text))
		if c.says == "" {
			if len(problems) > 0 || len(all.Profiles) == 0 {
				t.Errorf("%s: %v", c.text, problems)
			}
			continue
		}
		if !strictyaml.Failed(problems) || !strings.HasPrefix(problems[0].Error(), c.says) {
			t.Errorf("%s: have %v, want %s", c.text, problems, c.says)
		}
		if strings.Contains(fmt.Sprint(problems), "ghp_abc") || strings.Contains(fmt.Sprint(problems), "pw@") {
			t.Errorf("a secret is repeated: %v", problems)
		}
	}
}

// FuzzEntry takes any name that a forge may list: what is taken for one makes a file with that profile and nothing else.
func FuzzEntry(f *testing.F) {
	for _, name := range []string{"acme/shop", "acme/team/shop", "a/.b", "-/-", "acme/x}, {repository: y/z", "acme/1.10", "acme/x #", "../..", "acme/shop\n", "~/null", "acme/&a"} {
		f.Add(name, "https://git.example")
	}
	f.Fuzz(func(t *testing.T, name, address string) {
		for _, kind := range []string{"gitea", "gitlab", "github"} {
			if kind == "github" {
				address = ""
			}
			where, wrong := fleet.Place(kind, address)
			if wrong != nil || !fleet.IsRepository(kind, name) {
				continue
			}
			d := fleet.Discovery{Forge: kind, URL: where, Repositories: []fleet.Found{{Repository: name, Finding: fleet.New}}}
			d.Repositories[0].Entry = d.Entry(name, "A_TOKEN")
			text, err := d.YAML(true)
			if err != nil {
				t.Fatal(err)
			}
			all, problems := fleet.Parse("f", []byte(text))
			if len(problems) > 0 || len(all.Profiles) != 1 || all.Profiles[0].Repository != name || all.Profiles[0].URL != where || all.Profiles[0].Token != "A_TOKEN" {
				t.Errorf("%q at %s %q: %v\n%s", name, kind, where, problems, text)
			}
			if d.Match(all.Profiles); d.Repositories[0].Finding != fleet.Known {
				t.Errorf("%q is %s", name, d.Repositories[0].Finding)
			}
		}
	})
}

// FuzzParse reads anything.
func FuzzParse(f *testing.F) {
	f.Add([]byte("version: 1\nprofiles:\n  - {repository: acme/shop, token: SHOP_TOKEN, env: [A], docker: d, forge: {kind: gitlab, url: 'https://x.example'}}\nlimits: {parallel: 3}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		all, problems := fleet.Parse("f", data)
		if strictyaml.Failed(problems) {
			return
		}
		for _, p := range all.Profiles {
			if strings.Count(p.Repository, "/") == 0 || strings.Contains(p.Repository, "..") && strings.Contains("/"+p.Repository+"/", "/../") {
				t.Errorf("accepted %q", p.Repository)
			}
		}
	})
}

// TestShards has every profile belong to one shard, the shards be alike in size, and one shard more move only its own share.
func TestShards(t *testing.T) {
	t.Parallel()
	const profiles = 10_000
	owner := func(name string, n int) int {
		found := -1
		for i := range n {
			if (fleet.Shard{Index: i, Count: n}).Takes(fleet.Profile{Repository: name, Kind: "github"}) {
				if found >= 0 {
					t.Fatalf("%s belongs to the shards %d and %d of %d", name, found, i, n)
				}
				found = i
			}
		}
		if found < 0 {
			t.Fatalf("%s belongs to no shard of %d", name, n)
		}
		return found
	}
	before := make([]int, profiles)
	for _, n := range []int{1, 2, 3, 8, 9} {
		size := make([]int, n)
		moved := 0
		for p := range profiles {
			at := owner(fmt.Sprintf("acme/profile-%d", p), n)
			size[at]++
			if n == 9 && at != before[p] {
				moved++
				if at != 8 {
					t.Fatalf("profile %d moved from shard %d to %d", p, before[p], at)
				}
			}
			before[p] = at
		}
		for i, have := range size {
			if want := profiles / n; have < want*85/100 || have > want*115/100 {
				t.Errorf("shard %d of %d has %d profiles, want about %d", i, n, have, want)
			}
		}
		if n == 9 && (moved < profiles/9*85/100 || moved > profiles/9*115/100) {
			t.Errorf("a ninth shard moved %d profiles", moved)
		}
	}
}

// TestListingsFail has those who ask first fail: the next one asks by itself, and what two could not get nobody asks for again.
func TestListingsFail(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		failing, asked int
		want           string
	}{{0, 1, "v1 v1 v1 v1"}, {1, 2, "failed v1 v1 v1"}, {2, 2, "failed failed failed failed"}} {
		l, asked, got := fleet.NewListings(), 0, []string{}
		ask := func(context.Context) (source.Listing, error) {
			if asked++; asked <= c.failing {
				return nil, context.Canceled
			}
			return source.Listing{{Tag: "v1"}}, nil
		}
		for range 4 {
			if all, err := l.Get(t.Context(), fleet.Key{}, false, ask); err != nil {
				got = append(got, "failed")
			} else {
				got = append(got, all[0].Tag)
			}
		}
		if strings.Join(got, " ") != c.want || asked != c.asked {
			t.Errorf("%d fail: %v after asking %d times", c.failing, got, asked)
		}
	}
}

// TestListingsWait has one wait for another one who fails: it asks then.
func TestListingsWait(t *testing.T) {
	t.Parallel()
	l, begun, fail := fleet.NewListings(), make(chan struct{}), make(chan struct{})
	go func() {
		_, _ = l.Get(context.Background(), fleet.Key{}, false, func(context.Context) (source.Listing, error) {
			close(begun)
			<-fail
			return nil, context.Canceled
		})
	}()
	<-begun
	time.AfterFunc(20*time.Millisecond, func() { close(fail) })
	all, err := l.Get(t.Context(), fleet.Key{}, false, func(context.Context) (source.Listing, error) { return source.Listing{{Tag: "v1"}}, nil })
	if err != nil || len(all) != 1 {
		t.Errorf("%v, %v", all, err)
	}
}

// TestSnapshotBounds has one source list more than a snapshot holds: the others are in it all the same.
func TestSnapshotBounds(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	bomb := slices.Repeat(source.Listing{{Tag: strings.Repeat("x", 1<<20)}}, fleet.MaxSnapshot>>20)
	data, err := fleet.Snapshot{At: at, Listings: map[fleet.Key]source.Listing{{1}: {{Tag: "v1"}}, {2}: bomb, {3}: {{Tag: "v3"}}}}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	read, err := fleet.DecodeSnapshot(data, at)
	if err != nil || len(read.Listings) != 2 || read.Listings[fleet.Key{1}][0].Tag != "v1" || read.Listings[fleet.Key{3}][0].Tag != "v3" {
		t.Errorf("%v, %d listings", err, len(read.Listings))
	}
}
