// What LabSession records. The rest is in lab_session.cpp.
#include "plugins/panels/lab/lab_session.h"

#include "core/base/digest.h"

#include <span>

namespace hilum::lab {

Provenance LabSession::provenance() const
{
    Provenance out;
    out.kind = "reconstruction";
    const services::ModelChoice& choice = m_origin.choice;
    const Json& metadata = m_origin.metadata;
    Json options = metadata.value("options", Json::object());
    for (const auto& [key, value] : m_origin.fields.items())
        if (key == "report" || key == "texts")
            options[key + "_sha256"] = sha256Hex(jsonLine(value));
        else if (key != "seed")
            options[key] = value;
    if (m_origin.reports)
        options["reports_sha256"] = m_origin.reports->digest();
    out.method = {{"id", metadata.value("method", choice.method)}, {"preset", metadata.value("preset", Json(choice.preset))}, {"options", options}};
    for (const char* key : {"weights_sha256", "step", "licence", "cache_digest"})
        if (metadata.contains(key))
            out.model[key] = metadata[key];
    out.model["untrained"] = choice.model.empty() && choice.checkpoint.empty();
    const path& where = choice.checkpoint.empty() ? choice.model : choice.checkpoint;
    if (!where.empty())
        out.model["name"] = (choice.checkpoint.empty() ? where.filename() : path(where.parent_path().parent_path().filename()) / where.filename()).string();
    else
        out.model["initialisation_seed"] = choice.seed;
    out.preprocessing = m_origin.pipeline;
    if (const imaging::ModelInput* plane = m_origin.input.plane.get()) {
        out.inputs.push_back({{"digest", sha256Hex(std::as_bytes(std::span(plane->image)))}, {"kind", "model input"}});
        out.preprocessing["region_method"] = plane->regionMethod;
        out.preprocessing["region_confidence"] = plane->regionConfidence;
        out.preprocessing["grey_chain"] = plane->chain;
        out.preprocessing["image_pixel"] = {{"scale", plane->scale}, {"offset", plane->offset}};
    } else if (const imaging::VolumeInput* volume = m_origin.input.volume.get()) {
        const Geometry& g = volume->geometry;
        out.inputs.push_back({{"digest", sha256Hex(std::as_bytes(std::span(volume->values)))}, {"kind", "model input"}});
        out.preprocessing["grid"] = {{"size", g.size}, {"spacing_mm", g.spacingMm}, {"origin_lps", g.originLps}, {"direction", {g.direction[0], g.direction[1], g.direction[2]}}};
    }
    out.seed = m_origin.fields.value("seed", std::uint64_t{0});
    out.device = m_device.is_object() ? m_device : Json{{"name", m_device}};
    return out;
}

Result<std::function<Status(const path&)>> LabSession::requestWriter() const
{
    if (m_request.isEmpty() || !hasResult())
        return fail(ErrorCode::Empty, "there is nothing to record yet");
    services::ModelRequest request{.input = m_origin.input, .others = {}};
    if (m_origin.painted) { // a drawn mask is drawn again from the seed: the order of the tokens, and with it the last bit, is then the same
        request.mask = m_reconstruction.mask;
        request.maskGrid = {m_reconstruction.rows, m_reconstruction.columns};
    }
    if (!m_origin.other.isEmpty())
        request.others.push_back(m_origin.other);
    return [request = std::move(request), reports = m_origin.reports](const path& file) {
        services::ModelRequest whole = request;
        if (reports)
            whole.texts = reports->texts();
        return services::writeRequest(whole, file);
    };
}

} // namespace hilum::lab
