// Package auth makes tokens and decides what they are good for.
//
// A token is a [Secret] that its bearer keeps and a [Token] that the store keeps,
// which has the secret's SHA-256 and no way back to it:
//
//	secret, token, err := auth.Issue(auth.IssueRequest{Role: auth.Operator, Label: "ci", Now: now})
//	err = book.Add(token)
//
// [Book.Decide] is a pure function of the tokens, the request, the policy's
// [Rules] and the time. An embedding program that knows its users from elsewhere
// implements [Authorizer] instead.
//
// # What needs which role
//
//	rollback, judge      nothing; with Rules.Required: operator or admin
//	force                nothing; with Rules.Required: Rules.ForceRole
//	emergency            always: emergency
//	configure, tokens,
//	archive              nothing until the first admin token was issued; then admin
//
// A token that is shown is always looked at, also where none is needed: a wrong
// one is denied, not passed over.
//
// # What this protects against
//
// Confused automation and unattributed action. Whoever may write the store's
// files can do all that the engine can, and no token changes that.
package auth
