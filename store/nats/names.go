package nats

// names are those that the nodes of a prefix use at the servers.
type names struct {
	prefix    string
	journals  string // the stream
	directGet string
}

func newNames(prefix string) names {
	journals := prefix + "_journals"
	return names{prefix: prefix, journals: journals, directGet: "$JS.API.DIRECT.GET." + journals}
}

// journal is the subject of a journal.
func (n names) journal(name string) string { return n.prefix + ".journal." + subjectToken(name) }

// appended is where the stream publishes what was appended to a journal.
func (n names) appended(name string) string { return n.prefix + ".appended." + subjectToken(name) }
