package plan_test

import (
	"context"
	"fmt"
	"testing/fstest"

	"github.com/pawl-cd/pawl/internal/manifest"
)

func ExamplePlanner_Plan() {
	w := &world{listings: map[string][]string{"docker.io/org/app": {"v1.0.0", "v1.1.0", "v2.0.0"}}}
	p := newPlanner(w, map[string]string{"values.yaml": "image: {tag: v1.0.0} # keep\n"})
	manifests, err := manifest.Load(fstest.MapFS{"manifests/app.yaml": {Data: []byte(follow("org/app", "^1", "values.yaml:$.image.tag"))}}, nil, manifest.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	got, err := p.Plan(context.Background(), manifests)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, c := range got.Changes {
		fmt.Printf("%s: %s -> %s (%s)\n", c.Key, c.Old, c.New, c.Reason)
	}
	fmt.Printf("%s", got.Files[0].After)
	// Output:
	// $.image.tag: v1.0.0 -> v1.1.0 (newest-match)
	// image: {tag: v1.1.0} # keep
}
