package durable

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// stepListType is the binary form of the list of stored outcomes (Reading, in the wire contract).
const stepListType = "application/vnd.durable.steps"

const (
	// recordHeadBytes are the kind of the outcome, its attempt and its times.
	recordHeadBytes = 1 + 4 + 8 + 8
	// trustedRecordBytes is the length up to which a record gets its memory before it has come.
	trustedRecordBytes = 1 << 20
)

// errListCutOff says that a list has not come to its end. It is worth asking again.
var errListCutOff = errors.New("the list of steps is cut off")

// readStepList reads a list as it comes. An error that is not errListCutOff, or one of the reader, says that it is no list.
func readStepList(from io.Reader) ([]storedStep, error) {
	r := bufio.NewReaderSize(from, 64<<10)
	var steps []storedStep
	for {
		var prefix [4]byte
		if _, err := io.ReadFull(r, prefix[:]); err != nil {
			return nil, orCutOff(err)
		}
		length := binary.BigEndian.Uint32(prefix[:])
		if length == 0 {
			switch _, err := r.ReadByte(); err {
			case io.EOF:
				return steps, nil
			case nil:
				return nil, malformed("bytes follow the end of the list")
			default:
				return nil, err
			}
		}
		record, err := readRecord(r, length)
		if err != nil {
			return nil, err
		}
		step, err := parseRecord(record)
		if err != nil {
			return nil, err
		}
		steps = append(steps, step)
	}
}

func readRecord(r io.Reader, length uint32) ([]byte, error) {
	if length <= trustedRecordBytes {
		record := make([]byte, length)
		_, err := io.ReadFull(r, record)
		return record, orCutOff(err)
	}
	record, err := io.ReadAll(io.LimitReader(r, int64(length)))
	if err == nil && len(record) < int(length) {
		err = errListCutOff
	}
	return record, err
}

func parseRecord(record []byte) (storedStep, error) {
	if len(record) < recordHeadBytes {
		return storedStep{}, malformed("a record is too short")
	}
	kind := record[0]
	if kind != 'C' && kind != 'F' {
		return storedStep{}, malformed(fmt.Sprintf("an outcome has the unknown kind %d", kind))
	}
	step := storedStep{failed: kind == 'F'}
	rest := record[recordHeadBytes:]
	for _, text := range []*string{&step.id, &step.stepType, &step.contentType} {
		if len(rest) < 2 {
			return storedStep{}, malformed("a record is too short")
		}
		length := int(binary.BigEndian.Uint16(rest))
		if rest = rest[2:]; length > len(rest) {
			return storedStep{}, malformed("a text is longer than its record")
		}
		*text, rest = string(rest[:length]), rest[length:]
	}
	step.body = rest
	return step.withDefaultType(jsonType), nil
}

func orCutOff(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return errListCutOff
	}
	return err
}

// malformedList says that a list is none, which asking again does not change.
type malformedList struct{ what string }

func (e *malformedList) Error() string { return e.what }

func malformed(what string) error { return &malformedList{what} }
