package main

import (
	"errors"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
	"github.com/evoseal/git-evoseal-rollback/hooks"
	"github.com/evoseal/git-evoseal-rollback/hooks/install"
	"github.com/evoseal/git-evoseal-rollback/manager"
	"github.com/evoseal/git-evoseal-rollback/manager/report"
)

// judgeHooks knows the errors of guard and hooks.
func (c *call) judgeHooks(err error) (answer, bool) {
	var setting *hooks.SettingError
	if errors.As(err, &setting) {
		return answer{exitFailed, "setting", "`git config " + setting.Key + "` shows it; docs/hooks.md has all of them"}, true
	}
	for _, row := range []struct {
		err    error
		answer answer
	}{
		{install.ErrManaged, answer{exitFailed, "managed", "add the lines yourself; " + c.shown("hooks status") + " then says whether it is called"}},
		{install.ErrAltered, answer{exitFailed, "altered", "keep your lines elsewhere and delete the file, or delete ours from it"}},
		{install.ErrConflict, answer{exitFailed, "displaced", "put what both do into one file, delete the kept one, and run this again"}},
		{install.ErrReadsName, answer{exitFailed, "reads_name", "add the lines to it; " + c.shown("hooks status") + " then says whether it calls this program"}},
		{install.ErrNotAFile, answer{exitFailed, "not_a_file", "move it away; git runs only files"}},
		{install.ErrUnknownHook, answer{exitUsage, "usage", c.shown("hooks status") + " lists those that there are"}},
		{install.ErrNoRepository, answer{exitFailed, "no_repository", "hooks belong to a Git repository: go to one, or name it with -C"}},
		{gitstore.ErrStoreGone, answer{exitFailed, "store_gone", "what ran deleted it; `git config evoseal.store` with a directory outside the project keeps the next one safe from that"}},
		{report.ErrSource, answer{exitUsage, "usage", "name a file or a pattern such as 'build/**/*.xml', in quotes"}},
		{report.ErrUnknownFormat, answer{exitUsage, "usage", "docs/reports.md lists the formats"}},
		{manager.ErrInterrupted, answer{exitCancelled, "interrupted", "run it again; nothing was judged and nothing rolled back"}},
	} {
		if errors.Is(err, row.err) {
			return row.answer, true
		}
	}
	return answer{}, false
}
