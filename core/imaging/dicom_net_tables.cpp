#include "core/imaging/dicom_net.h"

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dcuid.h>

#include <algorithm>
#include <array>

namespace hilum::imaging::net {

namespace {

// All that is stored and sent as it is; what of it can be decoded is whyNotDecodable()'s matter. Big endian and deflated files are rare on networks and taken all the same.
constexpr auto Syntaxes = std::to_array<TransferSyntax>({
    {UID_LittleEndianExplicitTransferSyntax, "Explicit VR Little Endian", false},
    {UID_LittleEndianImplicitTransferSyntax, "Implicit VR Little Endian", false},
    {UID_BigEndianExplicitTransferSyntax, "Explicit VR Big Endian", false},
    {UID_DeflatedExplicitVRLittleEndianTransferSyntax, "Deflated Explicit VR Little Endian", true},
    {UID_JPEGProcess1TransferSyntax, "JPEG Baseline (Process 1)", true},
    {UID_JPEGProcess2_4TransferSyntax, "JPEG Extended (Process 2 and 4)", true},
    {UID_JPEGProcess6_8TransferSyntax, "JPEG Spectral Selection, Non-hierarchical (Process 6 and 8)", true},
    {UID_JPEGProcess10_12TransferSyntax, "JPEG Full Progression, Non-hierarchical (Process 10 and 12)", true},
    {UID_JPEGProcess14TransferSyntax, "JPEG Lossless (Process 14)", true},
    {UID_JPEGProcess14SV1TransferSyntax, "JPEG Lossless (Process 14, Selection Value 1)", true},
    {UID_JPEGLSLosslessTransferSyntax, "JPEG-LS Lossless", true},
    {UID_JPEGLSLossyTransferSyntax, "JPEG-LS Near-lossless", true},
    {UID_JPEG2000LosslessOnlyTransferSyntax, "JPEG 2000 Lossless Only", true},
    {UID_JPEG2000TransferSyntax, "JPEG 2000", true},
    {UID_RLELosslessTransferSyntax, "RLE Lossless", true},
    {UID_EncapsulatedUncompressedExplicitVRLittleEndianTransferSyntax, "Encapsulated Uncompressed Explicit VR Little Endian", true},
    {UID_MPEG2MainProfileAtMainLevelTransferSyntax, "MPEG2 Main Profile at Main Level", true},
    {UID_MPEG4HighProfileLevel4_1TransferSyntax, "MPEG-4 AVC/H.264 High Profile / Level 4.1", true},
    {UID_HEVCMainProfileLevel5_1TransferSyntax, "HEVC/H.265 Main Profile / Level 5.1", true},
});

// in the order of ServiceId
constexpr auto Services = std::to_array<Service>({
    {UID_VerificationSOPClass, "Verification", "SCU, SCP"},
    {UID_FINDPatientRootQueryRetrieveInformationModel, "Patient Root Query/Retrieve - FIND", "SCU"},
    {UID_FINDStudyRootQueryRetrieveInformationModel, "Study Root Query/Retrieve - FIND", "SCU"},
    {UID_MOVEStudyRootQueryRetrieveInformationModel, "Study Root Query/Retrieve - MOVE", "SCU"},
    {UID_GETStudyRootQueryRetrieveInformationModel, "Study Root Query/Retrieve - GET", "SCU"},
});

} // namespace

std::span<const Service> services() { return Services; }
const Service& service(ServiceId id) { return Services[static_cast<std::size_t>(id)]; }

std::span<const TransferSyntax> transferSyntaxes() { return Syntaxes; }

std::vector<std::pair<std::string, std::string>> storageClasses()
{
    std::vector<std::pair<std::string, std::string>> out;
    for (int i = 0; i < numberOfDcmAllStorageSOPClassUIDs; ++i) {
        const char* name = dcmFindNameOfUID(dcmAllStorageSOPClassUIDs[i]);
        out.emplace_back(dcmAllStorageSOPClassUIDs[i], name ? name : dcmAllStorageSOPClassUIDs[i]);
    }
    if (std::string label = "1.2.840.10008.5.1.4.1.1.66.7"; std::ranges::find(out, label, &std::pair<std::string, std::string>::first) == out.end())
        out.emplace_back(label, "LabelMapSegmentationStorage");
    return out;
}

} // namespace hilum::imaging::net
