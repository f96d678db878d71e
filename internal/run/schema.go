package run

import _ "embed" // the schema is a file, so that editors and other tools can use it as well

//go:embed schemas/pawl.report@1.json
var reportSchema string

// ReportSchemaJSON returns the JSON Schema (2020-12) of the report's JSON form, version ReportSchema. It refers to the
// plan's by its $id.
func ReportSchemaJSON() []byte { return []byte(reportSchema) }
