package manager

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
	"github.com/evoseal/git-evoseal-rollback/manager/auth"
	"github.com/evoseal/git-evoseal-rollback/manager/event"
)

// authorize decides whether somebody may do something, by the tokens of the
// store or by the Authorizer of the [Options]. Who was allowed by which token
// is kept in rec, which the caller saves. The more wrong tokens were shown in the
// last minute, the more slowly the next is answered.
func (m *Manager) authorize(ctx context.Context, s *gitstore.Store, action auth.Action, token auth.Secret, rec *Record) error {
	r, err := m.standingRules(s)
	if err != nil {
		return err
	}
	if r.broken != nil && (action == auth.Rollback || action == auth.Force || action == auth.Judge) {
		return r.broken
	}
	rec.Policy = r.Commit.String()
	wrong := 0
	if !token.IsZero() {
		if wrong, err = m.slowDown(ctx, s); err != nil {
			return err
		}
	}
	decision, err := m.decide(ctx, r.tokens, r.Policy.AuthRules(), auth.Request{Action: action, Secret: token})
	if err != nil {
		return err
	}
	rec.Role, rec.AuthorizedBy, rec.TokenID = string(decision.Role), decision.Label, decision.TokenID
	if decision.Allowed {
		return nil
	}
	rec.Denial = string(decision.Code)
	if decision.Code.Wrong() && wrong+1 >= wrongPerMinute {
		m.publish(ctx, s, event.AuthorizationThrottled, rec.Actor, event.AuthData{
			RecordID: rec.ID, Action: string(action), Actor: rec.Actor, Code: rec.Denial, Wrong: wrong + 1,
		})
	}
	return &auth.DeniedError{Action: action, Decision: decision}
}

// authorizeRecorded is authorize for what leaves no record of its own when it is
// allowed.
func (m *Manager) authorizeRecorded(ctx context.Context, s *gitstore.Store, action auth.Action, token auth.Secret, rec *Record) error {
	start := time.Now()
	err := m.authorize(ctx, s, action, token, rec)
	if !errors.Is(err, auth.ErrDenied) {
		return err
	}
	rec.Outcome, rec.Error = Denied, err.Error()
	err = errRecord(err, m.save(ctx, s, rec, gitstore.ID{}, start))
	m.tell(ctx, s, rec)
	return err
}

func (m *Manager) decide(ctx context.Context, book auth.Book, rules auth.Rules, req auth.Request) (auth.Decision, error) {
	if m.opts.Authorizer != nil {
		return m.opts.Authorizer.Authorize(ctx, req)
	}
	return book.Decide(req, rules, m.now()), nil
}

// wrongPerMinute is how many wrong tokens in a minute raise an event.
const wrongPerMinute = 5

// slowDown counts the wrong tokens of the last minute, of all processes, and
// waits before the next one is looked at.
func (m *Manager) slowDown(ctx context.Context, s *gitstore.Store) (wrong int, err error) {
	records, err := m.history(ctx, s, HistoryFilter{Since: m.now().Add(-time.Minute), Outcome: Denied})
	if errors.Is(err, gitstore.ErrCorrupt) {
		// A damaged history must not stand in the way of an emergency.
		m.log.Warn("wrong tokens can't be counted", "error", err)
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	for _, r := range records {
		if auth.Code(r.Denial).Wrong() {
			wrong++
		}
	}
	if wait := auth.Backoff(wrong); wait > 0 {
		m.log.Warn("many wrong tokens were shown; answering slowly", "wrong", wrong, "wait", wait)
		return wrong, m.sleep(ctx, wait)
	}
	return wrong, nil
}

func (m *Manager) sleep(ctx context.Context, d time.Duration) error {
	if m.opts.Sleep != nil {
		return m.opts.Sleep(ctx, d)
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// IssueTokenRequest asks for a new token.
type IssueTokenRequest struct {
	Role  auth.Role
	Label string
	// Lifetime is how long it is good for; zero is for ever.
	Lifetime time.Duration
	// Token is the admin's own, needed once there is one.
	Token auth.Secret
}

// IssueToken makes a token and returns it; only its hash is stored, so it is
// never to be seen again. It makes the store if there is none.
func (m *Manager) IssueToken(ctx context.Context, req IssueTokenRequest) (auth.Secret, auth.Token, error) {
	s, err := m.Store(ctx)
	if errors.Is(err, gitstore.ErrNoStore) {
		s, err = m.Init(ctx)
	}
	if err != nil {
		return auth.Secret{}, auth.Token{}, err
	}
	var secret auth.Secret
	var token auth.Token
	what := func() string { return fmt.Sprintf("tokens: %s issued, %s, %q", token.ID, token.Role, token.Label) }
	err = m.changeTokens(ctx, s, req.Token, what, func(book *auth.Book, rec *Record) error {
		issued := auth.IssueRequest{Role: req.Role, Label: req.Label, Lifetime: req.Lifetime, IssuedBy: rec.Actor, Now: m.now()}
		var err error
		if secret, token, err = auth.Issue(issued); err != nil {
			return err
		}
		return book.Add(token)
	})
	return secret, token, err
}

// RevokeToken makes a token useless, by its id or the beginning of it. The last
// admin token that can be used is refused.
func (m *Manager) RevokeToken(ctx context.Context, id, reason string, admin auth.Secret) (auth.Token, error) {
	s, err := m.Store(ctx)
	if err != nil {
		return auth.Token{}, err
	}
	var token auth.Token
	what := func() string {
		return fmt.Sprintf("tokens: %s revoked, %s, %q\n\n%s", token.ID, token.Role, token.Label, reason)
	}
	err = m.changeTokens(ctx, s, admin, what, func(book *auth.Book, _ *Record) error {
		var err error
		token, err = book.Revoke(id, m.now())
		return err
	})
	return token, err
}

// Tokens lists what is known of the tokens: never the tokens themselves.
func (m *Manager) Tokens(ctx context.Context) ([]auth.Token, error) {
	s, err := m.Store(ctx)
	if err != nil {
		return nil, err
	}
	r, err := m.inForce(s)
	if err != nil {
		return nil, err
	}
	return r.tokens.List(), nil
}

// stillAllowed asks again at the moment of writing: since the decision the first
// admin token may have been issued by somebody else.
func (m *Manager) stillAllowed(ctx context.Context, book auth.Book, action auth.Action, token auth.Secret) error {
	d, err := m.decide(ctx, book, auth.Rules{}, auth.Request{Action: action, Secret: token})
	if err == nil && !d.Allowed {
		err = &auth.DeniedError{Action: action, Decision: d}
	}
	return err
}

// changeTokens lets change alter the list of tokens that is in force at the
// moment at which it is written.
func (m *Manager) changeTokens(ctx context.Context, s *gitstore.Store, admin auth.Secret, what func() string, change func(*auth.Book, *Record) error) error {
	rec := m.newRecord(ActionTokens, "", "")
	if err := m.authorizeRecorded(ctx, s, auth.Tokens, admin, rec); err != nil {
		return err
	}
	commit, err := s.ChangePolicy(ctx, gitstore.PolicyChange{
		Describe: what, Actor: rec.Actor, Role: rec.Role,
		Change: func(now *gitstore.Policy) (map[string][]byte, error) {
			book, err := parseTokens(now)
			if err != nil {
				return nil, fmt.Errorf("%w: %w", ErrTokens, err)
			}
			if err := m.stillAllowed(ctx, book, auth.Tokens, admin); err != nil {
				return nil, err
			}
			if err := change(&book, rec); err != nil {
				return nil, err
			}
			return map[string][]byte{gitstore.TokenFile: book.Encode()}, nil
		},
	})
	if err != nil {
		return err
	}
	summary := what()
	m.publish(ctx, s, event.PolicyChanged, commit.String(), event.PolicyData{Commit: commit.String(), Actor: rec.Actor, Changes: []string{summary}})
	return nil
}
