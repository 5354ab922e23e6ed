package driving

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"strings"
)

// Security is how a client logs in and whom it trusts.
type Security struct {
	Protocol  string `json:"protocol"`  // Kafka's name of a listener's security protocol
	Mechanism string `json:"mechanism"` // of SASL
	Username  string `json:"username"`
	Password  string `json:"password"`
	CA        string `json:"ca"` // the file of the authority to trust, in PEM
}

// SASL says whether there is a login; also of a nil Security.
func (s *Security) SASL() bool { return s != nil && strings.HasPrefix(s.Protocol, "SASL_") }

// TLS is the configuration of an encrypted connection, nil for one that is not; also of a nil Security.
func (s *Security) TLS() (*tls.Config, error) {
	if s == nil || !strings.HasSuffix(s.Protocol, "SSL") {
		return nil, nil
	}
	text, err := os.ReadFile(s.CA)
	if err != nil {
		return nil, err
	}
	authorities := x509.NewCertPool()
	if !authorities.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("no certificate in %s", s.CA)
	}
	return &tls.Config{RootCAs: authorities}, nil
}
