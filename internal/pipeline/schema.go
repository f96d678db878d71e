package pipeline

import _ "embed" // the schema is a file, so that editors and other tools can use it as well

//go:embed schemas/pawl.plan@1.json
var planSchema string

// PlanSchemaJSON returns the JSON Schema (2020-12) of the plan's JSON form, version PlanSchema.
func PlanSchemaJSON() []byte { return []byte(planSchema) }
