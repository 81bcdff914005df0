package auth_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/evoseal/git-evoseal-rollback/manager/auth"
)

// A token is issued for a pipeline, and shown by it.
func Example() {
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	secret, token, err := auth.Issue(auth.IssueRequest{Role: auth.Operator, Label: "ci", Lifetime: 90 * 24 * time.Hour, Now: now})
	if err != nil {
		panic(err)
	}
	var book auth.Book
	if err := book.Add(token); err != nil {
		panic(err)
	}
	// The bearer keeps secret.Reveal(), the store book.Encode().
	fmt.Println("issued", secret)

	rules := auth.Rules{Required: true}
	shown := auth.Present(secret.Reveal())
	for _, action := range []auth.Action{auth.Rollback, auth.Declare} {
		d := book.Decide(auth.Request{Action: action, Secret: shown}, rules, now)
		fmt.Printf("%s: %t, %s %q\n", action, d.Allowed, d.Code, d.Message)
	}
	d := book.Decide(auth.Request{Action: auth.Rollback, Secret: shown}, rules, token.Expires)
	fmt.Println(d.Message)
	// Output:
	// issued evr_operator_…
	// rollback: true, granted ""
	// emergency: false, wrong_role "the token's role is operator, and it takes emergency"
	// the token expired at 2026-06-02T05:06:07Z
}

// groups decides by the groups of whoever is signed in to the embedding program.
type groups map[string][]auth.Action

type userKey struct{}

// Authorize implements [auth.Authorizer].
func (g groups) Authorize(ctx context.Context, req auth.Request) (auth.Decision, error) {
	user, ok := ctx.Value(userKey{}).(string)
	if !ok {
		return auth.Decision{}, errors.New("nobody is signed in")
	}
	for _, action := range g[user] {
		if action == req.Action {
			return auth.Decision{Allowed: true, Code: auth.Granted, Label: user}, nil
		}
	}
	return auth.Decision{Code: auth.WrongRole, Label: user, Message: user + " is in no group that may", Hint: "ask on #release"}, nil
}

// An embedding program that knows its users decides itself.
func ExampleAuthorizer() {
	var authorizer auth.Authorizer = groups{"ada": {auth.Rollback, auth.Judge}}
	ctx := context.WithValue(context.Background(), userKey{}, "ada")
	for _, action := range []auth.Action{auth.Rollback, auth.Configure} {
		d, err := authorizer.Authorize(ctx, auth.Request{Action: action})
		if err == nil && !d.Allowed {
			err = &auth.DeniedError{Action: action, Decision: d}
		}
		fmt.Println(d.Label, d.Code, err)
	}
	// Output:
	// ada granted <nil>
	// ada wrong_role not authorised to change the policy: ada is in no group that may
}
