package github

import "time"

// Settings of a repository; the zero value allows every way of merging and no auto-merge.
type Settings struct {
	DefaultBranch       string // default main
	NoSquash            bool
	NoMergeCommit       bool
	NoRebase            bool
	AutoMerge           bool
	DeleteBranchOnMerge bool
	Private             bool
	Archived            bool // read-only
	Disabled            bool // by GitHub itself
	Topics              []string
	NoActionsPulls      bool // workflows may open no pull requests
	RunDetails          bool // an accepted dispatch is answered with 200 and its run instead of 204
	// CI says which checks start on a new head that was not pushed with the workflow's own token. It must not call back.
	CI func(sha string) []Check
}

// Protection is what a branch demands.
type Protection struct {
	Checks  []string      // names of required checks
	Strict  bool          // the head must contain the base
	Ruleset bool          // shown as a ruleset instead of classic branch protection
	Queue   bool          // merges go through the merge queue
	Build   time.Duration // how long the queue takes for one entry
	Reviews int           // how many approvals are required; nobody ever approves
	Signed  bool          // commits must have verified signatures
}

// NameRule is a ruleset on the names of refs.
type NameRule struct{ Create, Update, Delete, Force, Signed bool }

// Guard sets the rule for all refs whose full names begin with a text.
func (r *Repo) Guard(prefix string, rule NameRule) {
	r.lock()
	defer r.unlock()
	if r.guarded == nil {
		r.guarded = map[string]NameRule{}
	}
	r.guarded[prefix] = rule
}

// Repo is one repository. Its methods are what persons and CI systems do; each takes the server's lock.
type Repo struct {
	server      *Server
	id          int64
	owner, name string
	settings    Settings
	store       *store
	parent      *Repo // of a fork
	created     time.Time
	refs        map[string]string // full name -> object id
	pulls       map[int]*pull
	live        map[int]*pull // the open ones
	last        int           // highest number of an issue or pull request
	protections map[string]Protection
	guarded     map[string]NameRule // by the beginning of full names
	checks      map[string][]*check // by commit
	labels      map[string]*label
	comments    []*comment
	queue       []*pull
	workflows   map[string]Workflow // by file
	dispatches  []Dispatch
	dirty       bool // refs have changed since the last persist
	persisted   int  // objects already written to the directory
}

// FullName is "owner/name".
func (r *Repo) FullName() string { return r.owner + "/" + r.name }

// Configure changes the settings.
func (r *Repo) Configure(change func(*Settings)) {
	r.lock()
	defer r.unlock()
	change(&r.settings)
}

// Protect sets what a branch demands; the zero Protection removes all demands.
func (r *Repo) Protect(branch string, protection Protection) {
	r.lock()
	defer r.unlock()
	if len(protection.Checks) == 0 && !protection.Strict && !protection.Queue && protection.Reviews == 0 && !protection.Signed {
		delete(r.protections, branch)
		return
	}
	r.protections[branch] = protection
}

func (r *Repo) protected(branch string) bool {
	_, found := r.protections[branch]
	return found
}

// Fork makes a fork of the repository, with all its branches, that belongs to the given owner.
func (r *Repo) Fork(owner string) *Repo {
	r.lock()
	defer r.unlock()
	fork := r.server.create(owner+"/"+r.name, r.settings, r.store, r)
	fork.settings.CI = nil
	for name, id := range r.refs {
		if isBranch(name) {
			fork.refs[name] = id
		}
	}
	fork.dirty = true
	r.server.persist()
	return fork
}

func (r *Repo) lock() { r.server.mu.Lock() }

// unlock writes what has changed and gives the lock back.
func (r *Repo) unlock() {
	r.server.persist()
	r.server.mu.Unlock()
}

// api is an address of the API below this repository.
func (r *Repo) api(path string) string {
	return r.server.options.API + "/repos/" + r.FullName() + path
}

// web is an address for people below this repository.
func (r *Repo) web(path string) string {
	return r.server.options.Web + "/" + r.FullName() + path
}
