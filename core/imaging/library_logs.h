#pragma once

namespace hilum::imaging {

/// Sends the messages of ITK, GDCM and DCMTK into hilum::log (categories imaging.itk, imaging.gdcm, imaging.dcmtk) instead of the
/// terminal, and keeps ITK's filters to the cores of this computer. Reading functions call it themselves; calling it again does nothing.
/// These libraries quote header values: their warnings are logged at debug level, which no sink takes unless it is asked to.
void routeLibraryLogs();

/// While one lives, messages of DCMTK from this thread are dropped: looking through a folder meets many files that are no images.
class MuteDicomLog {
public:
    MuteDicomLog();
    ~MuteDicomLog();
    MuteDicomLog(const MuteDicomLog&) = delete;
    MuteDicomLog& operator=(const MuteDicomLog&) = delete;
};

} // namespace hilum::imaging
