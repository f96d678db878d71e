package fake

import (
	"fmt"
	"net/http"
	"strings"
)

// Product is a registry whose manners differ from those of the reference registry.
type Product string

// The products; each is as its users and their recorded answers describe it.
const (
	// Distribution is the reference registry of version 3: at most 1000 tags at a time, else 400; relative Links.
	Distribution Product = ""
	// OldDistribution is version 2, which knows neither n nor last and gives every tag at once.
	OldDistribution Product = "distribution 2"
	// DockerHub gives everyone a token and answers 401 insufficient_scope for what is not there.
	DockerHub Product = "Docker Hub"
	// Quay refuses to give more than 100 tags at a time with 413, and answers 401 for what is not there.
	Quay Product = "Quay"
	// OldQuay gives 50 tags at a time, whatever is asked for, with a Link that cannot be read.
	OldQuay Product = "Quay of 2021"
	// ECR refuses to give more than 1000 tags at a time with 405; its answers are text/plain, its Links absolute.
	ECR Product = "ECR"
	// GHCR names another repository's scope at /v2/, and its token server answers 403 for what is not there.
	GHCR Product = "ghcr.io"
	// ACR lists with the scope metadata_read only.
	ACR Product = "ACR"
	// Artifactory by path drops the virtual repository from its Links.
	Artifactory Product = "Artifactory"
	// NexusGroup honours n and sends no Link.
	NexusGroup Product = "Nexus group"
	// NexusConnector sends Links below /repository/, where it then answers 400.
	NexusConnector Product = "Nexus connector"
	// Zot lets everyone in at /v2/; its repositories say themselves what they want.
	Zot Product = "zot"
)

// limit is how many tags may be asked for at a time, and how more is refused; status 0 gives as many as it likes.
func (p Product) limit() (most, status int, fault registryFault) {
	switch p {
	case Quay:
		return 100, http.StatusRequestEntityTooLarge, registryFault{"TOO_MANY_TAGS_REQUESTED", "Too many tags requested; requested limit %d is too high, max is %d", struct{}{}}
	case ECR:
		return 1000, http.StatusMethodNotAllowed, registryFault{"UNSUPPORTED", "Invalid parameter at 'maxResults' failed to satisfy constraint: 'Member must have value less than or equal to 1000'", nil}
	case OldQuay:
		return 50, 0, registryFault{}
	case Distribution:
		return 1000, http.StatusBadRequest, registryFault{"PAGINATION_NUMBER_INVALID", "invalid number of results requested", nil}
	default:
		return 0, 0, registryFault{}
	}
}

// ordered reports whether n and last mean something.
func (p Product) ordered() bool { return p != OldDistribution }

// next is the reference of a Link to the page after the tag at index end, empty for no Link.
func (p Product) next(req *http.Request, repository, last string, end, n int) string {
	query := nextQuery(last, n)
	switch p {
	case NexusGroup:
		return ""
	case OldQuay:
		return fmt.Sprintf("/v2/%s/tags/list?next_page=%s&n=50", repository, opaque(end))
	case ECR:
		return ownURL(req) + "/v2/" + repository + "/tags/list?" + query
	case NexusConnector:
		return "http://" + req.Host + "/repository/docker-proxy/v2/" + repository + "/tags/list?" + query
	case Artifactory:
		_, inner, _ := strings.Cut(repository, "/")
		return "/v2/" + inner + "/tags/list?" + query
	default:
		return "/v2/" + repository + "/tags/list?" + query
	}
}

// json is the content type of answers that are no manifests.
func (p Product) json() string {
	if p == ECR {
		return "text/plain; charset=utf-8"
	}
	return "application/json; charset=utf-8"
}

// tokenPath is where tokens are given.
func (p Product) tokenPath() string {
	if p == ACR {
		return "/oauth2/token"
	}
	return "/token"
}

// action is what a token must allow for the tags or the manifests of a repository.
func (p Product) action(listing bool) string {
	if p == ACR && listing {
		return "metadata_read"
	}
	return "pull"
}

// hides reports whether a repository that is not there looks like one that is private.
func (p Product) hides() bool { return p == DockerHub || p == Quay || p == OldQuay }
