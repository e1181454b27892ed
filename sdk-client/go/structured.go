package durable

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// sfString writes a String of RFC 9651. One that it cannot hold is percent-encoded first.
func sfString(text string) string {
	for i := 0; i < len(text); i++ {
		if text[i] < ' ' || text[i] > '~' {
			text = escape(text)
			break
		}
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
}

// sfDecimal writes a Decimal of RFC 9651: at most three digits after the point, and at least one.
func sfDecimal(d time.Duration) string {
	text := seconds(d)
	if !strings.Contains(text, ".") {
		text += ".0"
	}
	return text
}

// seconds writes a span of time as decimal seconds, to the millisecond. A span that is not zero never becomes zero.
func seconds(d time.Duration) string {
	ms := (d + time.Millisecond - 1) / time.Millisecond
	text := strconv.FormatInt(int64(ms/1000), 10)
	if rest := int64(ms % 1000); rest != 0 {
		text += strings.TrimRight(fmt.Sprintf(".%03d", rest), "0")
	}
	return text
}

// escape percent-encodes everything that RFC 3986 reserves.
func escape(text string) string {
	return encode(text, func(c byte) bool {
		return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-._~", c) >= 0
	})
}

// headerText percent-encodes free text for a header, the percent sign included, so that it can be read back.
func headerText(text string) string {
	return encode(text, func(c byte) bool { return ' ' < c && c <= '~' && c != '%' })
}

// headerTarget writes a request target for a header. It is percent-encoded by its nature: only what may not stand in one is encoded here.
func headerTarget(target string) string {
	return encode(target, func(c byte) bool { return ' ' < c && c <= '~' && strings.IndexByte("\"<>\\^`{|}", c) < 0 })
}

func encode(text string, stands func(byte) bool) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if c := text[i]; stands(c) {
			b.WriteByte(c)
		} else {
			b.Write([]byte{'%', hex[c>>4], hex[c&15]})
		}
	}
	return b.String()
}

// parseSteps reads Durable-Steps: a List of Strings whose parameters are Byte Sequences, Strings, or things that a later version may add.
// The result keeps the order of the header.
func parseSteps(value string) ([]storedStep, error) {
	var steps []storedStep
	r := sfReader{text: value}
	r.skip(" \t")
	if r.atEnd() {
		return nil, nil
	}
	for {
		r.skip(" \t")
		step := storedStep{id: r.str(), stepType: typeRun}
		var ok, failure []byte
		for r.take(';') {
			r.skip(" ")
			key := r.while("abcdefghijklmnopqrstuvwxyz0123456789_-.*")
			var parameter any = true
			if r.take('=') {
				parameter = r.item()
			}
			bytes, isBytes := parameter.([]byte)
			text, isText := parameter.(string)
			switch {
			case key == "ok" && isBytes:
				ok = bytes
			case key == "err" && isBytes:
				failure = bytes
			case key == "ct" && isText:
				step.contentType = text
			case key == "t" && isText:
				step.stepType = text
			}
		}
		switch {
		case ok != nil:
			step.body = ok
			steps = append(steps, step.withDefaultType(jsonType))
		case failure != nil:
			step.body, step.failed = failure, true
			steps = append(steps, step.withDefaultType(problemType))
		}
		r.skip(" \t")
		if r.atEnd() || r.err != nil {
			return steps, r.err
		}
		if !r.take(',') {
			r.fail()
		}
	}
}

// sfReader reads Structured Fields. After the first error it reads nothing.
type sfReader struct {
	text string
	at   int
	err  error
}

func (r *sfReader) atEnd() bool { return r.at >= len(r.text) }

func (r *sfReader) fail() {
	if r.err == nil {
		r.err = fmt.Errorf("%s cannot be read at position %d", hSteps, r.at)
	}
	r.at = len(r.text)
}

func (r *sfReader) take(c byte) bool {
	if r.atEnd() || r.text[r.at] != c {
		return false
	}
	r.at++
	return true
}

func (r *sfReader) skip(blanks string) {
	for !r.atEnd() && strings.IndexByte(blanks, r.text[r.at]) >= 0 {
		r.at++
	}
}

func (r *sfReader) while(set string) string {
	start := r.at
	for !r.atEnd() && strings.IndexByte(set, r.text[r.at]) >= 0 {
		r.at++
	}
	if r.at == start {
		r.fail()
		return ""
	}
	return r.text[start:r.at]
}

func (r *sfReader) str() string {
	if !r.take('"') {
		r.fail()
		return ""
	}
	var b strings.Builder
	for !r.atEnd() {
		c := r.text[r.at]
		r.at++
		switch {
		case c == '"':
			return b.String()
		case c == '\\' && !r.atEnd() && (r.text[r.at] == '"' || r.text[r.at] == '\\'):
			b.WriteByte(r.text[r.at])
			r.at++
		case c == '\\' || c < ' ' || c > '~':
			r.fail()
		default:
			b.WriteByte(c)
		}
	}
	r.fail()
	return ""
}

// item reads a Byte Sequence ([]byte) or a String (string). Of anything else it says only that it is there (true).
func (r *sfReader) item() any {
	if r.atEnd() {
		r.fail()
		return nil
	}
	switch r.text[r.at] {
	case '"':
		return r.str()
	case ':':
		r.at++
		end := strings.IndexByte(r.text[r.at:], ':')
		if end < 0 {
			r.fail()
			return nil
		}
		bytes, err := base64.StdEncoding.DecodeString(r.text[r.at : r.at+end])
		if err != nil {
			r.fail()
			return nil
		}
		r.at += end + 1
		return append([]byte{}, bytes...)
	case '%': // A Display String.
		r.at++
		r.str()
		return true
	}
	token := r.at
	for !r.atEnd() && r.text[r.at] > ' ' && r.text[r.at] <= '~' && strings.IndexByte(`;,"=`, r.text[r.at]) < 0 {
		r.at++
	}
	if r.at == token {
		r.fail()
	}
	if text := r.text[token:r.at]; text != "" && text[0] != '?' && (text[0] < '0' || text[0] > '9') && text[0] != '-' {
		return text // A Token, such as the type of a step.
	}
	return true
}
