// Package forge is the port to where the profile's repository lives: the calls that a run makes, in the order in which it
// makes them, and the values that go through them. Each forge is a package below this one that implements Forge itself. The
// contract: a ref moves only from the value that was read; nothing that a person pushed is overwritten; no way of merging
// exists without a grant; every call may be repeated after a crash and then converges.
package forge

import (
	"context"
	"errors"
	"io/fs"
	"time"

	"github.com/pawl-cd/pawl/internal/change"
	"github.com/pawl-cd/pawl/internal/ledger"
)

// ErrMoved is returned by a Forge when somebody else was faster; everything has to be read again.
var ErrMoved = errors.New("somebody else was faster")

// ErrNotFound is what a Forge's error is when what was asked for by its name does not exist.
var ErrNotFound = errors.New("there is no such thing")

// Reader reads files of a commit by their paths; those that it does not have are fs.ErrNotExist.
type Reader interface {
	ReadFile(path string) ([]byte, error)
}

// Forge is the profile's repository at its forge: a base branch, one branch and pull request of our own, and the
// ledger.
type Forge interface {
	// Open reads the tip of the base branch and who we are.
	Open(ctx context.Context) (Profile, error)
	// List returns all files of a commit by their paths: a link is one, and what is neither link nor file is irregular.
	List(ctx context.Context, commit string) (map[string]fs.FileMode, error)
	// Read returns files of a commit; those that it does not have are absent, and what is no file is an error when it is read.
	Read(ctx context.Context, commit string, paths []string) (Reader, error)
	// Differs returns the paths of files that a commit holds otherwise, or not at all, and of those that it holds besides and
	// that count. Nil content means that there is no such file; without any file nothing differs.
	Differs(ctx context.Context, commit string, files map[string][]byte, counts func(path string) bool) ([]string, error)
	// Propose makes the one open pull request hold exactly the set; ErrMoved when the branch moved meanwhile.
	Propose(ctx context.Context, set change.Set, text PullText) (Pull, error)
	// Withdraw closes our open pull requests and returns them.
	Withdraw(ctx context.Context) ([]PullState, error)
	// Recent is a page of our pull requests from the configured branch, open or not, those that changed last first; more
	// says that there are others. The first page is 1.
	Recent(ctx context.Context, page int) (pulls []PullState, more bool, err error)
	// Numbered are pull requests by their numbers, with ByPawl; those that do not exist any more are left out.
	Numbered(ctx context.Context, numbers ...int) ([]PullState, error)
	// MergedDiff is the digest of what a merged pull request changed, as change.DiffDigest makes it; own says that all of its
	// commits are pawl's by their author.
	MergedDiff(ctx context.Context, p PullState) (diff string, own bool, err error)
	// OwnCommits are the commits in the history of one whose messages have trailers of ours, the newest first.
	OwnCommits(ctx context.Context, tip string) ([]Commit, error)
	// Disarm takes back what pawl told the forge about a pull request: that it merges by itself. False: there was nothing.
	Disarm(ctx context.Context, number int) (bool, error)
	// Merge brings a pull request to its end, with the permission that the order's authority gives each time it is asked.
	Merge(ctx context.Context, order Order) (Merge, error)
	// Tip is the newest commit of the base branch; Behind counts the commits that tip has and a commit lacks, false when the
	// commit is not in the history of tip.
	Tip(ctx context.Context) (string, error)
	Behind(ctx context.Context, tip, commit string) (int, bool, error)
	// Commit is what the forge says of a commit; the error is an ErrNotFound when there is none.
	Commit(ctx context.Context, name string) (Commit, error)
	// Time is the forge's clock; zero when it says none.
	Time() time.Time
	// Ledger reads what earlier runs left; Record adds to it.
	Ledger(ctx context.Context) (ledger.Ledger, error)
	Record(ctx context.Context, next ledger.Transition) error
	// Calls counts the calls so far, each once however often it was repeated, Writes those of them that change something.
	Calls() int
	Writes() int
}

// Profile is the repository as a run found it.
type Profile struct {
	// Repository is OWNER/NAME; Base the branch that is updated, BaseSHA its tip.
	Repository, Base, BaseSHA string
	// Self is who the token stands for, Expires when it does; zero when that is not known.
	Self    change.Identity
	Expires time.Time
}

// PullText is what the pull request and its commit say.
type PullText struct {
	Message     change.Message
	Title, Body string
	Labels      []string
	// Heads are commits that are known as pushed by pawl; Branch is where it goes on, empty for the configured branch.
	Heads  []string
	Branch string
}

// Pull is our open pull request.
type Pull struct {
	Number  int    `json:"number"`
	URL     string `json:"url"`
	Branch  string `json:"branch"`
	HeadSHA string `json:"headSha"`
	// Created is when it was opened.
	Created time.Time `json:"-"`
	// Done says what became of it: opened, updated or unchanged.
	Done string `json:"done"`
	// Foreign are branches of ours that were left alone because a person pushed to them, or because nothing shows that they
	// are ours; Others are open pull requests of somebody else from branches with names of ours, which were left alone too.
	Foreign []string    `json:"foreign,omitempty"`
	Others  []OtherPull `json:"others,omitempty"`
}

// OtherPull is an open pull request of somebody else from a branch with a name of ours.
type OtherPull struct {
	Number int    `json:"number"`
	URL    string `json:"url"`
	Branch string `json:"branch"`
	Author string `json:"author"`
}

// PullState is a pull request of ours as the forge shows it, to this run or to any later one.
type PullState struct {
	Number               int
	URL, Branch, HeadSHA string
	Title                string
	// Author is the login of who opened it, Body and Labels what it wears; Says is what the body says that it holds. People may
	// have changed all of it.
	Author, Body string
	Labels       []string
	Says         change.Metadata
	// Created is when it was opened, At when it was merged or closed, zero while it is open.
	Created, At time.Time
	// Merged reports that it was merged, as the commit SHA; Withdrawn that pawl itself closed it.
	Merged    bool
	SHA       string
	Withdrawn bool
	// Armed reports that pawl asked the forge to merge it by itself, ByPawl that pawl merged it, or the forge because pawl
	// said so; only Numbered tells that. BaseSHA is the base that it was last held against.
	Armed, ByPawl bool
	BaseSHA       string
	// Unplanned is why its merge, which is pawl's, is not what pawl planned; empty when it is, or when nobody looked.
	Unplanned string
}

// Open reports that it is neither merged nor closed.
func (p PullState) Open() bool { return p.At.IsZero() }

// Settled reports that it came to its end, by a merge or by a person's no.
func (p PullState) Settled() bool { return !p.Open() && !p.Withdrawn }

// Updates is what the pull request says that it holds.
func (p PullState) Updates() []change.Update {
	var all []change.Update
	for _, u := range p.Says.Updates {
		all = append(all, u.Update())
	}
	return all
}

// Commit is a merged commit as projects are told of it.
type Commit struct {
	SHA, URL, Message string
	// At is when it was merged, by the forge's word. It decides nothing: what is newer is what stands on the other in the
	// history of the base.
	At time.Time
	// Own reports that this run merged it after it had read the ledger: nothing that the ledger held then is newer.
	Own bool
	// Changed are the paths that it changed; All says that there are more, so that every project is concerned.
	Changed []string
	All     bool
	// Pull is the number of the pull request that was merged, 0 when there was none, and Chain the chain of its events.
	Pull  int
	Chain string
}
