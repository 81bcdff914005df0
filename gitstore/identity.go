package gitstore

import (
	"cmp"
	"os"
	"os/user"
	"strings"
)

// identity is who signs: as asked for, as Git is configured, or the system's
// user, so that a machine without any configuration can still record.
func (s *Store) identity() Identity {
	who := s.opts.Identity
	if who.Name == "" {
		who.Name, _ = s.project.Config.Get("user", "name")
	}
	if who.Email == "" {
		who.Email, _ = s.project.Config.Get("user", "email")
	}
	if who.Name == "" || who.Email == "" {
		login := "unknown"
		if u, err := user.Current(); err == nil {
			login = u.Username
		}
		host, err := os.Hostname()
		if err != nil {
			host = "localhost"
		}
		who.Name = cmp.Or(who.Name, login)
		who.Email = cmp.Or(who.Email, login+"@"+host)
	}
	return Identity{Name: cmp.Or(plain(who.Name), "unknown"), Email: plain(who.Email)}
}

// plain drops what would break the line of a commit that names a person.
func plain(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == '<' || r == '>' || r == 0x7f {
			return -1
		}
		return r
	}, s)
	return strings.Trim(s, " .,:;\"'\\")
}
