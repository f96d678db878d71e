package github

import (
	"errors"
	"fmt"
)

// NewPull is what a person opens. Head is "branch" or "owner:branch" of a fork.
type NewPull struct {
	Title, Body, Head, Base string
	Draft                   bool
}

// input is what the page of GitHub sends: an empty body is none.
func (in NewPull) input() pullInput {
	out := pullInput{Title: in.Title, Head: in.Head, Base: in.Base, Draft: in.Draft}
	if in.Body != "" {
		out.Body = &in.Body
	}
	return out
}

// Open opens a pull request as that person and returns its number.
func (r *Repo) Open(by string, in NewPull) (int, error) {
	r.lock()
	defer r.unlock()
	if in.Base == "" {
		in.Base = r.settings.DefaultBranch
	}
	made, refused := r.openPull(in.input(), r.server.person(by))
	if refused != nil {
		return 0, fmt.Errorf("opening pull request: %w", refused.err())
	}
	return made.number, nil
}

// Close closes a pull request as that person.
func (r *Repo) Close(number int, by string) error {
	return r.act(number, func(p *pull) error {
		p.close(by, r.server.now())
		return nil
	})
}

// Reopen opens a closed pull request again.
func (r *Repo) Reopen(number int) error {
	return r.act(number, func(p *pull) error {
		if refused := p.reopen(); refused != nil {
			return refused.err()
		}
		return nil
	})
}

// Merge merges a pull request as that person ("merge", "squash" or "rebase"), past all protection.
func (r *Repo) Merge(number int, by, method string) (sha string, err error) {
	err = r.act(number, func(p *pull) error {
		who := r.server.person(by)
		who.Admin = true
		how := landing{method: method, by: who}
		refused := p.refusal("", how)
		if refused == nil {
			sha, refused = p.land(how)
		}
		if refused != nil {
			return refused.err()
		}
		return nil
	})
	return sha, err
}

// Label adds labels to a pull request.
func (r *Repo) Label(number int, names ...string) error {
	return r.act(number, func(p *pull) error {
		p.addLabels(names)
		return nil
	})
}

// Unlabel removes a label from a pull request; it is no error when it is not there.
func (r *Repo) Unlabel(number int, name string) error {
	return r.act(number, func(p *pull) error {
		p.removeLabel(name)
		return nil
	})
}

// Edit changes the title and the body of a pull request; nil leaves it.
func (r *Repo) Edit(number int, title, body *string) error {
	return r.act(number, func(p *pull) error {
		p.edit(title, body, nil)
		return nil
	})
}

// Draft makes a pull request a draft, or ready for review.
func (r *Repo) Draft(number int, draft bool) error {
	return r.act(number, func(p *pull) error {
		p.draft = draft
		return nil
	})
}

// Comment writes a comment as that person.
func (r *Repo) Comment(number int, by, body string) error {
	return r.act(number, func(*pull) error {
		r.addComment(number, by, body)
		return nil
	})
}

func (r *Repo) act(number int, do func(*pull) error) error {
	r.lock()
	defer r.unlock()
	p := r.pulls[number]
	if p == nil {
		return fmt.Errorf("finding pull request %d: there is none", number)
	}
	if err := do(p); err != nil {
		return fmt.Errorf("changing pull request %d: %w", number, err)
	}
	return nil
}

// err is a refusal as an error, with GitHub's texts.
func (r reply) err() error {
	body, _ := r.body.(obj)
	text := fmt.Sprint(body["message"])
	if problems, some := body["errors"].([]obj); some {
		for _, problem := range problems {
			text += fmt.Sprintf("; %v", problem)
		}
	}
	return errors.New(text)
}
