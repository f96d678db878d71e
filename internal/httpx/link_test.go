package httpx_test

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pawl-cd/pawl/internal/httpx"
)

func TestLinks(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		headers []string
		want    []httpx.Link
	}{
		{"none", nil, nil},
		{"GitHub's", []string{`<https://api.github.com/repositories/1/releases?page=2>; rel="next", <https://api.github.com/repositories/1/releases?page=3>; rel="last"`},
			[]httpx.Link{{Target: "https://api.github.com/repositories/1/releases?page=2", Rel: []string{"next"}},
				{Target: "https://api.github.com/repositories/1/releases?page=3", Rel: []string{"last"}}}},
		{"a notice", []string{`<https://github.blog/x/>; rel="deprecation"; type="text/html"`}, []httpx.Link{{Target: "https://github.blog/x/", Rel: []string{"deprecation"}}}},
		{"no rel", []string{"</v2/a/tags/list?last=x>"}, []httpx.Link{{Target: "/v2/a/tags/list?last=x"}}},
		{"comma in the target", []string{`</a?last=1,2>; title="a,b"; REL=Next`}, []httpx.Link{{Target: "/a?last=1,2", Rel: []string{"next"}}}},
		{"two words", []string{`</a>;rel="next last"`, "<>", "nonsense", "<half"}, []httpx.Link{{Target: "/a", Rel: []string{"next", "last"}}}},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, httpx.Links(http.Header{"Link": tt.headers})); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
	}
}
