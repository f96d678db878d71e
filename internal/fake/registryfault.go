package fake

import (
	"encoding/json"
	"net/http"
	"strings"
)

// registryFault is one entry of the errors of the OCI distribution protocol.
type registryFault struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Detail  any    `json:"detail,omitempty"`
}

// The errors as the reference registry words them.
func nameUnknown(repository string) registryFault {
	return registryFault{"NAME_UNKNOWN", "repository name not known to registry", map[string]string{"name": repository}}
}

func manifestUnknown(tag string) registryFault {
	return registryFault{"MANIFEST_UNKNOWN", "manifest unknown", map[string]string{"Tag": tag}}
}

func unauthorized(repository, action string) registryFault {
	f := registryFault{Code: "UNAUTHORIZED", Message: "authentication required"}
	if repository != "" {
		f.Detail = []map[string]string{{"Type": "repository", "Class": "", "Name": repository, "Action": action}}
	}
	return f
}

var (
	denied      = registryFault{Code: "DENIED", Message: "denied"}
	unsupported = registryFault{Code: "UNSUPPORTED", Message: "The operation is unsupported."}
)

// refuse answers with one error; ECR says that it is not authorized in plain words.
func (r *Registry) refuse(w http.ResponseWriter, status int, fault registryFault) {
	w.Header().Set("Content-Type", r.options.Product.json())
	w.WriteHeader(status)
	if r.options.Product == ECR && status == http.StatusUnauthorized {
		_, _ = w.Write([]byte("Not Authorized\n"))
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"errors": []registryFault{fault}}) // the client has left
}

// repositoryOf is the repository of a scope, "" for one of another kind.
func repositoryOf(scope string) (repository string, actions []string) {
	kind, rest, _ := strings.Cut(scope, ":")
	at := strings.LastIndexByte(rest, ':')
	if kind != "repository" || at < 0 {
		return "", nil
	}
	return rest[:at], strings.Split(rest[at+1:], ",")
}
