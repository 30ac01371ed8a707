package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

const (
	// unseenShare is how much of the output may pass while nobody looks, lateShare how much
	// may come too late from both encoders: more says that the machine is too slow.
	unseenShare = 0.02
	lateShare   = 0.1
	// toldFindings is how many are told in full.
	toldFindings = 10
)

// report prints what a run found, and says whether it passed.
func (s *soak) report(w io.Writer) bool {
	total := s.verdict()
	findings := slices.Concat(total.findings, s.audience.findings, s.findings)
	slices.SortStableFunc(findings, func(a, b finding) int { return a.at.Compare(b.at) })
	rows := [][2]string{
		{"machine", fmt.Sprintf("%d cores, load average %s", runtime.NumCPU(), loadAverage())},
		{"run", fmt.Sprintf("%s, %d channels, %d players, %s store, %d nodes, seed %d", time.Since(s.begin).Round(time.Second), s.options.channels, s.options.players, s.options.store, s.options.nodes, s.options.seed)},
		{"origin", fmt.Sprintf("%d reloads, %d restarts (half of them by SIGKILL), away for %s in all", s.site.reloads(), s.site.restarts, s.site.absence())},
	}
	if s.site.nodes[0].resets {
		rows = append(rows, [2]string{"reloads", "may reset connections: net.ipv4.tcp_migrate_req can't be set here"})
	}
	rows = append(rows, s.sentRows()...)
	rows = append(rows,
		[2]string{"slots published", fmt.Sprintf("%d, of %d pieces", total.slots, total.pieces)},
		[2]string{"pieces that no encoder delivered", fmt.Sprint(total.absent)},
		[2]string{"pieces that both delivered too late", fmt.Sprintf("%d on air, %d not", total.rescued, total.late)},
		[2]string{"slots of the renamed rendition only", fmt.Sprint(total.elsewhere)},
		[2]string{"slots that nobody looked at", fmt.Sprint(total.unseen)},
		[2]string{"discontinuities", fmt.Sprintf("%d where media is missing, %d others", total.breaks, count(findings, foundBreak))},
	)
	for _, kind := range []string{foundLost, foundDouble, foundOrder, foundBack, foundChange, foundMedia, foundCounter, foundNoBreak, foundDate, foundLength, foundStalled} {
		rows = append(rows, [2]string{kind, fmt.Sprint(count(findings, kind))})
	}
	a := s.audience
	rows = append(rows,
		[2]string{"players", fmt.Sprintf("%d playlists, %d segments, %s; %d requests before the first slot, %d left a rendition that went away", a.playlists, a.segments, mebibytes(float64(a.bytes)), a.early, a.gone)},
		[2]string{"errors during restarts", expectedErrors(a.expected)},
		[2]string{"wrong answers", fmt.Sprint(count(findings, foundAnswer) + a.wrong)},
		[2]string{"log", fmt.Sprintf("%d errors, %d panics", s.diary.errors, len(s.diary.panics))},
	)
	if s.options.keep != "" {
		rows = append(rows, [2]string{"traces", fmt.Sprintf("%d replayed, %d of them decide something else", s.replayed, count(findings, foundReplay))})
		s.keepFindings(append(slices.Clone(findings), total.notes...))
	}
	resourceRows, steady := s.resourceRows()
	rows = append(rows, resourceRows...)
	verdicts := []string{}
	if n := len(findings) + a.wrong; n > 0 {
		verdicts = append(verdicts, fmt.Sprintf("%d findings", n))
	}
	if !steady {
		verdicts = append(verdicts, "resources")
	}
	if float64(total.unseen) > unseenShare*float64(total.slots) {
		verdicts = append(verdicts, "too much was not looked at")
	}
	if float64(total.rescued+total.late) > lateShare*float64(total.pieces) {
		verdicts = append(verdicts, "too much came late: the machine is too slow")
	}
	if len(s.diary.panics) > 0 {
		verdicts = append(verdicts, "panics")
	}
	verdict := "passed"
	if len(verdicts) > 0 {
		verdict = "FAILED: " + strings.Join(verdicts, ", ")
	}
	rows = append(rows, [2]string{"verdict", verdict})
	printMarkdown(w, rows)
	s.tell(w, findings)
	return len(verdicts) == 0
}

func printMarkdown(w io.Writer, rows [][2]string) {
	fmt.Fprintln(w, "| what | |\n|---|---|")
	for _, r := range rows {
		fmt.Fprintf(w, "| %s | %s |\n", r[0], r[1])
	}
}

// verdict is the sum of those of all channels.
func (s *soak) verdict() *verdict {
	sum := &verdict{}
	for _, c := range s.channels {
		v := check(c.name, c.reader.slots, c.ledger, s.site.outages())
		sum.slots += v.slots
		sum.pieces += v.pieces
		sum.absent += v.absent
		sum.late += v.late
		sum.rescued += v.rescued
		sum.breaks += v.breaks
		sum.unseen += v.unseen
		sum.elsewhere += v.elsewhere
		sum.findings = append(sum.findings, v.findings...)
		sum.notes = append(sum.notes, v.notes...)
		sum.findings = append(sum.findings, c.reader.findings...)
	}
	return sum
}

// sentRows say what encoders did, by kind of fault.
func (s *soak) sentRows() [][2]string {
	pieces := map[faultKind]int{}
	for _, c := range s.channels {
		for _, list := range c.ledger.pieces {
			for i := range list {
				if list[i].fault != "" || !list[i].stored.IsZero() {
					pieces[list[i].fault]++
				}
			}
		}
	}
	faults := map[faultKind]int{}
	last := int(time.Since(s.begin) / s.programme.length)
	for _, c := range s.channels {
		for input, list := range c.plan {
			for _, f := range list {
				if f.first < last && (f.kind != faultBoth || input == 0) {
					faults[f.kind]++
				}
			}
		}
	}
	rows := [][2]string{{"segments without a fault", fmt.Sprint(pieces[""])}}
	for _, kind := range faultKinds {
		rows = append(rows, [2]string{string(kind), fmt.Sprintf("%d times, %d segments", faults[kind], pieces[kind])})
	}
	return rows
}

func (s *soak) resourceRows() (rows [][2]string, steady bool) {
	steady = true
	for i, r := range resources {
		first, last, ok := s.usages.quarters(i)
		if !ok {
			rows = append(rows, [2]string{r.name, "the run was too short for a trend"})
			continue
		}
		text := fmt.Sprintf("%s in the first quarter, %s in the last", r.format(first), r.format(last))
		if most := r.allowed(first, float64(len(s.channels))); last > most {
			steady = false
			text += fmt.Sprintf(": TOO MUCH, %s at most", r.format(most))
		}
		rows = append(rows, [2]string{r.name, text})
	}
	if s.options.keep != "" {
		s.usages.keep(filepath.Join(s.options.keep, "resources.tsv"))
	}
	return append(rows, [2]string{"samples", fmt.Sprintf("%d, %d failed", len(s.usages.samples), s.usages.failed)}), steady
}

// tell prints the first findings, with what encoders and origin did at that time.
func (s *soak) tell(w io.Writer, findings []finding) {
	for i, f := range findings {
		if i == toldFindings {
			fmt.Fprintf(w, "\n... and %d more\n", len(findings)-i)
			return
		}
		fmt.Fprintf(w, "\n%d. %s, %s, %s: %s\n", i+1, f.at.Format(clockFormat), f.channel, f.kind, f.text)
		if c := s.channel(f.channel); c != nil && f.piece >= 0 {
			for k := f.piece - 1; k <= f.piece+1; k++ {
				fmt.Fprint(w, c.ledger.tell(k))
			}
		}
		for _, line := range s.diary.about(f.channel, f.at, 5*time.Second, 6*time.Second, 12) {
			fmt.Fprintf(w, "    %.400s\n", line)
		}
	}
}

// keepFindings writes all findings, and notes, to a file.
func (s *soak) keepFindings(findings []finding) {
	var b strings.Builder
	for _, f := range findings {
		fmt.Fprintf(&b, "%s\t%s\t%s\t%s\n", f.at.Format(clockFormat), f.channel, f.kind, f.text)
		if c := s.channel(f.channel); c != nil && f.piece >= 0 {
			b.WriteString(c.ledger.tell(f.piece))
		}
	}
	if err := os.WriteFile(filepath.Join(s.options.keep, "findings.txt"), []byte(b.String()), 0o644); err != nil {
		fmt.Fprintln(os.Stderr, "!!!", err)
	}
}

func count(findings []finding, kind string) int {
	n := 0
	for _, f := range findings {
		if f.kind == kind {
			n++
		}
	}
	return n
}

func expectedErrors(byKind map[string]int) string {
	var parts []string
	for kind, n := range byKind {
		parts = append(parts, fmt.Sprintf("%s: %d", kind, n))
	}
	slices.Sort(parts)
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, ", ")
}

func loadAverage() string {
	text, err := os.ReadFile("/proc/loadavg")
	fields := strings.Fields(string(text))
	if err != nil || len(fields) < 3 {
		return "unknown"
	}
	return strings.Join(fields[:3], " ")
}
