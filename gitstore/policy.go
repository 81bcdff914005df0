package gitstore

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/odb"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/scan"
)

// The files of the policy.
const (
	// PolicyFile has the rules, in the syntax of git-config(1); `git config
	// --blob refs/evoseal/policy:policy -l` in the store prints them.
	PolicyFile = "policy"
	// TokenFile has the tokens, of which only hashes are kept.
	TokenFile = "tokens"
)

// Policy is one version of the policy's files, as written.
type Policy struct {
	// Commit is null where the store has none.
	Commit ID
	files  map[string]policyFile
}

type policyFile struct {
	data []byte
	id   ID
	mode uint32
}

// File returns a file's content, nil when there is none. It belongs to the
// policy.
func (p *Policy) File(name string) []byte { return p.files[name].data }

// Policy returns the policy in force.
func (s *Store) Policy() (*Policy, error) {
	head, err := s.refs.Read(policyRef)
	if isNotExist(err) {
		return &Policy{}, nil
	}
	if err != nil {
		return nil, refError(err)
	}
	return s.PolicyAt(head)
}

// PolicyAt returns a version of the policy by its commit.
func (s *Store) PolicyAt(commit ID) (*Policy, error) {
	_, c, err := s.readCommit(commit)
	if err != nil {
		return nil, fmt.Errorf("policy: %w", err)
	}
	list, err := s.db.ReadTree(c.Tree)
	if err != nil {
		return nil, fmt.Errorf("policy: %w", err)
	}
	p := &Policy{Commit: commit, files: make(map[string]policyFile)}
	for _, e := range list {
		f := policyFile{id: e.ID, mode: e.Mode}
		if e.Mode != scan.ModeDir {
			if f.data, err = s.readPolicyFile(e.ID); err != nil {
				return nil, fmt.Errorf("policy: %w", err)
			}
		}
		p.files[e.Name] = f
	}
	if _, ok := p.files[PolicyFile]; !ok {
		return nil, malformed("policy: commit " + commit.String() + " holds no file of that name")
	}
	return p, nil
}

// maxPolicyFile bounds the files of a policy. Each command parses them.
const maxPolicyFile = 1 << 20

func (s *Store) readPolicyFile(id ID) ([]byte, error) {
	_, size, err := s.db.Size(id)
	if err != nil {
		return nil, err
	}
	if size > maxPolicyFile {
		return nil, malformed(fmt.Sprintf("object %s has %d bytes, and a file of a policy has at most %d", id, size, maxPolicyFile))
	}
	return s.db.ReadType(id, odb.Blob)
}

// PolicyChange says what to change and what the log says of it.
type PolicyChange struct {
	// Summary is one line. Describe, unless it is nil, takes its place and is
	// called after Change.
	Summary  string
	Describe func() string
	// Body says more; Actor and Role are kept as trailers.
	Body, Actor, Role string
	// Change gets the policy in force and returns the files that become
	// something else. It may be called again, and must not write anywhere.
	Change func(*Policy) (map[string][]byte, error)
}

// ChangePolicy makes a new version of the policy. No other change can come
// between what Change sees and what it returns. Nothing is written when Change
// fails, or when it changes nothing; the commit then is the one in force.
func (s *Store) ChangePolicy(ctx context.Context, req PolicyChange) (ID, error) {
	held, err := s.queue(ctx, policyRef)
	if err != nil {
		return ID{}, err
	}
	defer held.Release()
	now := &Policy{}
	head, ok := held.Current()
	if ok {
		err := untilRestored(ctx, func() (err error) {
			now, err = s.PolicyAt(head)
			return err
		})
		if err != nil {
			return ID{}, err
		}
	}
	files, err := req.Change(now)
	if err != nil {
		return ID{}, err
	}
	w := s.newWriting()
	tree, err := s.putPolicy(now, files, w.put)
	if err != nil {
		return ID{}, err
	}
	var parents []ID
	if ok {
		parents = []ID{head}
		if _, c, err := s.readCommit(head); err == nil && c.Tree == tree {
			return head, nil
		}
	}
	if req.Describe != nil {
		req.Summary = req.Describe()
	}
	message := withTrailers(strings.TrimSpace(req.Summary+"\n\n"+req.Body), []trailer{{"Actor", req.Actor}, {"Role", req.Role}})
	data, err := encodeCommit(commitData{Tree: tree, Parents: parents, Who: s.identity(), When: s.now(), Message: message})
	if err != nil {
		return ID{}, err
	}
	next, err := w.put(odb.Commit, data)
	if err != nil {
		return ID{}, err
	}
	summary, _, _ := strings.Cut(req.Summary, "\n")
	return next, w.commit(held, next, summary)
}

func (s *Store) putPolicy(now *Policy, files map[string][]byte, put func(odb.Type, []byte) (ID, error)) (ID, error) {
	var list []odb.TreeEntry
	for name, f := range now.files {
		if _, changed := files[name]; !changed {
			list = append(list, odb.TreeEntry{Mode: f.mode, Name: name, ID: f.id})
		}
	}
	for name, data := range files {
		if len(data) > maxPolicyFile {
			return ID{}, fmt.Errorf("a policy's file %q of %d bytes: at most %d are read", name, len(data), maxPolicyFile)
		}
		id, err := put(odb.Blob, data)
		if err != nil {
			return ID{}, err
		}
		list = append(list, odb.TreeEntry{Mode: scan.ModeFile, Name: name, ID: id})
	}
	return s.putTree(list, put)
}

// PolicyVersion is one entry of the policy's log.
type PolicyVersion struct {
	Commit ID
	Time   time.Time
	// Author is Git's identity, Actor and Role are as [PolicyChange] had them.
	Author        Identity
	Actor, Role   string
	Summary, Body string
}

// PolicyLog lists the versions of the policy, newest first.
func (s *Store) PolicyLog(ctx context.Context) ([]PolicyVersion, error) {
	head, err := s.refs.Read(policyRef)
	if isNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, refError(err)
	}
	var all []PolicyVersion
	for at := ID(head); !at.IsZero(); {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		_, c, err := s.readCommit(at)
		if err != nil {
			return nil, fmt.Errorf("policy: %w", err)
		}
		text, trailers := splitTrailers(c.Message)
		summary, body, _ := strings.Cut(text, "\n")
		all = append(all, PolicyVersion{
			Commit: at, Time: c.When, Author: c.Who, Actor: trailers["Actor"], Role: trailers["Role"],
			Summary: summary, Body: strings.TrimSpace(body),
		})
		if at = (ID{}); len(c.Parents) > 0 {
			at = c.Parents[0]
		}
	}
	return slices.Clip(all), nil
}
