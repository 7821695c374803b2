#include "core/base/paths.h"
#include "core/imaging/conformance.h"
#include "tests/support/compare.h"

#include <cstdlib>

using namespace hilum;

class TestConformance : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void thePageIsWhatTheTablesSay()
    {
        // to write it anew: hilum conformance --out resources/docs/user/dicom_conformance.md
        const auto page = readTextFile(path(std::getenv("HILUM_SOURCE_DIR")) / "resources" / "docs" / "user" / "dicom_conformance.md");
        HILUM_VERIFY_OK(page);
        QVERIFY2(*page == imaging::conformanceStatement(), "resources/docs/user/dicom_conformance.md is stale: hilum conformance --out resources/docs/user/dicom_conformance.md");
    }
    void itNamesWhatIsKnown()
    {
        const std::string text = imaging::conformanceStatement();
        for (const char* line : {"| 1.2.840.10008.1.2.4.90 | JPEG 2000 Lossless Only | yes | yes |", "| 1.2.840.10008.1.2.1 | Explicit VR Little Endian | yes | yes |", "| 1.2.840.10008.1.2.4.100 | MPEG2 Main Profile at Main Level | no | yes |",
                 "| 1.2.840.10008.5.1.4.1.1.2 | CTImageStorage | image or volume, when it holds pixels |", "| 1.2.840.10008.5.1.4.1.1.88.11 | BasicTextSRStorage | report |", "| 1.2.840.10008.5.1.4.1.1.481.3 | RTStructureSetStorage | contours |",
                 "| (0010,0010) | Patient's Name | Z |", "| 1.2.840.10008.1.1 | Verification | SCU, SCP |"})
            QVERIFY2(text.find(line) != std::string::npos, line);
    }
};

QTEST_APPLESS_MAIN(TestConformance)
#include "tst_conformance.moc"
