package edit

import "fmt"

// Error is a fault in a YAML file, or a reason why a scalar in it cannot be found or changed.
type Error struct {
	File    string // the name that was given to Parse
	Line    int    // counted from 1, as an editor does
	Column  int    // counted from 1 in characters
	Message string // what was found and what was expected
	Hint    string // what a person can do about it; may be empty
	Err     error  // the cause, when another package reported it
}

// Error returns "file:line:column: message".
func (e *Error) Error() string {
	return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Column, e.Message)
}

// Advice returns the hint, which may be empty.
func (e *Error) Advice() string { return e.Hint }

// Unwrap returns the cause that another package reported, or nil.
func (e *Error) Unwrap() error { return e.Err }
