package odb

// size reads headers alone, of a delta and of what it is built upon.
func (p *pack) size(db *DB, off int64, left *int) (Type, int64, error) {
	f, err := p.acquire()
	if err != nil {
		return 0, 0, err
	}
	defer f.release()
	e, err := f.entry(off)
	if err != nil {
		return 0, 0, err
	}
	size := e.size
	if e.kind == ofsDelta || e.kind == refDelta {
		if size, err = f.deltaSize(e); err != nil {
			return 0, 0, err
		}
	}
	typ, base, err := f.baseType(db, e, left)
	if err == nil {
		return typ, size, nil
	}
	id, ok := p.nameAt(base)
	if !ok {
		return 0, 0, err
	}
	// What it is built upon is damaged here, and may be whole elsewhere.
	if *left -= otherBase; *left < 0 {
		return 0, 0, errDeltaDeep
	}
	typ, _, err = db.trySize(id, left)
	return typ, size, err
}

// baseType is the type of what a chain lies on, and the place of the last entry that was
// looked at in the same pack, 0 for the first one.
func (f packFile) baseType(db *DB, e entry, left *int) (typ Type, base int64, err error) {
	for e.kind == ofsDelta {
		if *left--; *left < 0 {
			return 0, 0, errDeltaDeep
		}
		base = e.base
		if e, err = f.entry(base); err != nil {
			return 0, base, err
		}
	}
	if e.kind != refDelta {
		return e.kind, base, nil
	}
	if *left--; *left < 0 {
		return 0, 0, errDeltaDeep
	}
	typ, _, err = db.trySize(e.baseID, left)
	return typ, base, err
}
