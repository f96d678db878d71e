// Package edit replaces scalars in YAML files byte by byte: bytes in, bytes out.
//
// It promises that only the scalar's own bytes change: comments, blank lines, line endings, quoting styles,
// anchors, aliases, tags and every other document stay as they are. What it cannot change safely it refuses
// with an [Error] that names file, line and column, and says what to do. After the edits the file is parsed
// again; unless the node trees differ at exactly the edited scalars, by exactly the new values, nothing is
// returned.
//
// Which scalar gets which value, and reading and writing files, is left to the caller.
package edit
