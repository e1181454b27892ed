package durable

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
)

const endOfList = "\x00\x00\x00\x00"

// record writes a record as the contract has it.
func record(kind byte, id, stepType, contentType string, body []byte) string {
	var b bytes.Buffer
	b.WriteByte(kind)
	b.Write(make([]byte, recordHeadBytes-1))
	for _, text := range []string{id, stepType, contentType} {
		_ = binary.Write(&b, binary.BigEndian, uint16(len(text)))
		b.WriteString(text)
	}
	b.Write(body)
	return string(binary.BigEndian.AppendUint32(nil, uint32(b.Len()))) + b.String()
}

func TestReadStepList_GivesRecordsAsTheyAre(t *testing.T) {
	large := bytes.Repeat([]byte{7}, trustedRecordBytes)
	list := record('C', "a ä", "run", "image/png", []byte{0, 255}) + record('F', "b", "wait", "", nil) +
		record('C', "c", "run", jsonType, large)
	// One byte at a time: nothing depends on what comes together.
	steps, err := readStepList(iotest.OneByteReader(strings.NewReader(list + endOfList)))
	if err != nil || len(steps) != 3 {
		t.Fatalf("%d steps, %v", len(steps), err)
	}
	equal(t, "first", fmt.Sprint(steps[0]), "{a ä run false image/png [0 255]}")
	equal(t, "second", fmt.Sprint(steps[1]), "{b wait true application/json []}")
	if !bytes.Equal(steps[2].body, large) {
		t.Error("a large body is not what it was")
	}
	if steps, err := readStepList(strings.NewReader(endOfList)); err != nil || len(steps) != 0 {
		t.Errorf("an empty list is %v, %v", steps, err)
	}
}

func TestReadStepList_CutOffAnywhere_SaysSo(t *testing.T) {
	list := record('C', "a", "run", jsonType, []byte("12")) + record('F', "b", "run", "", []byte("{}")) + endOfList
	for length := range list {
		if _, err := readStepList(strings.NewReader(list[:length])); err != errListCutOff {
			t.Errorf("%d bytes: %v", length, err)
		}
	}
	// A length that nothing follows does not cost its memory.
	if _, err := readStepList(strings.NewReader("\xff\xff\xff\xffC")); err != errListCutOff {
		t.Errorf("got %v", err)
	}
}

func TestReadStepList_NoList_SaysSo(t *testing.T) {
	short := record('C', "a", "run", "", nil)
	for name, list := range map[string]string{
		"unknown kind":                 record('X', "a", "run", "", nil) + endOfList,
		"bytes after the end":          endOfList + "\x01",
		"record shorter than its head": "\x00\x00\x00\x03C\x00\x00" + endOfList,
		"record without its texts":     "\x00\x00\x00\x15" + short[4:4+recordHeadBytes] + endOfList,
		"text longer than its record":  "\x00\x00\x00\x18" + short[4:4+recordHeadBytes] + "\x00\x02a" + endOfList,
		"length that ends in mid-text": string(binary.BigEndian.AppendUint32(nil, uint32(len(short)-6))) + short[4:] + endOfList,
	} {
		var wrong *malformedList
		if _, err := readStepList(strings.NewReader(list)); !errors.As(err, &wrong) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func sendsList(list string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		w.Header().Set(hContentType, stepListType)
		_, _ = w.Write([]byte(list))
	}
}

func TestRun_OutcomesInBinaryForm_AreReadAndAskedForAgainWhereTheyAreCutOff(t *testing.T) {
	list := record('C', "a", "run", jsonType, []byte("1")) + record('F', "b", "run", problemType, []byte(`{"title":"no"}`)) + endOfList
	g := newScriptedGateway(t).on("steps", sendsList(list[:len(list)-2]), sendsList(list))
	response := serve(g.attempt(hStepCount, "2"), func(ctx context.Context) error {
		a, err := Run(ctx, "a", giving(0))
		equal(t, "a", fmt.Sprint(a, err), "1 <nil>")
		var failure *StepError
		if err := Exec(ctx, "b", failing(nil)); !errors.As(err, &failure) || failure.Problem.Title != "no" {
			t.Errorf("got %v", err)
		}
		return nil
	})
	equal(t, "response", described(response), "200")
	equal(t, "calls", g.asked(), "GET steps; GET steps")
	equal(t, "accept", g.of("steps").header.Get("Accept"), "application/vnd.durable.steps, application/json;q=0.9")
}

func TestRun_NoListOfSteps_FailsAttemptWithoutAskingAgain(t *testing.T) {
	g := newScriptedGateway(t).on("steps", sendsList(endOfList+"x"))
	response := serve(g.attempt(hStepCount, "1"), func(ctx context.Context) error {
		_, err := Run(ctx, "a", giving(0))
		return err
	})
	equal(t, "response", described(response), `500 Retry=?1 {"title":"The request failed","status":500}`)
	equal(t, "calls", g.asked(), "GET steps")
}

// The replay of 1,000 steps of 1 KiB: reading of the list, and of the handler that asks for all of them.
func BenchmarkReplay(b *testing.B) {
	const count = 1000
	body, _ := json.Marshal(strings.Repeat("x", 1022))
	var list strings.Builder
	var rows []map[string]any
	for i := 0; i < count; i++ {
		id := fmt.Sprintf("step %d", i)
		list.WriteString(record('C', id, "run", jsonType, body))
		rows = append(rows, map[string]any{"id": id, "type": "run", "outcome": "completed", "contentType": jsonType, "attempt": 1,
			"startedAt": "2026-11-23T03:36:16.157+00:00", "endedAt": "2026-11-23T03:36:16.157+00:00",
			"body": base64.StdEncoding.EncodeToString(body)})
	}
	list.WriteString(endOfList)
	asJSON, _ := json.Marshal(rows)
	for name, answer := range map[string]func(http.ResponseWriter){"JSON": says(200, string(asJSON)), "binary": sendsList(list.String())} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			g := newScriptedGateway(b).on("steps", answer)
			for i := 0; i < b.N; i++ {
				response := serve(g.attempt(hStepCount, fmt.Sprint(count)), func(ctx context.Context) error {
					for i := 0; i < count; i++ {
						if _, err := Run(ctx, fmt.Sprintf("step %d", i), giving("")); err != nil {
							return err
						}
					}
					return nil
				})
				if response.StatusCode != 200 {
					b.Fatal(described(response))
				}
			}
		})
	}
}
