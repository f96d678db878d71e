package github

import (
	"net/url"
	"strings"
)

// escapePath escapes each segment of a path.
func escapePath(path string) string {
	segments := strings.Split(path, "/")
	for i, segment := range segments {
		segments[i] = url.PathEscape(segment)
	}
	return strings.Join(segments, "/")
}

func getContents(c *context) reply {
	ref := c.query.Get("ref")
	if ref == "" {
		ref = "HEAD"
	}
	at := c.repo.resolve(ref)
	if at == nil && c.query.Get("ref") == "" {
		return fail(404, "This repository is empty.")
	}
	if at == nil {
		return fail(404, "No commit found for the ref "+ref)
	}
	path := strings.Trim(c.vars["path"], "/")
	found, exists := c.repo.store.find(at.tree, path)
	switch {
	case !exists:
		return notFound()
	case found.isTree():
		return c.repo.directory(found.id, path, ref)
	}
	out := c.repo.contentJSON(found, path, ref)
	data := c.repo.store.objects[found.id].data
	out["content"], out["encoding"] = wrapped(data), "base64"
	if len(data) > 1<<20 {
		out["content"], out["encoding"] = "", "none"
	}
	return ok(out)
}

func (r *Repo) directory(tree, path, ref string) reply {
	entries, err := r.store.tree(tree)
	if err != nil {
		return broken(err)
	}
	list := make([]obj, 0, len(entries))
	for _, e := range entries {
		list = append(list, r.contentJSON(e, strings.TrimPrefix(path+"/"+e.name, "/"), ref))
	}
	return ok(list)
}

func (r *Repo) contentJSON(e entry, path, ref string) obj {
	kind, size := "file", len(r.store.objects[e.id].data)
	var download any = r.web("/raw/" + ref + "/" + escapePath(path))
	if e.isTree() {
		kind, size, download = "dir", 0, nil
	}
	self := r.api("/contents/" + escapePath(path) + "?ref=" + url.QueryEscape(ref))
	git, html := r.api("/git/"+e.kind()+"s/"+e.id), r.web("/blob/"+ref+"/"+escapePath(path))
	return obj{
		"type": kind, "name": path[strings.LastIndex(path, "/")+1:], "path": path, "sha": e.id, "size": size,
		"url": self, "git_url": git, "html_url": html, "download_url": download,
		"_links": obj{"self": self, "git": git, "html": html},
	}
}
