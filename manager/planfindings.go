package manager

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/evoseal/git-evoseal-rollback/gitstore"
	"github.com/evoseal/git-evoseal-rollback/manager/verdict"
	"github.com/evoseal/git-evoseal-rollback/safety"
)

// lookAtTarget finds out what the target holds and whether there is room.
func (m *Manager) lookAtTarget(s *gitstore.Store, p *Plan, t *safety.Target) {
	if dir, err := t.Open(); err == nil {
		defer dir.Close()
		if slot, err := s.SlotOf(dir); err == nil && slot != nil {
			p.FromVersion, p.FromCommit = slot.Version, slot.Commit
			if slot.Commit == p.Checkpoint.Commit && len(slot.Paths) == 0 && len(p.Paths) == 0 {
				p.same = true
				p.add(Warning, "same", fmt.Sprintf("the target already holds %s", p.Checkpoint.Version), "")
			}
		}
	}
	if free, err := t.FreeSpace(); err == nil {
		p.FreeBytes = int64(free)
	}
	// A file takes whole blocks; what is needed for those is a guess.
	const slack = 2048
	need := p.NeedBytes + slack*p.Files
	if p.FreeBytes >= 0 && p.FreeBytes < need && !p.same {
		p.add(Blocking, "space", fmt.Sprintf("the rollback takes about %s and the disk has %s left", humanize.IBytes(uint64(need)), humanize.IBytes(uint64(p.FreeBytes))),
			"make room, name a --target on another disk, or try all the same with --force")
	}
}

// lookAtSize stops what is so big that somebody should have a look first.
func (p *Plan) lookAtSize(maxGiB int) {
	if p.NeedBytes>>30 >= int64(maxGiB) {
		p.add(Blocking, "size", fmt.Sprintf("the rollback writes %s, and the policy lets up to %d GiB pass without a question", humanize.IBytes(uint64(p.NeedBytes)), maxGiB),
			"look at it with `git evoseal-rollback show "+p.Checkpoint.Version+"`, go on with --force, or raise the policy's target.maxGiB")
	}
}

// lookAtCheckpoint warns of what the checkpoint can't bring back.
func (p *Plan) lookAtCheckpoint() {
	if p.Checkpoint.Partial {
		unread := 0
		for _, skipped := range p.Meta.Skipped {
			if skipped.Unread {
				unread++
			}
		}
		p.add(Warning, "partial", fmt.Sprintf("%s is partial: %d path(s) could not be read when it was recorded", p.Checkpoint.Version, unread),
			"`git evoseal-rollback show "+p.Checkpoint.Version+"` lists them; they are missing from the target, not deleted")
	}
	if n := p.Meta.Privileged(); n > 0 {
		p.add(Warning, "privileged", fmt.Sprintf("%d file(s) had a set-user-id or set-group-id bit, which stays behind", n),
			"who owned them isn't recorded, and the bits could give away another owner's rights; set them by hand where they are needed")
	}
	nested := 0
	for _, n := range p.Meta.Nested {
		if p.concerns(string(n.Path)) {
			nested++
		}
	}
	switch {
	case nested == 1:
		p.add(Warning, "nested", "1 nested repository comes back as plain files, without its history", "")
	case nested > 1:
		p.add(Warning, "nested", fmt.Sprintf("%d nested repositories come back as plain files, without their history", nested), "")
	}
}

// concerns says whether what lies at a path is brought back, all or in part.
func (p *Plan) concerns(path string) bool {
	if len(p.Paths) == 0 {
		return true
	}
	for _, asked := range p.Paths {
		if asked == "." || asked == path || strings.HasPrefix(path, asked+"/") || strings.HasPrefix(asked, path+"/") {
			return true
		}
	}
	return false
}

// lookAtHistory warns of what time has done to the checkpoint.
func (m *Manager) lookAtHistory(ctx context.Context, s *gitstore.Store, p *Plan, rules *rules) error {
	c := p.Checkpoint
	if age := m.now().Sub(c.Time); rules.Policy.OldAfter > 0 && age > rules.Policy.OldAfter {
		p.add(Warning, "old", fmt.Sprintf("%s is %d days old", c.Version, int(age.Hours()/24)),
			"`git evoseal-rollback list` shows newer ones; the policy's rollback.oldAfter is the bound")
	}
	if here := runtime.GOOS + "/" + runtime.GOARCH; p.Meta.Platform != "" && p.Meta.Platform != here {
		p.add(Warning, "platform", fmt.Sprintf("%s was recorded on %s, and this is %s", c.Version, p.Meta.Platform, here), "")
	}
	standing, err := m.standing(s, c.Commit)
	if errors.Is(err, gitstore.ErrCorrupt) {
		p.add(Warning, "verdicts", fmt.Sprintf("what was found of %s can't be read: %v", c.Version, err), "`git evoseal-rollback doctor --repair` mends what can be mended")
	} else if err != nil {
		return err
	}
	if standing.State == verdict.Bad {
		p.add(Warning, "bad", c.Version+" is known to be bad"+because(standing.Reason), "`git evoseal-rollback list --good` shows which versions were verified good")
	}
	if c.Parent.IsZero() {
		return nil
	}
	_, err = s.ParentOf(ctx, c)
	switch {
	case errors.Is(err, gitstore.ErrNotFound):
		p.add(Warning, "parent", fmt.Sprintf("the checkpoint that %s follows is no version any more", c.Version), "a cascade can't go further back than here")
	case errors.Is(err, gitstore.ErrCorrupt) || errors.Is(err, gitstore.ErrMissingObject):
		p.add(Warning, "parent", fmt.Sprintf("the checkpoint that %s follows is damaged", c.Version), "`git evoseal-rollback verify --all` says what else is")
	default:
		return err
	}
	return nil
}

// because is a reason behind a colon, nothing for none.
func because(reason string) string {
	if reason == "" {
		return ""
	}
	return ": " + reason
}

// span is a duration for people: 24h, not 24h0m0s.
func span(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// lookAtAttempts counts the rollbacks within the policy's window. A cascade
// counts as one. Automatic ones are always limited; people only when the policy
// sets a limit itself, for the default is there to stop loops. In a loop, also
// what was in place already is one more failed version; for people it is nothing.
func (m *Manager) lookAtAttempts(ctx context.Context, s *gitstore.Store, p *Plan, rules *rules, automatic bool) error {
	everybody := rules.Policy.IsSet("rollback.maxAttempts")
	if !automatic && !everybody {
		return nil
	}
	window := rules.Policy.AttemptWindow
	since := m.now().Add(-window)
	records, err := m.history(ctx, s, HistoryFilter{Since: since})
	if err != nil {
		return err
	}
	seen := make(map[string]bool)
	oldest := m.now()
	for _, r := range records {
		if r.Action != ActionRollback || !r.attempted() || r.Trigger == "" && (!everybody || r.InPlace) {
			continue
		}
		id := r.ID
		if r.Chain != "" {
			id = r.Chain
		}
		seen[id] = true
		oldest = r.Time
	}
	if most := rules.Policy.MaxAttempts; len(seen) >= most {
		p.add(Blocking, "attempts", fmt.Sprintf("%d rollbacks were tried in the last %s, and the policy allows %d", len(seen), span(window), most),
			fmt.Sprintf("find out why so many are needed; the next is allowed at %s, or with --force", oldest.Add(window).Local().Format(time.DateTime)))
	}
	return nil
}
