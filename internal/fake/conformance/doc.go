// Package conformance checks requests and answers against GitHub's own descriptions of its APIs.
//
// The descriptions are npm packages: `@octokit/openapi` (OpenAPI, REST) and `@octokit/graphql-schema`. Only the
// operations of Operations are kept of the 13 MB; a request to any other is a violation. Beyond the schemas it refuses
// undescribed query parameters, undescribed properties of request bodies, undescribed status codes, and answers of
// GraphQL that hold other fields than the query asked for.
//
// It relaxes the descriptions in three places, each because GitHub itself does otherwise; see relaxations. Codes that
// every operation may answer (401, 403, 404, 429, 5xx) need only be a basic error when an operation does not list them.
//
//	described, err := conformance.Load("node_modules")
//	checker := described.Checker()
//	fake := github.New(github.Options{Check: checker.Exchange})
//	// ... run a client ...
//	checker.Violations() // must be empty
//	checker.Counts()     // calls validated, by operation
package conformance
