// Package dispatch is what an upstream build says to its downstream repositories: that an image or a chart was
// published. It reads who is to be told out of an environment, builds the request as a value, and explains each answer.
//
// It promises: a token never stands in a text of this package; every malformed variable is found before anything is
// sent; the same environment gives the same targets in the same order. Sending is the business of dispatch/github and
// dispatch/gitlab.
package dispatch

import "errors"

// The defaults of a request.
const (
	DefaultPrefix   = "DOWNSTREAM_IMAGE_"
	DefaultWorkflow = "docker-image.yaml"
	DefaultRef      = "main"
	// defaultOrg is the organization of images when DOCKER_ORG is not set.
	defaultOrg = "mojaloop"
)

// Inputs are those of the workflow, or of the pipeline at a GitLab; an empty one is not sent.
type Inputs struct {
	Upstream string `json:"upstream,omitempty"`
	Image    string `json:"image,omitempty"`
	Chart    string `json:"chart,omitempty"`
	Tag      string `json:"tag,omitempty"`
	// Brake is a person's brake, as JSON.
	Brake string `json:"brake,omitempty"`
}

// Request is the body of a dispatch
// (https://docs.github.com/rest/actions/workflows#create-a-workflow-dispatch-event).
type Request struct {
	Ref    string `json:"ref"`
	Inputs Inputs `json:"inputs"`
}

// ErrNothing says that neither an image nor a chart is known.
var ErrNothing = errors.New("neither an image nor a chart is known")

// Fill completes the inputs from the variables of a CircleCI job. The image is
// ${DOCKER_ORG:-mojaloop}/$CIRCLE_PROJECT_REPONAME:v$PACKAGE_VERSION unless an image or a chart is given, the tag
// $RELEASE_TAG, the upstream $CIRCLE_BUILD_URL. The error is ErrNothing.
func (i Inputs) Fill(env func(name string) string) (Inputs, error) {
	if i.Image == "" && i.Chart == "" {
		i.Image = built(env)
	}
	if i.Tag == "" {
		i.Tag = env("RELEASE_TAG")
	}
	if i.Upstream == "" {
		i.Upstream = env("CIRCLE_BUILD_URL")
	}
	if i.Image == "" && i.Chart == "" {
		return i, ErrNothing
	}
	return i, nil
}

// built is the image that the job has built, empty when a part of its name is missing.
func built(env func(name string) string) string {
	org, name, version := env("DOCKER_ORG"), env("CIRCLE_PROJECT_REPONAME"), env("PACKAGE_VERSION")
	if name == "" || version == "" {
		return ""
	}
	if org == "" {
		org = defaultOrg
	}
	return org + "/" + name + ":v" + version
}
