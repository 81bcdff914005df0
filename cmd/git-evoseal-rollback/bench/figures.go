package main

import (
	"fmt"
	"slices"
	"strconv"
	"time"
)

// figure is a median with its spread.
type figure struct{ median, least, most float64 }

// figureOf sums up one metric of a contestant: seconds or bytes, by its units.
func figureOf(m measured, of metric) figure {
	var all []float64
	for _, s := range m.samples {
		v := s.Wall.Seconds()
		if of == peakMemory {
			v = float64(s.Peak)
		}
		if m.units > 0 {
			v /= m.units
		}
		all = append(all, v)
	}
	return summed(all)
}

// cpuOf sums up the processor time.
func cpuOf(m measured) figure {
	var all []float64
	for _, s := range m.samples {
		all = append(all, s.CPU.Seconds())
	}
	return summed(all)
}

func summed(all []float64) figure {
	slices.Sort(all)
	n := len(all)
	return figure{(all[(n-1)/2] + all[n/2]) / 2, all[0], all[n-1]}
}

// text is the median, and in brackets the spread where there is one.
func (f figure) text(of metric) string {
	write := seconds
	if of != wallTime {
		write = size
	}
	if write(f.least) == write(f.most) {
		return write(f.median)
	}
	return fmt.Sprintf("%s (%s–%s)", write(f.median), write(f.least), write(f.most))
}

func seconds(s float64) string {
	switch d := time.Duration(s * float64(time.Second)); {
	case d < time.Millisecond:
		return fmt.Sprintf("%.1f µs", s*1e6)
	case d < 10*time.Millisecond:
		return fmt.Sprintf("%.1f ms", s*1e3)
	case d < time.Second:
		return fmt.Sprintf("%.0f ms", s*1e3)
	case d < 10*time.Second:
		return fmt.Sprintf("%.2f s", s)
	default:
		return fmt.Sprintf("%.1f s", s)
	}
}

// size writes bytes in powers of a thousand.
func size(b float64) string {
	switch {
	case b < 1e4:
		return fmt.Sprintf("%.0f B", b)
	case b < 1e6:
		return fmt.Sprintf("%.0f kB", b/1e3)
	case b < 1e7:
		return fmt.Sprintf("%.1f MB", b/1e6)
	case b < 1e10:
		return fmt.Sprintf("%.0f MB", b/1e6)
	default:
		return fmt.Sprintf("%.1f GB", b/1e9)
	}
}

// count writes a number with commas.
func count(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
