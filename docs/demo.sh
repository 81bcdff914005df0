#!/bin/sh
# Records a real project, damages it, rolls back, and shows the proof.
set -eu

export HOME="$(mktemp -d)" GIT_CONFIG_NOSYSTEM=1
unset GIT_DIR GIT_INDEX_FILE GIT_WORK_TREE 2>/dev/null || true
trap 'chmod -R u+w "$HOME"; rm -rf "$HOME"' EXIT

say() { printf '\n\033[1m# %s\033[0m\n' "$*"; }
run() { printf '\033[36m$ %s\033[0m\n' "$*"; "$@"; }

here=$(git rev-parse --show-toplevel 2>/dev/null || pwd)
project=$HOME/project
say "A real project: a clone of this one, with a file that git ignores and one it does not know"
git clone -q --no-hardlinks "$here" "$project" 2>/dev/null || { mkdir "$project"; (cd "$here" && git ls-files -z 2>/dev/null | xargs -0 tar c 2>/dev/null) | tar x -C "$project"; git -C "$project" init -q; }
cd "$project"
git config user.name demo; git config user.email demo@example.invalid
echo 'never committed' > notes.txt
chmod 600 notes.txt
mkdir -p empty/directory

say "Record it"
run git evoseal-rollback checkpoint v1 -m 'before the experiment'
cp -a . "$HOME/as-it-was" && rm -rf "$HOME/as-it-was/.evoseal"

say "Something goes wrong: files rewritten, deleted, cleaned away"
find . -name '*.go' -not -path './.git/*' -not -path './.evoseal/*' | head -40 | while read -r f; do echo broken > "$f"; done
rm -rf docs safety notes.txt empty
run git clean -qfdx
run git status --short | head -5
echo ...

say "Roll back, into a directory of its own; the project stays as it is"
git status --porcelain > "$HOME/status-before"
run git evoseal-rollback rollback v1 --reason 'the experiment failed'
git status --porcelain | cmp - "$HOME/status-before" && echo 'proof: the live project is untouched'

say "The proof: what was brought back is what was there, byte for byte"
printf '\033[36m$ diff -r --no-dereference as-it-was .evoseal/rollback_target\033[0m\n'
diff -r --no-dereference -x .git "$HOME/as-it-was" .evoseal/rollback_target && echo 'proof: no difference'

say "Plain git reads the store"
run git --git-dir=.evoseal/.git fsck --strict --no-dangling && echo 'proof: git fsck has nothing to say'
run git --git-dir=.evoseal/.git log --oneline --decorate v1
run git --git-dir=.evoseal/.git log -1 --format=%s --notes='evoseal/history' v1
run git -C .evoseal/rollback_target status --short && echo 'proof: git status in the target is clean'

say "The history says who did what, and why"
run git evoseal-rollback history
