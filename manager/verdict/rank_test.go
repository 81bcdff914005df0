package verdict

import (
	"math"
	"math/bits"
	"math/rand/v2"
	"strings"
	"testing"
)

func containsAll(s string, parts ...string) bool {
	for _, p := range parts {
		if !strings.Contains(s, p) {
			return false
		}
	}
	return true
}

// wins counts pairs in which the candidate is larger, ties by half.
func wins(base, cand []float64) float64 {
	var u float64
	for _, b := range base {
		for _, c := range cand {
			switch {
			case c > b:
				u++
			case c == b:
				u += 0.5
			}
		}
	}
	return u
}

func allEqual(sides ...[]float64) bool {
	for _, s := range sides {
		for _, x := range s {
			if x != sides[0][0] {
				return false
			}
		}
	}
	return true
}

// permuted is the p value by its definition: the share of all ways to deal the
// pooled values out that look at least as much worse.
func permuted(base, cand []float64) float64 {
	pool := append(append([]float64{}, base...), cand...)
	seen := wins(base, cand)
	var as, all float64
	for set := range uint(1) << len(pool) {
		if bits.OnesCount(set) != len(cand) {
			continue
		}
		var b, c []float64
		for i, x := range pool {
			if set>>i&1 == 1 {
				c = append(c, x)
			} else {
				b = append(b, x)
			}
		}
		all++
		if wins(b, c) >= seen {
			as++
		}
	}
	return as / all
}

// With ties the distribution isn't symmetric, so both directions are checked
// against the definition: the library's two-sided p is wrong for one of them.
func TestRankTestAgainstItsDefinition(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	for range 300 {
		draw := func(n, kinds int) (s []float64) {
			for range n {
				s = append(s, float64(rng.IntN(kinds)))
			}
			return s
		}
		kinds := []int{2, 4, 1000}[rng.IntN(3)]
		base, cand := draw(2+rng.IntN(5), kinds), draw(2+rng.IntN(5), kinds)
		got := newRankTest(base, cand, LowerIsBetter)
		want := permuted(base, cand)
		n := float64(len(base) * len(cand))
		if delta := 2*wins(base, cand)/n - 1; math.Abs(delta-got.effect) > 1e-9 {
			t.Fatalf("%v %v: effect %v, want %v", base, cand, got.effect, delta)
		}
		if allEqual(base, cand) {
			want = 1
		}
		if math.Abs(got.p-want) > 1e-9 {
			t.Fatalf("%v %v: p %v, want %v", base, cand, got.p, want)
		}
		mirror := newRankTest(cand, base, HigherIsBetter)
		if mirror.effect != got.effect || mirror.p != got.p {
			t.Fatalf("%v %v: %+v, mirrored %+v", base, cand, got, mirror)
		}
	}
}

func TestHolm(t *testing.T) {
	tests := map[string]rankTest{"a": {p: 0.01}, "b": {p: 0.04}, "c": {p: 0.03}, "d": {p: 0.005}, "other": {p: 0.9}}
	got := holm(tests, []string{"a", "b", "c", "d"})
	// The textbook example: 4×0.005, 3×0.01, 2×0.03, and 0.04 raised to the one before.
	for name, want := range map[string]float64{"d": 0.02, "a": 0.03, "c": 0.06, "b": 0.06, "other": 0} {
		if math.Abs(got[name].adjusted-want) > 1e-12 {
			t.Errorf("%s: %v, want %v", name, got[name].adjusted, want)
		}
	}
	if got := holm(map[string]rankTest{"a": {p: 0.9}, "b": {p: 0.8}}, []string{"a", "b"}); got["a"].adjusted != 1 || got["b"].adjusted != 1 {
		t.Errorf("no p exceeds one: %v", got)
	}
}

func TestSmallestPAndNeeded(t *testing.T) {
	for n, want := range map[int]float64{1: 1.0 / 2, 2: 1.0 / 6, 3: 1.0 / 20, 4: 1.0 / 70, 5: 1.0 / 252} {
		if got := smallestP(n, n); math.Abs(got-want) > 1e-15 {
			t.Errorf("%d: %v, want %v", n, got, want)
		}
	}
	if got := smallestP(3, 20); math.Abs(got-1.0/1771) > 1e-15 {
		t.Errorf("3 of 23: %v", got)
	}
	for _, c := range []struct {
		family, least int
		level         float64
		want          int
	}{{1, 0, 0.05, 3}, {2, 0, 0.05, 4}, {12, 0, 0.05, 5}, {13, 0, 0.05, 6}, {1, 9, 0.05, 9}, {1, 0, 0.001, 7}} {
		if got := needed(c.family, c.least, c.level); got != c.want {
			t.Errorf("%+v: %d", c, got)
		}
	}
	if got := needed(1, 0, math.SmallestNonzeroFloat64); got > 1000 {
		t.Errorf("the least level needs %d", got)
	}
}
