package plan

import _ "embed" // the schema is a file, so that editors and other tools can use it as well

//go:embed schemas/pawl.plan@1.json
var planSchema string

// SchemaJSON returns the JSON Schema (2020-12) of the plan's JSON form, version PlanSchema.
func SchemaJSON() []byte { return []byte(planSchema) }
