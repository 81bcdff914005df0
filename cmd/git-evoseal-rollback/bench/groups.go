package main

import (
	"context"
	"fmt"
)

var groupNames = [...]string{"start", "go", "source", "history", "million", "huge", "growth"}

// group is the group of that name in the arena. Nothing is written before it is
// filled.
func (a *arena) group(name string) (*group, error) {
	const gigabyte = 1_000_000_000
	switch name {
	case "start":
		return &group{name: name, rows: a.starting(), fill: func(context.Context) error { return nil }}, nil
	case "go":
		const tree = "Go's tree"
		rows := append(a.recording(name, tree), a.restoring(name, tree)...)
		for _, r := range rows {
			r.barless()
		}
		return &group{name: name, need: 3 * gigabyte, rows: append(rows, a.working(name, tree)...), fill: a.copyGo}, nil
	case "source":
		n := a.scaled(100_000, 1000)
		tree := count(n) + " source files"
		return &group{name: name, need: 6 * gigabyte, long: true, rows: append(append(a.recording(name, tree), a.restoring(name, tree)...), a.profile(tree)), fill: a.sourceFiles(n)}, nil
	case "history":
		return a.historyGroup(), nil
	case "million":
		return a.millionGroup(), nil
	case "huge":
		n := int64(4 << 30 * a.scale)
		return &group{name: name, need: 13 * gigabyte, long: true, rows: a.hugeRows(size(float64(n))), fill: a.hugeFile(n)}, nil
	case "growth":
		n := a.scaled(100_000, 1000)
		rows := a.growth(count(n)+" source files", a.scaled(a.growths, 5))
		return &group{name: name, need: 9 * gigabyte, long: true, rows: rows, fill: a.sourceFiles(n)}, nil
	}
	return nil, fmt.Errorf("there is no group %s", name)
}

func (a *arena) historyGroup() *group {
	const files, few = 2000, 10
	n := a.scaled(a.histories, 20)
	short := a.beside("short")
	rows := histories(a, short, n, few)
	return &group{
		name: "history", need: 3_000_000_000, long: true, rows: rows,
		fill: steps(a.history(files, n), a.shortened(rows, n), short.begin, short.history(files, few)),
	}
}

func (a *arena) millionGroup() *group {
	n := a.scaled(1_000_000, 10_000)
	few := a.beside("few")
	return &group{
		name: "million", need: 13_000_000_000, long: true, rows: perFile(a, few, n, n/10),
		fill: steps(a.smallFiles(n), few.begin, few.smallFiles(n/10)),
	}
}

// barless takes the bars away: they are for another tree.
func (r *row) barless() {
	r.limits = nil
	for i := range r.peers {
		r.peers[i].bars = nil
	}
}
