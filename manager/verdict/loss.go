package verdict

import (
	"fmt"
	"math"
	"slices"
)

// tolerance is the part of the larger value by which a loss must exceed a
// threshold. Without it a loss of exactly the threshold, such as from 0.3 to
// 0.315, would be decided by the last bit of a binary fraction.
const tolerance = 1e-9

// limits are the thresholds of one metric under one trigger; nil is not set, and
// never are both nil.
type limits struct {
	relative, absolute *float64
}

// limitsFor takes each threshold from the metric's own rules, else from the
// trigger. Where neither sets any, the rules' general one is relative.
func limitsFor(r Rules, t Trigger, m Metric) limits {
	l := limits{relative: m.Threshold, absolute: m.Absolute}
	if l.relative == nil {
		l.relative = t.Threshold
	}
	if l.absolute == nil {
		l.absolute = t.Absolute
	}
	if l.relative == nil && l.absolute == nil {
		l.relative = &r.Threshold
	}
	return l
}

// problem says which threshold is no threshold.
func (l limits) problem() string {
	for _, x := range []*float64{l.relative, l.absolute} {
		if x != nil && !(*x >= 0 && *x <= math.MaxFloat64) {
			return fmt.Sprintf("the threshold %v is neither zero nor a positive number", *x)
		}
	}
	return ""
}

// reach says where a loss lies.
type reach int

const (
	within reach = iota
	beyond
	// undefined is a loss from zero that only a relative threshold bounds.
	undefined
)

// reach compares two values. All arithmetic is on fractions of the larger one, so
// that no difference of huge values overflows.
func (l limits) reach(base, cand float64, d Direction) reach {
	scale := math.Max(math.Abs(base), math.Abs(cand))
	if scale == 0 {
		return within
	}
	loss := cand/scale - base/scale
	if d == HigherIsBetter {
		loss = -loss
	}
	if loss <= 0 {
		return within
	}
	if l.absolute != nil && loss <= *l.absolute/scale+tolerance {
		return within
	}
	if l.relative == nil {
		return beyond
	}
	if base == 0 {
		if l.absolute != nil {
			return beyond
		}
		return undefined
	}
	if loss <= *l.relative*(math.Abs(base)/scale)+tolerance {
		return within
	}
	return beyond
}

// String says what was allowed.
func (l limits) String() string {
	switch {
	case l.absolute == nil:
		return percent(*l.relative)
	case l.relative == nil:
		return number(*l.absolute)
	}
	return percent(*l.relative) + " or " + number(*l.absolute)
}

// change is the difference as a fraction of the baseline's size.
func change(base, cand float64) float64 {
	if base == 0 {
		return math.NaN()
	}
	return rounded(cand/math.Abs(base) - math.Copysign(1, base))
}

// median of finite values; it sorts a copy. Halves are added where the sum of
// the middle two would overflow.
func median(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Clone(values)
	slices.Sort(sorted)
	mid := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[mid]
	}
	low, high := sorted[mid-1], sorted[mid]
	if sum := low + high; !math.IsInf(sum, 0) {
		return sum / 2
	}
	return low/2 + high/2
}
