package helm

import (
	"encoding/json"
	"errors"
	"io"
)

// scanJSON reads an index that is JSON, token by token. It returns errUnusual for what is not plainly an index, and for
// YAML that only begins like JSON.
func scanJSON(r io.Reader) (map[string][]string, error) {
	s := &jsonScanner{charts: charts{versions: map[string][]string{}}}
	s.decoder = json.NewDecoder(&near{from: r, at: func() int64 { return s.decoder.InputOffset() }})
	s.decoder.UseNumber()
	found := false
	err := s.object(func(key string) error {
		if key != "entries" {
			return s.skip()
		}
		if found {
			return errUnusual
		}
		found = true
		return s.object(s.chart)
	})
	if err == nil && found {
		if _, err = s.decoder.Token(); errors.Is(err, io.EOF) {
			return s.charts.versions, nil
		}
	}
	var syntax *json.SyntaxError
	if err == nil || errors.As(err, &syntax) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return nil, errUnusual
	}
	return nil, err
}

// near lets the decoder read little more than it has made tokens of, so that no token is beyond all measure.
type near struct {
	from io.Reader
	read int64
	at   func() int64
}

// Read refuses what is too far ahead.
func (n *near) Read(p []byte) (int, error) {
	if n.read-n.at() > maxPart {
		return 0, errUnusual
	}
	got, err := n.from.Read(p)
	n.read += int64(got)
	return got, err
}

type jsonScanner struct {
	decoder *json.Decoder
	charts  charts
}

// object calls the function at each key of an object.
func (s *jsonScanner) object(visit func(key string) error) error {
	if err := s.delimiter('{'); err != nil {
		return err
	}
	for s.decoder.More() {
		token, err := s.decoder.Token()
		if err != nil {
			return err
		}
		key, ok := token.(string)
		if !ok {
			return errUnusual
		}
		if err := visit(key); err != nil {
			return err
		}
	}
	return s.delimiter('}')
}

func (s *jsonScanner) chart(name string) error {
	if err := s.charts.begin(name); err != nil {
		return err
	}
	if err := s.delimiter('['); err != nil {
		return err
	}
	for s.decoder.More() {
		version, seen := "", false
		err := s.object(func(key string) (err error) {
			if key != "version" {
				return s.skip()
			}
			if seen {
				return errUnusual
			}
			seen = true
			version, err = s.text()
			return err
		})
		if err != nil {
			return err
		}
		if err := s.charts.add(name, version); err != nil {
			return err
		}
	}
	return s.delimiter(']')
}

// text reads a version as YAML does: a text, or the characters of another scalar.
func (s *jsonScanner) text() (string, error) {
	token, err := s.decoder.Token()
	if err != nil {
		return "", err
	}
	switch value := token.(type) {
	case nil:
		return "", nil
	case string:
		return value, nil
	case json.Number:
		return value.String(), nil
	default:
		return "", errUnusual
	}
}

// skip reads a value of any kind.
func (s *jsonScanner) skip() error {
	for depth := 0; ; {
		token, err := s.decoder.Token()
		if err != nil {
			return err
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth == 0 {
			return nil
		}
	}
}

func (s *jsonScanner) delimiter(want json.Delim) error {
	token, err := s.decoder.Token()
	if err != nil {
		return err
	}
	if token != want {
		return errUnusual
	}
	return nil
}
