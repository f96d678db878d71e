package github

import (
	"fmt"
	"net/http"
)

// missingChecks says which required checks stand against a commit, in GitHub's words; empty when none does.
func (r *Repo) missingChecks(protection Protection, sha string) string {
	var texts []string
	for _, name := range protection.Checks {
		if word := r.unmet(sha, name); word != "" {
			texts = append(texts, fmt.Sprintf("Required status check %q is %s.", name, word))
		}
	}
	switch len(texts) {
	case 0:
		return ""
	case 1:
		return texts[0]
	}
	return fmt.Sprintf("%d of %d required status checks are expected.", len(texts), len(protection.Checks))
}

// unmet is why a required check does not count, empty when it does.
func (r *Repo) unmet(sha, name string) string {
	word, now := "expected", r.server.now()
	for _, k := range r.checks[sha] {
		switch {
		case k.Name != name:
		case !k.done(now):
			return "in progress"
		case !k.green(now):
			return "failing"
		default:
			word = ""
		}
	}
	return word
}

func (p Protection) requiredJSON() obj {
	checks := make([]obj, 0, len(p.Checks))
	for _, name := range p.Checks {
		checks = append(checks, obj{"context": name, "app_id": nil})
	}
	return obj{"strict": p.Strict, "contexts": append([]string{}, p.Checks...), "checks": checks}
}

func getBranch(c *context) reply {
	name := c.vars["branch"]
	at := c.repo.store.commits[c.repo.refs[headsPrefix+name]]
	if at == nil {
		return fail(http.StatusNotFound, "Branch not found")
	}
	protection, protected := c.repo.protections[name]
	shown := Protection{}
	level := "off"
	if protected && !protection.Ruleset {
		shown, level = protection, "non_admins"
	}
	required := shown.requiredJSON()
	delete(required, "strict")
	required["enforcement_level"] = level
	address := c.repo.api("/branches/" + escapePath(name))
	return ok(obj{
		"name": name, "commit": c.repo.commitJSON(at), "protected": protected, "protection_url": address + "/protection",
		"protection": obj{"enabled": level != "off", "required_status_checks": required},
		"_links":     obj{"self": address, "html": c.repo.web("/tree/" + escapePath(name))},
	})
}

// protected finds the classic protection that the caller may see.
func (c *context) protected() (Protection, *reply) {
	refuse := func(r reply) (Protection, *reply) { return Protection{}, &r }
	protection, found := c.repo.protections[c.vars["branch"]]
	switch {
	case !c.who.Admin && c.who.kind() == "Bot":
		return refuse(forbidden(c.who))
	case !c.who.Admin:
		return refuse(notFound())
	case c.repo.refs[headsPrefix+c.vars["branch"]] == "":
		return refuse(fail(http.StatusNotFound, "Branch not found"))
	case !found || protection.Ruleset:
		return refuse(fail(http.StatusNotFound, "Branch not protected"))
	}
	return protection, nil
}

func (c *context) requiredJSON(protection Protection) obj {
	out := protection.requiredJSON()
	out["url"] = c.repo.api("/branches/" + escapePath(c.vars["branch"]) + "/protection/required_status_checks")
	out["contexts_url"] = out["url"].(string) + "/contexts"
	return out
}

func getProtection(c *context) reply {
	protection, refused := c.protected()
	if refused != nil {
		return *refused
	}
	address := c.repo.api("/branches/" + escapePath(c.vars["branch"]) + "/protection")
	off := obj{"enabled": false}
	out := obj{
		"url": address, "enforce_admins": obj{"url": address + "/enforce_admins", "enabled": false}, "required_linear_history": off,
		"allow_force_pushes": off, "allow_deletions": off, "block_creations": off, "required_conversation_resolution": off,
	}
	if len(protection.Checks) > 0 || protection.Strict {
		out["required_status_checks"] = c.requiredJSON(protection)
	}
	return ok(out)
}

func getRequiredChecks(c *context) reply {
	protection, refused := c.protected()
	if refused != nil {
		return *refused
	}
	if len(protection.Checks) == 0 && !protection.Strict {
		return fail(http.StatusNotFound, "Required status checks not enabled")
	}
	return ok(c.requiredJSON(protection))
}

// getRules shows rulesets; classic protection is not among them, as on GitHub.
func getRules(c *context) reply {
	protection := c.repo.protections[c.vars["branch"]]
	var rules []obj
	add := func(kind string, parameters obj) {
		rules = append(rules, obj{
			"type": kind, "parameters": parameters, "ruleset_source_type": "Repository", "ruleset_source": c.repo.FullName(), "ruleset_id": 1,
		})
	}
	if protection.Ruleset && len(protection.Checks) > 0 {
		checks := make([]obj, 0, len(protection.Checks))
		for _, name := range protection.Checks {
			checks = append(checks, obj{"context": name})
		}
		add("required_status_checks", obj{"strict_required_status_checks_policy": protection.Strict, "required_status_checks": checks})
	}
	if protection.Ruleset && protection.Queue {
		add("merge_queue", obj{
			"check_response_timeout_minutes": 60, "grouping_strategy": "ALLGREEN", "max_entries_to_build": 5, "max_entries_to_merge": 5,
			"merge_method": c.repo.queueMethod(), "min_entries_to_merge": 1, "min_entries_to_merge_wait_minutes": 5,
		})
	}
	return listed(c, rules, func(rule obj) obj { return rule })
}
