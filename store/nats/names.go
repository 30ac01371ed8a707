package nats

// names are those that the nodes of a prefix use at the servers.
type names struct {
	prefix   string
	journals string // the stream
	objects  string // the stream of the backup
}

func newNames(prefix string) names {
	return names{prefix: prefix, journals: prefix + "_journals", objects: prefix + "_objects"}
}

// journal is the subject of a journal.
func (n names) journal(name string) string { return n.prefix + ".journal." + subjectToken(name) }

// object is the subject of an object's backup.
func (n names) object(key string) string { return n.prefix + ".object." + subjectToken(key) }
