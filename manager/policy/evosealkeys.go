package policy

import (
	"encoding/json"
	"strings"

	"github.com/evoseal/git-evoseal-rollback/manager/verdict"
)

// withoutCounterpart are keys of EVOSEAL's that mean nothing here, with the reason.
var withoutCounterpart = map[string]string{
	"rollback_history_file":       "the history is kept in the store",
	"max_history_entries":         "the history is never cut; `history archive` begins a new one",
	"rollback_timeout":            "a rollback isn't broken off by the clock; Ctrl-C ends one at any moment and leaves the target as it was",
	"authorized_users":            "tokens take the place of lists of users; `token issue` makes them",
	"auto_checkpoint":             "`checkpoint`, `guard` and the hooks record checkpoints",
	"checkpoints":                 "the store needs no settings for checkpoints",
	"safety_checks_enabled":       "safety checks can't be switched off",
	"critical":                    "there is one threshold, beyond which a version fails",
	"enable_statistical_analysis": "samples are always compared by a rank test",
	"enable_anomaly_detection":    "there is none",
	"baseline_storage_path":       "baselines are kept in the store",
	"auto_baseline_update":        "the baseline is always the last version verified good",
	"test_framework_integration":  "test results are given to `auto` and `guard`",
	"statistical_config":          "samples are always compared by a rank test; see verdict.level and verdict.minEffect",
	"anomaly_config":              "there is no detection of anomalies",
	"alert_enabled":               "events go to the sinks of the policy",
	"monitored_metrics":           "all metrics of a report are looked at; see trigger.metrics.match",
}

// importRules are the members of a policy. The sections of a safety configuration
// hold the same ones, without sections of their own.
func importRules(sections bool) map[string]rule {
	rules := make(map[string]rule)
	for key, names := range map[string][]string{
		"rollback.autoRollback": {"auto_rollback_enabled", "auto_rollback"},
		"rollback.threshold":    {"rollback_threshold", "regression_threshold"},
		"rollback.maxAttempts":  {"max_rollback_attempts", "max_attempts"},
		"rollback.requireAuth":  {"require_authorization", "require_auth"},
		"rollback.cascade":      {"enable_cascading_rollback", "cascading_rollback"},
		"rollback.recovery":     {"enable_rollback_failure_recovery", "rollback_failure_recovery"},
	} {
		for _, name := range names {
			rules[name] = plain(key)
		}
	}
	rules["test_failure"], rules["test_failures"] = testFailure, testFailure
	rules["metrics_regression"], rules["metric_regression"] = metricsRegression, metricsRegression
	rules["metric_thresholds"] = func(im *importer, _, path string, raw json.RawMessage) {
		im.object(path, raw, map[string]rule{"": metric})
	}
	if sections {
		inner := importRules(false)
		for _, name := range []string{"rollback_policy", "rollback_triggers", "triggers", "rollback", "regression", "safety_config"} {
			rules[name] = func(im *importer, _, path string, raw json.RawMessage) { im.object(path, raw, inner) }
		}
		for _, name := range []string{"rollback", "regression", "rollback_triggers", "triggers"} {
			inner[name] = func(im *importer, _, path string, raw json.RawMessage) { im.object(path, raw, importRules(false)) }
		}
	}
	return rules
}

// plain is the rule of a member that is one of our keys, in the JSON type that the
// key's kind asks for.
func plain(full string) rule {
	return func(im *importer, _, path string, raw json.RawMessage) {
		_, key, err := Find(full)
		if err != nil {
			im.refuse(path, raw, err.Error())
			return
		}
		wanted := "a number"
		if key.Kind == Bool {
			wanted = "a boolean"
		}
		if typeOf(raw) != wanted {
			im.refuseType(path, raw, wanted)
			return
		}
		im.put(full, strings.TrimSpace(string(raw)), path)
	}
}

// testFailure takes a boolean, or an object.
func testFailure(im *importer, name, path string, raw json.RawMessage) {
	switch typeOf(raw) {
	case "a boolean":
		plain("trigger.tests.enabled")(im, name, path, raw)
	case "an object":
		im.object(path, raw, map[string]rule{
			"enabled":        plain("trigger.tests.enabled"),
			"min_failures":   plain("trigger.tests.minFailures"),
			"retries":        plain("trigger.tests.retries"),
			"must_have_data": plain("trigger.tests.mustHaveData"),
		})
	default:
		im.refuseType(path, raw, "a boolean or an object")
	}
}

// metricsRegression takes a boolean, a threshold, or an object with a threshold
// for all metrics, one for each, or both.
func metricsRegression(im *importer, name, path string, raw json.RawMessage) {
	switch typeOf(raw) {
	case "a boolean":
		plain("trigger.metrics.enabled")(im, name, path, raw)
	case "a number":
		plain("trigger.metrics.threshold")(im, name, path, raw)
	case "an object":
		im.object(path, raw, map[string]rule{
			"enabled":        plain("trigger.metrics.enabled"),
			"threshold":      plain("trigger.metrics.threshold"),
			"must_have_data": plain("trigger.metrics.mustHaveData"),
			// The limit is one for all triggers, wherever it was written.
			"max_attempts":          plain("rollback.maxAttempts"),
			"max_rollback_attempts": plain("rollback.maxAttempts"),
			"metrics": func(im *importer, _, path string, raw json.RawMessage) {
				im.object(path, raw, map[string]rule{"": metric})
			},
			"": metric,
		})
	default:
		im.refuseType(path, raw, "a boolean, a number or an object")
	}
}

// metric takes the threshold of the metric of a name, or an object.
func metric(im *importer, name, path string, raw json.RawMessage) {
	key := func(last string) string { return "metric." + name + "." + last }
	if err := checkName("metric", name); err != nil || name == "" {
		im.refuse(path, raw, "this is no name of a metric")
		return
	}
	im.metrics = append(im.metrics, name)
	switch typeOf(raw) {
	case "a number":
		plain(key("threshold"))(im, name, path, raw)
	case "an object":
		im.object(path, raw, map[string]rule{
			"threshold":      plain(key("threshold")),
			"must_have_data": plain(key("mustHaveData")),
			"direction":      func(im *importer, _, path string, raw json.RawMessage) { direction(im, name, path, raw) },
			"regression":     func(im *importer, _, path string, raw json.RawMessage) { signed(im, name, path, raw) },
		})
	default:
		im.refuseType(path, raw, "a number or an object")
	}
}

// direction takes EVOSEAL's words for which change is a regression.
func direction(im *importer, name, path string, raw json.RawMessage) {
	var said string
	if json.Unmarshal(raw, &said) != nil || typeOf(raw) != "a string" {
		im.refuseType(path, raw, "a string")
		return
	}
	good := map[string]string{
		"decrease": "higher", "higher_is_better": "higher", "higher": "higher",
		"increase": "lower", "lower_is_better": "lower", "lower": "lower",
	}[said]
	if good == "" {
		im.refuse(path, raw, "this is none of decrease, increase, higher and lower")
		return
	}
	im.put("metric."+name+".direction", good, path)
}

// signed takes a threshold that is below zero where a decrease is a regression.
// Above zero it says nothing: EVOSEAL's own examples have it for both directions.
func signed(im *importer, name, path string, raw json.RawMessage) {
	if typeOf(raw) != "a number" {
		im.refuseType(path, raw, "a number")
		return
	}
	size, negative := strings.CutPrefix(strings.TrimSpace(string(raw)), "-")
	im.put("metric."+name+".threshold", size, path)
	if negative {
		im.put("metric."+name+".direction", "higher", path)
	}
}

// undirected warns of metrics of which nobody would know which values are good.
func (im *importer) undirected(text []byte) {
	p, err := Parse(text)
	if err != nil {
		return
	}
	for _, name := range im.metrics {
		if p.Metrics[name].Direction != "" {
			continue
		}
		if _, known := verdict.DirectionOf(name); !known {
			im.warn(name, "which values of this metric are good isn't known; set metric.%s.direction to higher or lower", name)
		}
	}
}
