//go:build linux && (amd64 || arm64)

package crash

import (
	"slices"
	"strings"
	"time"
)

// inspect has git read all there is, and compares it with the ledger.
func (s *soak) inspect() {
	begun := time.Now()
	defer func() { s.inspecting += time.Since(begun) }()
	// Nothing that was hashed before counts.
	clear(s.hashes)
	s.looked([]string{s.was.target})
	if s.held(s.project()) != s.live {
		s.lossf("the live project has changed")
	}
	if said := s.git(s.store(), "fsck", "--strict", "--no-dangling"); said.code != 0 || strings.Contains(said.err, "error") {
		s.lossf("git fsck: %v", said)
	}
	s.inspectVersions()
	for _, args := range [][]string{{"verify", "--all"}, {"history", "verify"}} {
		if said := s.run(args...); said.code != 0 {
			s.lossf("%v: %v", args, said)
		}
	}
	now, err := s.history()
	if err != nil {
		s.lossf("%v", err)
		return
	}
	for id := range s.records {
		if !now[id] {
			s.lossf("the record %s is lost", id)
		}
	}
	s.records = now
}

// inspectVersions looks for all versions, among those that are listed or were pruned.
func (s *soak) inspectVersions() {
	trees, err := s.recorded()
	if err != nil {
		s.lossf("%v", err)
		return
	}
	for version, e := range s.versions {
		found := trees[version]
		if len(found) == 0 {
			if !e.doubtful {
				s.lossf("%s is lost", version)
			}
			delete(s.versions, version)
			continue
		}
		for _, tree := range found {
			holds, err := s.sum(tree)
			if err != nil || !slices.Contains(e.holds, holds) {
				s.lossf("%s holds something else (%v)", version, err)
			}
			s.versions[version] = entry{holds: []string{holds}}
		}
	}
	for version := range trees {
		if _, have := s.versions[version]; !have {
			s.lossf("nobody recorded %s", version)
		}
	}
}

// clean looks for leftovers after the last kill.
func (s *soak) clean() {
	s.mustRun(s.t, "doctor")
	names, err := s.leftovers()
	must(s.t, err)
	for name := range names {
		for _, bad := range []string{"tmp_", "reflock-", ".init-", ".pending", "evoseal_", ".lock.", "refs/tags/X.lock"} {
			if strings.Contains(name, bad) {
				s.lossf("%s is left over", name)
			}
		}
	}
}
