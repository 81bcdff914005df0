package gitstore

import "path/filepath"

// CacheDir is where caches may be kept that nothing depends on: whoever deletes
// it loses nothing.
func (s *Store) CacheDir() string { return filepath.Join(s.dir, cacheDir) }
