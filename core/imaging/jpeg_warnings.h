#pragma once

#include <string>

namespace hilum::imaging {

/// What DCMTK's JPEG decoder says while it goes on: where data are missing or damaged it fills with made-up values and warns, but its result is "good".
/// Listens to the warnings of this thread while it lives, whether the log is muted or not. Not to be nested.
class JpegWarnings {
public:
    JpegWarnings();
    ~JpegWarnings();
    JpegWarnings(const JpegWarnings&) = delete;
    JpegWarnings& operator=(const JpegWarnings&) = delete;

    /// The first warning after which pixels are lost; empty when there was none. Odd parameters and a few foreign bytes between markers harm nothing.
    const std::string& loss() const { return m_loss; }

private:
    std::string m_loss;
};

/// Does this text of libijg mean that pixels were made up?
bool losesPixels(const std::string& warning);

} // namespace hilum::imaging
