package source

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
)

// Artifact is what a package URL names (https://github.com/package-url/purl-spec, ECMA-427):
//
//	pkg:oci/<last segment of the repository>@<digest>?repository_url=<host/path>&tag=<tag>   images, charts at oci://
//	pkg:helm/<chart>@<version>?repository_url=<URL of the index>                             charts of classic repositories
//	pkg:github/<owner>/<repository>@<tag>?repository_url=<URL of the API>                    releases; no URL on github.com
//
// The specification defines oci and github; helm is written as other tools write it.
type Artifact struct {
	// Type is oci, helm, github, or what a foreign event says.
	Type string
	// Namespace is empty or holds segments with slashes between; Name is never empty.
	Namespace, Name string
	// Version is the digest of an image, empty while it is unknown, or the version of anything else.
	Version string
	// Repository is the qualifier repository_url, Tag the qualifier tag; others are not kept.
	Repository, Tag string
}

// ImageArtifact returns the artifact of an image: repository is HOST/PATH, digest is sha256:HEX or empty.
func ImageArtifact(repository, tag, digest string) Artifact {
	repository = strings.Trim(repository, "/")
	return Artifact{Type: "oci", Name: last(repository), Version: digest, Repository: repository, Tag: tag}
}

// ChartArtifact returns the artifact of a chart in a classic repository, given the repository's URL.
func ChartArtifact(repository, name, version string) Artifact {
	repository = strings.TrimSuffix(withoutUser(repository), "/")
	return Artifact{Type: "helm", Name: name, Version: version, Repository: repository}
}

// ReleaseArtifact returns the artifact of a release at GitHub; api is the URL of the API, or empty for github.com.
func ReleaseArtifact(api, owner, repository, tag string) Artifact {
	api = strings.TrimSuffix(withoutUser(api), "/")
	if api == "https://api.github.com" {
		api = ""
	}
	return Artifact{Type: "github", Namespace: owner, Name: repository, Version: tag, Repository: api}
}

// GitTagArtifact returns the artifact of a tag in a git repository, by the URL that it is cloned from.
func GitTagArtifact(repository, tag string) Artifact {
	repository = strings.TrimSuffix(withoutUser(repository), "/")
	_, place, _ := strings.Cut(repository, "://")
	host, name, _ := strings.Cut(strings.TrimSuffix(place, ".git"), "/")
	owner := ""
	if at := strings.LastIndexByte(name, '/'); at >= 0 {
		owner, name = name[:at], name[at+1:]
	}
	if host == "github.com" {
		return ReleaseArtifact("", owner, name, tag)
	}
	return Artifact{Type: "generic", Namespace: owner, Name: name, Version: tag, Repository: repository}
}

// Undigested is the artifact without the digest of an image.
func (a Artifact) Undigested() Artifact {
	if a.Type == "oci" {
		a.Version = ""
	}
	return a
}

// String writes the package URL in its canonical form.
func (a Artifact) String() string {
	a = a.normal()
	var out strings.Builder
	out.WriteString("pkg:" + a.Type)
	for segment := range strings.SplitSeq(a.Namespace, "/") {
		if segment != "" {
			out.WriteString("/" + escape(segment))
		}
	}
	out.WriteString("/" + escape(a.Name))
	if a.Version != "" {
		out.WriteString("@" + escape(a.Version))
	}
	mark := byte('?')
	for _, q := range [...][2]string{{"repository_url", a.Repository}, {"tag", a.Tag}} { // in the order of their keys
		if q[1] != "" {
			out.WriteByte(mark)
			out.WriteString(q[0] + "=" + escape(q[1]))
			mark = '&'
		}
	}
	return out.String()
}

// normal spells what is written in more than one way the way that the specification wants.
func (a Artifact) normal() Artifact {
	a.Type = strings.ToLower(a.Type)
	switch a.Type {
	case "oci":
		a.Name, a.Version, a.Repository = strings.ToLower(a.Name), strings.ToLower(a.Version), strings.ToLower(a.Repository)
	case "github":
		a.Namespace, a.Name = strings.ToLower(a.Namespace), strings.ToLower(a.Name)
	}
	return a
}

// Same reports whether two artifacts are the same one. Images with digests are compared by these, else by their tags; a
// tag alone is never the same as a digest.
func (a Artifact) Same(b Artifact) bool {
	a, b = a.normal(), b.normal()
	if a.Type != b.Type || a.Namespace != b.Namespace || a.Name != b.Name || a.Repository != b.Repository {
		return false
	}
	if a.Type != "oci" || a.Version != "" && b.Version != "" {
		return a.Version == b.Version
	}
	return a.Tag != "" && a.Tag == b.Tag
}

// escape percent-encodes what the specification does not leave as it is: letters, digits, and the marks below.
func escape(text string) string {
	var out strings.Builder
	for i := range len(text) {
		if c := text[i]; alphanumeric(c) || strings.IndexByte("-._~:", c) >= 0 {
			out.WriteByte(c)
		} else {
			fmt.Fprintf(&out, "%%%02X", c)
		}
	}
	return out.String()
}

func alphanumeric(c byte) bool {
	return '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z'
}

func last(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

// maxPurl bounds a package URL that is read, in bytes.
const maxPurl = 2000

// errPurl says what is expected.
var errPurl = errors.New("not a package URL such as pkg:oci/NAME@DIGEST?repository_url=HOST%2FPATH&tag=TAG")

// ParseArtifact reads a package URL. Qualifiers that Artifact has no field for, and a subpath, are left out.
func ParseArtifact(text string) (Artifact, error) {
	rest, ok := strings.CutPrefix(text, "pkg:")
	if !ok || len(text) > maxPurl {
		return Artifact{}, errPurl
	}
	rest, _, _ = strings.Cut(rest, "#")
	rest, qualifiers, _ := strings.Cut(rest, "?")
	var a Artifact
	a.Type, rest, ok = strings.Cut(strings.Trim(rest, "/"), "/")
	if !ok || a.Type == "" || strings.Trim(strings.ToLower(a.Type), "abcdefghijklmnopqrstuvwxyz0123456789.+-") != "" {
		return Artifact{}, errPurl
	}
	rest, a.Version, _ = strings.Cut(rest, "@")
	a.Name = last(rest)
	a.Namespace = strings.Trim(strings.TrimSuffix(rest, a.Name), "/")
	for pair := range strings.SplitSeq(qualifiers, "&") {
		switch key, value, _ := strings.Cut(pair, "="); strings.ToLower(key) {
		case "repository_url":
			a.Repository = value
		case "tag":
			a.Tag = value
		}
	}
	return a.unescape()
}

func (a Artifact) unescape() (Artifact, error) {
	for _, field := range []*string{&a.Namespace, &a.Name, &a.Version, &a.Repository, &a.Tag} {
		text, err := url.PathUnescape(*field)
		if err != nil || !Visible(text) {
			return Artifact{}, errPurl
		}
		*field = text
	}
	if a.Name == "" || strings.Contains(a.Name, "/") {
		return Artifact{}, errPurl
	}
	return a.normal(), nil
}

// Visible reports whether a text is visible ASCII, without spaces.
func Visible(text string) bool {
	for i := range len(text) {
		if text[i] <= ' ' || text[i] > '~' {
			return false
		}
	}
	return true
}

// userOfURL is what stands before the host of a URL.
var userOfURL = regexp.MustCompile(`([A-Za-z][A-Za-z0-9+.-]*://)[^/\s"'<>?#]*@`)

// withoutUser is a URL without who asks and the password.
func withoutUser(url string) string { return userOfURL.ReplaceAllString(url, "$1") }

// errNamed says how an artifact is named.
var errNamed = errors.New("want org/app:1.4.2, org/app@sha256:…, chart@1.2.3, owner/repository@v1.2.3, https://charts.example#chart@1.2.3, oci://host/chart@1.2.3, or a package URL")

// ParseNamed reads an artifact as people name it: org/app:1.4.2 and org/app@sha256:... are images, chart@1.2.3 is a chart of any
// repository, owner/repository@v1.2.3 a release at GitHub, URL#chart@1.2.3 a chart of that one, oci://host/chart@1.2.3 a chart in a
// registry; pkg:... is a package URL.
func ParseNamed(text string) (Artifact, error) {
	if strings.HasPrefix(text, "pkg:") {
		return packageNamed(text)
	}
	if !Visible(text) || text == "" || len(text) > maxPurl {
		return Artifact{}, errNamed
	}
	name, version, at := cutLast(text, "@")
	switch {
	case at && strings.HasPrefix(version, "sha256:"):
		if colon := strings.LastIndexByte(name, ':'); colon > strings.LastIndexByte(name, '/') {
			name = name[:colon] // the digest says which
		}
		return imageNamed(name, "", version)
	case at && strings.HasPrefix(name, "oci://"):
		return ImageArtifact(strings.TrimPrefix(name, "oci://"), version, "").checked()
	case at && strings.Contains(name, "#"):
		base, chart, _ := strings.Cut(name, "#")
		return ChartArtifact(base, chart, version).checked()
	case at && strings.Count(name, "/") == 1 && !strings.Contains(name, ":"):
		owner, repository, _ := strings.Cut(name, "/")
		return ReleaseArtifact("", owner, repository, version).checked()
	case at && !strings.ContainsAny(name, "/:"):
		return ChartArtifact("", name, version).checked()
	case at:
		return Artifact{}, errNamed
	}
	name, tag, _ := cutLast(text, ":")
	if tag == "" || strings.Contains(tag, "/") {
		return Artifact{}, errNamed
	}
	return imageNamed(name, tag, "")
}

// packageNamed reads a package URL that names one version: an image is also written as pkg:docker/org/app@1.4.2, and with its tag as
// version.
func packageNamed(text string) (Artifact, error) {
	a, err := ParseArtifact(text)
	if err != nil {
		return Artifact{}, err
	}
	if a.Type == "oci" || a.Type == "docker" {
		if a.Version != "" && !strings.HasPrefix(a.Version, "sha256:") {
			a.Tag, a.Version = a.Version, ""
		}
		if a.Type == "docker" {
			return imageNamed(strings.TrimPrefix(a.Repository+"/"+strings.TrimPrefix(a.Namespace+"/"+a.Name, "/"), "/"), a.Tag, a.Version)
		}
		if a.Repository == "" {
			return Artifact{}, errNamed
		}
	}
	return a.checked()
}

func imageNamed(name, tag, digest string) (Artifact, error) {
	q, err := ParseImage(name)
	if err != nil {
		return Artifact{}, errNamed
	}
	return ImageArtifact(q.Host+"/"+q.Path, tag, digest).checked()
}

// checked refuses an artifact that lacks its name or its version.
func (a Artifact) checked() (Artifact, error) {
	if a.Name == "" || a.Version == "" && a.Tag == "" || a.Type == "github" && a.Namespace == "" {
		return Artifact{}, errNamed
	}
	if again, err := ParseArtifact(a.String()); err != nil || !again.Same(a) {
		return Artifact{}, errNamed // no package URL says it
	}
	return a.normal(), nil
}

func cutLast(text, mark string) (before, after string, found bool) {
	at := strings.LastIndex(text, mark)
	if at < 0 {
		return text, "", false
	}
	return text[:at], text[at+len(mark):], true
}

// Of reports whether the artifact is a version of what a source follows. A chart without a repository is of every repository.
func (a Artifact) Of(q Query) bool {
	a, b := a.normal(), q.Artifact("").normal()
	if a.Type == "helm" && a.Repository == "" {
		return q.Kind == HelmChart && a.Name == last(q.Path)
	}
	return a.Type == b.Type && a.Namespace == b.Namespace && a.Name == b.Name && a.Repository == b.Repository
}

// Covers reports whether the artifact is this version of what a source follows: by its digest where it has one, which is never
// the same as an unknown one, else by its tag or version.
func (a Artifact) Covers(q Query, tag, digest string) bool {
	a = a.normal()
	switch {
	case !a.Of(q):
		return false
	case a.Type == "oci" && a.Version != "":
		return strings.EqualFold(a.Version, digest)
	case a.Type == "oci":
		return a.Tag != "" && a.Tag == tag
	default:
		return a.Version != "" && a.Version == tag
	}
}
