package change_test

import (
	"fmt"

	"github.com/pawl-cd/pawl/internal/change"
)

func ExampleCommitMessage() {
	set := change.Set{Chain: "b3f1", Updates: []change.Update{{
		Manifest: "central-ledger", File: "mojaloop-values-override.yaml", Key: "$.central-ledger.image.tag",
		Old: "v19.13.0-infitx.26", New: "v19.13.0-infitx.27",
	}}}
	fmt.Println(change.CommitMessage(set))
	// Output:
	// central-ledger v19.13.0-infitx.26 -> v19.13.0-infitx.27
	//
	// - central-ledger v19.13.0-infitx.26 -> v19.13.0-infitx.27 in mojaloop-values-override.yaml
	//
	// Pawl-Chain: b3f1
	// Pawl-Update: mojaloop-values-override.yaml $.central-ledger.image.tag v19.13.0-infitx.26 -> v19.13.0-infitx.27
}
