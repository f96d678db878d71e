package deploy

import (
	"path"
	"slices"
	"strings"
)

// Consumes reports whether a changed file, with forward slashes below the root, is among those that the project
// consumes: its Paths, or without any the targets and the extra paths. A path is a file, a directory with everything
// below it, or a pattern of path.Match in which ** also stands for any number of directories.
func (p Project) Consumes(changed, targets, extra []string) bool {
	patterns := p.Paths
	if len(patterns) == 0 {
		patterns = slices.Concat(targets, extra)
	}
	return slices.ContainsFunc(changed, func(file string) bool {
		file = path.Clean(file)
		return slices.ContainsFunc(patterns, func(pattern string) bool { return matches(pattern, file) })
	})
}

func matches(pattern, file string) bool {
	clean := path.Clean(pattern)
	if clean == "." || clean == file || strings.HasPrefix(file, clean+"/") {
		return strings.TrimSpace(pattern) != ""
	}
	if strings.HasSuffix(pattern, "/") {
		clean += "/**"
	}
	return glob(strings.Split(clean, "/"), strings.Split(file, "/"))
}

// glob matches part by part; reached[i] says whether the patterns so far can stand for the first i parts.
func glob(patterns, parts []string) bool {
	reached := make([]bool, len(parts)+1)
	reached[0] = true
	for _, pattern := range patterns {
		next := make([]bool, len(parts)+1)
		for i := range reached {
			switch {
			case pattern == "**":
				next[i] = reached[i] || i > 0 && next[i-1]
			case i > 0 && reached[i-1]:
				next[i], _ = path.Match(pattern, parts[i-1])
			}
		}
		reached = next
	}
	return reached[len(parts)]
}
