package manager

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
	"github.com/evoseal/git-evoseal-rollback/manager/auth"
	"github.com/evoseal/git-evoseal-rollback/manager/event"
	"github.com/evoseal/git-evoseal-rollback/manager/policy"
	"github.com/evoseal/git-evoseal-rollback/manager/verdict"
)

// ErrPolicy says that the policy in force can't be understood, as when somebody
// wrote it with plain git. No decision is made by a policy like that.
var ErrPolicy = errors.New("the policy can't be understood")

// ErrTokens says that the list of tokens can't be understood, so that nobody is
// allowed anything. Only whoever may write the store's files can set it back to an
// earlier commit of the policy.
var ErrTokens = errors.New("the list of tokens can't be understood")

// PolicyState is a version of the policy.
type PolicyState struct {
	// Commit names it.
	Commit gitstore.ID
	// Text is as it was written, in the syntax of git-config(1).
	Text []byte
	// Policy is what Text says.
	Policy *policy.Policy
}

// rules are the policy and the tokens in force.
type rules struct {
	PolicyState
	tokens auth.Book
	// broken is why the policy can't be understood; Policy is then the default one.
	broken error
}

// inForce is standingRules for whoever decides by the policy.
func (m *Manager) inForce(s *gitstore.Store) (*rules, error) {
	r, err := m.standingRules(s)
	if err == nil && r.broken != nil {
		return nil, r.broken
	}
	return r, err
}

// standingRules reads the policy anew when it changed, so that a running process
// sees a change at its next decision. A policy that can't be understood must
// neither stand in the way of whoever mends it nor of an emergency.
func (m *Manager) standingRules(s *gitstore.Store) (*rules, error) {
	raw, err := s.Policy()
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	known := m.rules
	m.mu.Unlock()
	if known != nil && known.Commit == raw.Commit {
		return known, nil
	}
	r, err := parseRules(raw)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	m.rules = r
	m.mu.Unlock()
	return r, nil
}

func parseRules(raw *gitstore.Policy) (*rules, error) {
	r := &rules{PolicyState: PolicyState{Commit: raw.Commit, Text: raw.File(gitstore.PolicyFile)}}
	var err error
	if r.Policy, err = policy.Parse(r.Text); err != nil {
		r.broken = fmt.Errorf("%w: commit %s: %w", ErrPolicy, raw.Commit, err)
		r.Policy = policy.Default()
	}
	// A list of tokens that can't be read allows nothing.
	if r.tokens, err = parseTokens(raw); err != nil {
		return nil, fmt.Errorf("%w: commit %s: %w", ErrTokens, raw.Commit, err)
	}
	return r, nil
}

func parseTokens(raw *gitstore.Policy) (auth.Book, error) {
	entries, err := gitstore.ParseConfig(raw.File(gitstore.TokenFile))
	if err != nil {
		return auth.Book{}, err
	}
	list := make([]auth.Entry, len(entries))
	for i, e := range entries {
		list[i] = auth.Entry{Section: e.Section, Subsection: e.Subsection, Key: e.Key, Value: e.Value}
	}
	return auth.ParseBook(list)
}

// Policy returns the policy in force.
func (m *Manager) Policy(ctx context.Context) (*PolicyState, error) {
	s, err := m.Store(ctx)
	if err != nil {
		return nil, err
	}
	r, err := m.inForce(s)
	if err != nil {
		return nil, err
	}
	return &r.PolicyState, nil
}

// SetPolicyRequest changes the policy.
type SetPolicyRequest struct {
	// Edit gets the policy's text and returns what it is to be, for example with
	// [policy.Set]. It may be called more than once.
	Edit func(text []byte) ([]byte, error)
	// Reason goes into the policy's log.
	Reason string
	Token  auth.Secret
}

// PolicyChanged is what a change came to.
type PolicyChanged struct {
	PolicyState
	Changes []policy.Change
}

// SetPolicy changes the policy, and makes the store if there is none. Each change
// is a commit, and takes effect at once, also in running processes. A text that
// isn't valid is refused with a [policy.ParseError]; nothing is stored then.
// Once there is an admin token, it needs one.
func (m *Manager) SetPolicy(ctx context.Context, req SetPolicyRequest) (*PolicyChanged, error) {
	s, err := m.Store(ctx)
	if errors.Is(err, gitstore.ErrNoStore) {
		s, err = m.Init(ctx)
	}
	if err != nil {
		return nil, err
	}
	rec := m.newRecord(ActionConfigure, "", req.Reason)
	if err := m.authorizeRecorded(ctx, s, auth.Configure, req.Token, rec); err != nil {
		return nil, err
	}
	out := &PolicyChanged{}
	change := gitstore.PolicyChange{Summary: "policy: changed", Body: req.Reason, Actor: rec.Actor, Role: rec.Role}
	change.Change = func(now *gitstore.Policy) (map[string][]byte, error) {
		book, err := parseTokens(now)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrTokens, err)
		}
		if err := m.stillAllowed(ctx, book, auth.Configure, req.Token); err != nil {
			return nil, err
		}
		old := now.File(gitstore.PolicyFile)
		text, err := req.Edit(old)
		if err != nil {
			return nil, err
		}
		if out.Policy, err = policy.Parse(text); err != nil {
			return nil, err
		}
		out.Text, out.Changes = text, policy.Changes(old, text)
		return map[string][]byte{gitstore.PolicyFile: text}, nil
	}
	change.Describe = func() string { return describeChanges(out.Changes) }
	if out.Commit, err = s.ChangePolicy(ctx, change); err != nil {
		return nil, err
	}
	if len(out.Changes) > 0 {
		m.publish(ctx, s, event.PolicyChanged, out.Commit.String(), event.PolicyData{
			Commit: out.Commit.String(), Actor: rec.Actor, Reason: req.Reason, Changes: changeTexts(out.Changes),
		})
	}
	return out, nil
}

func changeTexts(changes []policy.Change) []string {
	list := make([]string, len(changes))
	for i, c := range changes {
		list[i] = c.String()
	}
	return list
}

// describeChanges is a commit's summary and, for several changes, a list.
func describeChanges(changes []policy.Change) string {
	switch len(changes) {
	case 0:
		return "policy: comments"
	case 1:
		return "policy: " + changes[0].String()
	}
	return fmt.Sprintf("policy: %d changes\n\n%s", len(changes), strings.Join(changeTexts(changes), "\n"))
}

// PolicyLog lists the versions of the policy, newest first.
func (m *Manager) PolicyLog(ctx context.Context) ([]gitstore.PolicyVersion, error) {
	s, err := m.Store(ctx)
	if err != nil {
		return nil, err
	}
	return s.PolicyLog(ctx)
}

// Triggers are those in force, the built-in ones among them.
func (m *Manager) Triggers(ctx context.Context) ([]verdict.Trigger, error) {
	state, err := m.Policy(ctx)
	if err != nil {
		return nil, err
	}
	return state.Policy.Triggers, nil
}

// SetTriggers makes the triggers of these names what is given here and leaves the
// others as they are. It needs what [Manager.SetPolicy] needs.
func (m *Manager) SetTriggers(ctx context.Context, triggers []verdict.Trigger, reason string, token auth.Secret) (*PolicyChanged, error) {
	return m.SetPolicy(ctx, SetPolicyRequest{Reason: reason, Token: token, Edit: func(text []byte) ([]byte, error) {
		var err error
		for _, t := range triggers {
			if text, err = policy.SetTrigger(text, t); err != nil {
				return nil, err
			}
		}
		return text, nil
	}})
}
