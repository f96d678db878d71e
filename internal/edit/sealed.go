package edit

import (
	"strings"

	"gopkg.in/yaml.v3"
)

// Sealed returns the place of SOPS' metadata when its checksum (MAC) covers every value of the file, so that no value
// can be changed without the key; with `mac_only_encrypted: true` it covers the encrypted ones alone. One document's
// metadata is enough: the checksum is that of all documents.
func (f *File) Sealed() (line, column int, sealed bool) {
	for _, root := range f.docs {
		sops := child(root, "sops")
		if sops == nil || child(sops, "mac") == nil {
			continue
		}
		if only := child(sops, "mac_only_encrypted"); only == nil || only.Value != "true" {
			return sops.Line, sops.Column, true
		}
	}
	return 0, 0, false
}

// Encrypted reports whether the scalar holds a secret that only its tool may write: a value of SOPS or eyaml
// (ENC[...]), of Ansible's vault, or part of SOPS' own metadata.
func (f *File) Encrypted(s Scalar) bool {
	text := strings.TrimSpace(s.Value)
	if strings.HasPrefix(text, "ENC[") || strings.HasPrefix(text, "$ANSIBLE_VAULT") || s.node.Tag == "!vault" {
		return true
	}
	root := f.docs[s.Document]
	sops := child(root, "sops")
	for n := s.node; sops != nil && n != nil && n != root; n = f.places[n].parent {
		if n == sops {
			return child(sops, "mac") != nil
		}
	}
	return false
}

// child returns the value of a key of a map, nil when there is none.
func child(m *yaml.Node, name string) *yaml.Node {
	if m.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(m.Content); i += 2 {
		if m.Content[i].Kind == yaml.ScalarNode && m.Content[i].Value == name {
			return m.Content[i+1]
		}
	}
	return nil
}
