package auth

// Role is what a token is good for.
type Role string

// The roles. None contains another: an emergency token is for emergencies, and
// an administrator who wants to declare one issues such a token first.
const (
	// Operator may roll back, undo, cascade, judge and prune.
	Operator Role = "operator"
	// Emergency may declare an emergency and close it, and nothing else.
	Emergency Role = "emergency"
	// Admin may do what an operator may, and change policy, triggers and tokens.
	Admin Role = "admin"
)

// Action is what somebody asks to do.
type Action string

// The actions that may need a token. Reading and recording never do.
const (
	Rollback  Action = "rollback"
	Force     Action = "force"
	Judge     Action = "judge"
	Declare   Action = "emergency"
	Configure Action = "configure"
	Tokens    Action = "tokens"
	Archive   Action = "archive"
	Prune     Action = "prune"
)

// Rules are the policy's part in a decision.
type Rules struct {
	// Required makes [Rollback], [Judge], [Force] and [Prune] need a token.
	Required bool
	// ForceRole is the least role that may override limits where tokens are
	// required: [Operator] or [Admin]; empty is Admin.
	ForceRole Role
}
