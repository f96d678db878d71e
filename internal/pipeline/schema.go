package pipeline

import _ "embed" // the schemas are files, so that editors and other tools can use them as well

//go:embed schemas/pawl.plan@1.json
var planSchema string

//go:embed schemas/pawl.report@1.json
var reportSchema string

// ReportSchemaJSON returns the JSON Schema (2020-12) of the report's JSON form, version ReportSchema. It refers to the
// plan's by its $id.
func ReportSchemaJSON() []byte { return []byte(reportSchema) }

// PlanSchemaJSON returns the JSON Schema (2020-12) of the plan's JSON form, version PlanSchema.
func PlanSchemaJSON() []byte { return []byte(planSchema) }
