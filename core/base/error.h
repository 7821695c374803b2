#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace hilum {

/// What went wrong, with a stable number: the exit code of the programs and the key of the window's advice. Never renumber.
enum class ErrorCode : int {
    Internal = 1,      ///< a fault of the program itself
    Usage = 2,         ///< the command line makes no sense
    NotFound = 3,      ///< a file, study, model or job is not there
    AccessDenied = 4,  ///< the system does not let us read or write there
    BadData = 5,       ///< a file contradicts itself or its format
    Unsupported = 6,   ///< well-formed, but not something this program reads or does
    TooLarge = 7,      ///< needs more memory than there is, or than a limit allows
    NoSpace = 8,       ///< the disk is full
    Cancelled = 9,     ///< the person asked to stop; never shown as an error
    WrongVersion = 10, ///< made by another version of a format of ours
    Device = 11,       ///< the asked-for device is not there or failed
    OutOfMemory = 12,  ///< an allocation failed
    Mismatch = 13,     ///< two things that must belong together do not (model and method, image and label map)
    Options = 14,      ///< option values are unknown, of a wrong type or outside their range; all are listed
    Busy = 15,         ///< another program holds what is needed
    WorkerLost = 16,   ///< the worker process ended without a last word
    Protocol = 17,     ///< the other process said something that cannot be understood
    Io = 18,           ///< reading or writing failed
    CheckFailed = 19,  ///< a check that was asked for found a difference
    Empty = 20,        ///< nothing usable was found
};

std::string_view name(ErrorCode code); ///< "bad_data", ...
std::string_view advice(ErrorCode code); ///< one sentence: what a person can do about it

/// An expected failure as a value: one sentence for a person, with the file, the value and the limit in it.
struct [[nodiscard]] Error {
    ErrorCode code = ErrorCode::Internal;
    std::string message;              ///< one sentence, without a full stop
    std::string reason;               ///< short machine-readable key, "truncated" for instance; may be empty
    std::vector<std::string> details; ///< all faults, when there are several
    std::vector<std::string> context; ///< what was being done, innermost first

    /// "reading series 4: image.dcm: pixel data end after 12 of 524 bytes", details appended.
    std::string sentence() const;
};

/// Adds what was being done; used on the way up.
Error withContext(Error error, std::string doing);

/// An Error from errno, with the file in its sentence ("cannot open x.dcm: No such file or directory").
Error systemError(std::string_view doing, std::string_view path, int errnoValue);

} // namespace hilum
