package plan

import (
	"fmt"
	"regexp"
	"strings"
	"sync"

	"github.com/pawl-cd/pawl/internal/policy"
)

var (
	// naming is the condition of a key that names one entry of a list: [?(@.name=='web')].
	naming = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`[( ]@(?:\.[\w-]+)*\.(?:name|id|key|alias|releaseName)\s*==\s*['"]`)
	})
	counted = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\[\d+\]`) })
)

// images are the keys that say, beside a tag, whose it is.
var images = []string{"repository", "registry", "image", "newName", "name"}

// twins refuses a key that names an entry of a list when entries of that name belong to different images: somebody
// has put another one beside it, and only one of the two is meant. A wildcard means all.
func (j *job) twins() *failure {
	key := j.target.Key.String()
	if len(j.values) < 2 || !naming().MatchString(key) || strings.Contains(key, "*") || strings.Contains(key, "..") {
		return nil
	}
	first := map[string]*value{}
	for _, v := range j.values {
		at := counted().ReplaceAllString(v.scalar.Key, "")
		other := first[at]
		if other == nil {
			first[at] = v
			continue
		}
		if a, b := j.owner(other), j.owner(v); a != b {
			return j.refuse(policy.TargetMismatch, v.scalar,
				fmt.Sprintf("%s leads to entries of %s and of %s", j.target.Key, a, b),
				"give the entries different names, or write a key that tells them apart: "+
					"[?(@.name=='web' && @.repository=='org/web')]")
		}
	}
	return nil
}

// owner is what the map of a tag says about its image; a whole reference says it itself.
func (j *job) owner(v *value) string {
	if own := repository(v.scalar.Value); own != "" {
		return strings.TrimRight(own, ":@")
	}
	var all []string
	for _, s := range j.file.Beside(v.scalar, images...) {
		all = append(all, s.Value)
	}
	return fmt.Sprintf("%q", strings.Join(all, " "))
}
