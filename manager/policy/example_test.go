package policy_test

import (
	"errors"
	"fmt"

	"github.com/evoseal/git-evoseal-rollback/manager/policy"
	"github.com/evoseal/git-evoseal-rollback/manager/verdict"
)

func ExampleParse() {
	p, err := policy.Parse([]byte("[rollback]\n\tthreshold = 8%\n[trigger \"tests\"]\n\tminFailures = 2\n"))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(p.Threshold, p.MaxAttempts)
	for _, t := range p.Triggers {
		fmt.Println(t.Name, t.MinFailures)
	}
	// Output:
	// 0.08 3
	// tests 2
	// metrics 0
}

// Everything that is wrong is told at once.
func ExampleParseError() {
	_, err := policy.Parse([]byte("[rollback]\n\tthreshold = 5\n\tmaxAttemps = 4\n"))
	fmt.Println(err)
	var parse *policy.ParseError
	if errors.As(err, &parse) {
		fmt.Println("hint:", parse.Hint)
	}
	// Output:
	// line 2: rollback.threshold = "5": this is not between 0 and 1
	// line 3: rollback.maxAttemps: there is no such key
	// hint: rollback.threshold takes a number or a percentage, 0 to 1
}

func ExampleSet() {
	before := []byte("[rollback]\n\t# agreed in March\n\tthreshold = 0.05 # of the baseline\n")
	after, err := policy.Set(before, "threshold", "0.08")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(string(after))
	for _, c := range policy.Changes(before, after) {
		fmt.Println(c)
	}
	// Output:
	// [rollback]
	// 	# agreed in March
	// 	threshold = 0.08 # of the baseline
	// rollback.threshold: 0.05 → 0.08
}

func ExampleSetTrigger() {
	text, err := policy.SetTrigger(nil, verdict.Trigger{Name: "smoke", Kind: verdict.KindCommand, Command: `make smoke; echo "#1"`})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(string(text))
	// Output:
	// [trigger "smoke"]
	// 	type = command
	// 	command = "make smoke; echo \"#1\""
}

func ExampleImportEVOSEAL() {
	data := []byte(`{"auto_rollback_enabled": true, "metrics_regression": {"threshold": 0.08}, "max_attempts": 4, "rollback_history_file": "history.json"}`)
	text, _, warnings, err := policy.ImportEVOSEAL(data, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(string(text))
	for _, w := range warnings {
		fmt.Println("warning:", w)
	}
	// Output:
	// [rollback]
	// 	autoRollback = true
	// 	maxAttempts = 4
	// [trigger "metrics"]
	// 	threshold = 0.08
	// warning: rollback_history_file: left out: the history is kept in the store
}

func ExampleFind() {
	full, key, _ := policy.Find("maxattempts")
	fmt.Println(full, "takes", key.Takes())
	// Output:
	// rollback.maxAttempts takes a whole number, 1 to 1000
}
