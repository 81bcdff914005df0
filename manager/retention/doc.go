// Package retention decides which checkpoints stay and why. It does nothing else:
// what it decides of comes in, what it decided goes out, and the same question has
// the same answer.
//
// [Decide] takes the checkpoints, the [Rules], the moment and the place whose
// calendar counts. A checkpoint stays if anything at all speaks for it: one rule,
// or a need that no rule overrides. So another rule, or a greater number in one,
// never removes what stayed without it. Without any rule all stay.
//
// The rules that count by the calendar are those of restic's forget: of each hour,
// day, ISO week, month or year the newest checkpoint is a candidate, and of the
// candidates the newest so many stay. Hours and days without a checkpoint don't
// count.
//
// Clocks are wrong now and then, and nothing may be lost by that. A checkpoint
// never counts as older than the one it follows, unless that one lies in the
// future. One that lies in the future itself stays, and takes no other's place.
package retention
