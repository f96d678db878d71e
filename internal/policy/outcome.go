package policy

// Outcome says what became of one target. An outcome is not an error: "held" and "none" are answers.
type Outcome string

// The outcomes of the plan contract.
const (
	Update  Outcome = "update"
	Current Outcome = "current"
	Held    Outcome = "held"
	None    Outcome = "none"
	Failed  Outcome = "failed"
)

// Reason is the code of why an outcome came about; the list is closed and part of the plan contract.
type Reason string

// The reasons of the plan contract.
const (
	NewestMatch     Reason = "newest-match"
	AlreadyNewest   Reason = "already-newest"
	PinnedDown      Reason = "pinned-down"
	HeldByPolicy    Reason = "held"
	HoldExpired     Reason = "hold-expired"
	NotListed       Reason = "not-listed"
	LowerOnly       Reason = "lower-only"
	Excluded        Reason = "excluded"
	NotPublished    Reason = "not-published"
	PeopleEdit      Reason = "people-edit"
	Vetoed          Reason = "vetoed"
	NoMatch         Reason = "no-match"
	EmptyListing    Reason = "empty-listing"
	SourceFailed    Reason = "source-failed"
	ManifestInvalid Reason = "manifest-invalid"
	TargetInvalid   Reason = "target-invalid"
	EmptyValue      Reason = "empty-value"
	DigestMoved     Reason = "digest-moved"
	DigestBeside    Reason = "digest-beside"
	TargetMismatch  Reason = "target-mismatch"
	TargetEncrypted Reason = "target-encrypted"
	Quarantined     Reason = "quarantined"
	RolledBack      Reason = "rolled-back"
	TooYoung        Reason = "too-young"
	PlatformMissing Reason = "platform-missing"
	GateDenied      Reason = "gate-denied"
	GateMissing     Reason = "gate-missing"
)

// Brake reports that a person's brake moves the value: a quarantine or a rollback.
func (r Reason) Brake() bool { return r == Quarantined || r == RolledBack }

// Reasons lists every reason code, in the order of the contract.
func Reasons() []Reason {
	return []Reason{
		NewestMatch, AlreadyNewest, PinnedDown, HeldByPolicy, HoldExpired, NotListed, LowerOnly, Excluded, NotPublished,
		PeopleEdit, Vetoed, NoMatch, EmptyListing, SourceFailed, ManifestInvalid, TargetInvalid, EmptyValue,
		DigestMoved, DigestBeside, TargetMismatch, TargetEncrypted, Quarantined, RolledBack, TooYoung,
		PlatformMissing, GateDenied, GateMissing,
	}
}
