package recorded_test

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/pawl-cd/pawl/internal/fake/github"
)

// branch makes a branch with one commit more than the base.
func (w *world) branch(names ...string) {
	for _, n := range names {
		w.push(n, "alice", n, "m")
	}
}

// body formats a request.
func body(format string, args ...any) string { return fmt.Sprintf(format, args...) }

// into decodes an answer.
func (w *world) into(got answered, v any) {
	w.Helper()
	if err := json.Unmarshal(got.body, v); err != nil {
		w.Fatalf("%v: %s", err, got.body)
	}
}

func (w *world) patchRef(name, text string) answered {
	return w.ask("PATCH", "app", at+"/git/refs/"+name, text)
}

func (w *world) tag(names ...string) {
	for _, n := range names {
		w.post("/git/refs", body(`{"ref":"refs/tags/%s","sha":%q}`, n, w.repo.Head("main")))
	}
}

func refScenes() map[int]scene {
	return map[int]scene{
		1: func(w *world) answered { return w.get("/git/ref/heads/main") },
		2: func(w *world) answered { return w.get("/git/ref/heads/none") },
		3: func(w *world) answered {
			w.tag("v0.1", "v0.2", "v0.3", "v0.4")
			return w.get("/git/matching-refs/tags?per_page=1")
		},
		4: func(w *world) answered {
			w.branch("rails-3.0", "rails-3.x")
			return w.get("/git/matching-refs/heads/rails")
		},
		5: func(w *world) answered {
			w.fake.Create("acme/empty", github.Settings{})
			return w.ask("GET", "app", "/repos/acme/empty/git/matching-refs/heads/20", "")
		},
		6: func(w *world) answered { return w.get("/git/matching-refs/heads/mergify") },
		7: func(w *world) answered {
			w.branch("x")
			return w.patchRef("heads/x", body(`{"sha":%q}`, w.repo.Head("x")))
		},
		8: func(w *world) answered {
			w.branch("x")
			return w.ask("DELETE", "bot", at+"/git/refs/heads/x", "")
		},
		76: func(w *world) answered {
			w.branch("x")
			return w.patchRef("heads/x", `{"sha":"fakeshalolfakeshalolfakeshalolfakeshalol","force":true}`)
		},
		77: func(w *world) answered {
			w.branch("x")
			return w.patchRef("heads/x", body(`{"sha":%q,"force":true}`, w.repo.Head("main")))
		},
		94: func(w *world) answered {
			w.branch("x", "y")
			return w.patchRef("heads/x", body(`{"sha":%q}`, w.repo.Head("y")))
		},
		95: func(w *world) answered {
			w.open("x", 1, "b")
			return w.patchRef("pull/1/head", body(`{"sha":%q}`, w.repo.Head("main")))
		},
		96: func(w *world) answered {
			return w.ask("POST", "bot", at+"/git/refs", body(`{"ref":"refs/heads/main","sha":%q}`, w.repo.Head("main")))
		},
	}
}

// commit makes one over the API, on a tree.
func (w *world) commit(tree, more string) answered {
	text := body(`{"message":"I'm a new commit\n\n","tree":%q,"parents":[%q]%s}`, tree, w.repo.Head("main"), more)
	return w.ask("POST", "app", at+"/git/commits", text)
}

// treeOf is the tree of the base.
func (w *world) treeOf() string {
	var out struct{ Tree struct{ SHA string } }
	w.into(w.get("/git/commits/"+w.repo.Head("main")), &out)
	return out.Tree.SHA
}

// firstFile is the blob of a file of the base.
func (w *world) firstFile() string {
	type entry struct{ SHA, Type string }
	var out struct{ Tree []entry }
	w.into(w.get("/git/trees/main"), &out)
	return out.Tree[slices.IndexFunc(out.Tree, func(e entry) bool { return e.Type == "blob" })].SHA
}

func objectScenes() map[int]scene {
	compare := func(query string, commits int) scene {
		return func(w *world) answered {
			base := w.repo.Head("main")
			for i := range commits {
				w.push("side", "alice", fmt.Sprint(i), "one\r\n\r\ntwo\n\n")
			}
			return w.get("/compare/" + base + "..." + w.repo.Head("side") + query)
		}
	}
	return map[int]scene{
		9: func(w *world) answered { return w.get("/git/trees/" + w.repo.Head("main")) },
		10: func(w *world) answered {
			const file = `[{"path":"path/to/file","mode":"100644","type":"blob","content":"x"}]`
			return w.post("/git/trees", body(`{"base_tree":%q,"tree":%s}`, w.repo.Head("main"), file))
		},
		11: func(w *world) answered { return w.get("/git/commits/" + w.repo.Head("main")) },
		12: func(w *world) answered { return w.commit(w.treeOf(), `,"author":{"name":"A","email":"a@b"}`) },
		15: func(w *world) answered { return w.get("/git/blobs/" + w.firstFile()) },
		16: compare("?page=1&per_page=2", 4), 17: compare("?page=2&per_page=2", 4), 18: compare("?page=1", 10),
		53: func(w *world) answered {
			w.push("x", "a person", "a: 2\n", "one")
			w.push("x", "a person", "a: 3\n", "two\n")
			w.open("x", 0, "b")
			w.merge(`{"merge_method":"squash"}`)
			return w.get("/commits/" + w.repo.Head("main"))
		},
		78: func(w *world) answered { return w.commit(w.treeOf(), "") },
		79: func(w *world) answered { return w.commit("fake", "") },
		80: func(w *world) answered { return w.get("/commits/refs/heads/not-there") },
	}
}

// protected asks about the base after it was protected.
func protected(path string, p github.Protection) scene {
	return func(w *world) answered {
		w.repo.Protect("main", p)
		return w.get(path)
	}
}

func branchScenes() map[int]scene {
	all := github.Protection{Checks: []string{"ci"}, Queue: true, Ruleset: true, Signed: true}
	return map[int]scene{
		20: protected("/branches/main", github.Protection{Checks: []string{"build (3.10)"}}),
		21: func(w *world) answered { return w.get("/branches/main") },
		22: func(w *world) answered { return w.get("/branches/none") },
		23: protected("/rules/branches/main", all),
		54: protected("/branches/main", github.Protection{Checks: []string{"ci"}}),
		55: protected("/branches/main", github.Protection{Reviews: 1}),
	}
}

// merging merges a pull request that is not ready for it.
func merging(text string, arrange func(*world)) scene {
	return func(w *world) answered {
		w.open("pawl/update", 1, "b")
		arrange(w)
		return w.merge(text)
	}
}

func mergeScenes() map[int]scene {
	rule := func(p github.Protection) func(*world) { return func(w *world) { w.repo.Protect("main", p) } }
	nothing := func(*world) {}
	return map[int]scene{
		24: merging(`{"commit_title":"t","commit_message":"m","merge_method":"squash"}`, nothing),
		25: merging(`{}`, rule(github.Protection{Checks: []string{"continuous-integration/fake-ci"}})),
		88: baseModified,
		89: merging(`{"sha":"`+tip+`"}`, nothing),
		90: merging(`{"merge_method":"merge"}`, func(w *world) { w.repo.Configure(func(s *github.Settings) { s.NoMergeCommit = true }) }),
		91: merging(`{}`, func(w *world) { _ = w.repo.Draft(1, true) }),
		92: merging(`{}`, rule(github.Protection{Reviews: 1, Ruleset: true})),
		93: merging(`{"merge_method":"merge"}`, func(w *world) {
			w.repo.Protect("main", github.Protection{Checks: []string{"ci"}, Queue: true, Ruleset: true})
			w.repo.SetCheck(w.repo.Head("pawl/update"), github.Check{Name: "ci", Conclusion: "success"})
		}),
	}
}

// proposing sends a pull request.
func (w *world) proposing(text string) answered { return w.ask("POST", "bot", at+"/pulls", text) }

func pullScenes() map[int]scene {
	const plain = `{"title":"t","head":"x","base":"main"}`
	return map[int]scene{
		26: func(w *world) answered { w.open("x", 1, "b"); return w.proposing(plain) },
		27: func(w *world) answered {
			w.open("x", 1, "b")
			return w.ask("PATCH", "bot", at+"/pulls/1", `{"base":"non-existing"}`)
		},
		28: func(w *world) answered {
			w.branch("x")
			return w.proposing(`{"title":"t","head":"x","base":"main","body":"## test"}`)
		},
		52: func(w *world) answered {
			w.branch("x")
			return w.proposing(`{"title":"t","head":"x","base":"main","body":"ends\n"}`)
		},
		97: func(w *world) answered { return w.proposing(plain) },
		98: func(w *world) answered {
			w.post("/git/refs", body(`{"ref":"refs/heads/x","sha":%q}`, w.repo.Head("main")))
			return w.proposing(plain)
		},
	}
}

func listScenes() map[int]scene {
	three := func(w *world) {
		for i := range 3 {
			w.open(fmt.Sprint("b", i), 1, "body")
		}
	}
	return map[int]scene{
		47: func(w *world) answered {
			three(w)
			for i := range 3 {
				_, _ = w.repo.Merge(i+1, "alice", "squash")
			}
			return w.get("/pulls?state=closed")
		},
		48: func(w *world) answered { w.open("x", 1, ""); return w.get("/pulls") },
		49: func(w *world) answered {
			w.branch("x")
			w.proposing(`{"title":"t","head":"x","base":"main"}`)
			return w.get("/pulls?state=open&head=acme%3Ax&base=main&per_page=5")
		},
		50: func(w *world) answered { three(w); return w.get("/pulls?per_page=1") },
		51: func(w *world) answered { three(w); return w.get("/pulls?per_page=1&page=3") },
	}
}
