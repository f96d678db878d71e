package helm

import "gopkg.in/yaml.v3"

// items reads the versions of a chart from the lines of its list.
type items struct {
	chart  string
	charts *charts
	// at is the indentation of the list, below zero before its first item.
	at int
	// item are the lines of the current item; odd are whole items for the library, which come before it.
	item, odd []byte
}

// begin takes the first line of an item.
func (x *items) begin(line []byte) error {
	if err := x.settle(); err != nil {
		return err
	}
	x.item = append(x.item, line...)
	return nil
}

// more takes a further line; what comes before the first item is empty or a comment.
func (x *items) more(line []byte) error {
	if x.at < 0 {
		return nil
	}
	if x.item = append(x.item, line...); len(x.item) > maxPart {
		return errUnusual
	}
	return nil
}

// settle reads the current item, or lays it aside for the library.
func (x *items) settle() error {
	if len(x.item) == 0 {
		return nil
	}
	version, ok := plainItem(x.item, x.at)
	if !ok {
		x.odd = append(x.odd, x.item...)
		x.item = x.item[:0]
		if len(x.odd) < group {
			return nil
		}
		return x.decode()
	}
	x.item = x.item[:0]
	if err := x.decode(); err != nil {
		return err
	}
	return x.charts.add(x.chart, version)
}

// end reads what is left.
func (x *items) end() error {
	if err := x.settle(); err != nil {
		return err
	}
	return x.decode()
}

// decode lets the library read the items that were laid aside. An alias to an anchor outside of them is an error of the
// library, and so must be what it would leave behind them unread.
func (x *items) decode() error {
	if len(x.odd) == 0 {
		return nil
	}
	var (
		node yaml.Node
		list []entry
	)
	if !one(x.odd, &node) || manyKeys(&node) || node.Decode(&list) != nil {
		return errUnusual
	}
	x.odd = x.odd[:0]
	for _, e := range list {
		if err := x.charts.add(x.chart, e.Version); err != nil {
			return err
		}
	}
	return nil
}

// entry is what is kept of one version of a chart.
type entry struct {
	Version string `yaml:"version"`
}
