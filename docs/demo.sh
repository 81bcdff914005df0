#!/bin/sh
# Records a real project, damages it, rolls back, and shows the proof.
set -eu

here=$(cd "$(dirname "$0")/.." && pwd)
HOME=$(mktemp -d)
export HOME GIT_CONFIG_NOSYSTEM=1
unset GIT_DIR GIT_INDEX_FILE GIT_WORK_TREE
trap 'chmod -R u+rwx "$HOME"; rm -rf "$HOME"' EXIT

if [ -t 1 ] && [ -z "${NO_COLOR-}" ]; then bold='\033[1m' blue='\033[36m' plain='\033[0m'; else bold='' blue='' plain=''; fi
say() { printf "\n$bold# %s$plain\n" "$*"; }
quoted() { for word; do case $word in *[!A-Za-z0-9@%_+=:,./~^-]*) printf " '%s'" "$word" ;; *) printf ' %s' "$word" ;; esac; done; }
run() { printf "$blue\$%s$plain\n" "$(quoted "$@")"; "$@"; }
proof() { printf "${bold}proof:$plain %s\n" "$*"; }

project=$HOME/project
mkdir "$project"
(cd "$here" && tar cf - --exclude ./.git --exclude ./.evoseal --exclude ./bin .) | (cd "$project" && tar xf -)
cd "$project"
git init -q .
git add -A
git -c user.name=demo -c user.email=demo@example.invalid commit -qm 'the project'
echo 'never committed' > notes.txt
chmod 600 notes.txt
mkdir -p empty/directory

say 'The project: this very one, with a private file that git does not know and an empty directory'
run git status --short

say 'Record it'
run git evoseal-rollback checkpoint v1 -m 'before the experiment'
mkdir "$HOME/as-it-was"
tar cf - --exclude ./.evoseal . | (cd "$HOME/as-it-was" && tar xpf -)

say 'Something goes wrong: files overwritten, deleted, cleaned away'
find . -name '*.go' -not -path './.evoseal/*' | head -40 | while read -r f; do echo broken > "$f"; done
rm -rf docs safety notes.txt empty
run git clean -fdxq
git status --short > "$HOME/status-before"
printf '%s paths are damaged\n' "$(wc -l < "$HOME/status-before" | tr -d ' ')"

say 'Roll back, into a directory of its own'
run git evoseal-rollback rollback v1 --reason 'the experiment failed'
git status --short | cmp - "$HOME/status-before"
proof 'git status in the live project is what it was: nothing there was touched'
printf "$blue\$ diff -r --no-dereference as-it-was .evoseal/rollback_target$plain\n"
diff -r --no-dereference --exclude .git "$HOME/as-it-was" .evoseal/rollback_target
proof 'what came back is what was there, byte for byte, with the file that git never knew'
run ls -l .evoseal/rollback_target/notes.txt

say 'Plain git reads the store'
run git --git-dir=.evoseal/.git fsck --strict --no-dangling
proof 'git fsck has nothing to say'
run git -C .evoseal/rollback_target status --short
proof 'git status in the target is clean'
run git --git-dir=.evoseal/.git log --oneline --decorate v1
run git clone -q .evoseal/.git "$HOME/clone"
diff -r --no-dereference --exclude .git "$HOME/as-it-was" "$HOME/clone" | grep -v ': empty$' || true
proof 'git clone of the store checks out the same tree (but for the empty directory, which git cannot hold)'

say 'Who did what, and why'
run git evoseal-rollback history
