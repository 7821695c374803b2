#include "core/view/measurement.h"

#include "core/base/format.h"
#include "core/base/numbers.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <stdexcept>

namespace hilum::view {

namespace {

std::string_view meaningWords(LengthMeaning meaning)
{
    return meaning == LengthMeaning::Patient ? "in the patient" : name(meaning);
}

/// A field of a table (RFC 4180); a text that a spreadsheet would take for a formula gets a quote in front.
std::string quoted(const std::string& text)
{
    if (text.empty())
        return {};
    std::string out = "\"";
    if (std::string_view("=+-@\t\r").contains(text.front()))
        out += '\'';
    for (const char c : text)
        out += c == '"' ? "\"\"" : std::string(1, c);
    return out + '"';
}

} // namespace

std::string_view name(MeasureKind kind) { return kind == MeasureKind::Distance ? "distance" : kind == MeasureKind::Angle ? "angle" : "text"; }
std::size_t pointCount(MeasureKind kind) { return kind == MeasureKind::Angle ? 3 : 2; }

MeasureValue measured(const Measurement& m, LengthMeaning meaning)
{
    if (m.points.size() != pointCount(m.kind))
        throw std::invalid_argument(hilum::format("measured: {} has {} points", name(m.kind), m.points.size()));
    MeasureValue out;
    if (m.kind == MeasureKind::Note) {
        out.text = m.text;
        return out;
    }
    out.meaning = meaningWords(meaning);
    const bool pixels = meaning == LengthMeaning::Unknown;
    const bool widths = meaning == LengthMeaning::PixelWidths;
    if (m.kind == MeasureKind::Distance) {
        out.value = norm(m.points[1] - m.points[0]);
        out.unit = pixels || widths ? "px" : "mm";
        out.text = hilum::format("{} {}", fixed(out.value, 1), out.unit);
        if (!pixels && meaning != LengthMeaning::Patient)
            out.text += hilum::format(", {}", name(meaning));
        return out;
    }
    const Vec3 a = m.points[0] - m.points[1], b = m.points[2] - m.points[1];
    // atan2 keeps its figures near 0 and 180 degrees, where acos loses them
    out.value = norm(a) > 0 && norm(b) > 0 ? std::atan2(norm(cross(a, b)), dot(a, b)) * 180 / std::numbers::pi : 0;
    out.unit = "deg";
    out.text = fixed(out.value, 1) + "°";
    if (pixels)
        out.text += ", square pixels supposed";
    else if (meaning != LengthMeaning::Patient)
        out.text += hilum::format(", {}", name(meaning));
    return out;
}

int MeasurementList::add(Measurement measurement)
{
    measurement.id = nextId++;
    selected = measurement.id;
    items.push_back(std::move(measurement));
    return selected;
}

Measurement* MeasurementList::find(int id)
{
    const auto at = std::ranges::find(items, id, &Measurement::id);
    return at == items.end() ? nullptr : &*at;
}

const Measurement* MeasurementList::find(int id) const { return const_cast<MeasurementList*>(this)->find(id); }

bool MeasurementList::remove(int id)
{
    if (selected == id)
        selected = 0;
    return std::erase_if(items, [id](const Measurement& m) { return m.id == id; }) > 0;
}

const MeasurementList& MeasurementHistory::goTo(std::size_t step)
{
    m_at = step;
    m_steps[m_at].nextId = m_nextId;
    return m_steps[m_at];
}

void MeasurementHistory::record(const MeasurementList& now)
{
    m_nextId = std::max(m_nextId, now.nextId);
    if (now.items == current().items) {
        goTo(m_at);
        return;
    }
    m_steps.resize(m_at + 1); // what was taken back is gone
    m_steps.push_back(now);
    goTo(m_at + 1);
}

std::optional<MeasurementList> MeasurementHistory::undo()
{
    if (m_at == 0)
        return std::nullopt;
    return goTo(m_at - 1);
}

std::optional<MeasurementList> MeasurementHistory::redo()
{
    if (m_at + 1 == m_steps.size())
        return std::nullopt;
    return goTo(m_at + 1);
}

Json toJson(const MeasurementList& list, const MeasurementSource& source)
{
    const bool pixels = source.meaning == LengthMeaning::Unknown;
    Json out = {{"schema", "hilum.measurements/1"},
                {"space", source.patientSpace ? "patient_lps_mm" : pixels ? "image_plane_px" : source.meaning == LengthMeaning::PixelWidths ? "image_plane_pixel_widths" : "image_plane_mm"},
                {"series_uid", source.seriesUid},
                {"frame_of_reference_uid", source.frameOfReferenceUid},
                {"length_meaning", meaningWords(source.meaning)},
                {"intended_use", "Research use only, not for diagnosis"},
                {"measurements", Json::array()}};
    for (const Measurement& m : list.items) {
        const MeasureValue v = measured(m, source.meaning);
        Json points = Json::array();
        for (const Vec3& p : m.points)
            points.push_back({p[0], p[1], p[2]});
        Json row = {{"id", m.id}, {"kind", name(m.kind)}, {"plane", name(m.plane)}, {"points", points}};
        row.update(m.kind == MeasureKind::Note ? Json{{"text", m.text}} : Json{{"value", v.value}, {"unit", v.unit}});
        out["measurements"].push_back(std::move(row));
    }
    return out;
}

std::string toCsv(const MeasurementList& list, const MeasurementSource& source)
{
    std::string out = "id,kind,plane,value,unit,meaning,x1,y1,z1,x2,y2,z2,x3,y3,z3,text\n";
    for (const Measurement& m : list.items) {
        const MeasureValue v = measured(m, source.meaning);
        out += hilum::format("{},{},{},{},{},{}", m.id, name(m.kind), name(m.plane), m.kind == MeasureKind::Note ? "" : shortest(v.value), v.unit, v.meaning);
        for (std::size_t n = 0; n < 3; ++n)
            for (std::size_t axis = 0; axis < 3; ++axis)
                out += n < m.points.size() ? "," + shortest(m.points[n][axis]) : std::string(",");
        out += ',' + quoted(m.text) + '\n';
    }
    return out;
}

} // namespace hilum::view
