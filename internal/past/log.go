package past

import (
	"fmt"
	"strings"
	"time"
)

// LogFormat is what git log is asked to print of a commit, with -z and --raw, for ParseLog.
const LogFormat = "%x01%H%x00%P%x00%cI%x00%an"

// ParseLog reads what git log -z --raw prints with LogFormat, whose names are whole (--no-abbrev).
func ParseLog(data []byte) ([]Commit, error) {
	var commits []Commit
	words := strings.Split(string(data), "\x00")
	for len(words) > 1 {
		word := strings.TrimPrefix(words[0], "\n")
		switch {
		case strings.HasPrefix(word, "\x01") && len(words) > 3:
			c, err := header(word[1:], words[1:4])
			if err != nil {
				return nil, err
			}
			commits, words = append(commits, c), words[4:]
		case strings.HasPrefix(word, ":") && len(commits) > 0:
			f, used, err := change(word, words[1:])
			if err != nil {
				return nil, err
			}
			last := &commits[len(commits)-1]
			last.Files, words = append(last.Files, f), words[1+used:]
		case word == "":
			words = words[1:]
		default:
			return nil, fmt.Errorf("reading the log: unexpected %.40q", word)
		}
	}
	return commits, nil
}

// header is a commit without its files.
func header(sha string, words []string) (Commit, error) {
	at, err := time.Parse(time.RFC3339, words[1])
	if err != nil {
		return Commit{}, fmt.Errorf("reading the log: the time of %s: %w", sha, err)
	}
	parent, _, _ := strings.Cut(words[0], " ")
	return Commit{SHA: sha, Parent: parent, At: at, Author: words[2]}, nil
}

// change reads a line of the raw format (https://git-scm.com/docs/git-diff#_raw_output_format) and the one or two names
// behind it, of which it says how many it used.
func change(line string, names []string) (f File, used int, err error) {
	parts := strings.Fields(line)
	used = 1
	if len(parts) == 5 && (parts[4][0] == 'R' || parts[4][0] == 'C') {
		used = 2
	}
	if len(parts) != 5 || len(names) < used {
		return f, 0, fmt.Errorf("reading the log: unexpected %.80q", line)
	}
	f = File{From: names[0], To: names[used-1], Old: content(parts[0], parts[2]), New: content(parts[1], parts[3])}
	switch parts[4][0] {
	case 'A', 'C':
		f.From, f.Old = "", ""
	case 'D':
		f.To, f.New = "", ""
	}
	return f, used, nil
}

// content is the name of a regular file's content; links and submodules have none.
func content(mode, name string) string {
	if !strings.HasPrefix(strings.TrimPrefix(mode, ":"), "10") || strings.Trim(name, "0") == "" {
		return ""
	}
	return name
}

// ParseRenames reads what git diff-tree --stdin -z --raw -M prints of commits: files and what they were called before.
func ParseRenames(data []byte) ([]File, error) {
	var all []File
	words := strings.Split(string(data), "\x00")
	for len(words) > 1 {
		word := strings.TrimPrefix(words[0], "\n")
		if !strings.HasPrefix(word, ":") { // the commit
			words = words[1:]
			continue
		}
		f, used, err := change(word, words[1:])
		if err != nil {
			return nil, err
		}
		all, words = append(all, f), words[1+used:]
	}
	return all, nil
}
