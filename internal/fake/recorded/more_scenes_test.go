package recorded_test

import (
	"github.com/pawl-cd/pawl/internal/fake/github"
)

func issueScenes() map[int]scene {
	label := func(names string) func(*world) answered {
		return func(w *world) answered {
			w.open("x", 1, "b")
			return w.ask("POST", "bot", at+"/issues/1/labels", `{"labels":[`+names+`]}`)
		}
	}
	return map[int]scene{
		60: func(w *world) answered {
			w.open("x", 1, "b")
			return w.ask("POST", "bot", at+"/issues/1/comments", `{"body":"ends\n"}`)
		},
		61: label(`"Foo","bAr","baZ"`),
		62: func(w *world) answered {
			label(`"Bug","Question","More"`)(w)
			return w.ask("DELETE", "bot", at+"/issues/1/labels/Bug", "")
		},
		63: func(w *world) answered {
			w.open("x", 1, "b")
			return w.ask("DELETE", "bot", at+"/issues/1/labels/none", "")
		},
	}
}

// checked reads what is known of the base's checks after some were reported.
func checked(path string, all ...github.Check) scene {
	return func(w *world) answered {
		for _, one := range all {
			w.repo.SetCheck(w.repo.Head("main"), one)
		}
		return w.get("/commits/" + w.repo.Head("main") + path)
	}
}

func checkScenes() map[int]scene {
	return map[int]scene{
		56: checked("/check-runs", github.Check{Name: "ci", Conclusion: "timed_out"}),
		57: checked("/check-runs", github.Check{Name: "ci", Conclusion: "action_required"}),
		58: checked("/status"),
		59: checked("/status", github.Check{Name: "a", Status: true, Conclusion: "failure"},
			github.Check{Name: "b", Status: true, Conclusion: "success"}),
	}
}

// arming asks for an auto-merge.
func arming(token string, arrange func(*world)) scene {
	return func(w *world) answered {
		w.open("pawl/update", 1, "b")
		w.repo.Protect("main", github.Protection{Checks: []string{"ci"}, Ruleset: true})
		arrange(w)
		return w.graph(token, "enablePullRequestAutoMerge", map[string]any{"mergeMethod": "SQUASH"})
	}
}

func graphScenes() map[int]scene {
	const whoAmI = `{"query":"{viewer{login}}"}`
	nothing := func(*world) {}
	return map[int]scene{
		35: func(w *world) answered {
			return w.ask("POST", "bot", "/graphql", `{"query":"query Q($id: ID!) {node(id: $id) {__typename}}","variables":{"id":"D_abcdefgh"}}`)
		},
		36: arming("bot", nothing), 38: arming("poor", nothing),
		37: arming("bot", func(w *world) { w.repo.Configure(func(s *github.Settings) { s.AutoMerge = false }) }),
		81: func(w *world) answered {
			w.open("x", 1, "b")
			w.push("main", "alice", "a: 2\nc: 3\n", "m")
			return w.graph("bot", "mergePullRequest", map[string]any{})
		},
		86: func(w *world) answered {
			for range 3 {
				w.ask("POST", "bot", "/graphql", whoAmI)
			}
			return w.ask("POST", "bot", "/graphql", whoAmI)
		},
		87: func(w *world) answered {
			w.branch("x")
			var out struct {
				NodeID string `json:"node_id"`
			}
			w.into(w.get(""), &out)
			update := map[string]any{"name": "refs/heads/x", "beforeOid": w.repo.Head("main"), "afterOid": w.repo.Head("main"), "force": true}
			return w.graph("bot", "updateRefs", map[string]any{"repositoryId": out.NodeID, "refUpdates": []any{update}})
		},
	}
}

// dispatching starts a workflow.
func dispatching(declared github.Workflow, text string) scene {
	return func(w *world) answered {
		w.repo.DeclareWorkflow("w.yml", declared)
		return w.ask("POST", "bot", at+"/actions/workflows/w.yml/dispatches", text)
	}
}

func dispatchScenes() map[int]scene {
	return map[int]scene{
		29: dispatching(github.Workflow{Required: []string{"x"}}, `{"ref":"main","inputs":{}}`),
		30: dispatching(github.Workflow{PushOnly: true}, `{"ref":"main","inputs":{}}`),
		31: dispatching(github.Workflow{Inputs: []string{"a"}}, `{"ref":"main","inputs":{"a":"b"}}`),
		32: dispatching(github.Workflow{Inputs: []string{"a"}}, `{"ref":"main","inputs":{"a":"b"},"return_run_details":true}`),
	}
}

func otherScenes() map[int]scene {
	renamed := func(method string) scene {
		return func(w *world) answered {
			w.repo.Rename("new")
			return w.ask(method, "bot", at, `{"name":"x"}`)
		}
	}
	return map[int]scene{
		19: func(w *world) answered { return w.releases("?per_page=10", 25) },
		33: renamed("GET"), 34: renamed("PATCH"),
		41: func(w *world) answered { return w.releases("", 3) },
		42: func(w *world) answered { return w.releases("", 2) },
		43: func(w *world) answered { return w.registry("/v2/app/tags/list") },
		44: func(w *world) answered { return w.registry("/v2/none/tags/list") },
		45: func(w *world) answered { return w.registry("/v2/app/manifests/none") },
		68: func(w *world) answered { return w.ask("GET", "unknown", "/user", "") },
		69: func(w *world) answered { return w.ask("POST", "reader", at+"/git/blobs", `{"content":"x"}`) },
		71: func(w *world) answered { return w.pipelines("reader", "/7", 0) },
		72: func(w *world) answered { return w.pipelines("unknown", "", 0) },
		75: func(w *world) answered { return w.pipelines("reader", "?per_page=20", 1) },
		99: func(w *world) answered { return w.gitlab("wrong") }, 101: func(w *world) answered { return w.gitlab("right") },
		103: func(w *world) answered { return w.pipelines("reader", "/1", 1) },
	}
}
