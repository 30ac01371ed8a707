package file_test

import (
	"strings"
	"testing"
	"time"

	"github.com/liveorigin/caddy-live-origin/store/file"
)

// A disk takes a while to make a journal, as when a config with many channels is loaded. Nobody waits for it
// who has to do with the objects and journals of others.
func TestAJournalThatIsMadeHoldsNobodyUp(t *testing.T) {
	st := mustOpen(t, file.Options{Dir: t.TempDir()})
	defer st.Close()
	w, err := st.Create(t.Context(), "a/1", -1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.ReadFrom(strings.NewReader("media")); err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	release := st.HoldDirectories()
	begun, made := st.Unfinished(), make(chan error)
	go func() {
		_, err := st.Journal(t.Context(), "b/slots")
		made <- err
	}()
	for st.Unfinished() == begun {
		time.Sleep(time.Millisecond)
	}
	read := make(chan error, 1)
	go func() {
		object, err := st.Open(t.Context(), "a/1")
		if err == nil {
			err = object.Close()
		}
		st.Usage()
		read <- err
	}()
	select {
	case err = <-read:
	case <-time.After(10 * time.Second):
		t.Error("an object can't be read while a journal is made")
	}
	release()
	if err != nil {
		t.Error(err)
	}
	if err := <-made; err != nil {
		t.Error(err)
	}
}
