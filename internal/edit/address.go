package edit

// Address is where values stand in a file of some kind. A new kind of target is an Address and a Document.
type Address interface {
	// Kind names the kind of target, as manifests do: the edits of two kinds in one file do not go together.
	Kind() string
	// String is the address as it was written, for people.
	String() string
	// Open takes a file apart; the name is for messages. Its error is an *Error.
	Open(name string, data []byte) (Document, error)
	// Find returns the values at this address of a document that Open made; its error is an *Error.
	Find(d Document) ([]Scalar, error)
}

// InYAML is the address of values in a YAML file: those at Key, in the document with an index from 0 or in all with -1.
type InYAML struct {
	Document int
	Key      Path
}

// Kind returns yaml.
func (InYAML) Kind() string { return "yaml" }

// String returns the key.
func (a InYAML) String() string { return a.Key.String() }

// Open parses YAML.
func (InYAML) Open(name string, data []byte) (Document, error) { return open(Parse(name, data)) }

// Find returns the scalars at the key.
func (a InYAML) Find(d Document) ([]Scalar, error) { return d.(*File).FindIn(a.Document, a.Key) }

// InText is the address of the one value in a text that Pattern finds.
type InText struct{ Pattern Pattern }

// Kind returns file.
func (InText) Kind() string { return "file" }

// String returns the expression.
func (a InText) String() string { return a.Pattern.String() }

// Open takes any text.
func (InText) Open(name string, data []byte) (Document, error) { return open(ParseText(name, data)) }

// Find returns what the pattern matches.
func (a InText) Find(d Document) ([]Scalar, error) {
	found, err := d.(*Text).Find(a.Pattern)
	if err != nil {
		return nil, err
	}
	return []Scalar{found}, nil
}

// open is a document, none with an error.
func open[D Document](d D, err error) (Document, error) {
	if err != nil {
		return nil, err
	}
	return d, nil
}
