package caddydemo

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/liveorigin/caddy-live-origin/internal/demo/children"
)

// part is a process that the show can do without for a while: a node or a NATS server.
type part struct {
	*children.Child
	name, title string
	about       func() string // what it does, nil for nothing to say
}

// partState is what the page gets about a part.
type partState struct {
	Name  string `json:"name"`
	Title string `json:"title"`
	State string `json:"state"`
	About string `json:"about,omitempty"`
}

func (p *part) state() partState {
	s := partState{Name: p.name, Title: p.title, State: p.State()}
	if p.about != nil && s.State == children.Running {
		s.About = p.about()
	}
	return s
}

func (s *show) partStates() []partState {
	states := make([]partState, 0, len(s.parts))
	for _, p := range s.parts {
		states = append(states, p.state())
	}
	return states
}

// actOnPart does what name says, `<part>/<action>`, and answers with the part's state.
func (s *show) actOnPart(w http.ResponseWriter, name string) error {
	name, action, _ := strings.Cut(name, "/")
	do := map[string]func(*children.Child) error{"kill": (*children.Child).Kill, "start": (*children.Child).Start}[action]
	if do == nil {
		return answerError(w, http.StatusNotFound, fmt.Errorf("unknown action: %q", action))
	}
	for _, p := range s.parts {
		if p.name != name {
			continue
		}
		switch err := do(p.Child); {
		case errors.Is(err, children.ErrState):
			return answerError(w, http.StatusConflict, err)
		case err != nil:
			return answerError(w, http.StatusInternalServerError, err)
		}
		return answerJSON(w, http.StatusOK, p.state())
	}
	return answerError(w, http.StatusNotFound, fmt.Errorf("there is no %q", name))
}
