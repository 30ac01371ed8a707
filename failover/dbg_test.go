package failover
import ("testing";"os";"fmt";"strings")
func TestDbg(t *testing.T) {
	f := os.Getenv("SCRIPT")
	if f == "" { t.Skip() }
	text, _ := os.ReadFile(f)
	w := newWorld()
	for _, line := range strings.Split(string(text), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0]=='#' || strings.HasPrefix(line,"----") { if line != "" {fmt.Println(line)}; continue }
		if os.Getenv("ONLY") != "" && !strings.Contains(line, " ") { continue }
		got, err := w.command(strings.Fields(line))
		if err != nil { fmt.Println("ERR", line, err); continue }
		if got != "" { fmt.Println(">>", line); fmt.Print(got) }
	}
}
