package scaffold

import (
	"fmt"
	"strings"

	"github.com/pawl-cd/pawl/internal/source"
)

// origin is where versions come from: an image, a chart of a Helm repository, or the releases of a GitHub repository.
type origin struct {
	kind source.Kind
	// image is the repository of an image; url and name are those of a chart; owner and name those of releases.
	image, url, owner, name string
}

func imageOrigin(image string) origin { return origin{kind: source.Image, image: image} }

func chartOrigin(url, name string) origin {
	return origin{kind: source.HelmChart, url: strings.TrimRight(url, "/"), name: name}
}

// query is the origin as pawl asks it.
func (o origin) query() (source.Query, error) {
	switch o.kind {
	case source.Image:
		return source.ParseImage(o.image)
	case source.HelmChart:
		return source.ParseChart(o.url, o.name)
	default:
		return source.ParseReleases("", o.owner, o.name, "")
	}
}

// String names the origin for people.
func (o origin) String() string {
	switch o.kind {
	case source.Image:
		return o.image
	case source.HelmChart:
		return o.name + " of " + o.url
	default:
		return o.owner + "/" + o.name
	}
}

// title is the name of a manifest.
func (o origin) title() string {
	switch o.kind {
	case source.Image:
		return "Track " + o.image
	case source.HelmChart:
		return "Track the chart " + o.name
	default:
		return fmt.Sprintf("Track the releases of %s/%s", o.owner, o.name)
	}
}

// spec is the origin in the words of a manifest, one line each.
func (o origin) spec() []string {
	switch o.kind {
	case source.Image:
		return []string{"image: " + quote(o.image)}
	case source.HelmChart:
		return []string{"url: " + quote(o.url), "name: " + quote(o.name)}
	default:
		return []string{"owner: " + quote(o.owner), "repository: " + quote(o.name)}
	}
}

// short is what a file is called by.
func (o origin) short() string {
	last := o.image[strings.LastIndexByte(o.image, '/')+1:]
	switch o.kind {
	case source.Image:
		return last
	case source.HelmChart:
		return o.name + "-chart"
	default:
		return o.name
	}
}

// longer tells origins of one short name apart, by what stands before it.
func (o origin) longer() string {
	parts := strings.Split(o.image, "/")
	switch o.kind {
	case source.Image:
		if len(parts) > 1 {
			return parts[len(parts)-2] + "-" + o.short()
		}
		return o.short()
	case source.HelmChart:
		place := strings.TrimPrefix(strings.TrimPrefix(o.url, "https://"), "oci://")
		return place[strings.LastIndexByte(place, '/')+1:] + "-" + o.short()
	default:
		return o.owner + "-" + o.name
	}
}
