package gitstore

import (
	"fmt"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/odb"
)

// Policy returns the policy in force, as written. `git config --blob
// refs/evoseal/policy:policy -l` in the store prints the same.
func (s *Store) Policy() (*Config, error) {
	head, err := s.refs.Read(policyRef)
	if isNotExist(err) {
		return &Config{}, nil
	}
	if err != nil {
		return nil, err
	}
	_, c, err := s.readCommit(head)
	if err != nil {
		return nil, fmt.Errorf("policy: %w", err)
	}
	list, err := s.db.ReadTree(c.Tree)
	if err != nil {
		return nil, fmt.Errorf("policy: %w", err)
	}
	for _, e := range list {
		if e.Name == "policy" {
			data, err := s.db.ReadType(e.ID, odb.Blob)
			if err != nil {
				return nil, fmt.Errorf("policy: %w", err)
			}
			policy := &Config{}
			return policy, policy.decode(data)
		}
	}
	return nil, fmt.Errorf("policy: commit %s holds no file of that name", head)
}
