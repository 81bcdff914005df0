package event

import "time"

// Type is what happened. Types are stable: they are added, never renamed.
type Type string

const typePrefix = "dev.evoseal."

// The types.
const (
	RollbackInitiated      Type = typePrefix + "rollback.initiated.v1"
	RollbackCompleted      Type = typePrefix + "rollback.completed.v1"
	RollbackFailed         Type = typePrefix + "rollback.failed.v1"
	RollbackDenied         Type = typePrefix + "rollback.denied.v1"
	RollbackRefused        Type = typePrefix + "rollback.refused.v1"
	UndoCompleted          Type = typePrefix + "undo.completed.v1"
	VerificationPassed     Type = typePrefix + "verification.passed.v1"
	VerificationFailed     Type = typePrefix + "verification.failed.v1"
	CascadeStarted         Type = typePrefix + "cascade.started.v1"
	CascadeCompleted       Type = typePrefix + "cascade.completed.v1"
	CheckpointCreated      Type = typePrefix + "checkpoint.created.v1"
	CheckpointsPruned      Type = typePrefix + "checkpoints.pruned.v1"
	BaselineEstablished    Type = typePrefix + "baseline.established.v1"
	RegressionDetected     Type = typePrefix + "regression.detected.v1"
	EmergencyDeclared      Type = typePrefix + "emergency.declared.v1"
	EmergencyClosed        Type = typePrefix + "emergency.closed.v1"
	PolicyChanged          Type = typePrefix + "policy.changed.v1"
	AuthorizationThrottled Type = typePrefix + "authorization.throttled.v1"
)

// TypeInfo describes a type.
type TypeInfo struct {
	Type Type
	// When it is sent, and what its subject is.
	When, Subject string
	// Data is the name of the struct in this package that its data has.
	Data string
}

// Types is the table of all types. The caller owns the result.
func Types() []TypeInfo {
	return []TypeInfo{
		{RollbackInitiated, "a rollback passed all checks and begins to write", "the version", "RollbackData"},
		{RollbackCompleted, "a rollback is done, verified and recorded", "the version", "RollbackData"},
		{RollbackFailed, "a rollback broke off; the target is as it was", "the version", "RollbackData"},
		{RollbackDenied, "somebody lacked the right to do something", "the version, if any", "RollbackData"},
		{RollbackRefused, "a rollback was unsafe, impossible or over a limit", "the version", "RollbackData"},
		{UndoCompleted, "the target was exchanged with the one before it", "the version", "RollbackData"},
		{VerificationPassed, "the target is what was written into it", "the version", "RollbackData"},
		{VerificationFailed, "something else changed the target as it was written", "the version", "RollbackData"},
		{CascadeStarted, "a row of rollbacks begins", "the failed version", "CascadeData"},
		{CascadeCompleted, "a row of rollbacks ended, well or not", "the failed version", "CascadeData"},
		{CheckpointCreated, "a checkpoint was recorded", "the version", "CheckpointData"},
		{CheckpointsPruned, "checkpoints were pruned, or pruned ones dropped for good", "the record", "PruneData"},
		{BaselineEstablished, "a version is the first that was verified good", "the version", "VerdictData"},
		{RegressionDetected, "a metric of a version regressed", "the version", "VerdictData"},
		{EmergencyDeclared, "an emergency was declared", "the incident", "EmergencyData"},
		{EmergencyClosed, "an incident was closed", "the incident", "EmergencyData"},
		{PolicyChanged, "policy, triggers or tokens changed", "the policy's commit", "PolicyData"},
		{AuthorizationThrottled, "five wrong tokens were shown in a minute", "who showed the last", "AuthData"},
	}
}

// The structs below are the data of events. Their JSON form is stable: fields
// are added, never renamed. Sizes are in bytes and durations in milliseconds. No
// data holds a token, its hash or another secret.

// RollbackData is about one rollback or undo.
type RollbackData struct {
	RecordID    string `json:"record_id"`
	Action      string `json:"action"`
	Version     string `json:"version"`
	FromVersion string `json:"from_version,omitempty"`
	Target      string `json:"target,omitempty"`
	Outcome     string `json:"outcome,omitempty"`
	Error       string `json:"error,omitempty"`
	Reason      string `json:"reason,omitempty"`
	Actor       string `json:"actor"`
	Role        string `json:"role,omitempty"`
	Trigger     string `json:"trigger,omitempty"`
	VerdictID   string `json:"verdict_id,omitempty"`
	Chain       string `json:"chain,omitempty"`
	Incident    string `json:"incident,omitempty"`
	Verified    bool   `json:"verified"`
	Files       int64  `json:"files"`
	Bytes       int64  `json:"bytes"`
	DurationMS  int64  `json:"duration_ms"`
}

// CheckpointData is about one checkpoint.
type CheckpointData struct {
	Version    string `json:"version"`
	Commit     string `json:"commit"`
	Files      int64  `json:"files"`
	Bytes      int64  `json:"bytes"`
	Partial    bool   `json:"partial"`
	DurationMS int64  `json:"duration_ms"`
}

// PruneData is about checkpoints that were taken out of the list, and can be brought
// back until Until, and about ones that went for good.
type PruneData struct {
	RecordID string     `json:"record_id"`
	Pruned   []string   `json:"pruned"`
	Until    *time.Time `json:"until,omitempty"`
	Expired  []string   `json:"expired"`
	Outcome  string     `json:"outcome"`
	Actor    string     `json:"actor"`
	Reason   string     `json:"reason,omitempty"`
}

// VerdictData is about what was found of a version.
type VerdictData struct {
	VerdictID string `json:"verdict_id"`
	Version   string `json:"version"`
	Commit    string `json:"commit"`
	Outcome   string `json:"outcome"`
	Trigger   string `json:"trigger,omitempty"`
	Reason    string `json:"reason,omitempty"`
	Baseline  string `json:"baseline,omitempty"`
}

// CascadeData is about a row of rollbacks.
type CascadeData struct {
	Chain         string `json:"chain"`
	FailedVersion string `json:"failed_version"`
	// Version is what was brought back, empty for nothing.
	Version string `json:"version,omitempty"`
	Outcome string `json:"outcome,omitempty"`
	Error   string `json:"error,omitempty"`
	Steps   int    `json:"steps"`
	Actor   string `json:"actor"`
	Reason  string `json:"reason,omitempty"`
}

// EmergencyData is about an incident.
type EmergencyData struct {
	Incident string `json:"incident"`
	Version  string `json:"version,omitempty"`
	Actor    string `json:"actor"`
	Reason   string `json:"reason"`
}

// PolicyData is about a change of the rules.
type PolicyData struct {
	Commit  string   `json:"commit"`
	Actor   string   `json:"actor"`
	Reason  string   `json:"reason,omitempty"`
	Changes []string `json:"changes"`
}

// AuthData is about who asked for what.
type AuthData struct {
	RecordID string `json:"record_id"`
	Action   string `json:"action"`
	Actor    string `json:"actor"`
	Version  string `json:"version,omitempty"`
	// Code is one word for why it was denied, Wrong how many wrong tokens were
	// shown in the last minute.
	Code  string `json:"code"`
	Wrong int    `json:"wrong,omitempty"`
}
