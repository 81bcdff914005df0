package policy

import (
	"fmt"
	"strings"
)

// Reference is docs/policy.md: what a policy is, and every key, from the table.
func Reference() string {
	var b strings.Builder
	b.WriteString(referenceIntroduction)
	section := ""
	for _, k := range Keys() {
		if s, _, _ := splitName(k.Name); s != section {
			section = s
			writeSectionReference(&b, k)
		}
		writeKeyReference(&b, k)
	}
	b.WriteString(referenceSyntax)
	return b.String()
}

func writeSectionReference(b *strings.Builder, first Key) {
	section, _, _ := splitName(first.Name)
	title := "[" + section + "]"
	if first.Named() {
		title = "[" + section + ` "name"]`
	}
	fmt.Fprintf(b, "\n## `%s`\n\n%s\n\n| key | takes | default | |\n| --- | --- | --- | --- |\n", title, sectionIntroductions()[section])
}

func writeKeyReference(b *strings.Builder, k Key) {
	_, _, last := splitName(k.Name)
	standard := "–"
	if k.Default != "" {
		standard = "`" + k.Default + "`"
	}
	text := k.Help
	if len(k.For) > 0 {
		text = "For type " + strings.Join(k.For, " and ") + ": " + strings.ToLower(text[:1]) + text[1:]
	}
	if k.More != "" {
		text += " " + k.More
	}
	// Angle brackets would be taken for HTML, stars for emphasis.
	text = strings.NewReplacer("*", `\*`, "<", `\<`).Replace(text)
	fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", last, k.Takes(), standard, text)
}

// sectionIntroductions say what a section is for.
func sectionIntroductions() map[string]string {
	return map[string]string{
		"rollback": "When and how often to roll back, and who may.",
		"target":   "What a rollback writes.",
		"retention": "What `prune` keeps: whatever one of these rules is for. Where none is set, nothing is ever pruned. [retention.md](retention.md) explains\n" +
			"them, and what stays whatever they say.",
		"verdict": "How samples are compared; [verdicts.md](verdicts.md) explains what these numbers do.",
		"events":  "What holds for all sinks.",
		"trigger": "A reason for which a version fails. The triggers `tests` and `metrics` are there from the start; a section of that name changes them, and\n" +
			"`enabled = false` switches one off. `trigger set` writes these sections as well.",
		"metric": "What is known of one metric. The name is the metric's own, not a pattern.",
		"sink":   "Where events go. A sink that fails or hangs delays nothing beyond its timeout.",
	}
}

const referenceIntroduction = `# The policy

<!-- Made from the table of keys: go test ./manager/policy -run TestReference -update -->

The policy says when a version has failed, what is done then, and who may do what. It is a text in the syntax of git-config, kept
in the store as commits at ` + "`refs/evoseal/policy`" + `: each change is one, with its author and reason, and holds at the next decision, also in
programs that are running.

` + "```" + `
git evoseal-rollback policy get                              # all rules in force
git evoseal-rollback policy set threshold 8% --reason 'noisy benchmark machine'
git evoseal-rollback policy edit                             # the text, in your editor; checked before it is stored
git evoseal-rollback policy log                              # who changed what, when and why
git --git-dir .evoseal/.git config --blob refs/evoseal/policy:policy -l
` + "```" + `

` + "```ini" + `
[rollback]
	threshold = 8%            # of the baseline's value
	maxAttempts = 4
	attemptWindow = 12h
[trigger "tests"]
	minFailures = 2
	match = "critical/*"
[trigger "smoke"]
	type = command
	command = "make smoke"
	timeout = 2m
[metric "latency_ms"]
	threshold = 20%
	absolute = 5              # and at least 5 ms
[sink "chat"]
	type = webhook
	url = https://chat.example.org/hooks/rollback
	secretEnv = CHAT_SECRET
	events = rollback.*
` + "```" + `

A key that isn't set has its default. Keys of ` + "`[rollback]`, `[target]`, `[retention]`, `[verdict]` and `[events]`" + ` may be called by their last part
where only one of these sections has it: ` + "`threshold`" + ` is ` + "`rollback.threshold`" + `. Names of sections and keys are the same in capitals and small letters;
names in quotes are not.

A text with anything wrong in it is refused as a whole, with each line that is wrong: a section or key that is unknown, a value out
of range, a trigger or a sink that lacks what it needs, a key that its type has no use for. A key that is given twice with different values has the last one, as
in git, and is warned of.
`

const referenceSyntax = `
## Values

| kind | written |
| --- | --- |
| true or false | as git has it: ` + "`true`, `yes`, `on` or a number other than 0; `false`, `no`, `off`, `0` or nothing behind the `=`" + `; a key without ` + "`=`" + ` is true |
| whole number | as git has it: ` + "`12`, `0x1f`, octal with a leading `0`, and `k`, `m` or `g` for 1024 and its powers" + ` |
| number, percentage | ` + "`0.08`, `8e-2` or `8%`" + ` |
| duration | ` + "`90s`, `1h30m`, `250ms`, `7d`, `1d12h`" + `; a day has 24 hours |
| text | in double quotes wherever it holds anything but letters, digits and simple signs |

## The syntax

It is that of [git-config](https://git-scm.com/docs/git-config#_syntax). Some of what git reads is refused, because not every program
that reads git's syntax understands it alike, and a policy must not mean two things: a key on the line of its section's header, a
value that goes on in the next line, ` + "`[trigger.smoke]` for `[trigger \"smoke\"]`" + `, an empty name in quotes, and tabs in a value outside double quotes. Includes
are unknown sections like any other: a policy is one text.

` + "`policy set`" + ` and ` + "`trigger set`" + ` change single values and leave every other byte as it was written, comments among them.
`
