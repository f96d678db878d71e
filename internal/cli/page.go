package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/pawl-cd/pawl/internal/pipeline"
	"github.com/pawl-cd/pawl/internal/report"
)

// writable fails when a page cannot be written there, before anything else is done; an empty name is no page.
func writable(name string) error {
	if name == "" {
		return nil
	}
	dir, err := os.Stat(filepath.Dir(name))
	file, missing := os.Stat(name)
	switch {
	case err != nil:
	case !dir.IsDir():
		err = errors.New(filepath.Dir(name) + " is no directory")
	case missing == nil && file.IsDir():
		err = errors.New(name + " is a directory")
	}
	if err != nil {
		return &exit{code: Usage, err: fmt.Errorf("writing the page: %w", err), hint: pageHint}
	}
	return nil
}

// writePage writes a file as a whole or not at all.
func writePage(name string, page []byte) error {
	if err := replace(name, page); err != nil {
		return &exit{code: Failure, err: fmt.Errorf("writing the page: %w", err), hint: pageHint}
	}
	return nil
}

func replace(name string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(name), ".pawl-*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// writeReport writes the page of a run; err is what ended it early.
func writeReport(name string, r pipeline.Report, err error) error {
	if name == "" {
		return nil
	}
	var failure report.Failure
	if err != nil {
		failure = report.Failure{Message: err.Error(), Hint: advice(err)}
	}
	page, rendering := report.Run(r, failure)
	if rendering != nil {
		return &exit{code: Failure, err: rendering}
	}
	return writePage(name, page)
}
