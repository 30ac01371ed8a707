package media

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var (
	accuracySeconds = flag.Int("accuracy", 24, "seconds of each kind of good material that TestGoodMaterialIsGood encodes; 270 make two hours")
	accuracyTable   = flag.String("accuracy-table", "", "file to which the tables of accuracy are appended")
)

// switching are the defects that an endpoint leaves an input for, unless it is told
// otherwise: none of them may be seen where it is not.
var switching = map[Defect]bool{DefectHole: true, DefectTrackGone: true, DefectDamaged: true, DefectRepeated: true, DefectNoKeyFrame: true}

// What is good is not called bad: no false alarm that would make a viewer change over.
func TestGoodMaterialIsGood(t *testing.T) {
	if testing.Short() {
		t.Skip("encodes for minutes")
	}
	var table strings.Builder
	hours := 0.0
	for _, kind := range goodKinds {
		t.Run(kind.name, func(t *testing.T) {
			alarms := map[Defect]int{}
			length := int64(0)
			for _, objects := range encode(t, kind, *accuracySeconds) {
				for i, g := range gradeAll(t, objects) {
					length += g.end - g.start
					for _, f := range g.Findings {
						alarms[f.Defect]++
						if switching[f.Defect] {
							t.Errorf("segment %d: %s: %s", i, f.Defect, f.Detail)
						}
					}
				}
			}
			h := float64(length) / ClockRate / 3600
			hours += h
			fmt.Fprintf(&table, "| %s | %.1f |", kind.name, h*60)
			for _, d := range []Defect{DefectHole, DefectTrackGone, DefectDamaged, DefectRepeated, DefectNoKeyFrame, DefectStarved, DefectFrozen, DefectSilent} {
				fmt.Fprintf(&table, " %d |", alarms[d])
			}
			table.WriteString("\n")
		})
	}
	t.Logf("%.2f hours\n%s", hours, table.String())
	appendTable(t, fmt.Sprintf("%.2f hours of good material\n%s", hours, table.String()))
}

func appendTable(t *testing.T, text string) {
	if *accuracyTable == "" {
		return
	}
	f, err := os.OpenFile(*accuracyTable, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	fmt.Fprintln(f, text)
}
