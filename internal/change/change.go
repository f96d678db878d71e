// Package change holds a set of edits as a value: which scalar of which file goes from which text to which, and the
// bytes of every touched file before and after. From it come the branch, the commit message and the pull request as text
// that tells the truth and stays inert whatever a manifest, a registry or an event says, and Authorize, the one place
// that grants a merge. It does no I/O; talking to a forge is left to the packages below it.
package change

// Update is one scalar that changes. Its JSON form is part of the plan contract.
type Update struct {
	// Manifest is the identity of the manifest that asks for it, and Target the target's id in it.
	Manifest string `json:"manifest"`
	Target   string `json:"target"`
	// File is the path below the root, Document the index of the YAML document in it, Key the concrete JSONPath.
	File     string `json:"file"`
	Document int    `json:"document,omitempty"`
	Key      string `json:"key"`
	// Old and New are the decoded values.
	Old string `json:"old"`
	New string `json:"new"`
	// From is the version that Old stands for, empty when that is not known; it is for people's holds only.
	From string `json:"-"`
	// Source is where Version was listed; Digest is the image's, empty for other kinds.
	Source  Source `json:"source"`
	Version string `json:"version"`
	Digest  string `json:"digest"`
	// Artifact is the package URL of Version without Digest.
	Artifact string `json:"-"`
	// Reason is the policy's code for why the value moves.
	Reason string `json:"reason"`
}

// Source names where a version comes from, as the manifest writes it.
type Source struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
}

// File is one file that changes, as bytes.
type File struct {
	Path          string
	Before, After []byte
}
