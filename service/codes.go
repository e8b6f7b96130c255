package service

import (
	"errors"
	"strings"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/bus"
)

// CodeOf returns the code that a request gets which ended with an error, such as
// "404"; those are the status codes of HTTP. An error without a code of its own is "500".
func CodeOf(err error) string {
	if failed, ok := errors.AsType[*bus.Error](err); ok {
		return failed.Code
	}
	for _, c := range []struct {
		err  error
		code string
	}{
		{holdfast.ErrOutcomeUnknown, "504"}, // whatever it is because of: a 4xx says that nothing was done
		{holdfast.ErrInvalid, "400"},
		{holdfast.ErrTooMany, "400"},
		{holdfast.ErrTooLarge, "400"},
		{holdfast.ErrOverReduction, "400"},
		{holdfast.ErrLotChoice, "400"},
		{holdfast.ErrIncrement, "400"},
		{holdfast.ErrTooManyLots, "400"},
		{holdfast.ErrUnknownName, "404"},
		{holdfast.ErrUnknownPosition, "404"},
		{holdfast.ErrUnknownFill, "404"},
		{holdfast.ErrNoLot, "404"},
		{holdfast.ErrUnknownInstrument, "404"},
		{holdfast.ErrRefold, "409"}, // may be because of a history that is trimmed
		{holdfast.ErrTrimmed, "410"},
		{holdfast.ErrTrimmedHistory, "410"},
		{holdfast.ErrVersionConflict, "409"},
		{holdfast.ErrIDReused, "409"},
		{holdfast.ErrPartlyKnown, "409"},
		{holdfast.ErrTooOld, "409"},
		{holdfast.ErrAhead, "409"},
		{holdfast.ErrInstrumentInUse, "409"},
		{holdfast.ErrSplitTwice, "409"},
		{holdfast.ErrFailed, "503"},
		{holdfast.ErrClosed, "503"},
		{bus.ErrNotRunning, "503"},
		{holdfast.ErrNoSigner, "501"},
		{holdfast.ErrDamaged, "422"},
	} {
		if errors.Is(err, c.err) {
			return c.code
		}
	}
	return "500"
}

// coded gives an error the code that a remote caller can act on.
func coded(err error) error {
	text := err.Error()
	if errors.Is(err, holdfast.ErrInvalid) { // which the code says already
		text = strings.Replace(text, holdfast.ErrInvalid.Error()+": ", "", 1)
	}
	return &bus.Error{Code: CodeOf(err), Text: text}
}
