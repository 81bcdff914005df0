package manager

import (
	"path/filepath"
	"strings"

	"github.com/evoseal/git-evoseal-rollback/gitstore"
)

// cleanEnv is an environment for a command in dir without what would lead a git in
// it to another repository, and without secrets. A directory below the engine's own
// belongs to no repository, and git is told not to look further up.
func cleanEnv(env []string, dir string) []string {
	var kept []string
	for _, v := range env {
		name, _, _ := strings.Cut(v, "=")
		if name == "EVOSEAL_TOKEN" || leadsGitAstray(name) {
			continue
		}
		kept = append(kept, v)
	}
	if strings.Contains(dir, string(filepath.Separator)+gitstore.Dir+string(filepath.Separator)) {
		kept = append(kept, "GIT_CEILING_DIRECTORIES="+filepath.Dir(dir))
	}
	return kept
}

// leadsGitAstray says whether a variable is one by which git tells its hooks which
// repository it is about; see `git rev-parse --local-env-vars`.
func leadsGitAstray(name string) bool {
	switch name {
	case "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_CONFIG", "GIT_CONFIG_PARAMETERS", "GIT_CONFIG_COUNT", "GIT_OBJECT_DIRECTORY",
		"GIT_DIR", "GIT_WORK_TREE", "GIT_IMPLICIT_WORK_TREE", "GIT_GRAFT_FILE", "GIT_INDEX_FILE", "GIT_NO_REPLACE_OBJECTS",
		"GIT_REPLACE_REF_BASE", "GIT_PREFIX", "GIT_SHALLOW_FILE", "GIT_COMMON_DIR", "GIT_INTERNAL_SUPER_PREFIX",
		"GIT_QUARANTINE_PATH", "GIT_NAMESPACE", "GIT_PUSH_OPTION_COUNT", "GIT_CEILING_DIRECTORIES":
		return true
	}
	return strings.HasPrefix(name, "GIT_CONFIG_KEY_") || strings.HasPrefix(name, "GIT_CONFIG_VALUE_") || strings.HasPrefix(name, "GIT_PUSH_OPTION_")
}
