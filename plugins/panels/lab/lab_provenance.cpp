// What LabSession records. The rest is in lab_session.cpp.
#include "plugins/panels/lab/lab_session.h"

#include "core/base/digest.h"

#include <span>

namespace hilum::lab {

Provenance LabSession::provenance(const std::string& sourceDigest) const
{
    Provenance out;
    out.kind = "reconstruction";
    Json options = m_metadata.value("options", Json::object());
    const Json asked = m_shownFields.is_object() ? m_shownFields : requestFields();
    for (const auto& [key, value] : asked.items())
        if (key == "report" || key == "texts")
            options[key + "_sha256"] = sha256Hex(jsonLine(value));
        else if (key != "seed")
            options[key] = value;
    if (m_shownReports)
        options["reports_sha256"] = m_shownReports->digest();
    out.method = {{"id", m_metadata.value("method", m_choice.method)}, {"preset", m_metadata.value("preset", Json(m_choice.preset))}, {"options", options}};
    for (const char* key : {"weights_sha256", "step", "licence", "cache_digest"})
        if (m_metadata.contains(key))
            out.model[key] = m_metadata[key];
    out.model["untrained"] = m_choice.model.empty() && m_choice.checkpoint.empty();
    const path& where = m_choice.checkpoint.empty() ? m_choice.model : m_choice.checkpoint;
    if (!where.empty())
        out.model["name"] = (m_choice.checkpoint.empty() ? where.filename() : path(where.parent_path().parent_path().filename()) / where.filename()).string();
    else
        out.model["initialisation_seed"] = m_choice.seed;
    if (!sourceDigest.empty())
        out.inputs.push_back({{"digest", sourceDigest}, {"kind", "image file"}});
    out.preprocessing = m_pipeline;
    if (const imaging::ModelInput* plane = input()) {
        out.inputs.push_back({{"digest", sha256Hex(std::as_bytes(std::span(plane->image)))}, {"kind", "model input"}});
        out.preprocessing["region_method"] = plane->regionMethod;
        out.preprocessing["region_confidence"] = plane->regionConfidence;
        out.preprocessing["grey_chain"] = plane->chain;
        out.preprocessing["image_pixel"] = {{"scale", plane->scale}, {"offset", plane->offset}};
    } else if (const imaging::VolumeInput* volume = volumeInput()) {
        const Geometry& g = volume->geometry;
        out.inputs.push_back({{"digest", sha256Hex(std::as_bytes(std::span(volume->values)))}, {"kind", "model input"}});
        out.preprocessing["grid"] = {{"size", g.size}, {"spacing_mm", g.spacingMm}, {"origin_lps", g.originLps}, {"direction", {g.direction[0], g.direction[1], g.direction[2]}}};
    }
    out.seed = m_settings.seed;
    out.device = m_device.is_object() ? m_device : Json{{"name", m_device}};
    return out;
}

Result<std::function<Status(const path&)>> LabSession::requestWriter() const
{
    if (m_request.isEmpty() || !hasResult())
        return fail(ErrorCode::Empty, "there is nothing to record yet");
    services::ModelRequest request{.input = m_request, .others = {}};
    if (m_shownPainted && input()) { // a drawn mask is drawn again from the seed: the order of the tokens, and with it the last bit, is then the same
        request.mask = m_reconstruction.mask;
        request.maskGrid = {m_reconstruction.rows, m_reconstruction.columns};
    }
    if (!m_other.isEmpty() && (shows("donor") || isVolume()))
        request.others.push_back(m_other);
    return [request = std::move(request), reports = m_shownReports](const path& file) {
        services::ModelRequest whole = request;
        if (reports)
            whole.texts = reports->texts();
        return services::writeRequest(whole, file);
    };
}

} // namespace hilum::lab
