package policy

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/evoseal/git-evoseal-rollback/manager/verdict"
)

// evosealExamples are the configurations that EVOSEAL's pages show, as JSON, with
// the changes that they come to and the paths that are warned of.
var evosealExamples = map[string]struct {
	json     string
	changes  []string
	warnings []string
}{
	"policy": {
		`{"auto_rollback_enabled": true, "rollback_threshold": 0.05, "max_rollback_attempts": 3}`,
		[]string{"rollback.autoRollback: true (default) → true", "rollback.maxAttempts: 3 (default) → 3", "rollback.threshold: 0.05 (default) → 0.05"}, nil,
	},
	"another policy": {
		`{"auto_rollback_enabled": true, "rollback_threshold": 0.1, "max_rollback_attempts": 5}`,
		[]string{"rollback.autoRollback: true (default) → true", "rollback.maxAttempts: 3 (default) → 5", "rollback.threshold: 0.05 (default) → 0.1"}, nil,
	},
	"triggers": {
		`{"auto_rollback_enabled": true, "metrics_regression": {"threshold": 0.08}, "max_attempts": 4}`,
		[]string{"rollback.autoRollback: true (default) → true", "rollback.maxAttempts: 3 (default) → 4", "trigger.metrics.threshold: not set → 0.08"}, nil,
	},
	"enhanced": {
		`{"auto_rollback_enabled": true, "rollback_threshold": 0.1, "max_rollback_attempts": 3, "rollback_history_file": "h.json", "enable_cascading_rollback": true, "enable_rollback_failure_recovery": false}`,
		[]string{"rollback.autoRollback: true (default) → true", "rollback.cascade: true (default) → true", "rollback.maxAttempts: 3 (default) → 3",
			"rollback.recovery: true (default) → false", "rollback.threshold: 0.05 (default) → 0.1"},
		[]string{"rollback_history_file"},
	},
	"safety configuration": {
		`{"auto_checkpoint": true, "auto_rollback": true, "safety_checks_enabled": true, "checkpoints": {"max_checkpoints": 50},
		  "rollback": {"enable_rollback_failure_recovery": true, "max_rollback_attempts": 3, "rollback_timeout": 30},
		  "regression": {"regression_threshold": 0.1, "enable_anomaly_detection": true, "metric_thresholds": {
		    "accuracy": {"threshold": 0.05, "direction": "decrease"}, "performance": {"threshold": 0.2, "direction": "increase"},
		    "success_rate": {"regression": -0.05, "critical": -0.1}, "duration_sec": {"regression": 0.1, "critical": 0.25}}}}`,
		[]string{"metric.accuracy.direction: not set → higher", "metric.accuracy.threshold: not set → 0.05", "metric.duration_sec.threshold: not set → 0.1",
			"metric.performance.direction: not set → lower", "metric.performance.threshold: not set → 0.2",
			"metric.success_rate.direction: not set → higher", "metric.success_rate.threshold: not set → 0.05",
			"rollback.autoRollback: true (default) → true", "rollback.maxAttempts: 3 (default) → 3", "rollback.recovery: true (default) → true", "rollback.threshold: 0.05 (default) → 0.1"},
		[]string{"auto_checkpoint", "safety_checks_enabled", "checkpoints", "rollback.rollback_timeout", "regression.enable_anomaly_detection",
			"regression.metric_thresholds.success_rate.critical", "regression.metric_thresholds.duration_sec.critical"},
	},
	"all in one": {
		`{"max_rollback_attempts": 3, "require_authorization": true, "authorized_users": ["admin"], "surprise": 1,
		  "rollback_triggers": {"test_failure": false, "metrics_regression": {"threshold": 0.08, "custom.score": 0.1}, "max_attempts": 4, "metric_thresholds": {"f1_score": 0.02}}}`,
		[]string{"metric.custom.score.threshold: not set → 0.1", "metric.f1_score.threshold: not set → 0.02", "rollback.maxAttempts: 3 (default) → 4",
			"rollback.requireAuth: false (default) → true", "trigger.metrics.threshold: not set → 0.08", "trigger.tests.enabled: true (default) → false"},
		[]string{"authorized_users", "surprise", "rollback_triggers.max_attempts"},
	},
	"attempts beside the threshold": {
		`{"rollback_triggers": {"metrics_regression": {"threshold": 0.08, "max_attempts": 4}}}`,
		[]string{"rollback.maxAttempts: 3 (default) → 4", "trigger.metrics.threshold: not set → 0.08"}, nil,
	},
	"nothing": {`{}`, nil, nil},
	"objects": {
		`{"triggers": {"test_failure": {"enabled": true, "min_failures": 2, "retries": 1, "colour": 3}, "metrics_regression": {"enabled": false, "metrics": {"loss": {"threshold": 1, "must_have_data": true}}}}}`,
		[]string{"metric.loss.mustHaveData: false (default) → true", "metric.loss.threshold: not set → 1", "trigger.metrics.enabled: true (default) → false",
			"trigger.tests.enabled: true (default) → true", "trigger.tests.minFailures: 1 (default) → 2", "trigger.tests.retries: 0 (default) → 1"},
		[]string{"triggers.test_failure.colour"},
	},
}

func TestImportEVOSEAL(t *testing.T) {
	for name, c := range evosealExamples {
		t.Run(name, func(t *testing.T) {
			text, changes, warnings, err := ImportEVOSEAL([]byte(c.json), nil)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, change := range changes {
				got = append(got, change.String())
			}
			if !slices.Equal(got, c.changes) {
				t.Errorf("changes\n%s", strings.Join(got, "\n"))
			}
			var paths []string
			for _, w := range warnings {
				path, _, _ := strings.Cut(w, ": ")
				paths = append(paths, path)
			}
			// Which values of a metric are good may be unknown, too; see below.
			paths = slices.DeleteFunc(paths, func(p string) bool { return p == "custom.score" })
			if !slices.Equal(paths, c.warnings) {
				t.Errorf("warnings\n%s", strings.Join(warnings, "\n"))
			}
			if _, err := Parse(text); err != nil {
				t.Error(err)
			}
			sameAsGit(t, text)
		})
	}
}

func TestImportKeepsTheText(t *testing.T) {
	text, changes, _, err := ImportEVOSEAL([]byte(`{"rollback_threshold": 0.08, "test_failure": {"min_failures": 2}}`), []byte(commented))
	if err != nil {
		t.Fatal(err)
	}
	want := strings.NewReplacer("0.05", "0.08", "# why\n", "# why\n\tminFailures = 2\n").Replace(commented)
	if string(text) != want || len(changes) != 2 {
		t.Errorf("got\n%s\n%v", text, changes)
	}
}

func TestImportWarnsOfUnknownDirections(t *testing.T) {
	if _, known := verdict.DirectionOf("zorch"); known {
		t.Fatal("the test needs another name")
	}
	_, _, warnings, err := ImportEVOSEAL([]byte(`{"metric_thresholds": {"zorch": {"regression": 0.1}, "accuracy": 0.1}}`), nil)
	if err != nil || len(warnings) != 1 || !strings.Contains(warnings[0], "metric.zorch.direction") {
		t.Errorf("got %q, %v", warnings, err)
	}
}

func TestImportRefuses(t *testing.T) {
	for data, want := range map[string]ParseError{
		`{"auto_rollback_enabled": "yes"}`:                          {Key: "auto_rollback_enabled", Reason: "this is a string and must be a boolean"},
		`{"auto_rollback_enabled": 1}`:                              {Key: "auto_rollback_enabled", Reason: "this is a number and must be a boolean"},
		`{"rollback_threshold": "5%"}`:                              {Key: "rollback_threshold", Reason: "this is a string and must be a number"},
		`{"rollback_threshold": 5}`:                                 {Key: "rollback_threshold", Value: "5", Reason: "this is not between 0 and 1"},
		`{"rollback_threshold": null}`:                              {Key: "rollback_threshold", Reason: "this is null and must be a number"},
		`{"max_attempts": 2.5}`:                                     {Key: "max_attempts", Value: "2.5", Reason: "this is no whole number"},
		`{"max_attempts": 0}`:                                       {Key: "max_attempts", Value: "0", Reason: "this is not between 1 and 1000"},
		`{"max_attempts": 3, "max_attempts": 4}`:                    {Key: "max_attempts", Value: "4", Reason: "this member is there twice"},
		`{"triggers": []}`:                                          {Key: "triggers", Reason: "this is an array and must be an object"},
		`{"triggers": {"metrics_regression": {"threshold": true}}}`: {Key: "triggers.metrics_regression.threshold", Reason: "this is a boolean and must be a number"},
		`{"metrics_regression": {"accuracy": "low"}}`:               {Key: "metrics_regression.accuracy", Reason: "this is a string and must be a number or an object"},
		`{"metrics_regression": {"accuracy": {"threshold": -1}}}`:   {Key: "metrics_regression.accuracy.threshold", Value: "-1", Reason: "this is not between 0 and 1000000"},
		`{"metric_thresholds": {"a": {"direction": "sideways"}}}`:   {Key: "metric_thresholds.a.direction", Value: `"sideways"`, Reason: "this is none of decrease, increase, higher and lower"},
		`{"metric_thresholds": {"a": {"direction": 1}}}`:            {Key: "metric_thresholds.a.direction", Reason: "this is a number and must be a string"},
		`{"metric_thresholds": {"a": {"regression": "x"}}}`:         {Key: "metric_thresholds.a.regression", Reason: "this is a string and must be a number"},
		`{"metric_thresholds": {"a*": 1}}`:                          {Key: "metric_thresholds.a*", Value: "1", Reason: "this is no name of a metric"},
		`{"metric_thresholds": {"": 1}}`:                            {Key: "metric_thresholds.", Value: "1", Reason: "this is no name of a metric"},
		`{"test_failure": 3}`:                                       {Key: "test_failure", Reason: "this is a number and must be a boolean or an object"},
		`{"metrics_regression": "x"}`:                               {Key: "metrics_regression", Reason: "this is a string and must be a boolean, a number or an object"},
		`[]`:                                                        {Key: "the document", Reason: "this is an array and must be an object"},
		``:                                                          {Line: 1, Reason: "this is no JSON: unexpected end of JSON input"},
		"{\n \"a\": True}":                                          {Line: 2, Reason: "this is no JSON: invalid character 'T' looking for beginning of value"},
		"{} x":                                                      {Line: 1, Reason: "this is no JSON: invalid character 'x' after top-level value"},
	} {
		text, changes, _, err := ImportEVOSEAL([]byte(data), []byte(commented))
		got := wrongs(t, err)
		if len(got) != 1 || text != nil || changes != nil || !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %q, %v", data, text, err)
			continue
		}
		got[0].Hint = ""
		if !reflect.DeepEqual(*got[0], want) {
			t.Errorf("%s: got %+v, want %+v", data, *got[0], want)
		}
	}
	_, _, _, err := ImportEVOSEAL([]byte(`{"max_attempts": 0, "rollback_threshold": 2}`), nil)
	if got := wrongs(t, err); len(got) != 2 || got[0].Key != "max_attempts" {
		t.Errorf("not all that is wrong is told: %v", err)
	}
	if _, _, _, err := ImportEVOSEAL([]byte(`{}`), []byte("[nope]\n")); !errors.Is(err, ErrInvalid) {
		t.Errorf("a text that isn't valid: %v", err)
	}
}

func FuzzImportEVOSEAL(f *testing.F) {
	for _, c := range evosealExamples {
		f.Add([]byte(c.json))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		text, _, _, err := ImportEVOSEAL(data, []byte(commented))
		if err != nil {
			if !errors.Is(err, ErrInvalid) {
				t.Errorf("the error is of another kind: %v", err)
			}
			return
		}
		if _, err := Parse(text); err != nil {
			t.Errorf("%q: %v", text, err)
		}
		for _, line := range strings.Split(commented, "\n") {
			if strings.HasPrefix(strings.TrimSpace(line), "#") && !strings.Contains(string(text), line) {
				t.Errorf("the comment %q is gone", line)
			}
		}
	})
}
