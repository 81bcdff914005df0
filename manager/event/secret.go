package event

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// secretSource is where the secret of a webhook is found when it is needed, so
// that a changed one needs no restart.
type secretSource struct {
	file, env string
}

func newSecretSource(config SinkConfig, env Env) (secretSource, error) {
	if config.SecretFile == "" {
		return secretSource{env: config.SecretEnv}, nil
	}
	if config.SecretEnv != "" {
		return secretSource{}, errors.New("it has both a secret file and a secret variable")
	}
	path, err := pathIn(env, config.SecretFile)
	return secretSource{file: path}, err
}

// read returns nil where no secret is configured. A secret that is configured
// and not there is an error: nothing leaves unsigned by accident.
func (s secretSource) read() ([]byte, error) {
	switch {
	case s.file != "":
		return readSecretFile(s.file)
	case s.env != "":
		secret := os.Getenv(s.env)
		if secret == "" {
			return nil, fmt.Errorf("the variable %s, which holds the secret, is not set or empty", s.env)
		}
		return []byte(secret), nil
	}
	return nil, nil
}

// readSecretFile takes the file's content without the line's end that editors
// leave.
func readSecretFile(path string) ([]byte, error) {
	const most = 64 << 10
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("the secret: %w", err)
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, errors.Join(fmt.Errorf("the secret: %s is not a regular file", path), err)
	}
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return nil, fmt.Errorf("the secret: %w", err)
	}
	data = bytes.TrimRight(data, "\r\n")
	if len(data) == 0 || len(data) > most {
		return nil, fmt.Errorf("the secret: %s holds nothing, or too much", path)
	}
	return data, nil
}
